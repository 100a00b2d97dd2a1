"""Batches of images for Keras, deterministic and resumable at any position."""

from abc import abstractmethod
from typing import Any, Literal

import grain
import keras
import numpy as np
from absl import flags

from kerasarch.data.augment import Augmentation
from kerasarch.data.decode import check_channels
from kerasarch.data.mix import Mix
from kerasarch.data.pipeline import Collate, Prepare, PrepareAugmented, check_interpolation
from kerasarch.data.resumable import ResumableDataset
from kerasarch.data.shuffle import Shuffled
from kerasarch.data.source import ArrayImages, ImageSource
from kerasarch.errors import DataError, UsageError

# Within a worker process one batch after the other: more threads there only wait for each other.
SERIAL = grain.ReadOptions(num_threads=0, prefetch_buffer_size=0)

MEMORY = 2**26  # bytes of pictures that are brought to their size ahead


class PipelineBatches(ResumableDataset):
    """Batches of an endless grain dataset, prepared in this process or ahead in others.

    Args:
        pipeline: Endless grain dataset of batches.
        steps: Batches of a whole epoch.
        workers: Processes that prepare batches ahead while they are asked for in order.

    Attributes:
        worker_count: Processes that prepare batches ahead.
    """

    def __init__(self, pipeline: grain.MapDataset, steps: int, workers: int = 0):
        super().__init__(steps)
        self.worker_count = workers
        self._pipeline = pipeline
        self._ahead: Any = None  # iterator of the worker processes
        self._ahead_at = -1  # position in the pipeline of what it gives next

    @abstractmethod
    def for_keras(self, batch: Any) -> tuple[np.ndarray, np.ndarray]:
        """Bring a batch of the pipeline into the form that ``fit`` gets."""

    def batch(self, epoch: int, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Batch ``index`` of an epoch, wherever the position stands, prepared in this process."""
        return self.for_keras(self._pipeline[epoch * self.steps + index])

    def next_batch(self, epoch: int, index: int) -> tuple[np.ndarray, np.ndarray]:
        """The same, where the next requests are for the batches that follow: the workers prepare these meanwhile."""
        if not self.worker_count:
            return self.batch(epoch, index)
        position = epoch * self.steps + index
        if self._ahead is None or self._ahead_at != position:
            self.close()
            if not flags.FLAGS.is_parsed():
                flags.FLAGS.mark_as_parsed()  # grain reads its own flags and refuses to in a program without absl.app
            options = grain.MultiprocessingOptions(num_workers=self.worker_count, per_worker_buffer_size=2)
            self._ahead = iter(self._pipeline[position:].to_iter_dataset(SERIAL).mp_prefetch(options))
        self._ahead_at = position + 1
        return self.for_keras(next(self._ahead))

    def close(self) -> None:
        """End the worker processes; they start again when they are needed."""
        if self._ahead is not None:
            self._ahead.close()
            self._ahead = None


class Batches(PipelineBatches):
    """Batches of images and labels; batch ``i`` of epoch ``e`` depends only on the seed, ``e`` and ``i``.

    Made by :func:`batches`. ``batches[i]`` is ``(images, labels)``, batch ``start + i`` of epoch ``epoch``.

    Args:
        source: Where the images come from.
        pipeline: Endless grain dataset of batches: uint8 or float32 images, channels last, and labels.
        steps: Batches of a whole epoch.
        workers: Processes that prepare batches ahead while they are asked for in order.
        pixels: What black and white become.
        places: Endless grain dataset of the places in the source of what the pipeline gives.
        augmented: Whether an image is another one in every epoch.

    Attributes:
        source: Where the images come from.
        augmented: Whether an image is another one in every epoch.
    """

    def __init__(
        self,
        source: ImageSource,
        pipeline: grain.MapDataset,
        steps: int,
        workers: int = 0,
        pixels: tuple[float, float] = (0.0, 255.0),
        *,
        places: grain.MapDataset,
        augmented: bool = False,
    ):
        super().__init__(pipeline, steps, workers)
        self.source = source
        self.pixels = pixels
        self.augmented = augmented
        self._places = places

    @property
    def labels(self) -> np.ndarray:
        """Class of every image of the source, in its order (not in that of the batches)."""
        return self.source.labels

    def order(self, epoch: int) -> np.ndarray:
        """Places in the source of the images of an epoch, batch after batch; nothing is loaded for it."""
        return np.concatenate([self._places[epoch * self.steps + index] for index in range(self.steps)])

    def for_keras(self, batch: tuple[np.ndarray, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """Images in the range and layout asked for, and their labels."""
        images, labels = batch
        return images_for_keras(images, self.pixels), labels


def batches(
    source: ImageSource,
    *,
    batch: int,
    size: tuple[int, int],
    channels: int = 3,
    classes: int | None = None,
    labels: Literal["int", "one_hot"] = "int",
    augment: Augmentation | None = None,
    shuffle: bool = True,
    seed: int = 0,
    drop_remainder: bool = False,
    workers: int = 0,
    pixels: tuple[float, float] = (0.0, 255.0),
    interpolation: str = "bilinear",
) -> Batches:
    """Batches of a source for ``model.fit``, ``evaluate`` and ``predict``.

    Args:
        source: The images.
        batch: Images a batch.
        size: Height and width in pixels.
        channels: 1, 3 or 4.
        classes: Number of classes, for one-hot labels; those of the source unless given.
        labels: ``"int"`` for class numbers, ``"one_hot"`` for rows, which Mixup and CutMix need.
        augment: Random changes; None for the pictures as they are.
        shuffle: A new order each epoch; otherwise the source's.
        seed: Seed of the order and of all that is random.
        drop_remainder: Leave out a last batch that is not full.
        workers: Processes that decode and augment; 0 does it in this one. They are spawned, so a script needs its
            ``if __name__ == "__main__":``.
        pixels: What black and white become: networks that prepare their pictures themselves take them as they are,
            generators that end in tanh make pictures in (-1, 1).
        interpolation: How pictures are brought to the size: ``"bilinear"``, ``"bicubic"``, ``"nearest"`` or
            ``"lanczos"``, which the ``preprocessing`` of a model with trained weights says.

    Returns:
        Images float32 in ``pixels`` laid out by ``keras.config.image_data_format()``, and labels.

    Raises:
        UsageError: An argument is out of range, or Mixup or CutMix without one-hot labels.
        DataError: There are no images, or fewer than a batch where the remainder is dropped.
    """
    check_channels(channels)
    check_interpolation(interpolation)
    if batch < 1 or workers < 0 or len(size) != 2 or min(size) < 1 or labels not in ("int", "one_hot"):
        raise UsageError(
            "batches needs batch >= 1, size (height, width) in pixels, workers >= 0 and labels 'int' or 'one_hot'. "
            f"Received batch={batch}, size={size}, workers={workers}, labels={labels!r}."
        )
    classes = len(source.classes) if classes is None else classes
    if classes < len(source.classes):
        raise UsageError(f"The source has {len(source.classes)} classes. Received classes={classes}.")
    augment = augment or Augmentation()
    if augment.mixes and labels != "one_hot":
        raise UsageError('Mixup and CutMix mix labels: pass labels="one_hot" and use a categorical loss.')
    if not len(source):
        raise DataError("There are no images to make batches of.")
    if drop_remainder and len(source) < batch:
        raise DataError(f"{len(source)} images do not fill a batch of {batch}. Use a smaller batch.")
    size = (int(size[0]), int(size[1]))
    items, prepare = source, Prepare(size, channels, interpolation)
    if not augment.changes_pictures and isinstance(source, ArrayImages):
        items = _prepared(source, prepare)
    seed %= 2**32
    dataset, places = (grain.MapDataset.source(some).seed(seed) for some in (items, np.arange(len(source))))
    if shuffle:
        dataset, places = Shuffled(dataset, seed), Shuffled(places, seed)
    if augment.changes_pictures:
        dataset = dataset.random_map(PrepareAugmented(size, channels, augment, interpolation))
    else:
        dataset = dataset.map(prepare)
    dataset = dataset.batch(batch, drop_remainder=drop_remainder, batch_fn=Collate(classes, labels == "one_hot"))
    if augment.mixes:
        dataset = dataset.random_map(Mix(augment))
    places = places.batch(batch, drop_remainder=drop_remainder)
    augmented = augment.changes_pictures or augment.mixes
    return Batches(source, dataset.repeat(), len(dataset), workers, pixels, places=places.repeat(), augmented=augmented)


def _prepared(source: ArrayImages, prepare: Prepare) -> ArrayImages:
    """Small pictures in memory brought to their size once, instead of in every epoch."""
    height, width = prepare.size
    if len(source) * height * width * prepare.channels > MEMORY:
        return source
    images = np.stack([prepare(source[index])[0] for index in range(len(source))])
    return ArrayImages(images, source.labels, source.classes)


def images_for_keras(images: np.ndarray, pixels: tuple[float, float]) -> np.ndarray:
    """Images of any type, channels last, to float32 in the range asked for and the layout that Keras is set to."""
    if keras.config.image_data_format() == "channels_first":
        images = np.moveaxis(images, -1, 1)
    images = np.ascontiguousarray(images, dtype=np.float32)
    if pixels != (0.0, 255.0):
        black, white = pixels
        images = images * np.float32((white - black) / 255) + np.float32(black)
    return images
