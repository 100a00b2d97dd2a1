"""Places of tokens as sines and cosines, which need no table and have no longest text."""

from typing import Any

import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable(package="kerasarch")
class SinusoidalPositions(keras.layers.Layer):
    """Sines and cosines of places, with wavelengths from 2 pi to 10,000 times that.

    ``PE(p, 2i) = sin(p / 10000^(2i / width))``, ``PE(p, 2i + 1) = cos(p / 10000^(2i / width))``: Vaswani et al., 2017,
    section 3.5 (https://arxiv.org/abs/1706.03762). Marian has the same numbers in another order, all sines first.

    They are computed in float32 whatever the policy: half precision cannot tell the place 2048 from 2049.

    Args:
        width: Numbers for each place; of an odd width the last one is a sine in the paper's order.
        interleaved: Whether each sine stands before its cosine, as in the paper; otherwise all sines come first.
        **kwargs: Passed to ``keras.layers.Layer``.

    Shapes:
        ``(...) -> (..., width)``.
    """

    def __init__(self, width: int, *, interleaved: bool = True, **kwargs: Any):
        super().__init__(autocast=False, **kwargs)
        self.width = width
        self.interleaved = interleaved

    def build(self, places_shape: tuple[int | None, ...]) -> None:
        """Nothing is to be built: the waves are not learned."""

    def call(self, places: Any) -> Any:  # (...)
        """Apply the layer."""
        sines = (self.width + 1) // 2
        frequencies = (10000.0 ** (-2 * np.arange(sines) / self.width)).astype("float32")
        angles = ops.expand_dims(ops.cast(places, "float32"), -1) * ops.convert_to_tensor(frequencies)
        if self.interleaved:
            waves = ops.stack([ops.sin(angles), ops.cos(angles)], axis=-1)
            waves = ops.reshape(waves, (*ops.shape(places), 2 * sines))[..., : self.width]
        else:
            waves = ops.concatenate([ops.sin(angles), ops.cos(angles[..., : self.width // 2])], axis=-1)
        return ops.cast(waves, self.compute_dtype)

    def compute_output_shape(self, places_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape of the output, without computing it."""
        return (*places_shape, self.width)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the layer again."""
        return {**super().get_config(), "width": self.width, "interleaved": self.interleaved}
