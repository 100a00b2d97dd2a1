"""Noise levels as vectors: sines and cosines at random frequencies, drawn once."""

import math
from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="kerasarch")
class FourierTimes(keras.layers.Layer):
    """Sines and cosines of numbers at random frequencies that stay as they were drawn.

    ``[sin(2 pi w t), cos(2 pi w t)], w ~ N(0, scale^2)``: Tancik et al., 2020, section 6.1
    (https://arxiv.org/abs/2006.10739), for noise levels, or their logarithms, as in Song et al., 2020, appendix C
    (https://arxiv.org/abs/2011.13456); diffusers' ``GaussianFourierProjection``. They are computed in float32 whatever
    the policy.

    Args:
        frequencies: How many.
        scale: Their deviation.
        logarithm: Take the logarithm of the numbers first; they must be positive.
        cosine_first: Cosines before sines.
        seed: Of the frequencies.
        **kwargs: Passed to ``keras.layers.Layer``.

    Shapes:
        ``(B, ...) -> (B, ..., 2 * frequencies)``.
    """

    def __init__(
        self,
        frequencies: int,
        *,
        scale: float = 1.0,
        logarithm: bool = False,
        cosine_first: bool = False,
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(autocast=False, **kwargs)
        self.frequencies = frequencies
        self.scale = scale
        self.logarithm = logarithm
        self.cosine_first = cosine_first
        self.seed = seed

    def build(self, times_shape: tuple[int | None, ...]) -> None:
        """Draw the frequencies."""
        self.weight = self.add_weight(
            shape=(self.frequencies,),
            initializer=keras.initializers.RandomNormal(stddev=self.scale, seed=self.seed),
            trainable=False,
            autocast=False,
            name="weight",
        )

    def call(self, times: Any) -> Any:  # (B, ...)
        """Apply the layer."""
        times = ops.cast(times, "float32")
        if self.logarithm:
            times = ops.log(times)
        angles = ops.expand_dims(times, -1) * ops.cast(self.weight, "float32") * (2 * math.pi)
        waves = [ops.sin(angles), ops.cos(angles)]
        if self.cosine_first:
            waves.reverse()
        return ops.cast(ops.concatenate(waves, axis=-1), self.compute_dtype)

    def compute_output_shape(self, times_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape of the output, without computing it."""
        return (*times_shape, 2 * self.frequencies)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the layer again."""
        names = ("frequencies", "scale", "logarithm", "cosine_first", "seed")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}
