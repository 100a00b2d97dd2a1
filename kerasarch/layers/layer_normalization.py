"""Layer normalisation over the channels, wherever they are."""

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="kerasarch")
class LayerNormalization(keras.layers.LayerNormalization):
    """Normalise along an axis: ``keras.layers.LayerNormalization``, for an axis that is not the last too.

    ``gamma * (x - mean) / sqrt(variance + epsilon) + beta``: Ba et al., 2016, eq. 4 (https://arxiv.org/abs/1607.06450),
    mean and variance taken along the axis. On PyTorch Keras 3.15 hands one axis in the middle on to a function that
    normalises the last ones, and fails.

    Args:
        *args: As in ``keras.layers.LayerNormalization``.
        **kwargs: As in ``keras.layers.LayerNormalization``.

    Shapes:
        As the input.
    """

    def call(self, inputs: Any) -> Any:
        """Apply the layer."""
        axis = self.axis[0] % len(inputs.shape)
        if len(self.axis) > 1 or axis == len(inputs.shape) - 1:
            return super().call(inputs)
        y = ops.layer_normalization(ops.moveaxis(inputs, axis, -1), self.gamma, self.beta, epsilon=self.epsilon)
        return ops.cast(ops.moveaxis(y, -1, axis), self.compute_dtype)
