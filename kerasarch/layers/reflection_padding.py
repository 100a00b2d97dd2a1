"""Padding that mirrors the picture at its border."""

from typing import Any

import keras
from keras import ops

from kerasarch.errors import ShapeError


@keras.saving.register_keras_serializable(package="kerasarch")
class ReflectionPadding(keras.layers.Layer):
    """Mirrors pixels at the border, without repeating the outermost ones: ``c b | a b c | b a``.

    In place of zeros before a convolution it leaves no dark frame: Zhu et al., 2017, appendix 7.2
    (https://arxiv.org/abs/1703.10593).

    Args:
        padding: Pixels on each of the four sides.
        data_format: ``"channels_last"`` or ``"channels_first"``; None takes ``keras.config.image_data_format()``.
        **kwargs: Passed to ``keras.layers.Layer``.

    Shapes:
        ``(B, H, W, C) -> (B, H + 2 padding, W + 2 padding, C)``.

    Raises:
        ShapeError: The picture is not larger than the padding.
    """

    def __init__(self, padding: int = 1, *, data_format: str | None = None, **kwargs: Any):
        super().__init__(**kwargs)
        self.padding = padding
        self.data_format = data_format or keras.config.image_data_format()

    def _axes(self) -> tuple[int, int]:
        return (2, 3) if self.data_format == "channels_first" else (1, 2)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Check that there is enough to mirror."""
        for axis in self._axes():
            size = input_shape[axis]
            if size is not None and size <= self.padding:
                raise ShapeError(
                    f"{self.name}: the picture must be larger than the padding. Received a size of {size} pixels, "
                    f"padding={self.padding}. Use larger pictures or fewer strides before."
                )

    def call(self, x: Any) -> Any:  # (B, H, W, C)
        """Apply the layer."""
        widths = [(self.padding, self.padding) if axis in self._axes() else (0, 0) for axis in range(4)]
        return ops.pad(x, widths, mode="reflect")

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape of the output, without computing it."""
        shape = list(input_shape)
        for axis in self._axes():
            size = shape[axis]
            shape[axis] = None if size is None else size + 2 * self.padding
        return tuple(shape)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the layer again."""
        return {**super().get_config(), "padding": self.padding, "data_format": self.data_format}
