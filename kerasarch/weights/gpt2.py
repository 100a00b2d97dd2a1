"""Names and fields of transformers' GPT2LMHeadModel and GPT2Model."""

import dataclasses
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from kerasarch.errors import WeightsError
from kerasarch.models.gpt2 import GPT2, GPT2Config
from kerasarch.weights.checkpoint import TORCH_NAMES, Checkpoint

MODEL = GPT2
MODEL_TYPES = ("gpt2",)
# Masks that old versions stored; the head, where it is the embedding
IGNORED = r"\.attn\.(bias|masked_bias)$"
TIED = "lm_head.weight"
_FIELDS = {
    "vocab_size": "vocabulary",
    "n_positions": "positions",
    "n_embd": "width",
    "n_layer": "depth",
    "n_head": "heads",
    "n_inner": "hidden",
    "activation_function": "activation",
    "layer_norm_epsilon": "epsilon",
    "tie_word_embeddings": "tied",
    "bos_token_id": "start",
    "eos_token_id": "end",
    "output_hidden_states": "hidden_states",
}
# Name in transformers to the name here; several are one function
_ACTIVATIONS = {"gelu_new": "gelu-approximate", "gelu": "gelu", "relu": "relu", "gelu_pytorch_tanh": "gelu-approximate"}
_UNSUPPORTED = {"scale_attn_weights": True, "scale_attn_by_inverse_layer_idx": False, "add_cross_attention": False}
_BLOCK = re.compile(r"block(\d+)/(.+)")
PARTS = {
    "norm1": "ln_1",
    "norm2": "ln_2",
    "attention/query": "attn.q_attn",
    "attention/key": "attn.k_attn",
    "attention/value": "attn.v_attn",
    "attention/out": "attn.c_proj",
    "feed_forward/project_in": "mlp.c_fc",
    "feed_forward/project_out": "mlp.c_proj",
}
_OUTER = {"token_embedding": "wte", "position_embedding": "wpe", "final_norm": "ln_f"}
_FUSED = re.compile(r"(.*\.attn\.)c_attn\.(weight|bias)$")
_KERNEL = re.compile(r".*\.(attn|mlp)\.\w+\.weight$")


def read_config(checkpoint: Checkpoint) -> GPT2Config:
    """Return the config of a checkpoint.

    Raises:
        WeightsError: A field has a value that is not built here.
    """
    given, origin = checkpoint.config, checkpoint.origin
    for name, only in _UNSUPPORTED.items():
        if given.get(name, only) != only:
            raise WeightsError(f"{origin}: {name}={given[name]} is not built here, only {only}.")
    found = {ours: given[theirs] for theirs, ours in _FIELDS.items() if theirs in given}
    activation = found.get("activation", "gelu_new")
    if activation not in _ACTIVATIONS:
        known = ", ".join(_ACTIVATIONS)
        raise WeightsError(f"{origin}: activation_function {activation!r} is not built here. Known are {known}.")
    found["activation"] = _ACTIVATIONS[activation]
    return GPT2Config(**found, head=has_head(checkpoint, "transformer."))


def has_head(checkpoint: Checkpoint, prefix: str) -> bool:
    """Whether a checkpoint is of a language model: it says so, or its tensors stand beside a head."""
    said = " ".join(checkpoint.config.get("architectures") or ())
    if said:
        return "LMHead" in said or "ForCausalLM" in said
    return any(name == TIED or name.startswith(prefix) for name in checkpoint.tensors)


def is_double(config: Any, tensors: Mapping[str, np.ndarray], embedding: str, origin: str) -> bool:
    """Whether the head of a file is left out: the model has none, or the embedding is its head.

    Raises:
        WeightsError: The embedding should be the head, and the file has another one.
    """
    if not config.head:
        return True
    if config.tied and not np.array_equal(tensors[TIED], tensors.get(embedding, np.zeros(0))):
        raise WeightsError(f"{origin}: {TIED} differs from {embedding}, and should be the same. Build with tied=False.")
    return bool(config.tied)


