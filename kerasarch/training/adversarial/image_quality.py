"""How close restored pictures are to the originals, as Keras metrics that are computed inside the compiled step."""

from typing import Any

import keras
import numpy as np
from keras import ops

from kerasarch.errors import ShapeError

_K1, _K2, _RADIUS, _SIGMA = 0.01, 0.03, 5, 1.5  # Wang et al., 2004, section III.C


def peak_signal_to_noise(originals: Any, images: Any, span: float = 2.0) -> Any:
    """Peak signal-to-noise ratio of each picture in decibels, ``10 log10(span^2 / mean squared error)``.

    Args:
        originals: ``(B, H, W, C)``.
        images: Of the same shape.
        span: Distance from black to white: 2 for pixels in [-1, 1].

    Returns:
        ``(B,)``; equal pictures get 100 rather than infinity.
    """
    difference = ops.cast(originals, "float32") - ops.cast(images, "float32")
    error = ops.mean(ops.square(difference), axis=(1, 2, 3))
    return 10 / np.log(10) * ops.log(span**2 / ops.maximum(error, span**2 * 1e-10))


def structural_similarity(originals: Any, images: Any, span: float = 2.0) -> Any:
    """Mean structural similarity (SSIM) of each picture.

    Wang et al., 2004, eq. 13 and 17 (https://doi.org/10.1109/TIP.2003.819861): Gaussian windows of 11 pixels with
    deviation 1.5, where they lie wholly in the picture; each channel apart. Where a picture is smaller, the window is
    cut to the largest odd size that fits: what `kerasarch.metrics.ssim` computes, for the compiled step.

    Args:
        originals: ``(B, H, W, C)``, the channels second where Keras' image data format says so.
        images: Of the same shape.
        span: Distance from black to white.

    Returns:
        ``(B,)``.
    """
    x, y = ops.cast(originals, "float32"), ops.cast(images, "float32")
    if keras.config.image_data_format() == "channels_first":
        x, y = (ops.transpose(picture, (0, 2, 3, 1)) for picture in (x, y))
    bands = _bands(x.shape[1], x.shape[2])
    mean_x, mean_y = _windows(x, bands), _windows(y, bands)
    variance_x = _windows(x * x, bands) - mean_x * mean_x
    variance_y = _windows(y * y, bands) - mean_y * mean_y
    covariance = _windows(x * y, bands) - mean_x * mean_y
    c1, c2 = (_K1 * span) ** 2, (_K2 * span) ** 2
    luminance = (2 * mean_x * mean_y + c1) / (mean_x * mean_x + mean_y * mean_y + c1)
    structure = (2 * covariance + c2) / (variance_x + variance_y + c2)
    return ops.mean(luminance * structure, axis=(1, 2, 3))


def _windows(images: Any, bands: tuple[Any, Any]) -> Any:
    """Means over all Gaussian windows."""
    rows, columns = bands
    return ops.einsum("ph,bhwc,qw->bpqc", rows, images, columns)


def _bands(height: int, width: int) -> tuple[Any, Any]:
    """For each side a matrix ``(windows, size)`` with the window in each row, one pixel further each time."""
    radius = min(_RADIUS, (min(height, width) - 1) // 2)
    window = np.exp(-((np.arange(-radius, radius + 1) / _SIGMA) ** 2) / 2)
    matrices = [np.zeros((size - 2 * radius, size), "float32") for size in (height, width)]
    for matrix in matrices:
        for place in range(len(matrix)):
            matrix[place, place : place + len(window)] = window / window.sum()
    rows, columns = matrices
    return ops.convert_to_tensor(rows), ops.convert_to_tensor(columns)


class _Quality(keras.metrics.MeanMetricWrapper):
    """A mean of a measure over pictures.

    Args:
        measure: Function of originals, pictures and span.
        span: Distance from black to white.
        border: Pixels left out at each side.
        name: Name of the metric.
        dtype: As in Keras.
    """

    def __init__(self, measure: Any, span: float, border: int, name: str, dtype: Any):
        super().__init__(self._measured, name=name, dtype=dtype)
        self.measure, self.span, self.border = measure, span, border

    def _measured(self, originals: Any, images: Any) -> Any:
        inner = slice(self.border, -self.border or None)
        first = keras.config.image_data_format() == "channels_first"
        place = (slice(None), slice(None), inner, inner) if first else (slice(None), inner, inner)
        sides = [side for side in (originals.shape[2:] if first else originals.shape[1:3]) if side is not None]
        if sides and min(sides) <= 2 * self.border:
            raise ShapeError(
                f"{self.name}: a border of {self.border} leaves nothing of pictures of shape {tuple(originals.shape)}. "
                f"Expected one below {min(sides) / 2:g}."
            )
        return self.measure(originals[place], images[place], self.span)

    def get_config(self) -> dict[str, Any]:
        """Configuration, as in Keras."""
        return {"name": self.name, "dtype": self.dtype, "span": self.span, "border": self.border}


@keras.saving.register_keras_serializable(package="kerasarch")
class PeakSignalToNoise(_Quality):
    """Mean peak signal-to-noise ratio in decibels, see `peak_signal_to_noise`.

    Args:
        span: Distance from black to white: 2 for pixels in [-1, 1].
        border: Pixels left out at each side; Ledig et al., 2017 leave out 4.
        name: Name of the metric.
        dtype: As in Keras.

    Raises:
        ShapeError: The border leaves nothing of the pictures.
    """

    def __init__(self, span: float = 2.0, border: int = 0, name: str = "psnr", dtype: Any = None):
        super().__init__(peak_signal_to_noise, span, border, name, dtype)


@keras.saving.register_keras_serializable(package="kerasarch")
class StructuralSimilarity(_Quality):
    """Mean structural similarity, see `structural_similarity`.

    Args:
        span: Distance from black to white: 2 for pixels in [-1, 1].
        border: Pixels left out at each side; Ledig et al., 2017 leave out 4.
        name: Name of the metric.
        dtype: As in Keras.

    Raises:
        ShapeError: The border leaves nothing of the pictures.
    """

    def __init__(self, span: float = 2.0, border: int = 0, name: str = "ssim", dtype: Any = None):
        super().__init__(structural_similarity, span, border, name, dtype)
