"""Names and fields of transformers' CLIPTextModel, with and without projection.

A folder of the whole CLIP gives its text encoder with the projection; the picture encoder is left out.
"""

import dataclasses
import re
from collections.abc import Mapping
from typing import Any

from kerasarch.errors import WeightsError
from kerasarch.models.clip_text import CLIPTextConfig, CLIPTextModel
from kerasarch.weights.checkpoint import TORCH_NAMES, Checkpoint

MODEL = CLIPTextModel
MODEL_TYPES = ("clip_text_model", "clip")
# Tensors without a variable: counters that old versions stored, and what the whole CLIP has besides its text encoder
IGNORED = r"(^|\.)position_ids$|^(vision_model\.|visual_projection\.|logit_scale$)"
_FIELDS = {
    "vocab_size": "vocabulary",
    "hidden_size": "width",
    "num_hidden_layers": "depth",
    "num_attention_heads": "heads",
    "intermediate_size": "hidden",
    "max_position_embeddings": "positions",
    "hidden_act": "activation",
    "layer_norm_eps": "epsilon",
    "projection_dim": "projection",
    "bos_token_id": "start",
    "eos_token_id": "end",
    "pad_token_id": "padding",
    "output_hidden_states": "hidden_states",
}
# Name in transformers to the name here
_ACTIVATIONS = {"quick_gelu": "quick_gelu", "gelu": "gelu", "gelu_pytorch_tanh": "gelu-approximate"}
_BLOCK = re.compile(r"block(\d+)/(.+)")
_PARTS = {
    "norm1": "layer_norm1",
    "norm2": "layer_norm2",
    "attention/query": "self_attn.q_proj",
    "attention/key": "self_attn.k_proj",
    "attention/value": "self_attn.v_proj",
    "attention/out": "self_attn.out_proj",
    "feed_forward/project_in": "mlp.fc1",
    "feed_forward/project_out": "mlp.fc2",
}
_OUTER = {
    "token_embedding": "text_model.embeddings.token_embedding",
    "position_embedding": "text_model.embeddings.position_embedding",
    "final_norm": "text_model.final_layer_norm",
    "projection": "text_projection",
}


def read_config(checkpoint: Checkpoint) -> CLIPTextConfig:
    """Return the config of a checkpoint, whose tensors say whether there is a projection.

    Raises:
        WeightsError: A field has a value that is not built here.
    """
    given, origin = checkpoint.config, checkpoint.origin
    if given["model_type"] == "clip":
        given = {**given.get("text_config", {}), **_top(given)}
    if given.get("attention_dropout"):
        raise WeightsError(f"{origin}: attention_dropout {given['attention_dropout']} is not built here; set it to 0.")
    if given.get("use_attention_mask"):
        raise WeightsError(f"{origin}: use_attention_mask is not built here; CLIP's texts are read with their padding.")
    found = {ours: given[theirs] for theirs, ours in _FIELDS.items() if theirs in given}
    activation = found.get("activation", "quick_gelu")
    if activation not in _ACTIVATIONS:
        raise WeightsError(
            f"{origin}: hidden_act {activation!r} is not built here. Known are {', '.join(_ACTIVATIONS)}."
        )
    if not isinstance(found.get("end", 0), int):
        raise WeightsError(f"{origin}: eos_token_id must be one whole number. Received {found['end']!r}.")
    found["activation"] = _ACTIVATIONS[activation]
    return CLIPTextConfig(**found, projected="text_projection.weight" in checkpoint.tensors)


def _top(given: Mapping[str, Any]) -> dict[str, Any]:
    # The whole model's own width of the projection holds, not the one that its text_config has too.
    return {"projection_dim": given["projection_dim"]} if "projection_dim" in given else {}


def comparable(config: CLIPTextConfig) -> CLIPTextConfig:
    """Return what decides the meaning of weights: the padding changes nothing."""
    return dataclasses.replace(config, padding=None)


def write_config(config: CLIPTextConfig) -> dict[str, Any]:
    """Return the fields of config.json."""
    names = {ours: theirs for theirs, ours in _ACTIVATIONS.items()}
    values = {**dataclasses.asdict(config), "activation": names[config.activation]}
    kind = "CLIPTextModelWithProjection" if config.projected else "CLIPTextModel"
    return {
        "architectures": [kind],
        "model_type": "clip_text_model",
        "attention_dropout": 0.0,
        **{theirs: values[ours] for theirs, ours in _FIELDS.items()},
    }


def tensor_name(path: str) -> str:
    """Return the name of the tensor that belongs to a variable, given by its path within the model."""
    layer, variable = path.rsplit("/", 1)
    found = _BLOCK.fullmatch(layer)
    name = f"text_model.encoder.layers.{found[1]}.{_PARTS[found[2]]}" if found else _OUTER[layer]
    return f"{name}.{TORCH_NAMES[variable]}"


def modern_name(name: str) -> str:
    """Return the name with its first part: transformers 5 leaves ``text_model.`` out of models without projection."""
    return f"text_model.{name}" if name.startswith(("embeddings.", "encoder.", "final_layer_norm.")) else name
