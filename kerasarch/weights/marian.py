"""Names and fields of transformers' MarianMTModel and MarianModel."""

import dataclasses
from typing import Any

from kerasarch.errors import WeightsError
from kerasarch.models.marian import Marian, MarianConfig
from kerasarch.weights.checkpoint import Checkpoint
from kerasarch.weights.encoder_decoders import (
    FIELDS,
    complete,
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

MODEL = Marian
MODEL_TYPES = ("marian",)
# Sinusoids that old versions stored
IGNORED = r"\.embed_positions\.weight$"
_FIELDS = {"vocab_size": "source_vocabulary", "decoder_vocab_size": "vocabulary", **FIELDS}
# What transformers takes where config.json says nothing
_USUAL = {
    "source_vocabulary": 58101,
    "width": 1024,
    "source_depth": 12,
    "depth": 12,
    "source_heads": 16,
    "heads": 16,
    "source_hidden": 4096,
    "hidden": 4096,
    "scaled": False,
    "start": 58100,
    "end": 0,
    "padding": 58100,
    "last": 0,
}


def read_config(checkpoint: Checkpoint) -> MarianConfig:
    """Return the config of a checkpoint.

    Raises:
        WeightsError: A field has a value that is not built here.
    """
    given = checkpoint.config
    found = {ours: given[theirs] for theirs, ours in _FIELDS.items() if given.get(theirs) is not None}
    found = {**_USUAL, **found, **read_tokens(checkpoint)}
    found.setdefault("vocabulary", found["source_vocabulary"])
    activation = activation_from(given.get("activation_function", "gelu"), "activation_function", checkpoint.origin)
    shared = bool(given.get("share_encoder_decoder_embeddings", True)) and shares(checkpoint)
    return MarianConfig(
        **found,
        activation=activation,
        shared=shared,
        head=has_head(checkpoint, ("MTModel",)),
        interleaved=False,
        attention_bias=True,
        logits_bias=True,
    )


def comparable(config: MarianConfig) -> MarianConfig:
    """Return what decides the meaning of weights; sinusoids have no longest text."""
    return dataclasses.replace(without_tokens(config), positions=0)


def write_config(config: MarianConfig) -> dict[str, Any]:
    """Return the fields of config.json.

    Raises:
        WeightsError: transformers' Marian is built otherwise.
    """
    wrong = [
        f"{name}={getattr(config, name)}"
        for name, only in (("interleaved", False), ("norm_first", False), ("attention_bias", True))
        if getattr(config, name) != only
    ]
    if wrong:
        raise WeightsError(
            f"transformers' Marian has interleaved=False, norm_first=False, attention_bias=True. "
            f"Received {', '.join(wrong)}; save as .keras."
        )
    values = dataclasses.asdict(settled(config))
    return {
        "architectures": ["MarianMTModel" if config.head else "MarianModel"],
        "model_type": "marian",
        **{theirs: values[ours] for theirs, ours in _FIELDS.items()},
        "activation_function": activation_to(config.activation),
        "share_encoder_decoder_embeddings": config.shared,
        "is_encoder_decoder": True,
        "forced_eos_token_id": config.last,
        **write_tokens(config),
    }
