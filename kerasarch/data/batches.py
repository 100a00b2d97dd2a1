"""Batches of images for Keras, deterministic and resumable at any position."""

from typing import Literal

import grain
import keras
import numpy as np

from kerasarch.data.decode import check_channels
from kerasarch.data.pipeline import Collate, Prepare
from kerasarch.data.resumable import ResumableDataset
from kerasarch.data.source import ImageSource
from kerasarch.errors import DataError, UsageError


class Batches(ResumableDataset):
    """Batches of images and labels; batch ``i`` of epoch ``e`` depends only on the seed, ``e`` and ``i``.

    Made by :func:`batches`. ``batches[i]`` is ``(images, labels)``, batch ``start + i`` of epoch ``epoch``.

    Attributes:
        source: Where the images come from.
    """

    def __init__(self, source: ImageSource, pipeline: grain.MapDataset, steps: int):
        super().__init__(steps)
        self.source = source
        self._pipeline = pipeline

    @property
    def labels(self) -> np.ndarray:
        """Class of every image of the source, in its order (not in that of the batches)."""
        return self.source.labels

    def batch(self, epoch: int, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Batch ``index`` of an epoch, wherever the position stands."""
        return self._pipeline[epoch * self.steps + index]


def batches(
    source: ImageSource,
    *,
    batch: int,
    size: tuple[int, int],
    channels: int = 3,
    classes: int | None = None,
    labels: Literal["int", "one_hot"] = "int",
    shuffle: bool = True,
    seed: int = 0,
    drop_remainder: bool = False,
    workers: int = 0,
) -> Batches:
    """Batches of a source for ``model.fit``, ``evaluate`` and ``predict``.

    Args:
        source: The images.
        batch: Images a batch.
        size: Height and width in pixels.
        channels: 1, 3 or 4.
        classes: Number of classes, for one-hot labels; those of the source unless given.
        labels: ``"int"`` for class numbers, ``"one_hot"`` for rows.
        shuffle: A new order each epoch; otherwise the source's.
        seed: Seed of the order and of all that is random.
        drop_remainder: Leave out a last batch that is not full.
        workers: Processes that decode.

    Returns:
        Images float32 in [0, 255] laid out by ``keras.config.image_data_format()``, and labels.

    Raises:
        UsageError: An argument is out of range.
        DataError: There are no images, or fewer than a batch where the remainder is dropped.
    """
    check_channels(channels)
    if batch < 1 or workers < 0 or min(size) < 1 or labels not in ("int", "one_hot"):
        raise UsageError(
            "batches needs batch >= 1, a size of at least 1 by 1 pixels, workers >= 0 and labels 'int' or 'one_hot'. "
            f"Received batch={batch}, size={size}, workers={workers}, labels={labels!r}."
        )
    if not len(source):
        raise DataError("There are no images to make batches of.")
    if drop_remainder and len(source) < batch:
        raise DataError(f"{len(source)} images do not fill a batch of {batch}. Use a smaller batch.")
    channels_first = keras.config.image_data_format() == "channels_first"
    dataset = grain.MapDataset.source(source).seed(seed)
    dataset = dataset.shuffle() if shuffle else dataset
    dataset = dataset.map(Prepare(tuple(size), channels))
    collate = Collate(classes or len(source.classes), labels == "one_hot", channels_first)
    dataset = dataset.batch(batch, drop_remainder=drop_remainder, batch_fn=collate)
    return Batches(source, dataset.repeat(), len(dataset))
