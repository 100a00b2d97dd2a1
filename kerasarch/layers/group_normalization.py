"""Group normalisation: right second derivatives on every backend, and the fused kernel of PyTorch."""

from typing import Any

import keras
from keras import ops

from kerasarch.backends.group_norm import normalize_groups


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
        x = ops.cast(inputs, keras.backend.result_type(inputs.dtype, "float32"))
        scale = ops.cast(self.gamma, x.dtype) if self.scale else None
        offset = ops.cast(self.beta, x.dtype) if self.center else None
        x = normalize_groups(x, scale, offset, groups=self.groups, axis=self.axis % len(x.shape), epsilon=self.epsilon)
        return ops.cast(x, self.compute_dtype)
