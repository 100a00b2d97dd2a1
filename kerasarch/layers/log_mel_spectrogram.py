"""Sound as the logarithm of its energy in bands of a scale like the ear's."""

import math
from typing import Any

import keras
import numpy as np
from keras import ops

from kerasarch.errors import ShapeError, UsageError

FLOOR = 1e-6
"""Added to an energy before its logarithm is taken."""


@keras.saving.register_keras_serializable(package="kerasarch")
class LogMelSpectrogram(keras.layers.Layer):
    """Waves to the logarithm of their energy in bands that are equally wide on the mel scale.

    ``ln(1e-6 + M |F(w x_t)|^2)``: w is Hann's window, F Fourier's transform of the window at frame t, and M triangles
    of height 1 whose corners are equally far apart in ``mel(f) = 2595 log10(1 + f / 700)``: Davis & Mermelstein, 1980
    (https://doi.org/10.1109/TASSP.1980.1163420); O'Shaughnessy, 1987, for the scale. The middle of frame t is at number
    ``t step``; before the beginning and beyond the end is silence. With ``normalise``, mean and deviation of all bands
    of a recording become 0 and 1, so that its loudness does not matter. It computes in float32.

    Args:
        rate: Numbers a second of the waves.
        bands: Bands.
        window: Numbers of a window, even.
        step: Numbers from a frame to the next.
        lowest: Hz where the first band begins.
        highest: Hz where the last band ends; None for half the rate.
        normalise: Whether recordings are brought to mean 0 and deviation 1.
        **kwargs: Passed to ``keras.layers.Layer``.

    Shapes:
        B batch, N numbers, T = 1 + N // step frames: ``waves (B, N) -> (B, T, bands)``. ``there (B, T)`` is true for
        the frames of each recording, of which there are ``frames(length)``; the others are zero.

    Raises:
        UsageError: An argument is out of its range.
        ShapeError: The waves have more than two axes.
    """

    def __init__(
        self,
        rate: int = 8000,
        *,
        bands: int = 40,
        window: int = 256,
        step: int = 80,
        lowest: float = 20.0,
        highest: float | None = None,
        normalise: bool = True,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        top = rate / 2 if highest is None else highest
        if min(rate, bands, step) < 1 or window < 2 or window % 2 or not 0 <= lowest < top <= rate / 2:
            raise UsageError(
                f"{self.name}: rate, bands and step must be 1 or more, window even, 0 <= lowest < highest <= rate / 2. "
                f"Received rate={rate}, bands={bands}, window={window}, step={step}, lowest={lowest}, "
                f"highest={highest}."
            )
        self.rate, self.bands, self.window, self.step = rate, bands, window, step
        self.lowest, self.highest, self.normalise = lowest, highest, normalise

    def frames(self, lengths: Any) -> Any:
        """Return how many frames recordings of these lengths have."""
        return 1 + lengths // self.step

    def call(self, waves: Any, there: Any = None) -> Any:  # (B, N), (B, T)
        """Return the bands."""
        if len(waves.shape) != 2:
            raise ShapeError(f"{self.name}: expected waves (batch, numbers). Received {tuple(waves.shape)}.")
        waves = ops.pad(ops.cast(waves, "float32"), ((0, 0), (self.window // 2, self.window // 2)))
        real, imaginary = ops.stft(waves, self.window, self.step, self.window, window="hann", center=False)
        triangles = ops.convert_to_tensor(mel_triangles(self.rate, self.bands, self.window, self.lowest, self.highest))
        x = ops.log(FLOOR + ops.matmul(real**2 + imaginary**2, triangles))  # (B, T, bands)
        there = ops.ones_like(x[..., :1]) if there is None else ops.cast(there, "float32")[..., None]
        if self.normalise:
            count = self.bands * ops.maximum(ops.sum(there, axis=(1, 2), keepdims=True), 1.0)
            x = (x - ops.sum(x * there, axis=(1, 2), keepdims=True) / count) * there
            x = x / ops.sqrt(ops.sum(x**2, axis=(1, 2), keepdims=True) / count + 1e-5)
        return ops.cast(x * there, self.compute_dtype)

    def compute_output_shape(self, waves_shape: tuple[int | None, ...], *_: Any) -> tuple[int | None, ...]:
        """Return the shape of the bands."""
        batch, length = waves_shape
        return (batch, None if length is None else self.frames(length), self.bands)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the layer again."""
        names = ("rate", "bands", "window", "step", "lowest", "highest", "normalise")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


def mel_triangles(rate: int, bands: int, window: int, lowest: float, highest: float | None) -> np.ndarray:
    """Return how much of each frequency of Fourier's transform belongs to each band, float32 ``(window/2 + 1, bands)``.

    Args:
        rate: Numbers a second.
        bands: Bands.
        window: Numbers of a window.
        lowest: Hz where the first begins.
        highest: Hz where the last ends; None for half the rate.
    """
    first, last = (2595 * math.log10(1 + end / 700) for end in (lowest, rate / 2 if highest is None else highest))
    corners = 700 * (10 ** (np.linspace(first, last, bands + 2) / 2595) - 1)
    frequencies = np.arange(window // 2 + 1)[:, None] * rate / window
    rising = (frequencies - corners[:-2]) / (corners[1:-1] - corners[:-2])
    falling = (corners[2:] - frequencies) / (corners[2:] - corners[1:-1])
    return np.maximum(np.minimum(rising, falling), 0).astype("float32")
