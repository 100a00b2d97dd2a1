"""How close pictures are to their targets: peak signal-to-noise ratio and structural similarity."""

import numpy as np

from kerasarch.errors import ShapeError, UsageError

RADIUS = 5
"""Pixels on each side of the centre of SSIM's window: 11 by 11, as in the paper."""


def psnr(targets: np.ndarray, pictures: np.ndarray, *, peak: float = 255.0) -> np.ndarray:
    """Peak signal-to-noise ratio of each picture in decibels: ``10 log10(peak^2 / mean squared error)``.

    Args:
        targets: ``(N, H, W, C)``.
        pictures: The same shape.
        peak: The largest value that a pixel can have.

    Returns:
        ``(N,)``; infinite where the pictures agree.

    Raises:
        ShapeError: The arrays are not batches of pictures of one shape.
        UsageError: ``peak`` is not above 0.
    """
    targets, pictures = _checked(targets, pictures, peak)
    errors = np.mean((targets - pictures) ** 2, axis=(1, 2, 3))
    return np.array([10 * np.log10(peak**2 / error) if error else np.inf for error in errors])


def ssim(targets: np.ndarray, pictures: np.ndarray, *, peak: float = 255.0, sigma: float = 1.5) -> np.ndarray:
    """Mean structural similarity of each picture, 1 where they agree.

    ``(2 m1 m2 + c1)(2 s12 + c2) / ((m1^2 + m2^2 + c1)(s1^2 + s2^2 + c2))`` over all pixels and channels, with means,
    variances and covariance under a Gaussian window of 11 by 11 pixels: Wang et al., 2004, eq. 13
    (https://doi.org/10.1109/TIP.2003.819861), with ``c1 = (0.01 peak)^2``, ``c2 = (0.03 peak)^2``. Only windows
    inside the picture count; where a picture is smaller than the window, the window is cut to the largest odd size that
    fits. Variances are those of the window's weights (scikit-image: ``gaussian_weights=True,
    use_sample_covariance=False``). The metric ``kerasarch.training.adversarial.StructuralSimilarity`` is the same for a
    compiled step.

    Args:
        targets: ``(N, H, W, C)``.
        pictures: The same shape.
        peak: The largest value that a pixel can have.
        sigma: Standard deviation of the window in pixels.

    Returns:
        ``(N,)``.

    Raises:
        ShapeError: The arrays are not batches of pictures of one shape.
        UsageError: ``peak`` or ``sigma`` is not above 0.
    """
    targets, pictures = _checked(targets, pictures, peak)
    if not sigma > 0:
        raise UsageError(f"sigma must be above 0. Received {sigma}.")
    radius = min(RADIUS, (min(targets.shape[1:3]) - 1) // 2)
    offsets = np.arange(-radius, radius + 1)
    window = np.exp(-(offsets**2) / (2 * sigma**2))
    window /= window.sum()
    mean, other = _windowed(targets, window), _windowed(pictures, window)
    variance = _windowed(targets**2, window) - mean**2
    other_variance = _windowed(pictures**2, window) - other**2
    covariance = _windowed(targets * pictures, window) - mean * other
    c1, c2 = (0.01 * peak) ** 2, (0.03 * peak) ** 2
    similarity = ((2 * mean * other + c1) * (2 * covariance + c2)) / (
        (mean**2 + other**2 + c1) * (variance + other_variance + c2)
    )
    return similarity.mean(axis=(1, 2, 3))


def _windowed(values: np.ndarray, window: np.ndarray) -> np.ndarray:
    """Weighted means over every window inside the pictures, along height and width in turn."""
    for axis in (1, 2):
        values = np.lib.stride_tricks.sliding_window_view(values, len(window), axis=axis) @ window
    return values


def _checked(targets: np.ndarray, pictures: np.ndarray, peak: float) -> tuple[np.ndarray, np.ndarray]:
    targets, pictures = np.asarray(targets, np.float64), np.asarray(pictures, np.float64)
    if targets.ndim != 4 or targets.shape != pictures.shape or not targets.size:
        raise ShapeError(
            f"Targets and pictures must be (N, H, W, C) of one shape. Received {targets.shape} and {pictures.shape}."
        )
    if not peak > 0:
        raise UsageError(f"peak must be above 0. Received {peak}.")
    return targets, pictures
