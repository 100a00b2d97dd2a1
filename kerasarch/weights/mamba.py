"""Names and fields of transformers' MambaForCausalLM and MambaModel."""

import dataclasses
import math
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from kerasarch.errors import WeightsError
from kerasarch.models.mamba import Mamba, MambaConfig
from kerasarch.weights.checkpoint import TORCH_NAMES, Checkpoint
from kerasarch.weights.gpt2 import TIED, has_head, is_double

MODEL = Mamba
MODEL_TYPES = ("mamba",)
IGNORED = r"(?!)"
PREFIX = "backbone."
FIELDS = {
    "vocab_size": "vocabulary",
    "hidden_size": "width",
    "num_hidden_layers": "depth",
    "expand": "expansion",
    "state_size": "states",
    "conv_kernel": "taps",
    "use_conv_bias": "convolution_bias",
    "use_bias": "bias",
    "layer_norm_epsilon": "epsilon",
    "residual_in_fp32": "residual_float32",
    "tie_word_embeddings": "tied",
    "bos_token_id": "start",
    "eos_token_id": "end",
    "output_hidden_states": "hidden_states",
}
STEPS = ("time_step_min", "time_step_max", "time_step_floor")
_BLOCK = re.compile(r"block(\d+)/(.+)")
_OUTER = {"token_embedding": "embeddings", "final_norm": "norm_f"}
_PARTS = {"project_in": "in_proj", "project_scan": "x_proj", "project_steps": "dt_proj", "project_out": "out_proj"}
_CONVOLUTION = re.compile(r".*\.conv1d\.weight$")
# Variables of a mixer itself
_OWN = {"decay_log": "A_log", "skip": "D", "step_bias": "dt_proj.bias"}


def read_config(checkpoint: Checkpoint) -> MambaConfig:
    """Return the config of a checkpoint.

    Raises:
        WeightsError: A field has a value that is not built here.
    """
    found = read_fields(checkpoint, FIELDS)
    rank = checkpoint.config.get("time_step_rank", "auto")
    return MambaConfig(
        **found,
        rank=None if rank == "auto" else int(rank),
        steps=read_steps(checkpoint),
        head=has_head(checkpoint, PREFIX),
    )


def read_fields(checkpoint: Checkpoint, fields: Mapping[str, str]) -> dict[str, Any]:
    """Return the fields that are only called otherwise.

    Raises:
        WeightsError: The activation is not built here.
    """
    given = checkpoint.config
    if given.get("hidden_act", "silu") != "silu":
        raise WeightsError(f"{checkpoint.origin}: hidden_act {given['hidden_act']!r} is not built here, only 'silu'.")
    found = {ours: given[theirs] for theirs, ours in fields.items() if theirs in given}
    if isinstance(found.get("end"), list):
        found["end"] = tuple(found["end"])
    return found


def read_steps(checkpoint: Checkpoint) -> tuple[float, float, float]:
    """Return what step sizes a fresh model has: they change nothing of weights."""
    least, most, floor = (
        checkpoint.config.get(name, usual) for name, usual in zip(STEPS, MambaConfig.steps, strict=True)
    )
    return least, most, floor


def comparable(config: MambaConfig) -> MambaConfig:
    """Return what decides the meaning of weights: sizes as numbers, without what a fresh model begins with."""
    return dataclasses.replace(
        config, rank=_rank(config), positions=0, steps=MambaConfig.steps, residual_float32=True, start=None, end=None
    )


def _rank(config: MambaConfig) -> int:
    return config.rank or math.ceil(config.width / 16)


def write_config(config: MambaConfig) -> dict[str, Any]:
    """Return the fields of config.json."""
    values = dataclasses.asdict(config)
    return {
        "architectures": ["MambaForCausalLM" if config.head else "MambaModel"],
        "model_type": "mamba",
        "hidden_act": "silu",
        "time_step_rank": _rank(config),
        **dict(zip(STEPS, config.steps, strict=True)),
        **{theirs: values[ours] for theirs, ours in FIELDS.items()},
    }


def tensor_name(path: str) -> str:
    """Return the name of the tensor that belongs to a variable, given by its path within the model."""
    return name_within(path, _PARTS, _OWN)


def name_within(path: str, parts: Mapping[str, str], own: Mapping[str, str]) -> str:
    """Return the name of a variable's tensor.

    Args:
        path: Of the variable within the model.
        parts: Name of a mixer's layer to its name there.
        own: Name of a mixer's own variable to its name there.
    """
    layer, variable = path.rsplit("/", 1)
    if layer == "head":
        return TIED
    # Keras calls the factors of a root-mean-square normalisation scale.
    ending = TORCH_NAMES.get(variable, "weight")
    found = _BLOCK.fullmatch(layer)
    if not found:
        return f"{PREFIX}{_OUTER[layer]}.{ending}"
    stem = f"{PREFIX}layers.{found[1]}"
    if found[2] == "mixer":
        return f"{stem}.mixer.{own[variable]}"
    inner = found[2].removeprefix("mixer/")
    if inner == found[2]:
        return f"{stem}.norm.{ending}"
    return f"{stem}.mixer.{'conv1d' if inner == 'convolution' else parts[inner]}.{ending}"


def modern_name(name: str) -> str:
    """Return the name as in a model with a head: one without leaves its first part out; old ones say embedding."""
    name = name if name.startswith((PREFIX, "lm_head.")) else f"{PREFIX}{name}"
    return name.replace(".embedding.", ".embeddings.")


def select(config: Any, tensors: Mapping[str, np.ndarray], origin: str) -> dict[str, np.ndarray]:
    """Leave out the axis of length one of depthwise kernels, and a head that is the embedding."""
    chosen = {}
    for name, tensor in tensors.items():
        if name == TIED and is_double(config, tensors, f"{PREFIX}embeddings.weight", origin):
            continue
        chosen[name] = tensor[:, 0] if _CONVOLUTION.match(name) and tensor.ndim == 3 else tensor
    return chosen


def complete(config: Any, tensors: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Put back the axis that `select` left out; a model without head leaves the first part of names out."""
    whole = {
        name: np.ascontiguousarray(tensor[:, None]) if _CONVOLUTION.match(name) else tensor
        for name, tensor in tensors.items()
    }
    return whole if config.head else {name.removeprefix(PREFIX): tensor for name, tensor in whole.items()}
