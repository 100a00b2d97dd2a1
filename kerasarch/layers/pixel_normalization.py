"""Vectors brought to unit length per dimension."""

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="kerasarch")
class PixelNormalization(keras.layers.Layer):
    """Divides each vector of channels by its root mean square.

    ``y = x / sqrt(mean(x ** 2) + epsilon)``: Karras et al., 2018, section 4.2 (https://arxiv.org/abs/1710.10196).

    Args:
        axis: Of the channels.
        epsilon: Added to the mean square.
        **kwargs: Passed to ``keras.layers.Layer``.

    Shapes:
        ``(..., C) -> (..., C)``.
    """

    def __init__(self, *, axis: int = -1, epsilon: float = 1e-8, **kwargs: Any):
        super().__init__(**kwargs)
        self.axis = axis
        self.epsilon = epsilon

    def call(self, x: Any) -> Any:
        """Apply the layer."""
        exact = ops.cast(x, "float32")
        scale = ops.rsqrt(ops.mean(ops.square(exact), axis=self.axis, keepdims=True) + self.epsilon)
        return ops.cast(exact * scale, x.dtype)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape of the output, that of the input."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the layer again."""
        return {**super().get_config(), "axis": self.axis, "epsilon": self.epsilon}
