"""Names and fields of diffusers' UNet2DConditionModel."""

from collections.abc import Mapping
from typing import Any

from kerasarch.errors import WeightsError
from kerasarch.models import UNet2DConditionConfig, UNet2DConditionModel
from kerasarch.weights import unet_names
from kerasarch.weights.autoencoder_kl import ACTIVATIONS
from kerasarch.weights.unet_names import SHARED_FIELDS, tensor_name

MODEL = UNet2DConditionModel
CLASS_NAME = "UNet2DConditionModel"
_ACTIVATION_OR_NONE: dict[Any, Any] = {None: None, **ACTIVATIONS}
_CLASSES = ("timestep", "identity", "projection", "simple_projection")
_FIELDS: unet_names.Fields = {
    **SHARED_FIELDS,
    "layers_per_block": ("depth", None),
    "down_block_types": (
        "down",
        {"DownBlock2D": "plain", "CrossAttnDownBlock2D": "cross", "ResnetDownsampleBlock2D": "resnet"},
    ),
    "up_block_types": ("up", {"UpBlock2D": "plain", "CrossAttnUpBlock2D": "cross", "ResnetUpsampleBlock2D": "resnet"}),
    "mid_block_type": ("middle", {"UNetMidBlock2DCrossAttn": "cross", "UNetMidBlock2D": "plain", None: None}),
    "attention_head_dim": ("heads", None),
    "cross_attention_dim": ("context_width", None),
    "transformer_layers_per_block": ("transformer_depth", None),
    "reverse_transformer_layers_per_block": ("up_transformer_depth", None),
    "use_linear_projection": ("linear_projection", None),
    "only_cross_attention": ("only_cross_attention", None),
    "upcast_attention": ("upcast_attention", None),
    "encoder_hid_dim": ("token_width", None),
    "resnet_skip_time_act": ("skip_time_activation", None),
    "resnet_out_scale_factor": ("resnet_scale", None),
    "time_embedding_act_fn": ("time_activation", _ACTIVATION_OR_NONE),
    "timestep_post_act": ("time_final_activation", _ACTIVATION_OR_NONE),
    "time_cond_proj_dim": ("time_condition_width", None),
    "class_embed_type": ("class_embedding", {None: None, **{name: name for name in _CLASSES}}),
    "class_embeddings_concat": ("class_beside", None),
    "addition_embed_type": ("addition", {None: None, "text_time": "text_time"}),
    "addition_time_embed_dim": ("addition_width", None),
    "projection_class_embeddings_input_dim": ("projection_width", None),
    "conv_in_kernel": ("kernel_in", None),
    "conv_out_kernel": ("kernel_out", None),
}
# Fields whose other values are not built here, or that matter in blocks alone that are not
_ONLY: dict[str, tuple[Any, ...]] = {
    "time_embedding_type": ("positional",),
    "encoder_hid_dim_type": (None, "text_proj"),
    "num_attention_heads": (None,),
    "dual_cross_attention": (False,),
    "attention_type": ("default",),
    "cross_attention_norm": (None,),
    "mid_block_only_cross_attention": (None, False),
    "addition_embed_type_num_heads": (64,),
}


def read_config(given: Mapping[str, Any], origin: str) -> UNet2DConditionConfig:
    """Return the config that the fields of config.json describe.

    Raises:
        WeightsError: A field is unknown, or has a value that is not built here.
    """
    found = unet_names.read_fields(given, origin, _FIELDS, _ONLY)
    widths = found.get("context_width")
    if isinstance(widths, tuple):
        if len(set(widths)) != 1:
            raise WeightsError(
                f"{origin}: cross_attention_dim {widths}: levels that attend to tokens of other widths are not built "
                f"here. Give one number."
            )
        found["context_width"] = widths[0]
    return UNet2DConditionConfig(**found)


def write_config(config: UNet2DConditionConfig) -> dict[str, Any]:
    """Return the fields of config.json."""
    written = unet_names.write_fields(config, _FIELDS)
    return {**written, "encoder_hid_dim_type": None if config.token_width is None else "text_proj"}


__all__ = ["CLASS_NAME", "MODEL", "read_config", "tensor_name", "write_config"]
