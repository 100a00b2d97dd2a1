"""Pictures laid side by side, and written as PNG files."""

import io
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from kerasarch.errors import ShapeError
from kerasarch.runs.atomic import disk_error, write_file


def tile(images: Sequence[np.ndarray], columns: int | None = None, *, gap: int = 2, ground: int = 255) -> np.ndarray:
    """Lay pictures side by side, row by row.

    Args:
        images: uint8 pictures ``(H, W, C)`` with 1, 3 or 4 channels; smaller ones are centred in the largest cell.
        columns: Pictures a row; None makes the whole about square.
        gap: Pixels between pictures.
        ground: Brightness of what is between them.

    Returns:
        uint8, ``(height, width, C)``; grey pictures among coloured ones become coloured.

    Raises:
        ShapeError: There are no pictures, or an array is none.
    """
    images = [np.asarray(image) for image in images]
    if not images or any(image.ndim != 3 or image.dtype != np.uint8 for image in images):
        raise ShapeError("A grid needs one or more uint8 pictures (height, width, channels).")
    columns = min(columns or math.ceil(math.sqrt(len(images))), len(images))
    rows = math.ceil(len(images) / columns)
    height, width, channels = (max(image.shape[axis] for image in images) for axis in range(3))
    shape = (rows * (height + gap) - gap, columns * (width + gap) - gap, channels)
    grid = np.full(shape, ground, np.uint8)
    for number, image in enumerate(images):
        row, column = divmod(number, columns)
        top = row * (height + gap) + (height - image.shape[0]) // 2
        left = column * (width + gap) + (width - image.shape[1]) // 2
        grid[top : top + image.shape[0], left : left + image.shape[1]] = with_all_channels(image, channels)
    return grid


def with_all_channels(image: np.ndarray, channels: int) -> np.ndarray:
    """Give a picture at least its own channels: grey is repeated, an opaque fourth channel added."""
    if image.shape[-1] == 1 and channels > 1:
        image = np.repeat(image, min(channels, 3), axis=-1)
    if image.shape[-1] == 3 and channels == 4:
        image = np.concatenate([image, np.full((*image.shape[:2], 1), 255, np.uint8)], axis=-1)
    return image


def enlarged(image: np.ndarray, least: int) -> np.ndarray:
    """Repeat pixels until a picture ``(H, W, C)`` measures at least so many on its longer side."""
    factor = max(1, math.ceil(least / max(image.shape[:2])))
    return image.repeat(factor, axis=0).repeat(factor, axis=1)


def png(image: np.ndarray) -> bytes:
    """Return a uint8 picture ``(H, W, C)`` as a PNG file's content."""
    from PIL import Image

    data = io.BytesIO()
    Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image).save(data, format="png")
    return data.getvalue()


def write_picture(path: Path, image: np.ndarray) -> None:
    """Write a uint8 picture ``(H, W, C)`` as a PNG file, whole or not at all. Its folder is made.

    Raises:
        RunError: It cannot be written.
    """
    write_png(path, png(image))


def write_png(path: Path, content: bytes) -> None:
    """Write a file of a picture, whole or not at all. Its folder is made.

    Raises:
        RunError: It cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise disk_error(path, error) from error
    write_file(path, lambda file: file.write(content))
