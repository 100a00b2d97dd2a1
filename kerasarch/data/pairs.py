"""Batches of pairs of pictures for Keras, deterministic and resumable at any position."""

from typing import Any

import grain
import numpy as np

from kerasarch.data.batching import PipelineBatches, images_for_keras
from kerasarch.data.decode import check_channels
from kerasarch.data.pair_sources import FlipPair, PairSource, PreparePair, picture_of, stack_pairs
from kerasarch.data.shuffle import Shuffled
from kerasarch.data.source import ImageSource
from kerasarch.errors import DataError, UsageError


class PairBatches(PipelineBatches):
    """Batches ``(first, second)`` of pictures; batch ``i`` of epoch ``e`` depends only on the seed, ``e`` and ``i``.

    Made by :func:`pair_batches` and :func:`unpaired_batches`.

    Args:
        pipeline: Endless grain dataset of pairs of uint8 batches, channels last.
        steps: Batches of a whole epoch.
        workers: Processes that prepare batches ahead.
        pixels: What black and white become.
    """

    def __init__(
        self, pipeline: grain.MapDataset, steps: int, workers: int = 0, pixels: tuple[float, float] = (-1.0, 1.0)
    ):
        super().__init__(pipeline, steps, workers)
        self.pixels = pixels

    def for_keras(self, batch: Any) -> tuple[np.ndarray, np.ndarray]:
        """Both batches of pictures in the range and layout asked for."""
        first, second = batch
        return images_for_keras(first, self.pixels), images_for_keras(second, self.pixels)


def pair_batches(
    source: PairSource,
    *,
    batch: int,
    size: tuple[int, int],
    first_size: tuple[int, int] | None = None,
    channels: int = 3,
    flip: bool = False,
    shuffle: bool = True,
    seed: int = 0,
    drop_remainder: bool = False,
    workers: int = 0,
    pixels: tuple[float, float] = (-1.0, 1.0),
) -> PairBatches:
    """Batches of pictures that belong together, for ``fit`` and ``evaluate``.

    Args:
        source: The pairs.
        batch: Pairs a batch.
        size: Height and width in pixels.
        first_size: Those of the first pictures, where they differ.
        channels: 1, 3 or 4, of all.
        flip: Mirror half of the pairs, both pictures alike.
        shuffle: A new order each epoch; otherwise the source's.
        seed: Seed of the order and the mirroring.
        drop_remainder: Leave out a last batch that is not full.
        workers: Processes that decode; 0 does it in this one.
        pixels: What black and white become.

    Returns:
        Float32 pictures ``(first, second)``, laid out by ``keras.config.image_data_format()``.

    Raises:
        UsageError: An argument is out of range.
        DataError: There are no pairs, or fewer than a batch where the remainder is dropped.
    """
    sizes = _checked(batch, workers, channels, first_size or size, size)
    if not len(source) or (drop_remainder and len(source) < batch):
        raise DataError(f"{len(source)} pairs do not fill a batch of {batch}. Add pairs, or use a smaller batch.")
    seed %= 2**32
    dataset = grain.MapDataset.source(source).seed(seed)
    if shuffle:
        dataset = Shuffled(dataset, seed)
    dataset = dataset.map(PreparePair(sizes, channels))
    if flip:
        dataset = dataset.random_map(FlipPair())
    dataset = dataset.batch(batch, drop_remainder=drop_remainder, batch_fn=stack_pairs)
    return PairBatches(dataset.repeat(), len(dataset), workers, pixels)


def unpaired_batches(
    first: ImageSource,
    second: ImageSource,
    *,
    batch: int,
    size: tuple[int, int],
    channels: int = 3,
    flip: bool = False,
    seed: int = 0,
    workers: int = 0,
    pixels: tuple[float, float] = (-1.0, 1.0),
) -> PairBatches:
    """Batches of pictures of two domains, each in a random order of its own.

    An epoch is as long as the larger domain; the smaller one begins again, in a new order, as often as it must.
    All batches are full.

    Args:
        first: Pictures of one domain.
        second: Pictures of the other, as many or not.
        batch: Pictures of either a batch.
        size: Height and width in pixels.
        channels: 1, 3 or 4, of all.
        flip: Mirror half of the pictures.
        seed: Seed of the orders and the mirroring.
        workers: Processes that decode; 0 does it in this one.
        pixels: What black and white become.

    Returns:
        Float32 pictures ``(first, second)``, laid out by ``keras.config.image_data_format()``.

    Raises:
        UsageError: An argument is out of range.
        DataError: A domain has no pictures, or both have fewer than a batch.
    """
    sizes = _checked(batch, workers, channels, size, size)
    longest = max(len(first), len(second))
    if not len(first) or not len(second) or longest < batch:
        raise DataError(
            f"Two domains of {len(first)} and {len(second)} pictures do not fill a batch of {batch}. Add pictures, or "
            "use a smaller batch."
        )
    seeds = np.random.SeedSequence([seed % 2**32, 0xAB]).generate_state(3)
    endless = [
        Shuffled(grain.MapDataset.source(source), int(own)).map(picture_of).repeat()
        for source, own in zip((first, second), seeds[:2], strict=True)
    ]
    dataset = grain.experimental.ZipMapDataset(endless).seed(int(seeds[2])).map(PreparePair(sizes, channels))
    if flip:
        dataset = dataset.random_map(FlipPair(aligned=False))
    return PairBatches(dataset.batch(batch, batch_fn=stack_pairs), longest // batch, workers, pixels)


def _checked(
    batch: int, workers: int, channels: int, first_size: tuple[int, int], size: tuple[int, int]
) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return both sizes.

    Raises:
        UsageError: An argument is out of range.
    """
    check_channels(channels)
    sizes = [tuple(int(length) for length in given) for given in (first_size, size)]
    if batch < 1 or workers < 0 or any(len(given) != 2 or min(given) < 1 for given in sizes):
        raise UsageError(
            "Batches of pairs need batch >= 1, sizes (height, width) in pixels and workers >= 0. "
            f"Received batch={batch}, sizes {sizes[0]} and {sizes[1]}, workers={workers}."
        )
    return sizes[0], sizes[1]  # type: ignore[return-value]
