"""Names and fields of transformers' LlamaForCausalLM and LlamaModel."""

import dataclasses
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from kerasarch.errors import WeightsError
from kerasarch.layers import RotaryScaling
from kerasarch.models.llama import Llama, LlamaConfig
from kerasarch.weights.checkpoint import TORCH_NAMES, Checkpoint
from kerasarch.weights.gpt2 import TIED, has_head, is_double

MODEL = Llama
MODEL_TYPES = ("llama",)
# Angles that old versions stored
IGNORED = r"\.rotary_emb\.inv_freq$"
_FIELDS = {
    "vocab_size": "vocabulary",
    "max_position_embeddings": "positions",
    "hidden_size": "width",
    "num_hidden_layers": "depth",
    "num_attention_heads": "heads",
    "num_key_value_heads": "kv_heads",
    "head_dim": "head_width",
    "intermediate_size": "hidden",
    "rms_norm_eps": "epsilon",
    "attention_bias": "attention_bias",
    "mlp_bias": "bias",
    "tie_word_embeddings": "tied",
    "bos_token_id": "start",
    "eos_token_id": "end",
    "output_hidden_states": "hidden_states",
}
LENGTH = "original_max_position_embeddings"
_SCALING = {
    "factor": "factor",
    LENGTH: "trained",
    "low_freq_factor": "low",
    "high_freq_factor": "high",
    "beta_slow": "slow",
    "beta_fast": "fast",
    "attention_factor": "attention",
}
# Which of them belong to a kind
_USED = {
    "linear": ("factor",),
    "dynamic": ("factor",),  # it is the longest text that counts as that of training
    "llama3": ("factor", "trained", "low", "high"),
    "yarn": ("factor", "trained", "slow", "fast", "attention"),
}
# Fields that change nothing where they have these values
_USUAL = {"partial_rotary_factor": 1.0, "truncate": True}
_BLOCK = re.compile(r"block(\d+)/(.+)")
_PARTS = {
    "norm1": "input_layernorm",
    "norm2": "post_attention_layernorm",
    "attention/query": "self_attn.q_proj",
    "attention/key": "self_attn.k_proj",
    "attention/value": "self_attn.v_proj",
    "attention/out": "self_attn.o_proj",
    "feed_forward/project_in": "mlp.up_gate_proj",
    "feed_forward/project_out": "mlp.down_proj",
}
_OUTER = {"token_embedding": "embed_tokens", "final_norm": "norm"}


def read_config(checkpoint: Checkpoint) -> LlamaConfig:
    """Return the config of a checkpoint.

    Raises:
        WeightsError: A field has a value that is not built here.
    """
    given, origin = checkpoint.config, checkpoint.origin
    if given.get("hidden_act", "silu") != "silu":
        raise WeightsError(f"{origin}: hidden_act {given['hidden_act']!r} is not built here, only 'silu'.")
    found = {ours: given[theirs] for theirs, ours in _FIELDS.items() if theirs in given}
    if isinstance(found.get("end"), list):
        found["end"] = tuple(found["end"])
    angles = dict(given.get("rope_parameters") or given.get("rope_scaling") or {})
    base = angles.pop("rope_theta", given.get("rope_theta", 10000.0))
    kind = angles.pop("rope_type", angles.pop("type", "default"))
    trained = given.get("original_max_position_embeddings") or found.get("positions", LlamaConfig.positions)
    return LlamaConfig(
        **found, base=base, scaling=_scaling(kind, angles, trained, found, origin), head=has_head(checkpoint, "model.")
    )


def _scaling(
    kind: str, angles: Mapping[str, Any], trained: int, found: Mapping[str, Any], origin: str
) -> RotaryScaling | None:
    if kind != "default" and kind not in _USED:
        raise WeightsError(f"{origin}: rope_type {kind!r} is not built here. Known are default, {', '.join(_USED)}.")
    given = {name: value for name, value in angles.items() if value is not None and _USUAL.get(name) != value}
    used = {theirs for theirs, ours in _SCALING.items() if ours in _USED.get(kind, ())}
    unknown = sorted(set(given) - used - ({LENGTH} if kind in ("default", "dynamic") else set()))
    if unknown:
        raise WeightsError(f"{origin}: rope_type {kind!r} with {', '.join(unknown)} is not built here.")
    if kind == "default":
        return None
    if "factor" not in given:
        raise WeightsError(f"{origin}: rope_type {kind!r} needs a factor.")
    fields = {_SCALING[name]: value for name, value in given.items() if name in used}
    if kind == "dynamic":  # the reference takes the longest text, whatever else is said
        trained = found.get("positions", LlamaConfig.positions)
    return RotaryScaling(**{"kind": kind, "trained": trained, **fields})


