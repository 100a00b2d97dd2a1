"""Batches of rows of like length: little padding, and few shapes to compile for."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np

from kerasarch.data.length_buckets import best_edges
from kerasarch.data.resumable import ResumableDataset
from kerasarch.errors import DataError

SHAPES = 4
"""Widths that rows are padded to, at most."""


def widths_for(lengths: Sequence[int] | np.ndarray, longest: int) -> tuple[int, ...]:
    """Return the few widths that rows are padded to, chosen so that there is as little padding as possible.

    Args:
        lengths: Tokens of each row.
        longest: Tokens of a row at most; what is longer is cut.
    """
    return tuple(int(edge) for edge in best_edges(np.clip(np.asarray(lengths, np.int64), 1, longest), SHAPES))


def width_of(widths: Sequence[int], length: int) -> int:
    """Return the smallest width that holds so many tokens; the largest where none does."""
    return next((width for width in widths if width >= length), widths[-1])


def pad_rows(rows: Sequence[Sequence[int]], width: int, padding: int) -> np.ndarray:
    """Return rows in an array, cut and filled up on the right: int32 ``(rows, width)``."""
    found = np.full((len(rows), width), padding, "int32")
    for place, row in enumerate(rows):
        found[place, : min(len(row), width)] = row[:width]
    return found


class PaddedBatches(ResumableDataset):
    """Batches of rows whose lengths are alike; batch ``i`` of epoch ``e`` depends only on the seed, ``e`` and ``i``.

    Rows are shuffled, then sorted by the width that holds them, and cut into batches, whose order is shuffled. So all
    batches have one size and their widths are few: an accelerator's compiler meets few shapes. What is left over of an
    epoch, fewer rows than a batch, sits it out; other rows do in the next.

    Args:
        lengths: Tokens of each row, ``(N,)``.
        batch: Rows of a batch; all of them where there are fewer.
        longest: Tokens of a row at most.
        shuffle: Whether the order is another one in every epoch; otherwise no row is left out, and the last batch may
            be smaller.
        seed: Of the order.

    Attributes:
        widths: What rows are padded to.

    Raises:
        DataError: There is no row.
    """

    def __init__(self, lengths: Sequence[int], *, batch: int, longest: int, shuffle: bool = True, seed: int = 0):
        if not len(lengths):
            raise DataError("Batches need one row at least. Received none.")
        self.size, self.shuffle, self.seed = min(batch, len(lengths)), shuffle, seed
        self.widths = widths_for(lengths, longest)
        self._buckets = np.minimum(np.searchsorted(self.widths, np.asarray(lengths)), len(self.widths) - 1)
        super().__init__(len(lengths) // self.size if shuffle else -(-len(lengths) // self.size))
        self._planned: tuple[int, list[np.ndarray]] | None = None  # one name for both: threads ask too

    @abstractmethod
    def rows(self, places: np.ndarray, epoch: int) -> Any:
        """Return the batch of the rows at these places."""

    def batch(self, epoch: int, index: int) -> Any:
        """Batch ``index`` of an epoch, wherever the position stands."""
        return self.rows(self.places(epoch)[index], epoch)

    def places(self, epoch: int) -> list[np.ndarray]:
        """Return the places of the rows of an epoch, batch after batch."""
        planned = self._planned
        if planned is None or planned[0] != epoch:
            planned = self._planned = epoch, self._plan(epoch)
        return planned[1]

    def _plan(self, epoch: int) -> list[np.ndarray]:
        draw = np.random.default_rng([self.seed, epoch])
        order = np.arange(len(self._buckets))
        if self.shuffle:
            order = draw.permutation(order)[: self.steps * self.size]
        order = order[np.argsort(self._buckets[order], kind="stable")]
        batches = [order[start : start + self.size] for start in range(0, len(order), self.size)]
        return [batches[place] for place in draw.permutation(len(batches))] if self.shuffle else batches
