"""A new order each epoch, at a cost that does not depend on how few the examples are."""

from typing import Any

import grain
import numpy as np


class Shuffled(grain.MapDataset):
    """A grain dataset in another order in every epoch.

    ``MapDataset.shuffle`` walks through 65,536 places until it meets one that exists, for each example: with the 50
    pictures of a few-shot task 0.8 ms each. A permutation an epoch takes microseconds, and 8 bytes an example.

    Args:
        parent: The dataset; element ``index`` of epoch ``e`` is asked for as ``e * len(parent) + index``.
        seed: Seed of the orders, at least 0. Two datasets of one length and seed are shuffled alike.
    """

    def __init__(self, parent: grain.MapDataset, seed: int):
        super().__init__(parent)
        self._key = int(seed)
        self._drawn: tuple[int, np.ndarray] | None = None  # one name for both: threads ask too

    def __len__(self) -> int:
        return len(self._parent)

    def __getitem__(self, index: Any) -> Any:
        """Element ``index``, or the dataset of a slice."""
        if isinstance(index, slice):
            return self.slice(index)
        epoch, place = divmod(index, len(self))
        drawn = self._drawn
        if drawn is None or drawn[0] != epoch:
            drawn = self._drawn = epoch, np.random.default_rng((self._key, epoch)).permutation(len(self))
        return self._parent[epoch * len(self) + int(drawn[1][place])]
