"""From stored images to batches of one size: the functions that grain runs, in worker processes too. No Keras here."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from kerasarch.data.augment import Augmentation, random_box, random_colour, random_warp
from kerasarch.data.decode import with_channels
from kerasarch.errors import UsageError

FILTERS = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}
"""How pictures are resized, by the names of `kerasarch.models.Preprocessing`; all but the first with antialiasing."""


@dataclass(frozen=True)
class Prepare:
    """Bring one stored image to the wanted size and channels.

    Attributes:
        size: Height and width in pixels; the picture is stretched to it.
        channels: 1, 3 or 4.
        interpolation: How it is stretched, a name in ``FILTERS``.
    """

    size: tuple[int, int]
    channels: int
    interpolation: str = "bilinear"

    def __call__(self, element: tuple[np.ndarray, int]) -> tuple[np.ndarray, int]:
        """One ``(image, label)``: uint8 of any size in, uint8 ``(*size, channels)`` out."""
        image, label = element
        return resized(with_channels(image, self.channels), self.size, self.interpolation), label


@dataclass(frozen=True)
class PrepareAugmented:
    """Bring one stored image to the wanted size and channels, changed at random.

    Attributes:
        size: Height and width in pixels.
        channels: 1, 3 or 4.
        augmentation: What is changed.
        interpolation: How the picture is stretched, a name in ``FILTERS``.
    """

    size: tuple[int, int]
    channels: int
    augmentation: Augmentation
    interpolation: str = "bilinear"

    def __call__(self, element: tuple[np.ndarray, int], rng: np.random.Generator) -> tuple[np.ndarray, int]:
        """One ``(image, label)``: uint8 of any size in, uint8 ``(*size, channels)`` out."""
        image, label = element
        augmentation = self.augmentation
        picture = to_picture(with_channels(image, self.channels))
        height, width = self.size
        box = None if augmentation.crop is None else random_box(picture.height, picture.width, augmentation.crop, rng)
        picture = picture.resize((width, height), FILTERS[self.interpolation], box=box)
        if augmentation.flip and rng.random() < 0.5:
            picture = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        if augmentation.warps:
            picture = random_warp(picture, augmentation, rng)
        return to_array(random_colour(picture, augmentation, rng)), label


@dataclass(frozen=True)
class Collate:
    """Stack prepared images into a batch.

    Attributes:
        classes: Number of classes.
        one_hot: Give labels as float32 rows of zeros and a one, instead of int64 numbers.
    """

    classes: int
    one_hot: bool

    def __call__(self, elements: Sequence[tuple[np.ndarray, int]]) -> tuple[np.ndarray, np.ndarray]:
        """A list of ``(image, label)`` in, uint8 images ``(batch, height, width, channels)`` and labels out."""
        # The pixels stay uint8: a quarter of the bytes on the way from a worker process.
        images = np.stack([image for image, _ in elements])
        labels = np.array([label for _, label in elements], dtype=np.int64)
        return images, np.eye(self.classes, dtype=np.float32)[labels] if self.one_hot else labels


def resized(image: np.ndarray, size: tuple[int, int], interpolation: str = "bilinear") -> np.ndarray:
    """Stretch a uint8 image ``(height, width, channels)``.

    Args:
        image: The image.
        size: Height and width wanted.
        interpolation: A name in ``FILTERS``.
    """
    if image.shape[:2] == tuple(size):
        return image
    return to_array(to_picture(image).resize((size[1], size[0]), FILTERS[interpolation]))


def check_interpolation(name: str) -> None:
    """Refuse a way to resize pictures that there is not.

    Raises:
        UsageError: ``name`` is none of ``FILTERS``.
    """
    if name not in FILTERS:
        raise UsageError(f"interpolation must be one of {', '.join(FILTERS)}. Received {name!r}.")


def to_picture(image: np.ndarray) -> Image.Image:
    """A uint8 array ``(height, width, channels)`` as a Pillow picture."""
    return Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image)


def to_array(picture: Image.Image) -> np.ndarray:
    """A Pillow picture as a uint8 array ``(height, width, channels)``."""
    array = np.asarray(picture)
    return array[..., np.newaxis] if array.ndim == 2 else array
