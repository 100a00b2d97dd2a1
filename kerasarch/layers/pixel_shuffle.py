"""Channels turned into pixels."""

from typing import Any

import keras
from keras import ops

from kerasarch.errors import ShapeError


@keras.saving.register_keras_serializable(package="kerasarch")
class PixelShuffle(keras.layers.Layer):
    """Rearranges ``factor ** 2`` channels into ``factor`` times as many rows and columns.

    ``y[h, w, c] = x[h // r, w // r, C r (h mod r) + C (w mod r) + c]``: Shi et al., 2016, eq. 4
    (https://arxiv.org/abs/1609.05158), with height and width where the paper's code has them (and TensorFlow's
    ``depth_to_space``). ``torch.nn.PixelShuffle`` orders the channels otherwise: ``c r r + r (h mod r) + (w mod r)``.

    Args:
        factor: How many times larger the picture becomes.
        data_format: ``"channels_last"`` or ``"channels_first"``; None takes ``keras.config.image_data_format()``.
        **kwargs: Passed to ``keras.layers.Layer``.

    Shapes:
        ``(B, H, W, r r C) -> (B, r H, r W, C)``.

    Raises:
        ShapeError: The channels are no multiple of ``factor ** 2``.
    """

    def __init__(self, factor: int = 2, *, data_format: str | None = None, **kwargs: Any):
        super().__init__(**kwargs)
        self.factor = factor
        self.data_format = data_format or keras.config.image_data_format()

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Check the channels."""
        channels = input_shape[1 if self.data_format == "channels_first" else -1]
        if channels is None or channels % self.factor**2:
            raise ShapeError(
                f"{self.name}: channels must be a multiple of factor ** 2 = {self.factor**2}. Received {channels}."
            )

    def call(self, x: Any) -> Any:  # (B, H, W, r r C)
        """Apply the layer."""
        r = self.factor
        if self.data_format == "channels_first":
            _, channels, height, width = ops.shape(x)
            x = ops.reshape(x, (-1, r, r, channels // r**2, height, width))
            x = ops.transpose(x, (0, 3, 4, 1, 5, 2))  # (B, C, H, r, W, r)
            return ops.reshape(x, (-1, channels // r**2, height * r, width * r))
        _, height, width, channels = ops.shape(x)
        x = ops.reshape(x, (-1, height, width, r, r, channels // r**2))
        x = ops.transpose(x, (0, 1, 3, 2, 4, 5))  # (B, H, r, W, r, C)
        return ops.reshape(x, (-1, height * r, width * r, channels // r**2))

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape of the output, without computing it."""
        first = self.data_format == "channels_first"
        batch, *rest = input_shape
        channels, height, width = rest if first else (rest[2], rest[0], rest[1])
        height, width = (None if size is None else size * self.factor for size in (height, width))
        channels = channels // self.factor**2  # type: ignore[operator]
        return (batch, channels, height, width) if first else (batch, height, width, channels)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the layer again."""
        return {**super().get_config(), "factor": self.factor, "data_format": self.data_format}
