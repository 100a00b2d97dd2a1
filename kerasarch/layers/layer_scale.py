"""A learned factor for every channel of a residual branch."""

from typing import Any

import keras
from keras import ops

from kerasarch.errors import ShapeError


@keras.saving.register_keras_serializable(package="kerasarch")
class LayerScale(keras.layers.Layer):
    """Multiplies every channel by a learned factor that begins near zero.

    ``gamma * x``: Touvron et al., 2021, eq. 4 (https://arxiv.org/abs/2103.17239). At the end of a residual branch it
    lets a deep network begin close to the identity.

    Args:
        initial: Value of the factors at the beginning.
        axis: Where the channels are.
        **kwargs: Passed to ``keras.layers.Layer``.

    Shapes:
        Any, the same in and out.

    Raises:
        ShapeError: The number of channels is unknown.
    """

    def __init__(self, initial: float = 1e-5, *, axis: int = -1, **kwargs: Any):
        super().__init__(**kwargs)
        self.supports_masking = True
        self.initial = initial
        self.axis = axis

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Make the factors."""
        channels = input_shape[self.axis]
        if channels is None:
            raise ShapeError(f"{self.name}: channels on axis {self.axis} must be known. Received {input_shape}.")
        initializer = keras.initializers.Constant(self.initial)
        self.gamma = self.add_weight(shape=(channels,), initializer=initializer, name="gamma")

    def call(self, x: Any) -> Any:
        """Apply the layer."""
        behind = len(x.shape) - 1 - self.axis % len(x.shape)
        return x * (ops.reshape(self.gamma, (-1, *[1] * behind)) if behind else self.gamma)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape of the output, that of the input."""
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the layer again."""
        return {**super().get_config(), "initial": self.initial, "axis": self.axis}
