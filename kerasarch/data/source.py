"""Labelled images with random access, decoded when they are asked for."""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np

from kerasarch.errors import DataError, UsageError


class ImageSource(ABC):
    """Labelled images with random access.

    ``source[i]`` is ``(image, label)``: a uint8 array ``(height, width, channels)`` and an int. Nothing is decoded
    before it is asked for. Sources are picklable, so that decoding can happen in other processes.

    Args:
        labels: Class index of each image, ``(images,)``, from 0 to ``len(classes) - 1``.
        classes: Name of each class.

    Raises:
        DataError: A label is outside the classes.
    """

    def __init__(self, labels: np.ndarray, classes: Sequence[str]):
        self.labels = np.asarray(labels, dtype=np.int64)
        self.classes = tuple(classes)
        if self.labels.ndim != 1:
            raise DataError(f"Labels must be one number an image. Received an array of shape {self.labels.shape}.")
        if len(self.labels) and not 0 <= self.labels.min() <= self.labels.max() < len(self.classes):
            raise DataError(
                f"Labels must lie between 0 and {len(self.classes) - 1} ({len(self.classes)} classes). "
                f"Received labels from {self.labels.min()} to {self.labels.max()}."
            )

    @property
    @abstractmethod
    def shape(self) -> tuple[int, int, int] | None:
        """Height, width and channels of every image, or None when they differ or are unknown before decoding."""

    @abstractmethod
    def image(self, index: int) -> np.ndarray:
        """Decode one image: uint8, ``(height, width, channels)`` with 1, 3 or 4 channels."""

    @abstractmethod
    def subset(self, indices: Sequence[int] | np.ndarray) -> "ImageSource":
        """The images at these positions, in this order; the classes stay."""

    def identity(self) -> Sequence[bytes] | None:
        """One value an image, equal for copies of an image, or None when that is not known."""
        return None

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[np.ndarray, int]:
        if not -len(self) <= index < len(self):
            raise IndexError(f"Image {index} was asked for; there are {len(self)}.")
        return self.image(index % len(self)), int(self.labels[index])

    def per_class(self, count: int, seed: int = 0) -> "ImageSource":
        """A random choice of ``count`` images of every class.

        Args:
            count: Images a class.
            seed: Same seed, same choice.

        Returns:
            The chosen images, ordered by class.

        Raises:
            DataError: A class has fewer images.
        """
        if count < 1:
            raise UsageError(f"The count of images a class must be at least 1. Received {count}.")
        rng = np.random.default_rng([seed, 0x5EED])
        chosen = []
        for label, name in enumerate(self.classes):
            positions = np.flatnonzero(self.labels == label)
            if len(positions) < count:
                raise DataError(
                    f"Class {name!r} has {len(positions)} images, {count} were asked for. Ask for fewer a class."
                )
            chosen.append(np.sort(rng.choice(positions, size=count, replace=False)))
        return self.subset(np.concatenate(chosen))


class ArrayImages(ImageSource):
    """Images that lie in memory, all of one size.

    Args:
        images: uint8, ``(images, height, width)`` or ``(images, height, width, channels)`` with 1, 3 or 4 channels.
        labels: Class index of each image.
        classes: Name of each class.

    Raises:
        DataError: The arrays do not fit each other or are no images.
    """

    def __init__(self, images: np.ndarray, labels: np.ndarray, classes: Sequence[str]):
        super().__init__(labels, classes)
        images = images[..., np.newaxis] if images.ndim == 3 else images
        if images.ndim != 4 or images.dtype != np.uint8 or images.shape[-1] not in (1, 3, 4):
            raise DataError(
                "Images must be a uint8 array (images, height, width[, channels]) with 1, 3 or 4 channels. "
                f"Received {images.dtype} of shape {images.shape}."
            )
        if len(images) != len(self.labels):
            raise DataError(f"Every image needs a label. Received {len(images)} images and {len(self.labels)} labels.")
        self.images = images

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width and channels of every image."""
        height, width, channels = self.images.shape[1:]
        return height, width, channels

    def image(self, index: int) -> np.ndarray:
        """One image, uint8 ``(height, width, channels)``."""
        return self.images[index]

    def identity(self) -> list[bytes]:
        """A hash of the pixels of each image."""
        return [hashlib.blake2b(image.tobytes(), digest_size=16).digest() for image in self.images]

    def subset(self, indices: Sequence[int] | np.ndarray) -> "ArrayImages":
        """The images at these positions, in this order; the classes stay."""
        indices = np.asarray(indices, dtype=np.int64)
        return ArrayImages(self.images[indices], self.labels[indices], self.classes)
