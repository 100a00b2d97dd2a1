"""Image classification sets of TensorFlow Datasets, read without TensorFlow wherever tfds can."""

import hashlib
import io
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kerasarch.data.decode import decode
from kerasarch.data.source import ImageSource
from kerasarch.data.tfds_builder import examples, open_dataset, package
from kerasarch.errors import DataError

logger = logging.getLogger("kerasarch")


class TfdsImages(ImageSource):
    """Images of a prepared dataset, decoded when they are asked for.

    Args:
        name: What to call the dataset in messages.
        records: Random access to examples, their images still encoded.
        image_key: Name of the image in an example.
        indices: Position of each image among the records.
        labels: Class index of each image.
        classes: Name of each class.
        digests: A hash of each encoded image.
    """

    def __init__(
        self,
        name: str,
        records: Sequence[Mapping[str, Any]],
        image_key: str,
        indices: np.ndarray,
        labels: np.ndarray,
        classes: Sequence[str],
        digests: Sequence[bytes],
    ):
        super().__init__(labels, classes)
        self.name = name
        self._records, self._image_key, self._indices = records, image_key, indices
        self._digests = tuple(digests)

    @property
    def shape(self) -> None:
        """None: the images are not decoded to find out."""
        return None

    def image(self, index: int) -> np.ndarray:
        """Decode one image, uint8 ``(height, width, channels)``.

        Raises:
            DataError: It is damaged.
        """
        position = int(self._indices[index])
        return decode(io.BytesIO(self._records[position][self._image_key]), Path(f"{self.name}[{position}]"))

    def identity(self) -> tuple[bytes, ...]:
        """A hash of each encoded image."""
        return self._digests

    def subset(self, indices: Sequence[int] | np.ndarray) -> "TfdsImages":
        """The images at these positions, in this order; the classes stay."""
        chosen = np.asarray(indices, dtype=np.int64)
        digests = [self._digests[index] for index in chosen]
        return TfdsImages(
            self.name, self._records, self._image_key, self._indices[chosen], self.labels[chosen], self.classes, digests
        )


def read_tfds(address: str, *, offline: bool = False) -> dict[str, TfdsImages]:
    """Read a dataset of TensorFlow Datasets, downloading it first where that is needed and allowed.

    Datasets prepared in the array_record format, in which new ones are prepared here if the array-record package is
    there, are read from disk at random, without TensorFlow. From others the encoded images are read into memory, by
    TensorFlow.

    Args:
        address: As `kerasarch.data.tfds_builder.open_dataset` takes it.
        offline: Download nothing.

    Returns:
        One source a part; a single split becomes ``train``.

    Raises:
        UsageError: No such dataset or split, or a wrong address.
        DependencyError: A package or the network is missing.
        DataError: The dataset is not one of labelled images.
    """
    name, builder, splits = open_dataset(address, offline=offline)
    image_key, label_key, classes = _features(name, builder)
    parts = {}
    for part, instruction in splits.items():
        records = examples(name, builder, instruction, (image_key,))
        labels, digests = [], []
        for record in records:  # one pass over the file, nothing is decoded
            labels.append(int(record[label_key]))
            digests.append(hashlib.blake2b(record[image_key], digest_size=16).digest())
        if part != "train" and min(labels, default=-1) < 0:
            logger.warning("tfds:%s: the split %s has images without a label and is left out.", name, instruction)
            continue
        indices = np.arange(len(labels))
        parts[part] = TfdsImages(f"tfds:{name}", records, image_key, indices, np.array(labels), classes, digests)
    return parts


def _features(name: str, builder: Any) -> tuple[str, str, tuple[str, ...]]:
    """Keys of image and label, and the class names."""
    tfds = package()
    features = builder.info.features
    items = dict(features.items()) if hasattr(features, "items") else {}
    images = [key for key, feature in items.items() if isinstance(feature, tfds.features.Image)]
    labels = [key for key, feature in items.items() if isinstance(feature, tfds.features.ClassLabel)]
    supervised = builder.info.supervised_keys or ()
    image_key = next((key for key in images if key in supervised), images[0] if len(images) == 1 else None)
    label_key = next((key for key in labels if key in supervised), labels[0] if len(labels) == 1 else None)
    if image_key is None or label_key is None:
        raise DataError(
            f"tfds:{name} is not a set of images with one class each. Its features: {', '.join(items) or features}."
        )
    return image_key, label_key, tuple(items[label_key].names)
