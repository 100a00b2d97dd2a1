"""Names and fields of transformers' BartForConditionalGeneration, MBartForConditionalGeneration and bare models."""

import dataclasses
from typing import Any

import numpy as np

from kerasarch.errors import WeightsError
from kerasarch.models.bart import Bart, BartConfig
from kerasarch.weights import encoder_decoders
from kerasarch.weights.checkpoint import Checkpoint
from kerasarch.weights.encoder_decoders import (
    FIELDS,
    SHARED,
    TARGET,
    Tensors,
    fresh,
    has_head,
    modern_name,
    read_tokens,
    select,
    settled,
    shares,
    tensor_name,
    without_tokens,
    write_generation,
    write_tokens,
)
from kerasarch.weights.text_encoders import activation_from, activation_to

__all__ = ["IGNORED", "MODEL", "MODEL_TYPES", "comparable", "complete", "fresh", "modern_name", "read_config", "select"]
__all__ += ["tensor_name", "write_config", "write_generation"]

MODEL = Bart
MODEL_TYPES = ("bart", "mbart")
IGNORED = r"(?!)"
_FIELDS = {"vocab_size": "vocabulary", **FIELDS}
_NAMES = {False: ("bart", "Bart"), True: ("mbart", "MBart")}  # by norm_first
comparable = without_tokens


def read_config(checkpoint: Checkpoint) -> BartConfig:
    """Return the config of a checkpoint.

    Raises:
        WeightsError: A field has a value that is not built here.
    """
    given = checkpoint.config
    found = {ours: given[theirs] for theirs, ours in _FIELDS.items() if given.get(theirs) is not None}
    activation = activation_from(given.get("activation_function", "gelu"), "activation_function", checkpoint.origin)
    return BartConfig(
        **{**found, **read_tokens(checkpoint)},
        activation=activation,
        shared=shares(checkpoint),
        head=has_head(checkpoint, ("ForConditionalGeneration",)),
        norm_first=given["model_type"] == "mbart",
    )


def complete(config: BartConfig, tensors: Tensors) -> dict[str, np.ndarray]:
    """Undo `select`; transformers' BART has a third table, which it does not use where the others are two."""
    named = encoder_decoders.complete(config, tensors)
    named.setdefault(SHARED if config.head else SHARED.removeprefix("model."), tensors[TARGET])
    return named


def write_config(config: BartConfig) -> dict[str, Any]:
    """Return the fields of config.json.

    Raises:
        WeightsError: transformers has no such tables or activation.
    """
    if not config.shared and config.tied:
        raise WeightsError("transformers' BART has tied=False where shared=False. Received tied=True; save as .keras.")
    values = dataclasses.asdict(settled(config))
    kind, name = _NAMES[config.norm_first]
    return {
        "architectures": [f"{name}{'ForConditionalGeneration' if config.head else 'Model'}"],
        "model_type": kind,
        **{theirs: values[ours] for theirs, ours in _FIELDS.items()},
        "activation_function": activation_to(config.activation),
        "is_encoder_decoder": True,
        "forced_eos_token_id": config.last,
        **write_tokens(config),
    }
