"""Encoder and decoder of the autoencoders in latent diffusion models.

Esser et al., 2020, table 7 (https://arxiv.org/abs/2012.09841), and Rombach et al., 2021, appendix E.4
(https://arxiv.org/abs/2112.10752): levels of residual blocks, halved between them; at the bottom a residual block,
attention and another residual block. Names and order are those of diffusers' ``Encoder`` and ``Decoder``.
"""

from collections.abc import Sequence
from typing import Any

import keras

from kerasarch.errors import UsageError
from kerasarch.layers import (
    Conv2D,
    DiffusionAttention,
    DiffusionDownsample,
    DiffusionResNetBlock,
    DiffusionUpsample,
    GroupNormalization,
)
from kerasarch.layers.spatial_norm import SpatialNorm
from kerasarch.models.configured import ConfiguredModel

SPATIAL_GROUPS = 32  # diffusers' SpatialNorm knows no other number


class _Coder(keras.layers.Layer):
    """What both share: making the blocks, the ways through the middle and the end."""

    def __init__(
        self,
        channels: int,
        *,
        widths: Sequence[int],
        depth: int,
        attention: Sequence[bool],
        middle_attention: bool,
        groups: int,
        activation: str,
        spatial: bool = False,
        data_format: str | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        if len(attention) != len(widths):
            raise UsageError(
                f"{self.name}: attention says yes or no for each level. Received {len(attention)} values for "
                f"{len(widths)} widths."
            )
        self.channels = channels
        self.widths = tuple(widths)
        self.depth = depth
        self.attention = tuple(attention)
        self.middle_attention = middle_attention
        self.groups = groups
        self.activation = activation
        self.spatial = spatial
        self.data_format = data_format or keras.config.image_data_format()
        self.axis = 1 if self.data_format == "channels_first" else -1
        self.norm_groups = SPATIAL_GROUPS if spatial else groups

    @property
    def common(self) -> dict[str, Any]:
        """What every child is given."""
        return {"data_format": self.data_format, "dtype": self.dtype_policy}

    def _conv(self, filters: int, name: str) -> keras.layers.Layer:
        return Conv2D(filters, 3, padding="same", name=name, **self.common)

    def _block(self, filters: int, name: str) -> keras.layers.Layer:
        conditioning = "spatial" if self.spatial else "none"
        return DiffusionResNetBlock(
            filters,
            groups=self.norm_groups,
            conditioning=conditioning,
            activation=self.activation,
            name=name,
            **self.common,
        )

    def _attention(self, name: str) -> keras.layers.Layer:
        return DiffusionAttention(groups=self.norm_groups, spatial=self.spatial, name=name, **self.common)

    def _middle(self) -> list[keras.layers.Layer]:
        middle = [self._block(self.widths[-1], "middle_block0")]
        if self.middle_attention:
            middle.append(self._attention("middle_attention0"))
        return [*middle, self._block(self.widths[-1], "middle_block1")]

    def _norm_out(self) -> keras.layers.Layer:
        if self.spatial:
            return SpatialNorm(SPATIAL_GROUPS, name="norm_out", **self.common)
        return GroupNormalization(self.groups, axis=self.axis, epsilon=1e-6, dtype=self.dtype_policy, name="norm_out")

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the layer again."""
        names = ("channels", "widths", "depth", "attention", "middle_attention", "groups", "activation", "data_format")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


@keras.saving.register_keras_serializable(package="kerasarch")
class DiffusionEncoder(_Coder):
    """Pictures to latent maps.

    Args:
        channels: Output channels.
        widths: Channels of each level; each level but the last halves the size.
        depth: Residual blocks of a level.
        attention: For each level, whether attention follows each of its blocks.
        middle_attention: Whether there is attention between the last two blocks.
        groups: Groups of the normalisations.
        activation: Name of the activation within the blocks; at the end it is always SiLU, as in diffusers.
        data_format: As in ``keras.config.image_data_format()``.
        **kwargs: Passed to ``keras.layers.Layer``.

    Shapes:
        ``(B, H, W, C) -> (B, H', W', channels)``, H' from H by one ``floor(H / 2)`` for each level but the last.

    Raises:
        UsageError: ``attention`` and ``widths`` have different lengths.
    """

    def __init__(self, channels: int, **kwargs: Any):
        super().__init__(channels, **kwargs)
        self.conv_in = self._conv(self.widths[0], "conv_in")
        body = []
        for level, width in enumerate(self.widths):
            for index in range(self.depth):
                body.append(self._block(width, f"level{level}_block{index}"))
                if self.attention[level]:
                    body.append(self._attention(f"level{level}_attention{index}"))
            if level < len(self.widths) - 1:
                body.append(DiffusionDownsample(width, padding="end", name=f"level{level}_downsample", **self.common))
        self.body = [*body, *self._middle()]
        self.norm_out = self._norm_out()
        self.conv_out = self._conv(self.channels, "conv_out")

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Build the children for inputs of this shape."""
        shape = input_shape
        for layer in (self.conv_in, *self.body, self.norm_out, self.conv_out):
            layer.build(shape)
            shape = layer.compute_output_shape(shape)

    def call(self, x: Any, training: bool | None = None) -> Any:  # (B, H, W, C)
        """Apply the layer."""
        x = self.conv_in(x)
        for layer in self.body:
            x = layer(x)
        return self.conv_out(keras.activations.silu(self.norm_out(x)))

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape of the output, without computing it."""
        for layer in (self.conv_in, *self.body, self.norm_out, self.conv_out):
            input_shape = layer.compute_output_shape(input_shape)
        return input_shape


@keras.saving.register_keras_serializable(package="kerasarch")
class DiffusionDecoder(_Coder):
    """Latent maps to pictures.

    Args:
        channels: Output channels.
        widths: Channels of each level of the encoder, which the decoder goes through backwards.
        depth: Residual blocks of a level of the encoder; here each has one more.
        attention: For each level, in the decoder's order, whether attention follows each of its blocks.
        middle_attention: Whether there is attention between the first two blocks.
        groups: Groups of the normalisations; with ``spatial`` they are 32.
        activation: Name of the activation within the blocks; at the end it is always SiLU, as in diffusers.
        spatial: Take a second map, of the size of the first, which scales and shifts every normalisation.
        data_format: As in ``keras.config.image_data_format()``.
        **kwargs: Passed to ``keras.layers.Layer``.

    Shapes:
        ``(B, H', W', C) -> (B, 2^n H', 2^n W', channels)`` with n the number of levels less 1.

    Raises:
        UsageError: ``attention`` and ``widths`` have different lengths.
    """

    def __init__(self, channels: int, *, spatial: bool = False, **kwargs: Any):
        super().__init__(channels, spatial=spatial, **kwargs)
        backwards = self.widths[::-1]
        self.conv_in = self._conv(backwards[0], "conv_in")
        body = self._middle()
        for level, width in enumerate(backwards):
            for index in range(self.depth + 1):
                body.append(self._block(width, f"level{level}_block{index}"))
                if self.attention[level]:
                    body.append(self._attention(f"level{level}_attention{index}"))
            if level < len(backwards) - 1:
                body.append(DiffusionUpsample(width, name=f"level{level}_upsample", **self.common))
        self.body = body
        self.norm_out = self._norm_out()
        self.conv_out = self._conv(self.channels, "conv_out")
        self.enlarge = keras.layers.UpSampling2D(
            2, data_format=self.data_format, dtype=self.dtype_policy, name="enlarge"
        )

    def build(self, z_shape: tuple[int | None, ...], codes_shape: tuple[int | None, ...] | None = None) -> None:
        """Build the children for inputs of this shape."""
        self.enlarge.build(z_shape)
        shape, second = z_shape, codes_shape
        for layer in (self.conv_in, *self.body, self.norm_out, self.conv_out):
            takes_map = self.spatial and not isinstance(layer, (keras.layers.Conv2D, DiffusionUpsample))
            layer.build(shape, *((second,) if takes_map else ()))
            shape = layer.compute_output_shape(shape)
            if isinstance(layer, DiffusionUpsample) and second is not None:
                second = self.enlarge.compute_output_shape(second)

    def call(self, z: Any, codes: Any = None, training: bool | None = None) -> Any:  # (B, H', W', C)
        """Apply the layer."""
        x = self.conv_in(z)
        for layer in self.body:
            if isinstance(layer, DiffusionUpsample):
                x = layer(x)
                codes = self.enlarge(codes) if self.spatial else None
            else:
                x = layer(x, codes) if self.spatial else layer(x)
        x = self.norm_out(x, codes) if self.spatial else self.norm_out(x)
        return self.conv_out(keras.activations.silu(x))

    def compute_output_shape(
        self, z_shape: tuple[int | None, ...], codes_shape: tuple[int | None, ...] | None = None
    ) -> tuple[int | None, ...]:
        """Return the shape of the output, without computing it."""
        for layer in (self.conv_in, *self.body, self.norm_out, self.conv_out):
            z_shape = layer.compute_output_shape(z_shape)
        return z_shape

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the layer again."""
        return {**super().get_config(), "spatial": self.spatial}


class DiffusionAutoencoder(ConfiguredModel):
    """What the models made of an encoder and a decoder share: what both coders are given.

    Args:
        config: A frozen config.
        **kwargs: Passed to ``keras.Model``.
    """

    def __init__(self, config: Any, **kwargs: Any):
        super().__init__(config, **kwargs)
        self.data_format = keras.config.image_data_format()
        self.axis = 1 if self.data_format == "channels_first" else -1

    @property
    def shared(self) -> dict[str, Any]:
        """What encoder and decoder are both given."""
        names = ("widths", "depth", "middle_attention", "groups", "activation")
        fields = {name: getattr(self.config, name) for name in names}
        return {**fields, "data_format": self.data_format, "dtype": self.dtype_policy}

    def _pointwise(self, filters: int, name: str) -> keras.layers.Layer:
        return Conv2D(filters, 1, data_format=self.data_format, dtype=self.dtype_policy, name=name)
