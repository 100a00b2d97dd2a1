"""The block of ConvNeXt: a large depthwise kernel, then a wide feed-forward network at every pixel."""

from typing import Any

import keras
from keras import ops

from kerasarch.errors import ShapeError, UsageError
from kerasarch.layers.convolution import DepthwiseConv2D
from kerasarch.layers.layer_scale import LayerScale


def small_normal() -> keras.initializers.Initializer:
    """Return the initialisation of the authors' code: a truncated normal distribution with a deviation of 0.02."""
    return keras.initializers.TruncatedNormal(stddev=0.02)


@keras.saving.register_keras_serializable(package="kerasarch")
class ConvNeXtBlock(keras.layers.Layer):
    """Filter each channel, normalise, and map the channels of every pixel through a wider layer and back.

    ``x + drop(scale(project_out(activation(project_in(norm(depthwise(x)))))))``: Liu et al., 2022, fig. 4
    (https://arxiv.org/abs/2201.03545). Training leaves the branch out for whole examples at random (Huang et al., 2016,
    eq. 2, https://arxiv.org/abs/1603.09382; the other examples are scaled up, instead of scaling down at inference).

    Args:
        kernel: Size in pixels of the depthwise kernel.
        expansion: Hidden channels are this many times the channels.
        activation: Name or function, between the two maps.
        layer_scale: Value of the branch's factors at the beginning; 0 for none.
        stochastic_depth: Rate at which the branch is left out.
        epsilon: Added to the variance.
        data_format: ``"channels_last"`` or ``"channels_first"``; None takes ``keras.config.image_data_format()``.
        **kwargs: Passed to ``keras.layers.Layer``.

    Shapes:
        ``(B, H, W, C) -> (B, H, W, C)``.

    Raises:
        UsageError: ``stochastic_depth`` is not in [0, 1).
        ShapeError: The number of channels is unknown at build time.
    """

    def __init__(
        self,
        *,
        kernel: int = 7,
        expansion: int = 4,
        activation: Any = "gelu",
        layer_scale: float = 1e-6,
        stochastic_depth: float = 0.0,
        epsilon: float = 1e-6,
        data_format: str | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        if not 0.0 <= stochastic_depth < 1.0:
            raise UsageError(
                f"{self.name}: stochastic_depth must be in [0, 1). Received stochastic_depth={stochastic_depth}."
            )
        self.kernel = kernel
        self.expansion = expansion
        self.activation = keras.activations.get(activation)
        self.layer_scale = layer_scale
        self.stochastic_depth = stochastic_depth
        self.epsilon = epsilon
        self.data_format = data_format or keras.config.image_data_format()
        self.depthwise = DepthwiseConv2D(
            kernel,
            padding="same",
            depthwise_initializer=small_normal(),
            data_format=self.data_format,
            dtype=self.dtype_policy,
            name="depthwise",
        )
        self.norm = keras.layers.LayerNormalization(epsilon=epsilon, dtype=self.dtype_policy, name="norm")
        self.scale = LayerScale(layer_scale, dtype=self.dtype_policy, name="scale") if layer_scale else None
        self.drop = keras.layers.Dropout(
            stochastic_depth, noise_shape=(None, 1, 1, 1), dtype=self.dtype_policy, name="drop"
        )

    def _map(self, width: int, name: str) -> keras.layers.Dense:
        return keras.layers.Dense(width, kernel_initializer=small_normal(), dtype=self.dtype_policy, name=name)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Build the branch, as wide as the input."""
        first = self.data_format == "channels_first"
        channels = input_shape[1 if first else -1]
        if channels is None:
            raise ShapeError(f"{self.name}: the number of channels must be known. Received shape {input_shape}.")
        self.depthwise.build(input_shape)
        shape = (input_shape[0], *input_shape[2:], channels) if first else tuple(input_shape)
        self.norm.build(shape)
        hidden = channels * self.expansion
        self.project_in = self._map(hidden, "project_in")
        self.project_in.build(shape)
        self.project_out = self._map(channels, "project_out")
        self.project_out.build((*shape[:-1], hidden))
        if self.scale is not None:
            self.scale.build(shape)

    def call(self, x: Any, training: bool | None = None) -> Any:  # (B, H, W, C)
        """Apply the block."""
        first = self.data_format == "channels_first"
        h = self.depthwise(x)
        if first:
            h = ops.transpose(h, (0, 2, 3, 1))
        h = self.activation(self.project_in(self.norm(h)))  # (B, H, W, C * expansion)
        h = self.project_out(h)  # (B, H, W, C)
        if self.scale is not None:
            h = self.scale(h)
        if first:
            h = ops.transpose(h, (0, 3, 1, 2))
        return x + self.drop(h, training=training)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape of the output, that of the input."""
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the layer again."""
        return {
            **super().get_config(),
            "kernel": self.kernel,
            "expansion": self.expansion,
            "activation": keras.activations.serialize(self.activation),
            "layer_scale": self.layer_scale,
            "stochastic_depth": self.stochastic_depth,
            "epsilon": self.epsilon,
            "data_format": self.data_format,
        }
