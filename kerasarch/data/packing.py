"""Short texts packed into rows of one length, so that little of a row is padding."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from kerasarch.data.resumable import ResumableDataset
from kerasarch.errors import DataError, UsageError

IGNORED = -100
"""Target of a place where nothing is to be said; losses of single tokens pass over it."""


def first_fit(sizes: Sequence[int], room: int) -> list[list[int]]:
    """Put things into the first bin that has room for them, in their order: Johnson, 1974
    (https://doi.org/10.1016/S0022-0000(74)80026-7).

    At most 1.7 times as many bins are used as are needed. A tree of the largest room left finds the bin, so that n
    things take n log n steps.

    Args:
        sizes: Of the things, above 0.
        room: Of a bin.

    Returns:
        For each bin the numbers of its things, in their order.

    Raises:
        UsageError: A thing is larger than a bin, or has no size.
    """
    if any(not 0 < size <= room for size in sizes):
        raise UsageError(f"Sizes must be between 1 and the room of {room}. Received {min(sizes)} to {max(sizes)}.")
    leaves = 1 << max(len(sizes) - 1, 0).bit_length()
    left = [room] * (2 * leaves)  # of bins, and above them the larger of two
    bins: list[list[int]] = []
    for number, size in enumerate(sizes):
        place = 1
        while place < leaves:
            place = 2 * place + (left[2 * place] < size)
        if place - leaves == len(bins):
            bins.append([])
        bins[place - leaves].append(number)
        left[place] -= size
        while place > 1:
            place //= 2
            left[place] = max(left[2 * place], left[2 * place + 1])
    return bins


@dataclasses.dataclass(frozen=True)
class PackedRows:
    """Texts of tokens, several to a row, as a causal language model learns them.

    Attributes:
        ids: Tokens, ``(N, L)``.
        targets: The next token of each, -100 where there is none: at padding. ``(N, L)``.
        positions: Place of each token in its text, ``(N, L)``.
        segments: Number of its text in the row, from 1; 0 at padding. ``(N, L)``.
    """

    ids: np.ndarray
    targets: np.ndarray
    positions: np.ndarray
    segments: np.ndarray

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def filled(self) -> float:
        """Share of the places that hold a token."""
        return float((self.segments > 0).mean())

    def batch(self, places: Sequence[int] | np.ndarray) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        """Return rows as ``fit`` takes them for a `kerasarch.models.CausalLanguageModel`."""
        chosen = np.asarray(places, int)
        inputs = {"input_ids": self.ids, "position_ids": self.positions, "segment_ids": self.segments}
        return {name: rows[chosen] for name, rows in inputs.items()}, {"logits": self.targets[chosen]}


def pack(texts: Sequence[Sequence[int]], length: int, *, padding: int = 0) -> PackedRows:
    """Pack texts of tokens into rows.

    The texts of a row do not see each other and their positions begin at 0: Krell et al., 2021, section 3.2
    (https://arxiv.org/abs/2107.02027). A text of n tokens takes n - 1 places, one for each target; longer ones are cut,
    and each token after the first is a target once. Rows are filled first-fit, the texts in their order.

    Args:
        texts: Tokens of each; those with fewer than 2 say nothing and are left out.
        length: Tokens of a row.
        padding: Token at the end of rows that are not full.

    Raises:
        DataError: No text has 2 tokens.
    """
    pieces = [
        np.asarray(text[start : start + length + 1], "int32")
        for text in texts
        for start in range(0, len(text) - 1, length)
    ]
    if not pieces:
        raise DataError("There is no text of 2 tokens or more. Give texts in which something follows something.")
    bins = first_fit([len(piece) - 1 for piece in pieces], length)
    shape = (len(bins), length)
    ids, targets = np.full(shape, padding, "int32"), np.full(shape, IGNORED, "int32")
    positions, segments = np.zeros(shape, "int32"), np.zeros(shape, "int32")
    for row, numbers in enumerate(bins):
        start = 0
        for segment, number in enumerate(numbers, 1):
            piece = pieces[number]
            place = slice(start, start := start + len(piece) - 1)
            ids[row, place], targets[row, place] = piece[:-1], piece[1:]
            positions[row, place], segments[row, place] = np.arange(len(piece) - 1), segment
    return PackedRows(ids, targets, positions, segments)


class PackedBatches(ResumableDataset):
    """Batches of packed rows; batch ``i`` of epoch ``e`` depends only on the seed, ``e`` and ``i``.

    ``batches[i]`` is ``(inputs, {"logits": targets})``: what ``keras.Model.fit`` takes for a model with an output of
    that name. All batches are full, so that one compiled function serves all.

    Args:
        rows: The rows.
        batch: Rows of a batch.
        steps: Batches of an epoch. The rows are gone through again and again, each time in another order, in which what
            is left over at the end is left out. None for all rows in their order, the last batch filled up with rows
            without targets.
        seed: Of the orders.
        names: Inputs that the model takes.

    Raises:
        DataError: There are fewer rows than a batch has.
    """

    def __init__(
        self,
        rows: PackedRows,
        *,
        batch: int,
        steps: int | None = None,
        seed: int = 0,
        names: Sequence[str] = ("input_ids", "position_ids", "segment_ids"),
    ):
        super().__init__(-(-len(rows) // batch) if steps is None else steps)
        if steps is not None and len(rows) < batch:
            raise DataError(f"A batch of {batch} rows needs as many. Received {len(rows)}; take a smaller batch.")
        self.rows, self.size, self.random, self.seed, self.names = rows, batch, steps is not None, seed, names

    def batch(self, epoch: int, index: int) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        """Batch ``index`` of an epoch, wherever the position stands."""
        count, order = len(self.rows), np.arange(len(self.rows))
        if self.random:
            turn, index = divmod(epoch * self.steps + index, count // self.size)
            order = np.random.default_rng([self.seed, turn]).permutation(count)
        places = order[index * self.size : (index + 1) * self.size]
        inputs, targets = self.rows.batch(np.resize(places, self.size))
        targets["logits"][len(places) :] = IGNORED
        return {name: rows for name, rows in inputs.items() if name in self.names}, targets
