"""Names of tensors and fields that diffusers' U-Nets share."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from kerasarch.errors import WeightsError
from kerasarch.weights.autoencoder_kl import ACTIVATIONS
from kerasarch.weights.checkpoint import TORCH_NAMES

# A field of config.json: our field, and the values that are built here with ours; None for all, unchanged
Fields = Mapping[str, tuple[str, Mapping[Any, Any] | None]]

SHARED_FIELDS: Fields = {
    "in_channels": ("channels", None),
    "out_channels": ("output_channels", None),
    "sample_size": ("sample_size", None),
    "block_out_channels": ("widths", None),
    "downsample_padding": ("downsample_padding", {1: "symmetric", 0: "end"}),
    "mid_block_scale_factor": ("middle_scale", None),
    "norm_num_groups": ("groups", None),
    "norm_eps": ("epsilon", None),
    "act_fn": ("activation", ACTIVATIONS),
    "dropout": ("dropout", None),
    "resnet_time_scale_shift": ("conditioning", {"default": "shift", "scale_shift": "scale_shift"}),
    "time_embedding_dim": ("time_width", None),
    "flip_sin_to_cos": ("cosine_first", None),
    "freq_shift": ("frequency_shift", None),
    "num_class_embeds": ("classes", None),
    "center_input_sample": ("center", None),
}
_STAGE = re.compile(r"(down|up)(\d+)|middle")
_PART = re.compile(r"(block|attention|transformer)(\d+)")
_BLOCK = {"shortcut": "conv_shortcut", "projection": "time_emb_proj", "convolution": "conv"}
_ATTENTION = {"norm": "group_norm", "query": "to_q", "key": "to_k", "value": "to_v", "out": "to_out.0"}
_TRANSFORMER = {
    "project_in": "proj_in",
    "project_out": "proj_out",
    "attention1": "attn1",
    "attention2": "attn2",
    "feed_forward": "ff",
}
_FEED_FORWARD = {"project_in": "net.0.proj", "project_out": "net.2"}
_OUTER = {
    "norm_out": "conv_norm_out",
    "times": "time_proj",
    "linear1": "linear_1",
    "linear2": "linear_2",
    "condition": "cond_proj",
    "addition_embedding": "add_embedding",
    "token_projection": "encoder_hid_proj",
}
_VARIABLES = {**TORCH_NAMES, "weight": "weight"}


def read_fields(
    given: Mapping[str, Any], origin: str, fields: Fields, only: Mapping[str, Sequence[Any]]
) -> dict[str, Any]:
    """Return the arguments of our config, given diffusers' fields.

    Args:
        given: The content of config.json.
        origin: Where it came from, for messages.
        fields: What is built here.
        only: Fields that must have one of these values, because others are not built here.

    Raises:
        WeightsError: A field is unknown, or has a value that is not built here.
    """
    unknown = [name for name in given if name not in fields and name not in only and not name.startswith("_")]
    if unknown:
        raise WeightsError(f"{origin}: config.json has fields that are not known here: {', '.join(unknown)}.")
    if given.get("norm_num_groups", 0) is None:
        raise WeightsError(f"{origin}: norm_num_groups None is not built here. Give a number.")
    for name, allowed in only.items():
        if name in given and given[name] not in allowed:
            _refuse(origin, name, given[name], allowed)
    found = {}
    for name, (ours, values) in fields.items():
        if name not in given:
            continue
        value = _tuples(given[name])
        if values is None:
            found[ours] = value
        elif isinstance(value, tuple):
            wrong = sorted({str(part) for part in value if part not in values})
            if wrong:
                _refuse(origin, name, ", ".join(wrong), values)
            found[ours] = tuple(values[part] for part in value)
        elif value in values:
            found[ours] = values[value]
        else:
            _refuse(origin, name, value, values)
    return found


def _refuse(origin: str, name: str, value: Any, values: Any) -> None:
    raise WeightsError(f"{origin}: {name} {value!r} is not built here. Known are {', '.join(map(str, values))}.")


def _tuples(value: Any) -> Any:
    return tuple(_tuples(part) for part in value) if isinstance(value, list | tuple) else value


def write_fields(config: Any, fields: Fields) -> dict[str, Any]:
    """Return diffusers' fields, given our config."""
    written = {}
    for name, (ours, values) in fields.items():
        value = getattr(config, ours)
        if values is not None:
            back: dict[Any, Any] = {}
            for theirs, mine in values.items():
                back.setdefault(mine, theirs)  # the first of several names for one thing
            value = [back[part] for part in value] if isinstance(value, tuple) else back[value]
        written[name] = value
    return written


def tensor_name(path: str) -> str:
    """Return the name of the tensor that belongs to a variable, given by its path within the model.

    Args:
        path: Such as ``down0/block1/norm1/gamma``.
    """
    first, *inner, variable = path.split("/")
    stage = _STAGE.fullmatch(first)
    if stage is None:
        names = [_OUTER.get(part, part) for part in (first, *inner)]
    else:
        side = f"{stage[1]}_blocks.{stage[2]}" if stage[1] else "mid_block"
        names = [side, *_part_names(stage[1], inner)]
    return ".".join([*names, _VARIABLES[variable]])


def _part_names(side: str, inner: list[str]) -> list[str]:
    part, *rest = inner
    if part == "resample":
        return [f"{side}samplers.0", *(_BLOCK.get(name, name) for name in rest)]
    found = _PART.fullmatch(part)
    assert found is not None, part
    kind, index = found.groups()
    if kind == "block":
        return [f"resnets.{index}", *(_BLOCK.get(name, name) for name in rest)]
    if kind == "attention":
        return [f"attentions.{index}", *(_ATTENTION[name] for name in rest)]
    return [f"attentions.{index}", *_transformer_names(rest)]


def _transformer_names(rest: list[str]) -> list[str]:
    block, *rest = rest
    found = re.fullmatch(r"block(\d+)", block)
    if found is None:
        return [_TRANSFORMER.get(block, block)]
    layer, *within = rest
    table = _FEED_FORWARD if layer == "feed_forward" else _ATTENTION
    return [f"transformer_blocks.{found[1]}", _TRANSFORMER.get(layer, layer), *(table[name] for name in within)]
