"""Keras' batch normalisation, in one fused operation where the backend has it."""

from typing import Any

import keras
from keras import ops

from kerasarch.backends import operations


@keras.saving.register_keras_serializable(package="kerasarch")
class BatchNormalization(keras.layers.BatchNormalization):
    """Batch normalisation: ``keras.layers.BatchNormalization``, fused on PyTorch.

    ``y = scale * (x - mean) / sqrt(variance + epsilon) + offset``: Ioffe & Szegedy, 2015, algorithm 1
    (https://arxiv.org/abs/1502.03167). The same arguments, weights and numbers as Keras' layer. With a mask, ``renorm``
    or ``synchronized`` it is Keras' own computation.

    Args:
        *args: As in ``keras.layers.BatchNormalization``.
        **kwargs: As in ``keras.layers.BatchNormalization``.

    Shapes:
        As the input.
    """

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """Apply the layer and, when it learns, move its statistics."""
        if mask is not None or self.renorm or self.synchronized:
            return super().call(inputs, training=training, mask=mask)
        x = ops.cast(inputs, keras.backend.result_type(inputs.dtype, "float32"))
        mean, variance = ops.cast(self.moving_mean, x.dtype), ops.cast(self.moving_variance, x.dtype)
        scale = ops.cast(self.gamma, x.dtype) if self.scale else ops.ones_like(mean)
        offset = ops.cast(self.beta, x.dtype) if self.center else ops.zeros_like(mean)
        learning = bool(training and self.trainable)
        y, batch_mean, batch_variance = operations.normalize_batch(
            x, scale, offset, mean, variance, axis=self.axis, epsilon=self.epsilon, training=learning
        )
        if learning:
            self.moving_mean.assign(mean * self.momentum + batch_mean * (1.0 - self.momentum))
            self.moving_variance.assign(variance * self.momentum + batch_variance * (1.0 - self.momentum))
        return ops.cast(y, self.compute_dtype)
