"""How much the examples of a batch differ, as one more channel."""

import math
from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="kerasarch")
class MinibatchStddev(keras.layers.Layer):
    """Appends channels that hold the average deviation between examples, by which a discriminator sees mode collapse.

    ``mean over pixels and channels of sqrt(variance over the group + 1e-8)``: Karras et al., 2018, section 3
    (https://arxiv.org/abs/1710.10196), over groups of examples as in the code of StyleGAN2. Examples see each other.

    Args:
        group: Examples compared with one another; where it does not divide the batch, their greatest common divisor
            (StyleGAN2's code refuses such a batch).
        features: Channels appended; each measures its own share of the channels.
        data_format: ``"channels_last"`` or ``"channels_first"``; None takes ``keras.config.image_data_format()``.
        **kwargs: Passed to ``keras.layers.Layer``.

    Shapes:
        ``(B, H, W, C) -> (B, H, W, C + features)``.
    """

    def __init__(self, *, group: int = 4, features: int = 1, data_format: str | None = None, **kwargs: Any):
        super().__init__(**kwargs)
        self.group = group
        self.features = features
        self.data_format = data_format or keras.config.image_data_format()

    def call(self, x: Any) -> Any:  # (B, H, W, C)
        """Apply the layer."""
        first = self.data_format == "channels_first"
        channels_last = ops.transpose(x, (0, 2, 3, 1)) if first else x
        batch, height, width, channels = ops.shape(channels_last)
        known = isinstance(batch, int)
        group = math.gcd(batch, self.group) if known else ops.gcd(batch, self.group)
        y = ops.cast(channels_last, "float32")
        y = ops.reshape(y, (group, -1, height * width, self.features, channels // self.features))
        deviation = ops.sqrt(ops.mean(ops.square(y - ops.mean(y, axis=0, keepdims=True)), axis=0) + 1e-8)
        statistic = ops.mean(deviation, axis=(1, 3))  # (B / group, features)
        statistic = ops.tile(statistic, (group, 1))  # example g * (B / group) + m belongs to group m
        shape = (-1, self.features, 1, 1) if first else (-1, 1, 1, self.features)
        like = x[:, :1] if first else x[..., :1]
        appended = ops.reshape(ops.cast(statistic, x.dtype), shape) * ops.ones_like(like)
        return ops.concatenate([x, appended], axis=1 if first else -1)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape of the output, without computing it."""
        shape = list(input_shape)
        axis = 1 if self.data_format == "channels_first" else -1
        shape[axis] = shape[axis] + self.features  # type: ignore[operator]
        return tuple(shape)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the layer again."""
        return {
            **super().get_config(),
            "group": self.group,
            "features": self.features,
            "data_format": self.data_format,
        }
