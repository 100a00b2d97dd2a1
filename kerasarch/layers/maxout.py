"""Dense layer whose units take the maximum of several linear pieces."""

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="kerasarch")
class Maxout(keras.layers.Layer):
    """Maximum over linear functions of the input, learned for each unit.

    ``h_i(x) = max_j (x W_ij + b_ij)``: Goodfellow et al., 2013, section 3 (https://arxiv.org/abs/1302.4389).

    Args:
        units: Outputs.
        pieces: Linear functions a unit.
        kernel_initializer: Of ``W``.
        **kwargs: Passed to ``keras.layers.Layer``.

    Shapes:
        ``(..., D) -> (..., units)``.
    """

    def __init__(self, units: int, pieces: int = 2, *, kernel_initializer: Any = "glorot_uniform", **kwargs: Any):
        super().__init__(**kwargs)
        self.units = units
        self.pieces = pieces
        self.dense = keras.layers.Dense(
            units * pieces, kernel_initializer=kernel_initializer, dtype=self.dtype_policy, name="dense"
        )

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Build the dense layer of all the pieces."""
        self.dense.build(input_shape)

    def call(self, x: Any) -> Any:  # (..., D)
        """Apply the layer."""
        x = self.dense(x)
        x = ops.reshape(x, (*ops.shape(x)[:-1], self.units, self.pieces))
        return ops.max(x, axis=-1)  # (..., units)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape of the output, without computing it."""
        return (*input_shape[:-1], self.units)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the layer again."""
        initializer = keras.initializers.serialize(self.dense.kernel_initializer)
        return {
            **super().get_config(),
            "units": self.units,
            "pieces": self.pieces,
            "kernel_initializer": initializer,
        }