def comparable(config: GPT2Config) -> GPT2Config:
    """Return what decides the meaning of weights: sizes as numbers, without tokens that change nothing."""
    return dataclasses.replace(config, hidden=config.hidden or 4 * config.width, start=None, end=None)


def write_config(config: GPT2Config) -> dict[str, Any]:
    """Return the fields of config.json.

    Raises:
        WeightsError: The model has no biases, which transformers' has, or an activation that it does not have.
    """
    if not config.bias:
        raise WeightsError("transformers' GPT-2 has biases everywhere; a model with bias=False has no layout there.")
    names = {ours: theirs for theirs, ours in reversed(_ACTIVATIONS.items())}
    if config.activation not in names:
        raise WeightsError(f"transformers' GPT-2 has no {config.activation!r}. Known there are {', '.join(names)}.")
    values = {**dataclasses.asdict(config), "activation": names[config.activation]}
    return {
        "architectures": ["GPT2LMHeadModel" if config.head else "GPT2Model"],
        "model_type": "gpt2",
        **{theirs: values[ours] for theirs, ours in _FIELDS.items()},
    }


def tensor_name(path: str) -> str:
    """Return the name of the tensor that belongs to a variable, given by its path within the model."""
    layer, variable = path.rsplit("/", 1)
    if layer == "head":
        return TIED
    found = _BLOCK.fullmatch(layer)
    name = f"h.{found[1]}.{PARTS[found[2]]}" if found else _OUTER[layer]
    return f"transformer.{name}.{TORCH_NAMES[variable]}"


def modern_name(name: str) -> str:
    """Return the name as in a model with a head: one without leaves its first part out."""
    return name if name.startswith(("transformer.", "lm_head.")) else f"transformer.{name}"


def select(config: GPT2Config, tensors: Mapping[str, np.ndarray], origin: str) -> dict[str, np.ndarray]:
    """Part fused maps and turn kernels, and leave a double head out."""
    double = TIED in tensors and is_double(config, tensors, "transformer.wte.weight", origin)
    return part_fused({name: one for name, one in tensors.items() if not (double and name == TIED)}, origin)


def part_fused(tensors: Mapping[str, np.ndarray], origin: str) -> dict[str, np.ndarray]:
    """Part the fused map of query, key and value, and turn kernels: GPT and GPT-2 store them input first.

    Raises:
        WeightsError: A fused tensor has no three parts.
    """
    parted: dict[str, np.ndarray] = {}
    for name, tensor in tensors.items():
        fused = _FUSED.match(name)
        if fused:
            if tensor.shape[-1] % 3:
                raise WeightsError(f"{origin}: tensor {name} should have three parts. It has shape {tensor.shape}.")
            for part, letter in zip(np.split(tensor, 3, axis=-1), "qkv", strict=True):
                parted[f"{fused[1]}{letter}_attn.{fused[2]}"] = part.T if fused[2] == "weight" else part
        else:
            parted[name] = tensor.T if _KERNEL.match(name) and tensor.ndim == 2 else tensor
    return parted


def complete(config: GPT2Config, tensors: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Undo `select`; a model without head leaves the first part of names out."""
    joined = join_fused(tensors)
    if config.head:
        return joined
    return {name.removeprefix("transformer."): tensor for name, tensor in joined.items()}


def join_fused(tensors: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Join and turn what `part_fused` parted and turned."""
    joined: dict[str, np.ndarray] = {}
    for name, tensor in tensors.items():
        kernel = bool(_KERNEL.match(name)) and tensor.ndim == 2
        if ".attn.q_attn." in name:
            parts = [tensors[name.replace("q_attn", f"{letter}_attn")] for letter in "qkv"]
            joined[name.replace("q_attn", "c_attn")] = np.concatenate(
                [part.T if kernel else part for part in parts], axis=-1
            )
        elif not re.search(r"\.attn\.[kv]_attn\.", name):
            joined[name] = np.ascontiguousarray(tensor.T) if kernel else tensor
    return joined
