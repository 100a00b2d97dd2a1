"""Image classification sets of TensorFlow Datasets, read without TensorFlow wherever tfds can."""

import hashlib
import importlib.util
import io
import logging
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from kerasarch.data.decode import decode
from kerasarch.data.source import ImageSource
from kerasarch.errors import DataError, DependencyError, UsageError

ADDRESS = re.compile(r"tfds:(?P<name>[\w/.-]+(:\d+\.\d+\.\d+)?)(:(?P<split>.+))?")
logger = logging.getLogger("kerasarch")
PARTS = {"train": ("train",), "validation": ("validation", "val", "valid"), "test": ("test",)}


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
    TensorFlow. The folder is that of tfds: the environment variable TFDS_DATA_DIR, or ``~/tensorflow_datasets``.

    Args:
        address: ``tfds:NAME[:SPLIT]``; NAME may have a configuration and a version (``a/b:1.0.0``), and SPLIT is
            anything that tfds takes (``train[:10%]``). Without one, all of train, validation and test that there are.
        offline: Download nothing.

    Returns:
        One source a part; a single split becomes ``train``.

    Raises:
        UsageError: No such dataset or split, or a wrong address.
        DependencyError: A package or the network is missing.
        DataError: The dataset is not one of labelled images.
    """
    match = ADDRESS.fullmatch(address)
    if match is None:
        raise UsageError(f"Expected tfds:NAME or tfds:NAME:SPLIT, as in tfds:mnist:train. Received {address!r}.")
    name, split = match["name"], match["split"]
    tfds = _package()
    builder = _prepared(tfds, name, offline)
    image_key, label_key, classes = _features(tfds, name, builder)
    splits = {"train": split} if split else _known_parts(name, builder)
    parts = {}
    for part, instruction in splits.items():
        records = _records(tfds, name, builder, instruction, image_key)
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


def _package() -> ModuleType:
    try:
        import tensorflow_datasets
    except ImportError as error:
        raise DependencyError(
            f"tfds: sources need TensorFlow Datasets ({error}). Install it: pip install 'kerasarch[tfds]'"
        ) from error
    return tensorflow_datasets


def _prepared(tfds: ModuleType, name: str, offline: bool) -> Any:
    """The builder of a dataset that is on disk."""
    folder = os.environ.get("TFDS_DATA_DIR")
    try:
        builder = tfds.builder(name, data_dir=folder)
    except tfds.core.DatasetNotFoundError as error:
        close = re.search(r"Did you mean:.*-> (\S+)", str(error))
        raise UsageError(
            f"TensorFlow Datasets has no dataset {name!r}.{f' Did you mean {close[1]!r}?' if close else ''} "
            "They are listed at https://www.tensorflow.org/datasets/catalog/overview."
        ) from error
    except ImportError as error:
        raise _missing(name, error) from error
    if builder.is_prepared():
        return builder
    if offline:
        raise DependencyError(
            f"tfds:{name} is not in {builder.data_dir}, and nothing is to be downloaded. "
            f"Prepare it with: tfds build {name}, or allow the download."
        )
    try:
        if importlib.util.find_spec("array_record"):
            builder = tfds.builder(name, data_dir=folder, file_format="array_record")
        builder.download_and_prepare()
    except ImportError as error:
        raise _missing(name, error) from error
    except (OSError, tfds.download.DownloadError) as error:
        raise DependencyError(
            f"tfds:{name} could not be downloaded to {builder.data_dir} ({type(error).__name__}: {error}). "
            "Check the network, or prepare it on another machine and copy the folder."
        ) from error
    return builder


def _features(tfds: ModuleType, name: str, builder: Any) -> tuple[str, str, tuple[str, ...]]:
    """Keys of image and label, and the class names."""
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


def _known_parts(name: str, builder: Any) -> dict[str, str]:
    found = {}
    for part, names in PARTS.items():
        split = next((split for split in names if split in builder.info.splits), None)
        if split is not None:
            found[part] = split
    if "train" not in found:
        raise UsageError(
            f"tfds:{name} has no train split. Name one of its own: tfds:{name}:SPLIT with SPLIT among "
            f"{', '.join(builder.info.splits)}."
        )
    return found


def _records(tfds: ModuleType, name: str, builder: Any, split: str, image_key: str) -> Sequence[Mapping[str, Any]]:
    """Random access to the examples of a split, the images still encoded."""
    decoders = {image_key: tfds.decode.SkipDecoding()}
    try:
        if builder.info.file_format == tfds.core.FileFormat.ARRAY_RECORD:
            return builder.as_data_source(split=split, decoders=decoders)
        return list(tfds.as_numpy(builder.as_dataset(split=split, decoders=decoders, shuffle_files=False)))
    except ImportError as error:
        raise _missing(name, error) from error
    except (ValueError, KeyError) as error:
        raise UsageError(
            f"tfds:{name} has no split {split!r}. It has: {', '.join(builder.info.splits)} ({error})."
        ) from error


def _missing(name: str, error: ImportError) -> DependencyError:
    package = f"pip install {error.name}" if error.name else "pip install 'kerasarch[tfds]'"
    return DependencyError(f"tfds:{name} needs a package that is missing ({error}). Install it: {package}")
