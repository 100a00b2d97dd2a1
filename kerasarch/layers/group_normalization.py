"""Group normalisation whose second derivatives are right on every backend."""

from typing import Any

import keras
from keras import ops

from kerasarch.backends import operations


@keras.saving.register_keras_serializable(package="kerasarch")
class GroupNormalization(keras.layers.GroupNormalization):
    """Normalise groups of channels: ``keras.layers.GroupNormalization``, for networks whose gradient is penalised.

    Wu and He, 2018, eq. 1 to 7 (https://arxiv.org/abs/1803.08494). One group is layer normalisation over the picture, a
    group a channel instance normalisation. On TensorFlow Keras 3.15 takes the statistics from ``tf.nn.moments``, which
    leaves the mean out of the variance's derivative: right once, but wrong when it is differentiated again.

    Args:
        *args: As in ``keras.layers.GroupNormalization``.
        **kwargs: As in ``keras.layers.GroupNormalization``.

    Shapes:
        ``(B, ..., C) -> (B, ..., C)``, or channels on ``axis``.
    """

    def call(self, inputs: Any) -> Any:
        """Apply the layer."""
        rank, shape = len(inputs.shape), ops.shape(inputs)
        axis = self.axis % rank
        x = ops.cast(inputs, keras.backend.result_type(inputs.dtype, "float32"))
        x = ops.reshape(x, (*shape[:axis], self.groups, shape[axis] // self.groups, *shape[axis + 1 :]))
        mean, variance = operations.moments(x, [i for i in range(1, rank + 1) if i != axis])
        x = ops.reshape((x - mean) * ops.rsqrt(variance + self.epsilon), shape)
        broadcast = [-1 if i == axis else 1 for i in range(rank)]
        if self.scale:
            x = x * ops.reshape(ops.cast(self.gamma, x.dtype), broadcast)
        if self.center:
            x = x + ops.reshape(ops.cast(self.beta, x.dtype), broadcast)
        return ops.cast(x, self.compute_dtype)
