"""The residual block of autoencoders and U-Nets in diffusion models: normalise, activate, convolve, twice."""

from typing import Any

import keras
from keras import ops

from kerasarch.errors import ShapeError, UsageError
from kerasarch.layers.convolution import Conv2D
from kerasarch.layers.group_normalization import GroupNormalization
from kerasarch.layers.spatial_norm import SpatialNorm

CONDITIONINGS = ("none", "shift", "scale_shift", "spatial")
RESAMPLINGS = ("none", "down", "up")


@keras.saving.register_keras_serializable(package="kerasarch")
class DiffusionResNetBlock(keras.layers.Layer):
    """Residual block with group normalisation before each of its two 3x3 convolutions.

    ``(shortcut(x) + conv2(dropout(f(norm2(conv1(f(norm1(x)))))))) / output_scale``, f the activation: Ho et al., 2020,
    appendix B (https://arxiv.org/abs/2006.11239), as diffusers' ``ResnetBlock2D`` has it. The shortcut is a 1x1
    convolution where the channels change.

    An embedding, of the time step for instance, is projected to the channels and enters after the first convolution:
    added (``"shift"``), or as scale and shift of the second normalisation, ``norm2(h) * (1 + scale) + shift``
    (``"scale_shift"``: Dhariwal & Nichol, 2021, eq. 1, https://arxiv.org/abs/2105.05233). ``"spatial"`` takes a map
    instead, and both normalisations are ``SpatialNorm``.

    A block may halve its map (``"down"``, mean of four pixels) or double it (``"up"``, four equal pixels), before the
    first convolution and on the shortcut: Song et al., 2020, appendix H (https://arxiv.org/abs/2011.13456).

    Args:
        filters: Output channels.
        groups: Groups of the normalisations.
        conditioning: ``"none"``, ``"shift"``, ``"scale_shift"`` or ``"spatial"``.
        resampling: ``"none"``, ``"down"`` or ``"up"``.
        activation: Name or function.
        activate_embedding: Apply the activation to the embedding before it is projected.
        dropout: Rate before the second convolution.
        epsilon: Added to the variance.
        output_scale: What the sum is divided by.
        data_format: ``"channels_last"`` or ``"channels_first"``; None takes ``keras.config.image_data_format()``.
        **kwargs: Passed to ``keras.layers.Layer``.

    Shapes:
        ``x (B, H, W, C) -> (B, H', W', filters)``, H' being H, ``floor(H / 2)`` or ``2 H`` by the resampling; the
        embedding is ``(B, E)``, for ``"spatial"`` ``(B, H, W, Z)``.

    Raises:
        UsageError: The conditioning or resampling is unknown.
        ShapeError: Channels are unknown or no multiple of the groups, or an embedding is missing or too much.
    """

    def __init__(
        self,
        filters: int,
        *,
        groups: int = 32,
        conditioning: str = "none",
        resampling: str = "none",
        activation: Any = "silu",
        activate_embedding: bool = True,
        dropout: float = 0.0,
        epsilon: float = 1e-6,
        output_scale: float = 1.0,
        data_format: str | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        if conditioning not in CONDITIONINGS:
            raise UsageError(
                f"{self.name}: conditioning must be one of {', '.join(CONDITIONINGS)}. Received {conditioning!r}."
            )
        if resampling not in RESAMPLINGS or (resampling != "none" and conditioning == "spatial"):
            raise UsageError(
                f"{self.name}: resampling must be one of {', '.join(RESAMPLINGS)}, and none where the conditioning is "
                f"spatial. Received {resampling!r}, {conditioning!r}."
            )
        self.filters = filters
        self.groups = groups
        self.conditioning = conditioning
        self.resampling = resampling
        self.activate_embedding = activate_embedding
        self.activation = keras.activations.get(activation)
        self.epsilon = epsilon
        self.output_scale = output_scale
        self.data_format = data_format or keras.config.image_data_format()
        self.axis = 1 if self.data_format == "channels_first" else -1
        self.resample = self._resample()
        self.norm1 = self._norm("norm1")
        self.conv1 = self._conv(3, "conv1")
        self.norm2 = self._norm("norm2")
        self.dropout = keras.layers.Dropout(dropout, dtype=self.dtype_policy, name="dropout")
        self.conv2 = self._conv(3, "conv2")
        self.shortcut: keras.layers.Layer | None = None
        self.projection: keras.layers.Layer | None = None
        if conditioning in ("shift", "scale_shift"):
            width = filters if conditioning == "shift" else 2 * filters
            self.projection = keras.layers.Dense(width, dtype=self.dtype_policy, name="projection")

    def _norm(self, name: str) -> keras.layers.Layer:
        if self.conditioning == "spatial":
            return SpatialNorm(
                self.groups, epsilon=self.epsilon, data_format=self.data_format, dtype=self.dtype_policy, name=name
            )
        return GroupNormalization(self.groups, axis=self.axis, epsilon=self.epsilon, dtype=self.dtype_policy, name=name)

    def _conv(self, kernel: int, name: str) -> keras.layers.Layer:
        return Conv2D(
            self.filters, kernel, padding="same", data_format=self.data_format, dtype=self.dtype_policy, name=name
        )

    def _resample(self) -> keras.layers.Layer | None:
        common = {"data_format": self.data_format, "dtype": self.dtype_policy, "name": "resample"}
        if self.resampling == "down":
            return keras.layers.AveragePooling2D(2, **common)
        return keras.layers.UpSampling2D(2, **common) if self.resampling == "up" else None

    def build(self, x_shape: tuple[int | None, ...], embedding_shape: tuple[int | None, ...] | None = None) -> None:
        """Build the children, and a projection where the shortcut must change the channels."""
        channels = x_shape[self.axis]
        if (embedding_shape is None) != (self.conditioning == "none"):
            raise ShapeError(
                f"{self.name}: conditioning={self.conditioning!r}, and the embedding has shape {embedding_shape}. "
                f"Give an embedding exactly when there is a conditioning."
            )
        if channels is None or channels % self.groups or self.filters % self.groups:
            raise ShapeError(
                f"{self.name}: input channels and filters must be multiples of groups. Received channels={channels}, "
                f"filters={self.filters}, groups={self.groups}."
            )
        inner_shape = self.compute_output_shape(x_shape)
        extra = (embedding_shape,) if self.conditioning == "spatial" else ()
        self.norm1.build(x_shape, *extra)
        if self.resample is not None:
            self.resample.build(x_shape)
        self.conv1.build(x_shape)
        if self.projection is not None:
            self.projection.build(embedding_shape)
        self.norm2.build(inner_shape, *extra)
        self.conv2.build(inner_shape)
        if channels != self.filters:
            self.shortcut = self._conv(1, "shortcut")
            self.shortcut.build(x_shape)

    def call(self, x: Any, embedding: Any = None, training: bool | None = None) -> Any:  # (B, H, W, C), (B, E)
        """Apply the block."""
        extra = (embedding,) if self.conditioning == "spatial" else ()
        h = self.activation(self.norm1(x, *extra))
        if self.resample is not None:
            x, h = self.resample(x), self.resample(h)
        h = self.conv1(h)  # (B, H', W', filters)
        if self.conditioning == "shift":
            h = self.norm2(h + self._projected(embedding))
        elif self.conditioning == "scale_shift":
            scale, shift = ops.split(self._projected(embedding), 2, axis=self.axis)
            h = self.norm2(h) * (1 + scale) + shift
        else:
            h = self.norm2(h, *extra)
        h = self.conv2(self.dropout(self.activation(h), training=training))
        if self.shortcut is not None:
            x = self.shortcut(x)
        total = x + h
        return total if self.output_scale == 1 else total / self.output_scale

    def _projected(self, embedding: Any) -> Any:
        assert self.projection is not None
        if self.activate_embedding:
            embedding = self.activation(embedding)
        projected = self.projection(embedding)  # (B, filters or twice as many)
        axes = (-2, -1) if self.data_format == "channels_first" else (1, 2)
        return ops.expand_dims(projected, axes)

    def compute_output_shape(
        self, x_shape: tuple[int | None, ...], embedding_shape: tuple[int | None, ...] | None = None
    ) -> tuple[int | None, ...]:
        """Return the shape of the output, without computing it."""
        if self.resample is not None:
            x_shape = self.resample.compute_output_shape(x_shape)
        return self.conv1.compute_output_shape(x_shape)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the layer again."""
        return {
            **super().get_config(),
            "filters": self.filters,
            "groups": self.groups,
            "conditioning": self.conditioning,
            "resampling": self.resampling,
            "activation": keras.activations.serialize(self.activation),
            "activate_embedding": self.activate_embedding,
            "dropout": self.dropout.rate,
            "epsilon": self.epsilon,
            "output_scale": self.output_scale,
            "data_format": self.data_format,
        }
