"""Names and fields of diffusers' UNet2DModel."""

from collections.abc import Mapping
from typing import Any

from kerasarch.models import UNet2DConfig, UNet2DModel
from kerasarch.weights import unet_names
from kerasarch.weights.unet_names import SHARED_FIELDS, tensor_name

MODEL = UNet2DModel
CLASS_NAME = "UNet2DModel"
_FIELDS: unet_names.Fields = {
    **SHARED_FIELDS,
    "layers_per_block": ("depth", None),
    "down_block_types": (
        "down",
        {"DownBlock2D": "plain", "AttnDownBlock2D": "attention", "ResnetDownsampleBlock2D": "resnet"},
    ),
    "up_block_types": ("up", {"UpBlock2D": "plain", "AttnUpBlock2D": "attention", "ResnetUpsampleBlock2D": "resnet"}),
    "downsample_type": ("downsample", {"conv": "convolution", "resnet": "resnet"}),
    "upsample_type": ("upsample", {"conv": "convolution", "resnet": "resnet"}),
    "mid_block_type": ("middle", {"UNetMidBlock2D": True, None: False}),
    "add_attention": ("middle_attention", None),
    "attn_norm_num_groups": ("attention_groups", None),
    "attention_head_dim": ("head_width", None),
    "time_embedding_type": (
        "time_embedding",
        {"positional": "positional", "fourier": "fourier", "learned": "learned"},
    ),
    "num_train_timesteps": ("times", None),
    "class_embed_type": ("class_embedding", {None: None, "timestep": "timestep", "identity": "identity"}),
}


def read_config(given: Mapping[str, Any], origin: str) -> UNet2DConfig:
    """Return the config that the fields of config.json describe.

    Raises:
        WeightsError: A field is unknown, or has a value that is not built here.
    """
    return UNet2DConfig(**unet_names.read_fields(given, origin, _FIELDS, {}))


def write_config(config: UNet2DConfig) -> dict[str, Any]:
    """Return the fields of config.json."""
    return unet_names.write_fields(config, _FIELDS)


__all__ = ["CLASS_NAME", "MODEL", "read_config", "tensor_name", "write_config"]
