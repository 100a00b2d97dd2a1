"""Differentiable warps of pictures by random 3x3 matrices, low-pass filtered as in the ADA paper."""

import math
from typing import Any

import numpy as np
from keras import ops

SYM6 = (
    0.015404109327027373,
    0.0034907120842174702,
    -0.11799011114819057,
    -0.048311742585633,
    0.4910559419267466,
    0.787641141030194,
    0.3379294217276218,
    -0.07263752278646252,
    -0.021060292512300564,
    0.04472490177066578,
    0.0017677118642428036,
    -0.007800708325034148,
)
"""Low-pass filter of the symlet wavelet with 12 taps. It is orthonormal to its shifts by two: up and down gives the
picture back."""
_CENTRE = 5  # tap at which a pixel stays where it is
_MARGIN = 6  # pixels beyond the border that the filters reach


def matrix(rows: list[list[Any]], like: Any) -> Any:
    """Matrices ``(B, 3, 3)`` from nested lists of numbers and ``(B,)`` tensors."""
    constants = {0.0: ops.zeros_like(like), 1.0: ops.ones_like(like)}
    entries = [constants[entry] if isinstance(entry, float) else entry for row in rows for entry in row]
    return ops.reshape(ops.stack(entries, axis=-1), (-1, 3, 3))


def translation(dx: Any, dy: Any) -> Any:
    """Homogeneous matrices that move by ``(dx, dy)`` pixels."""
    return matrix([[1.0, 0.0, dx], [0.0, 1.0, dy], [0.0, 0.0, 1.0]], dx)


def scaling(sx: Any, sy: Any) -> Any:
    """Homogeneous matrices that multiply ``x`` by ``sx`` and ``y`` by ``sy``."""
    return matrix([[sx, 0.0, 0.0], [0.0, sy, 0.0], [0.0, 0.0, 1.0]], sx)


def rotation(angle: Any) -> Any:
    """Homogeneous matrices that turn by an angle in radians, exactly at multiples of a quarter turn."""
    quarters = angle / (math.pi / 2)
    whole = ops.abs(quarters - ops.round(quarters)) < 1e-5
    cosine, sine = ops.cos(angle), ops.sin(angle)
    cosine = ops.where(whole, ops.round(cosine), cosine)
    sine = ops.where(whole, ops.round(sine), sine)
    return matrix([[cosine, -sine, 0.0], [sine, cosine, 0.0], [0.0, 0.0, 1.0]], angle)


def warp(images: Any, inverse: Any) -> Any:
    """Warp pictures: the output at ``x`` is the input at ``inverse @ x``, beyond the border its reflection.

    Karras et al., 2020, appendix B.2 (https://arxiv.org/abs/2006.06676): the pictures are upsampled twice with `SYM6`,
    sampled bilinearly, and downsampled with the same filter, so that repeated warps neither blur nor alias. The
    identity gives the pictures back.

    Args:
        images: ``(B, H, W, C)``, channels last.
        inverse: ``(B, 3, 3)``, on coordinates ``(x, y, 1)`` in pixels from the middle of the picture.

    Returns:
        ``(B, H, W, C)``.
    """
    height, width, channels = images.shape[1:]
    fine = _upsample(_reflected(images))  # (B, 2 (H + 12), 2 (W + 12), C): pixel x stands at 2 (x + _MARGIN)
    x, y = np.meshgrid(_half_pixels(width), _half_pixels(height))
    points = np.stack([x.ravel() - (width - 1) / 2, y.ravel() - (height - 1) / 2, np.ones(x.size)])
    places = ops.matmul(inverse[:, :2], ops.convert_to_tensor(points.astype("float32")))  # (B, 2, P)
    x = _folded(places[:, 0] + (width - 1) / 2, width)
    y = _folded(places[:, 1] + (height - 1) / 2, height)
    sampled = _bilinear(fine, 2 * (x + _MARGIN), 2 * (y + _MARGIN))
    return _downsample(ops.reshape(sampled, (-1, 2 * height + 10, 2 * width + 10, channels)))


def blit(images: Any, inverse: Any) -> Any:
    """Copy pixels: as `warp`, for matrices that map pixels onto pixels (flips, quarter turns, whole translations).

    Args:
        images: ``(B, H, W, C)``, channels last.
        inverse: ``(B, 3, 3)``, on coordinates ``(x, y, 1)`` in pixels from the middle of the picture.

    Returns:
        ``(B, H, W, C)``.
    """
    height, width, channels = images.shape[1:]
    x, y = np.meshgrid(np.arange(width) - (width - 1) / 2, np.arange(height) - (height - 1) / 2)
    points = np.stack([x.ravel(), y.ravel(), np.ones(x.size)])
    places = ops.matmul(inverse[:, :2], ops.convert_to_tensor(points.astype("float32")))  # (B, 2, P)
    # Quarter turns of pictures with one odd and one even side end between pixels: half a pixel further, then.
    x = _mirrored(ops.floor(places[:, 0] + width / 2 + 1e-3), width)
    y = _mirrored(ops.floor(places[:, 1] + height / 2 + 1e-3), height)
    index = ops.cast(y, "int32") * width + ops.cast(x, "int32")
    flat = ops.reshape(images, (-1, height * width, channels))
    return ops.reshape(ops.take_along_axis(flat, ops.expand_dims(index, -1), axis=1), (-1, height, width, channels))


