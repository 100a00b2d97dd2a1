"""Views of pictures for test-time augmentation: a network's answers to all of them are averaged."""

import numpy as np

from kerasarch.data.pipeline import resized
from kerasarch.errors import UsageError

CROP = 7 / 8
"""Side of the crops over the picture's: 224 of 256 pixels, as in Krizhevsky et al., 2012, section 4.1."""


def views(images: np.ndarray, *, mirror: bool, interpolation: str = "bilinear") -> list[np.ndarray]:
    """Return pictures as they are, and their four corners and centre, enlarged to the size of the whole.

    Krizhevsky et al., 2012, section 4.1 (https://papers.nips.cc/paper/4824), who look at the five crops and their
    mirror images.

    Args:
        images: uint8 ``(B, H, W, C)``.
        mirror: Each view mirrored too, for pictures whose meaning does not change by it.
        interpolation: How crops are enlarged, as `kerasarch.data.batches` takes it.

    Returns:
        6 arrays like ``images``, or 12.

    Raises:
        UsageError: The pictures are not uint8 of that rank.
    """
    if images.ndim != 4 or images.dtype != np.uint8:
        raise UsageError(f"views: expected uint8 pictures (B, H, W, C). Received {images.dtype} {images.shape}.")
    height, width = images.shape[1:3]
    tall, wide = max(1, round(CROP * height)), max(1, round(CROP * width))
    bottom, right = height - tall, width - wide
    corners = [(0, 0), (0, right), (bottom, 0), (bottom, right), (bottom // 2, right // 2)]
    found = [images]
    for top, left in corners:
        crops = images[:, top : top + tall, left : left + wide]
        found.append(np.stack([resized(crop, (height, width), interpolation) for crop in crops]))
    return found + [view[:, :, ::-1] for view in found] if mirror else found
