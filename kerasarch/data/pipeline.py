"""From stored images to batches of one size: the functions that grain runs, in worker processes too. No Keras here."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from kerasarch.data.decode import with_channels


@dataclass(frozen=True)
class Prepare:
    """Bring one stored image to the wanted size and channels.

    Attributes:
        size: Height and width in pixels; the picture is stretched to it, bilinear with antialiasing.
        channels: 1, 3 or 4.
    """

    size: tuple[int, int]
    channels: int

    def __call__(self, element: tuple[np.ndarray, int]) -> tuple[np.ndarray, int]:
        """One ``(image, label)``: uint8 of any size in, uint8 ``(*size, channels)`` out."""
        image, label = element
        return resized(with_channels(image, self.channels), self.size), label


@dataclass(frozen=True)
class Collate:
    """Stack prepared images into a batch.

    Attributes:
        classes: Number of classes.
        one_hot: Give labels as float32 rows of zeros and a one, instead of int64 numbers.
        channels_first: Give ``(batch, channels, height, width)`` instead of ``(batch, height, width, channels)``.
    """

    classes: int
    one_hot: bool
    channels_first: bool

    def __call__(self, elements: Sequence[tuple[np.ndarray, int]]) -> tuple[np.ndarray, np.ndarray]:
        """A list of ``(image, label)`` in, float32 images in [0, 255] and labels out."""
        images = np.stack([image for image, _ in elements]).astype(np.float32)
        labels = np.array([label for _, label in elements], dtype=np.int64)
        if self.channels_first:
            images = np.ascontiguousarray(np.moveaxis(images, -1, 1))
        return images, np.eye(self.classes, dtype=np.float32)[labels] if self.one_hot else labels


def resized(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Stretch a uint8 image ``(height, width, channels)`` to ``size`` (height, width), bilinear with antialiasing."""
    if image.shape[:2] == tuple(size):
        return image
    grey = image.shape[-1] == 1
    picture = Image.fromarray(image[..., 0] if grey else image)
    array = np.asarray(picture.resize((size[1], size[0]), Image.Resampling.BILINEAR))
    return array[..., np.newaxis] if grey else array