def _half_pixels(size: int) -> np.ndarray:
    """Coordinates in pixels of the fine samples that the downsampling filter reads."""
    return np.arange(-_CENTRE, 2 * size + _CENTRE) / 2


def _reflected(images: Any) -> Any:
    rows = _mirror(np.arange(-_MARGIN, images.shape[1] + _MARGIN), images.shape[1])
    columns = _mirror(np.arange(-_MARGIN, images.shape[2] + _MARGIN), images.shape[2])
    return ops.take(ops.take(images, rows, axis=1), columns, axis=2)


def _mirror(index: np.ndarray, size: int) -> np.ndarray:
    last = max(size - 1, 1)
    return np.minimum(last - np.abs(last - np.mod(index, 2 * last)), size - 1).astype("int32")


def _mirrored(place: Any, size: int) -> Any:
    """Reflect coordinates into the picture, about the middles of its first and last pixel."""
    last = max(size - 1, 1)
    return ops.minimum(last - ops.abs(last - ops.mod(place, 2.0 * last)), size - 1.0)


def _folded(place: Any, size: int) -> Any:
    """Reflect coordinates into the picture, but leave those within the margin, where there are samples to read."""
    inside = ops.logical_and(place > -_MARGIN + 0.5, place < size - 1 + _MARGIN - 0.5)
    return ops.where(inside, place, _mirrored(place, size))


def _filter_matrix(size: int) -> np.ndarray:
    """Matrix ``(2 size, size)`` that upsamples a row: pixel i gives its taps to the samples from ``2 i - 5`` on."""
    matrix = np.zeros((2 * size, size), "float32")
    for pixel in range(size):
        for tap, weight in enumerate(SYM6):
            sample = 2 * pixel - _CENTRE + tap
            if 0 <= sample < 2 * size:
                matrix[sample, pixel] = weight
    return matrix


# The filters are matrix products: on the processor of a small machine these are faster than convolutions of a channel
# each, and their second derivatives are the same on all backends.
def _upsample(images: Any) -> Any:
    rows = ops.cast(_filter_matrix(images.shape[1]), images.dtype)
    columns = ops.cast(_filter_matrix(images.shape[2]), images.dtype)
    return ops.einsum("ph,bhwc,qw->bpqc", rows, images, columns)


def _downsample(fine: Any) -> Any:
    """The transpose of upsampling, on samples from ``-5`` to ``2 size + 4``."""
    height, width = (fine.shape[axis] // 2 - _CENTRE for axis in (1, 2))
    rows, columns = (ops.cast(_reading_matrix(size), fine.dtype) for size in (height, width))
    return ops.einsum("hp,bpqc,wq->bhwc", rows, fine, columns)


def _reading_matrix(size: int) -> np.ndarray:
    matrix = np.zeros((size, 2 * size + 2 * _CENTRE), "float32")
    for pixel in range(size):
        matrix[pixel, 2 * pixel : 2 * pixel + len(SYM6)] = SYM6
    return matrix


def _bilinear(images: Any, x: Any, y: Any) -> Any:
    """Read pictures ``(B, H, W, C)`` between their samples, at ``(B, P)`` indices within them: ``(B, P, C)``."""
    height, width, channels = images.shape[1:]
    left = ops.clip(ops.floor(x), 0, width - 2)
    top = ops.clip(ops.floor(y), 0, height - 2)
    right_share = ops.expand_dims(ops.cast(x - left, images.dtype), -1)
    bottom_share = ops.expand_dims(ops.cast(y - top, images.dtype), -1)
    first = ops.cast(top, "int32") * width + ops.cast(left, "int32")  # (B, P)
    flat = ops.reshape(images, (-1, height * width, channels))

    def read(step: int) -> Any:
        return ops.take_along_axis(flat, ops.expand_dims(first + step, -1), axis=1)  # (B, P, C)

    upper = read(0) * (1 - right_share) + read(1) * right_share
    lower = read(width) * (1 - right_share) + read(width + 1) * right_share
    return upper * (1 - bottom_share) + lower * bottom_share
