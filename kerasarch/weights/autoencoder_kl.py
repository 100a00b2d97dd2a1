"""Names and fields of diffusers' AutoencoderKL.

The names of encoder and decoder are those of VQModel too: see ``coder_name``.
"""

import re
from collections.abc import Mapping
from typing import Any

from kerasarch.errors import WeightsError
from kerasarch.models import AutoencoderKL, AutoencoderKLConfig
from kerasarch.weights.checkpoint import TORCH_NAMES

MODEL = AutoencoderKL
CLASS_NAME = "AutoencoderKL"
# Fields of config.json that this model has no use for, and why
IGNORED_FIELDS = {"force_upcast": "the dtype policy decides the precision"}
_FIELDS = {
    "in_channels": "channels",
    "out_channels": "output_channels",
    "block_out_channels": "widths",
    "layers_per_block": "depth",
    "mid_block_add_attention": "middle_attention",
    "act_fn": "activation",
    "latent_channels": "latent",
    "norm_num_groups": "groups",
    "use_quant_conv": "quantise",
    "use_post_quant_conv": "dequantise",
    "sample_size": "sample_size",
    "scaling_factor": "scaling_factor",
    "shift_factor": "shift_factor",
    "latents_mean": "latents_mean",
    "latents_std": "latents_std",
}
ACTIVATIONS = {"silu": "silu", "swish": "silu", "mish": "mish", "gelu": "gelu", "relu": "relu"}
BLOCKS = {
    "encoder_attention": ("down_block_types", "DownEncoderBlock2D", "AttnDownEncoderBlock2D"),
    "decoder_attention": ("up_block_types", "UpDecoderBlock2D", "AttnUpDecoderBlock2D"),
}
_ATTENTION = {"norm": "group_norm", "query": "to_q", "key": "to_k", "value": "to_v", "out": "to_out.0"}
_LAYERS = {
    "norm_out": "conv_norm_out",
    "shortcut": "conv_shortcut",
    "projection": "time_emb_proj",
    "convolution": "conv",
}
# A SpatialNorm's parts
_SPATIAL = {"norm": "norm_layer", "scale": "conv_y", "offset": "conv_b"}
_PLACE = re.compile(r"(?P<place>level\d+|middle)_(?P<kind>block|attention|downsample|upsample)(?P<index>\d*)")


def read_config(given: Mapping[str, Any], origin: str) -> AutoencoderKLConfig:
    """Return the config that the fields of config.json describe.

    Raises:
        WeightsError: A field is unknown, or has a value that is not built here.
    """
    return AutoencoderKLConfig(**read_fields(given, origin, _FIELDS, IGNORED_FIELDS))


def write_config(config: AutoencoderKLConfig) -> dict[str, Any]:
    """Return the fields of config.json."""
    return write_fields(config, _FIELDS)


def tensor_name(path: str) -> str:
    """Return the name of the tensor that belongs to a variable, given by its path within the model."""
    layer, variable = path.rsplit("/", 1)
    outer = {"quantise": "quant_conv", "dequantise": "post_quant_conv"}
    return f"{outer.get(layer) or coder_name(layer)}.{TORCH_NAMES[variable]}"


def read_fields(
    given: Mapping[str, Any], origin: str, fields: Mapping[str, str], ignored: Mapping[str, str]
) -> dict[str, Any]:
    """Return the arguments of our config, given diffusers' fields.

    Raises:
        WeightsError: A field is unknown, or has a value that is not built here.
    """
    known = {*fields, *ignored, *(names[0] for names in BLOCKS.values())}
    unknown = [name for name in given if name not in known and not name.startswith("_")]
    if unknown:
        raise WeightsError(f"{origin}: config.json has fields that are not known here: {', '.join(unknown)}.")
    found = {
        ours: tuple(given[theirs]) if isinstance(given[theirs], list) else given[theirs]
        for theirs, ours in fields.items()
        if theirs in given
    }
    if "activation" in found:
        if found["activation"] not in ACTIVATIONS:
            raise WeightsError(
                f"{origin}: act_fn {found['activation']!r} is not built here. Known are {', '.join(ACTIVATIONS)}."
            )
        found["activation"] = ACTIVATIONS[found["activation"]]
    if isinstance(found.get("sample_size"), tuple):
        found["sample_size"] = found["sample_size"][0]
    for ours, (theirs, plain, attentive) in BLOCKS.items():
        kinds = given.get(theirs, [plain])
        wrong = sorted(set(kinds) - {plain, attentive})
        if wrong:
            raise WeightsError(f"{origin}: {theirs} {', '.join(wrong)} not built here. Known are {plain}, {attentive}.")
        if len(kinds) != len(found.get("widths", (64,))):
            raise WeightsError(f"{origin}: {theirs} and block_out_channels have different lengths.")
        found[ours] = tuple(kind == attentive for kind in kinds)
    return found


def write_fields(config: Any, fields: Mapping[str, str]) -> dict[str, Any]:
    """Return diffusers' fields, given our config."""
    written = {theirs: getattr(config, ours) for theirs, ours in fields.items()}
    for ours, (theirs, plain, attentive) in BLOCKS.items():
        flags = getattr(config, ours) or (False,) * len(config.widths)
        written[theirs] = [attentive if flag else plain for flag in flags]
    return {name: list(value) if isinstance(value, tuple) else value for name, value in written.items()}


def coder_name(layer: str) -> str:
    """Return diffusers' name of a layer in encoder or decoder.

    Args:
        layer: Path within the model, such as ``encoder/level0_block1/norm1``.
    """
    coder, block, *rest = layer.split("/")
    found = _PLACE.fullmatch(block)
    if found is None:
        return ".".join([coder, _LAYERS.get(block, block), *(_SPATIAL[part] for part in rest)])
    side = "down" if coder == "encoder" else "up"
    place = "mid_block" if found["place"] == "middle" else f"{side}_blocks.{found['place'].removeprefix('level')}"
    if found["kind"] == "block":
        inner = [f"resnets.{found['index']}", _LAYERS.get(rest[0], rest[0]), *(_SPATIAL[part] for part in rest[1:])]
    elif found["kind"] == "attention":
        first = "spatial_norm" if len(rest) > 1 else _ATTENTION[rest[0]]
        inner = [f"attentions.{found['index']}", first, *(_SPATIAL[part] for part in rest[1:])]
    else:
        inner = [f"{found['kind']}rs.0", _LAYERS[rest[0]]]
    return ".".join([coder, place, *inner])


_OLD_ATTENTION = {"query": "to_q", "key": "to_k", "value": "to_v", "proj_attn": "to_out.0"}
_OLD = re.compile(r"^(.*\.attentions\.\d+)\.(query|key|value|proj_attn)\.(weight|bias)$")


def modern_name(name: str) -> str:
    """Return today's name of a tensor of an attention, given that of diffusers before 0.15."""
    found = _OLD.match(name)
    return f"{found[1]}.{_OLD_ATTENTION[found[2]]}.{found[3]}" if found else name
