"""Names and fields of transformers' OpenAIGPTLMHeadModel and OpenAIGPTModel."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from kerasarch.errors import WeightsError
from kerasarch.models.openai_gpt import OpenAIGPT, OpenAIGPTConfig
from kerasarch.weights.checkpoint import Checkpoint
from kerasarch.weights.decoder_names import PREFIX, DecoderNames, file_names, modern_name, read_fields
from kerasarch.weights.gpt2 import IGNORED as _MASKS
from kerasarch.weights.gpt2 import PARTS, TIED, has_head, is_double, join_fused, part_fused

__all__ = ["IGNORED", "MODEL", "MODEL_TYPES", "comparable", "complete", "modern_name", "read_config", "select"]
__all__ += ["tensor_name", "write_config"]

MODEL = OpenAIGPT
MODEL_TYPES = ("openai-gpt",)
# Masks and numbers of positions that old versions stored
IGNORED = rf"{_MASKS}|\.position_ids$"
_FIELDS = {
    "vocab_size": "vocabulary",
    "n_positions": "positions",
    "n_embd": "width",
    "n_layer": "depth",
    "n_head": "heads",
    "afn": "activation",
    "layer_norm_epsilon": "epsilon",
    "tie_word_embeddings": "tied",
    "bos_token_id": "start",
    "eos_token_id": "end",
    "output_hidden_states": "hidden_states",
}
# Name in transformers to the name here: gelu is what it calls gelu_new elsewhere
_ACTIVATIONS = {"gelu": "gelu-approximate", "relu": "relu", "silu": "linear-silu", "swish": "linear-silu"}
_NAMES = DecoderNames("h", PARTS, {"token_embedding": "tokens_embed", "position_embedding": "positions_embed"})
tensor_name = _NAMES.tensor_name


def read_config(checkpoint: Checkpoint) -> OpenAIGPTConfig:
    """Return the config of a checkpoint.

    Raises:
        WeightsError: The activation is not built here.
    """
    found = read_fields(checkpoint, _FIELDS, {})
    activation = found.get("activation", "gelu")
    if activation not in _ACTIVATIONS:
        known = ", ".join(_ACTIVATIONS)
        raise WeightsError(f"{checkpoint.origin}: afn {activation!r} is not built here. Known are {known}.")
    found["activation"] = _ACTIVATIONS[activation]
    return OpenAIGPTConfig(**found, head=has_head(checkpoint, PREFIX))


def comparable(config: OpenAIGPTConfig) -> OpenAIGPTConfig:
    """Return what decides the meaning of weights, without tokens that change nothing."""
    return dataclasses.replace(config, start=None, end=None)


def write_config(config: OpenAIGPTConfig) -> dict[str, Any]:
    """Return the fields of config.json.

    Raises:
        WeightsError: transformers' GPT has no such activation.
    """
    names = {ours: theirs for theirs, ours in reversed(_ACTIVATIONS.items())}
    if config.activation not in names:
        raise WeightsError(f"transformers' GPT has no {config.activation!r}. Known there are {', '.join(names)}.")
    values = {**dataclasses.asdict(config), "activation": names[config.activation]}
    return {
        "architectures": ["OpenAIGPTLMHeadModel" if config.head else "OpenAIGPTModel"],
        "model_type": "openai-gpt",
        **{theirs: values[ours] for theirs, ours in _FIELDS.items()},
    }


def select(config: OpenAIGPTConfig, tensors: Mapping[str, np.ndarray], origin: str) -> dict[str, np.ndarray]:
    """Part fused maps and turn kernels, which are stored as GPT-2's, and leave a double head out."""
    double = TIED in tensors and is_double(config, tensors, f"{PREFIX}tokens_embed.weight", origin)
    return part_fused({name: one for name, one in tensors.items() if not (double and name == TIED)}, origin)


def complete(config: OpenAIGPTConfig, tensors: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Join and turn what `select` parted and turned; a model without head leaves the first part of names out."""
    return file_names(config, join_fused(tensors))
