"""What describes a UNet2DConditionModel, and the sizes of those that are public."""

import dataclasses
from typing import Any


@dataclasses.dataclass(frozen=True)
class UNet2DConditionConfig:
    """Sizes and details, with diffusers' defaults. One number stands for all levels where several may be given.

    Attributes:
        channels: Channels of the latents that go in (``in_channels``); 9 for inpainting.
        output_channels: Channels of the prediction (``out_channels``).
        sample_size: Pixels of the training latents; kept for the file, changes nothing.
        widths: Channels of each level (``block_out_channels``); each level but the last halves the size.
        depth: Residual blocks of a level on the way down, one more on the way up (``layers_per_block``).
        down: For each level ``"plain"`` (``DownBlock2D``), ``"cross"`` (``CrossAttnDownBlock2D``) or ``"resnet"``
            (``ResnetDownsampleBlock2D``).
        up: The same in the order of the way up.
        middle: ``"cross"`` (``UNetMidBlock2DCrossAttn``), ``"plain"`` (``UNetMidBlock2D``, a single block) or None.
        middle_scale: What the sums in its residual blocks are divided by (``mid_block_scale_factor``).
        downsample_padding: ``"symmetric"`` or ``"end"`` (``downsample_padding`` 1 or 0).
        heads: Heads of a level's attentions (``attention_head_dim``, which is no width whatever its name says).
        context_width: Width of the caption's tokens (``cross_attention_dim``).
        transformer_depth: Transformer blocks behind a residual block (``transformer_layers_per_block``); for a level
            also a number for each of its residual blocks.
        up_transformer_depth: The same in the order of the way up (``reverse_transformer_layers_per_block``); None for
            the other reversed.
        linear_projection: Dense layers around the transformer blocks, not 1x1 convolutions (``use_linear_projection``).
        only_cross_attention: The pixels attend to the caption alone.
        upcast_attention: Kept for the file: the softmax is computed in float32 at any rate.
        token_width: Width of tokens that are projected to ``context_width`` (``encoder_hid_dim``); None for none.
        groups: Groups of the normalisations (``norm_num_groups``).
        epsilon: Added to the variance in the residual blocks (``norm_eps``).
        activation: In the blocks and the embeddings (``act_fn``).
        dropout: Rate in the residual blocks.
        conditioning: How the embedding enters a block, ``"shift"`` or ``"scale_shift"`` (``resnet_time_scale_shift``).
        skip_time_activation: In ``"resnet"`` levels the embedding is projected as it is (``resnet_skip_time_act``).
        resnet_scale: What the sums in these levels' blocks are divided by (``resnet_out_scale_factor``).
        time_width: Width of the embedding (``time_embedding_dim``); None for four times the first width.
        time_activation: Applied to the whole embedding, once (``time_embedding_act_fn``).
        time_final_activation: Applied to that of the time alone (``timestep_post_act``).
        time_condition_width: Width of a vector beside the time, the input ``timestep_cond`` (``time_cond_proj_dim``).
        cosine_first: In positional embeddings (``flip_sin_to_cos``).
        frequency_shift: The same (``freq_shift``).
        class_embedding: What class labels are: None for whole numbers below ``classes``, ``"timestep"`` for numbers,
            ``"identity"`` for vectors of the embedding's width, ``"projection"`` and ``"simple_projection"`` for
            vectors of ``projection_width``, brought there by two layers or one (``class_embed_type``).
        classes: Number of classes (``num_class_embeds``); None for none.
        class_beside: Put the classes' embedding beside that of the time, rather than add it
            (``class_embeddings_concat``).
        addition: ``"text_time"`` for ``text_embeds`` and ``time_ids`` (``addition_embed_type``); None for none.
        addition_width: Width of the embedding of each time id (``addition_time_embed_dim``).
        projection_width: Width of the vectors of classes or additions (``projection_class_embeddings_input_dim``).
        kernel_in: Pixels of the first convolution (``conv_in_kernel``).
        kernel_out: Pixels of the last (``conv_out_kernel``).
        center: Bring samples from [0, 1] to [-1, 1] first (``center_input_sample``).
    """

    channels: int = 4
    output_channels: int = 4
    sample_size: int | tuple[int, int] | None = None
    widths: tuple[int, ...] = (320, 640, 1280, 1280)
    depth: int | tuple[int, ...] = 2
    down: tuple[str, ...] = ("cross", "cross", "cross", "plain")
    up: tuple[str, ...] = ("plain", "cross", "cross", "cross")
    middle: str | None = "cross"
    middle_scale: float = 1.0
    downsample_padding: str = "symmetric"
    heads: int | tuple[int, ...] = 8
    context_width: int = 1280
    transformer_depth: int | tuple[Any, ...] = 1
    up_transformer_depth: tuple[Any, ...] | None = None
    linear_projection: bool = False
    only_cross_attention: bool | tuple[bool, ...] = False
    upcast_attention: bool = False
    token_width: int | None = None
    groups: int = 32
    epsilon: float = 1e-5
    activation: str = "silu"
    dropout: float = 0.0
    conditioning: str = "shift"
    skip_time_activation: bool = False
    resnet_scale: float = 1.0
    time_width: int | None = None
    time_activation: str | None = None
    time_final_activation: str | None = None
    time_condition_width: int | None = None
    cosine_first: bool = True
    frequency_shift: float = 0
    class_embedding: str | None = None
    classes: int | None = None
    class_beside: bool = False
    addition: str | None = None
    addition_width: int | None = None
    projection_width: int | None = None
    kernel_in: int = 3
    kernel_out: int = 3
    center: bool = False

    @property
    def labelled(self) -> bool:
        """Whether class labels are expected."""
        return self.classes is not None or self.class_embedding is not None


_STABLE_DIFFUSION = UNet2DConditionConfig(sample_size=64, context_width=768)
# The config.json of the folders `unet` of Stable Diffusion 1.5, 2.1 and XL base 1.0
VARIANTS = {
    "stable_diffusion_1": _STABLE_DIFFUSION,
    "stable_diffusion_2": dataclasses.replace(
        _STABLE_DIFFUSION,
        sample_size=96,
        context_width=1024,
        heads=(5, 10, 20, 20),
        linear_projection=True,
        upcast_attention=True,
    ),
    "stable_diffusion_xl": UNet2DConditionConfig(
        sample_size=128,
        widths=(320, 640, 1280),
        down=("plain", "cross", "cross"),
        up=("cross", "cross", "plain"),
        heads=(5, 10, 20),
        context_width=2048,
        transformer_depth=(1, 2, 10),
        linear_projection=True,
        addition="text_time",
        addition_width=256,
        projection_width=2816,
    ),
}
