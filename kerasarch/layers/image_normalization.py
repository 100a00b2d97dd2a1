"""From raw pixels to the numbers a network was trained on, inside the graph."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from kerasarch.errors import ShapeError, UsageError

CHANNEL_ORDERS = ("rgb", "bgr")


@keras.saving.register_keras_serializable(package="kerasarch")
class ImageNormalization(keras.layers.Layer):
    """Scale raw pixels, subtract the mean and divide by the standard deviation, channel by channel.

    ``(x * scale - mean) / std``, after turning RGB into BGR where the network was trained so.

    Args:
        mean: One number, or one a channel, in units of the scaled pixels and in the network's channel order.
        std: One number, or one a channel.
        scale: Factor for the raw pixels, usually 1 / 255.
        channel_order: Order the network expects, ``"rgb"`` or ``"bgr"``; the input is always RGB.
        data_format: ``"channels_last"`` or ``"channels_first"``; None takes ``keras.config.image_data_format()``.
        **kwargs: Passed to ``keras.layers.Layer``.

    Shapes:
        ``(B, H, W, C) -> (B, H, W, C)``, integers or floats in [0, 255].

    Raises:
        UsageError: The channel order is unknown or a standard deviation is not positive.
        ShapeError: The number of channels does not fit mean or std.
    """

    def __init__(
        self,
        mean: float | Sequence[float] = 0.0,
        std: float | Sequence[float] = 1.0,
        *,
        scale: float = 1 / 255,
        channel_order: str = "rgb",
        data_format: str | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        if channel_order not in CHANNEL_ORDERS:
            raise UsageError(
                f"{self.name}: channel_order must be one of {', '.join(CHANNEL_ORDERS)}. Received {channel_order!r}."
            )
        self.mean = [float(value) for value in np.atleast_1d(mean)]
        self.std = [float(value) for value in np.atleast_1d(std)]
        if min(self.std) <= 0:
            raise UsageError(f"{self.name}: std must be positive. Received std={self.std}.")
        self.scale = float(scale)
        self.channel_order = channel_order
        self.data_format = data_format or keras.config.image_data_format()
        # Integers must not be cast to half precision before the arithmetic: call does it.
        self.autocast = False

    def _axis(self) -> int:
        return 1 if self.data_format == "channels_first" else -1

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Check that mean and std fit the channels."""
        channels = input_shape[self._axis()]
        for name, values in (("mean", self.mean), ("std", self.std)):
            if len(values) not in (1, channels):
                raise ShapeError(
                    f"{self.name}: {name} must have one value or one a channel. "
                    f"Received {len(values)} values for {channels} channels."
                )

    def call(self, x: Any) -> Any:  # (B, H, W, C)
        """Apply the layer."""
        x = ops.cast(x, "float32")
        if self.channel_order == "bgr":
            x = ops.flip(x, axis=self._axis())
        shape = (-1, 1, 1) if self.data_format == "channels_first" else (-1,)
        mean = ops.reshape(ops.convert_to_tensor(self.mean, "float32"), shape)
        std = ops.reshape(ops.convert_to_tensor(self.std, "float32"), shape)
        return ops.cast((x * self.scale - mean) / std, self.compute_dtype)  # (B, H, W, C)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape of the output, that of the input."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the layer again."""
        return {
            **super().get_config(),
            "mean": self.mean,
            "std": self.std,
            "scale": self.scale,
            "channel_order": self.channel_order,
            "data_format": self.data_format,
        }
