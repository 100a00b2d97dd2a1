"""Batches of pairs of like lengths, in few shapes: little padding, and little to compile."""

from collections.abc import Sequence

import numpy as np

from kerasarch.data.resumable import ResumableDataset
from kerasarch.errors import DataError, UsageError

Rows = Sequence[Sequence[int]]


class LengthBuckets(ResumableDataset):
    """Batches of texts and what they become; batch ``i`` of epoch ``e`` depends only on the seed, ``e`` and ``i``.

    Pairs are put into a few buckets by the longer of their sides. The buckets' lengths are chosen so that there is as
    little padding as possible. A batch of a bucket of length L has as many pairs as ``tokens`` allow: each bucket has
    one shape, and a compiled step is compiled once for each. Pairs that are left over in a bucket, others in each
    epoch, go on into the next longer one; the last batch of an epoch is filled up with rows that have no targets.

    ``buckets[i]`` is ``({"source_ids", "source_mask", "target_ids"}, {"logits"})``: int32 ``(pairs, L)`` each, the
    targets being ``target_ids`` one place further on and ``padding`` behind their end, which a loss leaves out.

    Args:
        sources: Tokens of each text that is read, with its end.
        targets: Tokens of each text that is written, with its start and end.
        tokens: Places of a batch on its longer side, at most; a longer pair makes a batch of its own.
        pairs: Pairs of a batch, in place of ``tokens``.
        shapes: Buckets at most.
        padding: The token that fills up.
        seed: Of the order; None keeps pairs in order, the short ones first.

    Raises:
        DataError: There are no pairs, a source is empty, a target has fewer than two tokens, or the numbers differ.
        UsageError: Not exactly one of ``tokens`` and ``pairs`` is given, or a number is below 1.
    """

    def __init__(
        self,
        sources: Rows,
        targets: Rows,
        *,
        tokens: int | None = None,
        pairs: int | None = None,
        shapes: int = 6,
        padding: int = 0,
        seed: int | None = None,
    ):
        _check(sources, targets)
        if (tokens is None) == (pairs is None) or min(tokens or 1, pairs or 1, shapes) < 1:
            raise UsageError(
                f"Give one of tokens and pairs, and numbers of 1 or more. Received tokens={tokens}, pairs={pairs}, "
                f"shapes={shapes}."
            )
        self.sources, self.targets = sources, targets
        self.padding, self.seed = padding, seed
        self.lengths = np.array([max(len(one), len(other) - 1) for one, other in zip(sources, targets, strict=True)])
        self.edges = best_edges(self.lengths, shapes)
        """Length of each bucket."""
        self.sizes = [pairs or max(1, (tokens or 0) // int(edge)) for edge in self.edges]
        """Pairs of a batch of each bucket."""
        self._bucket = np.searchsorted(self.edges, self.lengths)
        self._planned: tuple[int, list[tuple[int, np.ndarray]]] | None = None
        super().__init__(len(self._plan(0)))

    @property
    def filled(self) -> float:
        """Share of the places in an epoch's batches that hold tokens, both sides together."""
        used = sum(map(len, self.sources)) + sum(len(row) - 1 for row in self.targets)
        places = sum(2 * int(self.edges[bucket]) * self.sizes[bucket] for bucket, _ in self._plan(0))
        return used / places

    def batch(self, epoch: int, index: int) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        """Batch ``index`` of an epoch, wherever the position stands."""
        bucket, rows = self._plan(epoch)[index]
        shape = (self.sizes[bucket], int(self.edges[bucket]))
        source, target, after = (np.full(shape, self.padding, "int32") for _ in range(3))
        mask = np.zeros(shape, "int32")
        for place in range(shape[0]):
            row = rows[place % len(rows)]  # rows that fill up read something: attention to nothing has no weights
            read, written = self.sources[row], self.targets[row]
            source[place, : len(read)] = read
            mask[place, : len(read)] = 1
            target[place, : len(written) - 1] = written[:-1]
            if place < len(rows):
                after[place, : len(written) - 1] = written[1:]
        return {"source_ids": source, "source_mask": mask, "target_ids": target}, {"logits": after}

    def sample(self, epoch: int, index: int) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        """A batch of the shortest shape where ``index`` is even, of the longest where it is odd."""
        order = sorted(range(self.steps), key=lambda place: self._plan(epoch)[place][0])
        return self.batch(epoch, order[-1 if index % 2 else 0])

    def _plan(self, epoch: int) -> list[tuple[int, np.ndarray]]:
        """Return the bucket and the rows of each batch of an epoch."""
        if self.seed is None:
            epoch = 0
        if self._planned is not None and self._planned[0] == epoch:
            return self._planned[1]
        order = np.arange(len(self.lengths))
        if self.seed is not None:
            rng = np.random.default_rng([self.seed, epoch])
            order = rng.permutation(order)
        plan: list[tuple[int, np.ndarray]] = []
        left = order[:0]
        for bucket, size in enumerate(self.sizes):
            rows = np.concatenate([left, order[self._bucket[order] == bucket]])
            whole = len(rows) // size * size
            plan += [(bucket, rows[start : start + size]) for start in range(0, whole, size)]
            left = rows[whole:]
        if len(left):
            plan.append((len(self.sizes) - 1, left))
        if self.seed is not None:
            plan = [plan[place] for place in rng.permutation(len(plan))]
        self._planned = (epoch, plan)
        return plan


def best_edges(lengths: np.ndarray, count: int) -> np.ndarray:
    """Choose bucket lengths so that rows filled up to the next of them take the fewest places.

    The last one is the longest row's. Found by dynamic programming over the different lengths.

    Args:
        lengths: Of the rows, ``(N,)``.
        count: Buckets at most.

    Returns:
        Increasing lengths, at most ``count``.
    """
    values, rows = np.unique(lengths, return_counts=True)
    below = np.concatenate([[0], np.cumsum(rows)])  # rows shorter than value i
    # cost[i]: places that the rows of the first i values take in the best buckets so far
    cost = np.concatenate([[0.0], np.full(len(values), np.inf)])
    choices: list[np.ndarray] = []
    for _ in range(min(count, len(values))):
        # A bucket of value j holds the rows of values i to j
        table = cost[:-1, None] + (below[None, 1:] - below[:-1, None]) * values[None, :]
        table = np.where(np.arange(len(values))[:, None] <= np.arange(len(values)), table, np.inf)
        choices.append(table.argmin(axis=0))
        cost = np.concatenate([[0.0], table.min(axis=0)])
    edges: list[int] = []
    end = len(values)
    for choice in reversed(choices):
        if end:
            edges.append(int(values[end - 1]))
            end = int(choice[end - 1])
    return np.array(edges[::-1])


def _check(sources: Rows, targets: Rows) -> None:
    if not len(sources) or len(sources) != len(targets):
        raise DataError(f"Expected as many sources as targets, one or more. Received {len(sources)}, {len(targets)}.")
    short = next((row for row in range(len(sources)) if not len(sources[row]) or len(targets[row]) < 2), None)
    if short is not None:
        raise DataError(
            f"Pair {short}: a source has one token or more, a target its start and end at least. Received "
            f"{len(sources[short])} and {len(targets[short])} tokens."
        )
