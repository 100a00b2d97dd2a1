"""Names and fields of transformers' MptForCausalLM and MptModel."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from kerasarch.errors import WeightsError
from kerasarch.models.mpt import MPT, MPTConfig
from kerasarch.weights.checkpoint import Checkpoint
from kerasarch.weights.decoder_names import (
    PREFIX,
    DecoderNames,
    FusedMap,
    check_usual,
    file_names,
    modern_name,
    read_fields,
)
from kerasarch.weights.gpt2 import TIED, has_head, is_double

__all__ = ["IGNORED", "MODEL", "MODEL_TYPES", "comparable", "complete", "modern_name", "read_config", "select"]
__all__ += ["tensor_name", "write_config"]

MODEL = MPT
MODEL_TYPES = ("mpt",)
IGNORED = r"(?!)"
_FIELDS = {
    "vocab_size": "vocabulary",
    "max_seq_len": "positions",
    "d_model": "width",
    "n_layers": "depth",
    "n_heads": "heads",
    "layer_norm_epsilon": "epsilon",
    "tie_word_embeddings": "tied",
    "bos_token_id": "start",
    "eos_token_id": "end",
    "output_hidden_states": "hidden_states",
}
_ALIASES = {"hidden_size": "width", "num_hidden_layers": "depth", "num_attention_heads": "heads"}
_ATTENTION = {"alibi_bias_max": "flattest", "clip_qkv": "clip", "softmax_scale": "scale"}
# transformers' class passes most of these over; weights that were trained with other values mean something else
_USUAL = {"expansion_ratio": 4, "no_bias": True, "logit_scale": None}
_USUAL_ATTENTION = {
    "alibi": True,
    "attn_type": "multihead_attention",
    "prefix_lm": False,
    "qk_ln": False,
    "attn_uses_sequence_id": False,
}
_NORMS = ("low_precision_layernorm", "layernorm")
_NAMES = DecoderNames(
    "blocks",
    {
        "norm1": "norm_1",
        "norm2": "norm_2",
        "attention/query": "attn.Wq",
        "attention/key": "attn.Wk",
        "attention/value": "attn.Wv",
        "attention/out": "attn.out_proj",
        "feed_forward/project_in": "ffn.up_proj",
        "feed_forward/project_out": "ffn.down_proj",
    },
    {"token_embedding": "wte", "final_norm": "norm_f"},
)
_FUSED = FusedMap("Wqkv", ("Wq", "Wk", "Wv"))
tensor_name = _NAMES.tensor_name


def read_config(checkpoint: Checkpoint) -> MPTConfig:
    """Return the config of a checkpoint.

    Raises:
        WeightsError: A field has a value that is not built here.
    """
    origin = checkpoint.origin
    found = read_fields(checkpoint, {**_FIELDS, **_ALIASES}, _USUAL)
    norm = checkpoint.config.get("norm_type", _NORMS[0])
    if norm not in _NORMS:
        raise WeightsError(f"{origin}: norm_type {norm!r} is not built here. Known are {', '.join(_NORMS)}.")
    attention = checkpoint.config.get("attn_config") or {}
    check_usual(attention, _USUAL_ATTENTION, f"{origin}: attn_config")
    found |= {ours: attention[theirs] for theirs, ours in _ATTENTION.items() if theirs in attention}
    found["clip"] = found.get("clip") or None  # 0 means none there
    return MPTConfig(**found, head=has_head(checkpoint, PREFIX))


def comparable(config: MPTConfig) -> MPTConfig:
    """Return what decides the meaning of weights, without tokens and lengths that change nothing."""
    return dataclasses.replace(config, positions=0, start=None, end=None)


def write_config(config: MPTConfig) -> dict[str, Any]:
    """Return the fields of config.json.

    Raises:
        WeightsError: The flattest slope's exponent is no whole number, which transformers' has to be.
    """
    if config.flattest != int(config.flattest):
        raise WeightsError(f"transformers' MPT has whole exponents of slopes. Received flattest={config.flattest}.")
    values = {**dataclasses.asdict(config), "flattest": int(config.flattest)}
    return {
        "architectures": ["MptForCausalLM" if config.head else "MptModel"],
        "model_type": "mpt",
        **{theirs: values[ours] for theirs, ours in _FIELDS.items()},
        "attn_config": {theirs: values[ours] for theirs, ours in _ATTENTION.items()},
    }


def select(config: MPTConfig, tensors: Mapping[str, np.ndarray], origin: str) -> dict[str, np.ndarray]:
    """Part the fused map of query, key and value, and leave a double head out."""
    double = TIED in tensors and is_double(config, tensors, f"{PREFIX}wte.weight", origin)
    kept = {name: tensor for name, tensor in tensors.items() if not (double and name == TIED)}
    return _FUSED.split(kept, config.heads, origin)


def complete(config: MPTConfig, tensors: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Join what `select` parted; a model without head leaves the first part of names out."""
    return file_names(config, _FUSED.join(tensors, config.heads))
