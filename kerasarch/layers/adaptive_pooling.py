"""Keras' adaptive average pooling, for pictures of unknown size too."""

import operator
from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="kerasarch")
class AdaptiveAveragePooling2D(keras.layers.AdaptiveAveragePooling2D):
    """Averages over a grid of windows that covers the picture: ``keras.layers.AdaptiveAveragePooling2D``.

    Window ``i`` of ``n`` along an axis of ``size`` pixels reaches from ``floor(i * size / n)`` up to
    ``ceil((i + 1) * size / n)``, as in PyTorch; the grid may be finer than the picture. The same arguments and numbers
    as Keras' layer, which on TensorFlow refuses pictures whose size is unknown until the step runs, and those that are
    smaller than the grid.

    Args:
        *args: As in ``keras.layers.AdaptiveAveragePooling2D``.
        **kwargs: As in ``keras.layers.AdaptiveAveragePooling2D``.

    Shapes:
        B batch, H height, W width, C channels, P and Q ``output_size``: ``(B, H, W, C) -> (B, P, Q, C)``, with the
        channels second for ``channels_first``.
    """

    def call(self, inputs: Any) -> Any:  # (B, H, W, C)
        """Apply the layer."""
        first = self.data_format == "channels_first"
        known = tuple(inputs.shape)[2:] if first else tuple(inputs.shape)[1:-1]
        if known == tuple(self.output_size):
            return inputs
        if None not in known and all(map(operator.ge, known, self.output_size)):
            return super().call(inputs)
        size = ops.shape(inputs)[2:] if first else ops.shape(inputs)[1:-1]
        rows, columns = (
            ops.cast(_shares(pixels, windows), inputs.dtype)
            for pixels, windows in zip(size, self.output_size, strict=True)
        )
        maps = "bchw" if first else "bhwc"
        x = ops.einsum(f"ph,{maps}->{maps.replace('h', 'p')}", rows, inputs)
        maps = maps.replace("h", "p")
        return ops.einsum(f"qw,{maps}->{maps.replace('w', 'q')}", columns, x)


def _shares(pixels: Any, windows: int) -> Any:
    """Share of each pixel in the average of each window: ``(windows, pixels)``, rows that sum to 1."""
    index = ops.arange(windows, dtype="int32")
    start = ops.floor_divide(index * pixels, windows)
    end = ops.floor_divide((index + 1) * pixels + (windows - 1), windows)
    position = ops.arange(pixels, dtype="int32")
    inside = ops.logical_and(position >= start[:, None], position < end[:, None])
    return ops.cast(inside, "float32") / ops.cast(end - start, "float32")[:, None]
