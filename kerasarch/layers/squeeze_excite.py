"""Squeeze-and-excitation: channels weigh themselves by what the whole picture holds."""

from typing import Any

import keras
from keras import ops

from kerasarch.errors import ShapeError, UsageError
from kerasarch.layers.conv_norm import fan_out_initializer
from kerasarch.layers.convolution import Conv2D


@keras.saving.register_keras_serializable(package="kerasarch")
class SqueezeExcite(keras.layers.Layer):
    """Multiply each channel by a gate that two small maps compute from the means of all channels.

    ``x * gate(expand(activation(reduce(mean(x)))))``: Hu et al., 2017, eq. 2 to 4 (https://arxiv.org/abs/1709.01507).
    Both maps have a bias and are 1x1 convolutions, as public checkpoints store them.

    Args:
        hidden: Channels between the two maps.
        activation: Name or function, after the first map.
        gate: Name or function, after the second.
        data_format: ``"channels_last"`` or ``"channels_first"``; None takes ``keras.config.image_data_format()``.
        **kwargs: Passed to ``keras.layers.Layer``.

    Shapes:
        ``(B, H, W, C) -> (B, H, W, C)``.

    Raises:
        UsageError: ``hidden`` is not positive.
        ShapeError: The number of channels is unknown at build time.
    """

    def __init__(
        self,
        hidden: int,
        *,
        activation: Any = "relu",
        gate: Any = "sigmoid",
        data_format: str | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        if hidden < 1:
            raise UsageError(f"{self.name}: hidden must be at least 1. Received hidden={hidden}.")
        self.hidden = hidden
        self.activation = keras.activations.get(activation)
        self.gate = keras.activations.get(gate)
        self.data_format = data_format or keras.config.image_data_format()
        self.reduce = self._map(hidden, "reduce", self.activation)

    def _map(self, filters: int, name: str, activation: Any) -> Conv2D:
        return Conv2D(
            filters,
            1,
            activation=activation,
            kernel_initializer=fan_out_initializer(),
            data_format=self.data_format,
            dtype=self.dtype_policy,
            name=name,
        )

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Build both maps; the second is as wide as the input."""
        first = self.data_format == "channels_first"
        channels = input_shape[1 if first else -1]
        if channels is None:
            raise ShapeError(f"{self.name}: the number of channels must be known. Received shape {input_shape}.")
        means = (input_shape[0], channels, 1, 1) if first else (input_shape[0], 1, 1, channels)
        self.reduce.build(means)
        self.expand = self._map(channels, "expand", self.gate)
        self.expand.build(self.reduce.compute_output_shape(means))

    def call(self, x: Any) -> Any:  # (B, H, W, C)
        """Apply the layer."""
        axes = (2, 3) if self.data_format == "channels_first" else (1, 2)
        return x * self.expand(self.reduce(ops.mean(x, axes, keepdims=True)))

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape of the output, that of the input."""
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the layer again."""
        return {
            **super().get_config(),
            "hidden": self.hidden,
            "activation": keras.activations.serialize(self.activation),
            "gate": keras.activations.serialize(self.gate),
            "data_format": self.data_format,
        }
