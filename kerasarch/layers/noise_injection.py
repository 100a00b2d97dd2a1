"""Noise on a map, times a learned strength."""

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="kerasarch")
class NoiseInjection(keras.layers.Layer):
    """Adds one map of noise to all channels, times a learned strength that begins at zero.

    ``y = x + strength * n`` with ``n ~ N(0, 1)`` a pixel: Karras et al., 2020, figure 2
    (https://arxiv.org/abs/1912.04958). The noise is drawn anew in training. Otherwise it is a map that was drawn when
    the layer was made and is saved with it, so that a latent vector gives the same picture each time.

    Args:
        seed: Of the noise in training.
        data_format: ``"channels_last"`` or ``"channels_first"``; None takes ``keras.config.image_data_format()``.
        **kwargs: Passed to ``keras.layers.Layer``.

    Shapes:
        ``(B, H, W, C) -> (B, H, W, C)``, with H and W known.
    """

    def __init__(self, *, seed: int | None = None, data_format: str | None = None, **kwargs: Any):
        super().__init__(**kwargs)
        self.seed = seed
        self.data_format = data_format or keras.config.image_data_format()
        self.generator = keras.random.SeedGenerator(seed)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Make the strength and the map for inference."""
        sizes = input_shape[2:] if self.data_format == "channels_first" else input_shape[1:-1]
        self.strength = self.add_weight(name="strength", shape=(), initializer="zeros")
        self.constant = self.add_weight(
            name="constant",
            shape=tuple(sizes),
            initializer=keras.initializers.RandomNormal(stddev=1.0),
            trainable=False,
        )

    def call(self, x: Any, training: bool | None = None) -> Any:  # (B, H, W, C)
        """Apply the layer."""
        axis = 1 if self.data_format == "channels_first" else -1
        if training:
            batch, *sizes = ops.shape(x)
            shape = (batch, *(sizes[1:] if axis == 1 else sizes[:-1]))
            noise = ops.expand_dims(keras.random.normal(shape, dtype=x.dtype, seed=self.generator), axis)
        else:
            noise = ops.expand_dims(ops.expand_dims(ops.cast(self.constant, x.dtype), 0), axis)
        return x + ops.cast(self.strength, x.dtype) * noise

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape of the output, that of the input."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the layer again."""
        return {**super().get_config(), "seed": self.seed, "data_format": self.data_format}