def comparable(config: LlamaConfig) -> LlamaConfig:
    """Return what decides the meaning of weights: sizes as numbers, without tokens and lengths that change nothing."""
    dynamic = config.scaling is not None and config.scaling.kind == "dynamic"
    return dataclasses.replace(_settled(config), positions=config.positions if dynamic else 0, start=None, end=None)


def _settled(config: LlamaConfig) -> LlamaConfig:
    return dataclasses.replace(
        config,
        kv_heads=config.kv_heads or config.heads,
        head_width=config.head_width or config.width // config.heads,
    )


def write_config(config: LlamaConfig) -> dict[str, Any]:
    """Return the fields of config.json.

    Raises:
        WeightsError: transformers' Llama has no such activation or stretching.
    """
    if config.activation != "swiglu":
        raise WeightsError(f"transformers' Llama has a gate of SiLU, 'swiglu' here. Received {config.activation!r}.")
    values = dataclasses.asdict(_settled(config))
    angles: dict[str, Any] = {"rope_theta": config.base, "rope_type": "default"}
    if config.scaling is not None and config.scaling.kind == "dynamic" and config.scaling.trained != config.positions:
        raise WeightsError(
            f"transformers stretches dynamically from the longest text on, {config.positions} tokens. Received a "
            f"scaling with trained={config.scaling.trained}."
        )
    if config.scaling is not None:
        angles["rope_type"] = config.scaling.kind
        own = dataclasses.asdict(config.scaling)
        angles |= {theirs: own[ours] for theirs, ours in _SCALING.items() if ours in _USED[config.scaling.kind]}
    return {
        "architectures": ["LlamaForCausalLM" if config.head else "LlamaModel"],
        "model_type": "llama",
        "hidden_act": "silu",
        "rope_parameters": {name: value for name, value in angles.items() if value is not None},
        **{theirs: values[ours] for theirs, ours in _FIELDS.items()},
    }


def tensor_name(path: str) -> str:
    """Return the name of the tensor that belongs to a variable, given by its path within the model."""
    layer, variable = path.rsplit("/", 1)
    if layer == "head":
        return TIED
    found = _BLOCK.fullmatch(layer)
    name = f"layers.{found[1]}.{_PARTS[found[2]]}" if found else _OUTER[layer]
    # Keras calls the factors of a root-mean-square normalisation scale.
    return f"model.{name}.{TORCH_NAMES.get(variable, 'weight')}"


def modern_name(name: str) -> str:
    """Return the name as in a model with a head: one without leaves its first part out."""
    return name if name.startswith(("model.", "lm_head.")) else f"model.{name}"


def select(config: LlamaConfig, tensors: Mapping[str, np.ndarray], origin: str) -> dict[str, np.ndarray]:
    """Put the maps of a gated network one over the other, as one layer has them."""
    chosen = {}
    for name, tensor in tensors.items():
        if name == TIED and is_double(config, tensors, "model.embed_tokens.weight", origin):
            continue
        if ".mlp.up_proj." in name:
            gate = tensors.get(name.replace("up_proj", "gate_proj"))
            if gate is None or gate.shape != tensor.shape:
                raise WeightsError(f"{origin}: tensor {name} has no gate_proj of its shape beside it.")
            chosen[name.replace("up_proj", "up_gate_proj")] = np.concatenate([tensor, gate])
        elif ".mlp.gate_proj." not in name:
            chosen[name] = tensor
    return chosen


def complete(config: LlamaConfig, tensors: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Part what `select` joined; a model without head leaves the first part of names out."""
    parted = {}
    for name, tensor in tensors.items():
        if ".mlp.up_gate_proj." in name:
            up, gate = np.split(tensor, 2)
            parted[name.replace("up_gate_proj", "up_proj")] = up
            parted[name.replace("up_gate_proj", "gate_proj")] = gate
        else:
            parted[name] = tensor
    if config.head:
        return parted
    return {name.removeprefix("model."): tensor for name, tensor in parted.items()}
