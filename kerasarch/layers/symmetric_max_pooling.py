"""Max pooling that pads as PyTorch does."""

from typing import Any

import keras
from keras import ops

from kerasarch.errors import UsageError

FILLS = ("lowest", "zero")


@keras.saving.register_keras_serializable(package="kerasarch")
class SymmetricMaxPooling(keras.layers.Layer):
    """Maximum over windows, padded by the same amount on all four sides.

    Keras' own ``padding="same"`` pads only at the bottom and the right when the stride is 2 and the size is even, which
    shifts the picture by a pixel against the reference weights.

    Args:
        pool: Window size in pixels, odd.
        stride: Step in pixels.
        fill: What stands in the border: ``"lowest"`` (never the maximum, as in PyTorch) or ``"zero"``, as in the
            TensorFlow networks that pad with zeros before they pool.
        data_format: ``"channels_last"`` or ``"channels_first"``; None takes ``keras.config.image_data_format()``.
        **kwargs: Passed to ``keras.layers.Layer``.

    Shapes:
        ``(B, H, W, C) -> (B, ceil(H / stride), ceil(W / stride), C)``.

    Raises:
        UsageError: The window is even or ``fill`` unknown.
    """

    def __init__(
        self, pool: int = 3, *, stride: int = 2, fill: str = "lowest", data_format: str | None = None, **kwargs: Any
    ):
        super().__init__(**kwargs)
        if pool % 2 == 0 or fill not in FILLS:
            raise UsageError(
                f"{self.name}: pool must be odd and fill one of {', '.join(FILLS)}. Received pool={pool}, "
                f"fill={fill!r}."
            )
        self.pool = pool
        self.stride = stride
        self.fill = fill
        self.data_format = data_format or keras.config.image_data_format()

    def call(self, x: Any) -> Any:  # (B, H, W, C)
        """Apply the layer."""
        border = (self.pool // 2, self.pool // 2)
        none = (0, 0)
        last = self.data_format == "channels_last"
        widths = (none, border, border, none) if last else (none, none, border, border)
        x = ops.pad(x, widths, constant_values=0.0 if self.fill == "zero" else float("-inf"))
        return ops.max_pool(x, self.pool, self.stride, padding="valid", data_format=self.data_format)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape of the output, without computing it."""
        shape = list(input_shape)
        for axis in (1, 2) if self.data_format == "channels_last" else (2, 3):
            size = shape[axis]
            if size is not None:
                shape[axis] = (size - 1) // self.stride + 1
        return tuple(shape)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the layer again."""
        return {
            **super().get_config(),
            "pool": self.pool,
            "stride": self.stride,
            "fill": self.fill,
            "data_format": self.data_format,
        }
