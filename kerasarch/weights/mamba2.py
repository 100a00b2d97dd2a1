"""Names and fields of transformers' Mamba2ForCausalLM and Mamba2Model."""

import dataclasses
import math
from typing import Any

from kerasarch.errors import WeightsError
from kerasarch.models.mamba2 import Mamba2, Mamba2Config
from kerasarch.weights.checkpoint import Checkpoint
from kerasarch.weights.gpt2 import has_head
from kerasarch.weights.mamba import (
    FIELDS,
    IGNORED,
    PREFIX,
    STEPS,
    complete,
    modern_name,
    name_within,
    read_fields,
    read_steps,
    select,
)

MODEL = Mamba2
MODEL_TYPES = ("mamba2",)
_FIELDS = {**FIELDS, "head_dim": "head_width", "n_groups": "groups", "chunk_size": "chunk"}
_PARTS = {"project_in": "in_proj", "norm": "norm", "project_out": "out_proj"}
_OWN = {"decay_log": "A_log", "skip": "D", "step_bias": "dt_bias"}


def read_config(checkpoint: Checkpoint) -> Mamba2Config:
    """Return the config of a checkpoint.

    Raises:
        WeightsError: A field has a value that is not built here.
    """
    given, origin = checkpoint.config, checkpoint.origin
    low, high = (_number(part) for part in given.get("time_step_limit", (0.0, math.inf)))
    config = Mamba2Config(
        **read_fields(checkpoint, _FIELDS),
        steps=read_steps(checkpoint),
        step_limit=(None if low <= 0 else low, None if high == math.inf else high),
        head=has_head(checkpoint, PREFIX),
    )
    heads, channels = given.get("num_heads", 128), config.expansion * config.width
    if heads * config.head_width != channels:
        raise WeightsError(
            f"{origin}: num_heads * head_dim should be expand * hidden_size. Received {heads} * {config.head_width}, "
            f"{channels}."
        )
    return config


def _number(value: Any) -> float:
    """Return a number of config.json, where newer versions write what JSON cannot say as a dictionary."""
    return float(value["__float__"] if isinstance(value, dict) else value)


def comparable(config: Mamba2Config) -> Mamba2Config:
    """Return what decides the meaning of weights, without what a fresh model begins with or changes time alone."""
    return dataclasses.replace(
        config, positions=0, chunk=0, steps=Mamba2Config.steps, residual_float32=True, start=None, end=None
    )


def write_config(config: Mamba2Config) -> dict[str, Any]:
    """Return the fields of config.json."""
    values = dataclasses.asdict(config)
    low, high = config.step_limit
    return {
        "architectures": ["Mamba2ForCausalLM" if config.head else "Mamba2Model"],
        "model_type": "mamba2",
        "hidden_act": "silu",
        "num_heads": config.heads,
        "time_step_limit": [low or 0.0, {"__float__": "Infinity"} if high is None else high],
        **dict(zip(STEPS, config.steps, strict=True)),
        **{theirs: values[ours] for theirs, ours in _FIELDS.items()},
    }


def tensor_name(path: str) -> str:
    """Return the name of the tensor that belongs to a variable, given by its path within the model."""
    return name_within(path, _PARTS, _OWN)


__all__ = [
    "IGNORED",
    "MODEL",
    "MODEL_TYPES",
    "comparable",
    "complete",
    "modern_name",
    "read_config",
    "select",
    "tensor_name",
    "write_config",
]
