"""How ``run.fit`` serves data: any batch of any epoch on demand, so that training goes on at its exact batch.

This file imports Keras; it is imported when a recipe trains.
"""

import threading
from typing import Any

import keras
import numpy as np

from kerasarch.runs.state import seed_of


class ArrayBatches:
    """Batches of arrays; the order of epoch ``e`` depends only on the seed and ``e``.

    Args:
        arrays: ``(x, y)`` or ``(x, y, sample_weight)``, each of the same length.
        seed: Seed of the order.
        batch: Examples a batch.
    """

    def __init__(self, arrays: tuple[Any, ...], seed: int, batch: int = 32):
        self._arrays = tuple(np.asarray(array) for array in arrays)
        self._seed, self._size = seed, batch
        self.steps = -(-len(self._arrays[0]) // batch)
        self.epoch = self.start = 0

    def batch(self, epoch: int, index: int) -> tuple[np.ndarray, ...]:
        """Return batch ``index`` of an epoch."""
        order = np.random.default_rng(seed_of(self._seed, "order", epoch)).permutation(len(self._arrays[0]))
        chosen = order[index * self._size : (index + 1) * self._size]
        return tuple(array[chosen] for array in self._arrays)

    def state(self) -> dict[str, Any]:
        """Return the position."""
        return {"epoch": self.epoch, "start": self.start}

    def restore(self, state: dict[str, Any]) -> None:
        """Go to a position."""
        self.epoch, self.start = int(state["epoch"]), int(state["start"])


def positioned(data: Any, seed: int) -> Any | None:
    """Return data that has a position (`kerasarch.data.Batches`, arrays), or None where it has none."""
    if all(hasattr(data, name) for name in ("epoch", "start", "steps", "state", "restore")):
        return data
    if isinstance(data, (tuple, list)) and 2 <= len(data) <= 3 and all(hasattr(part, "__len__") for part in data):
        return ArrayBatches(tuple(data), seed)
    return None


def limited(data: Any, steps: int | None) -> Any:
    """Cut a dataset after some batches; data that is no dataset by index stays as it is."""
    if steps is None or not isinstance(data, keras.utils.PyDataset):
        return data
    return Served(data, steps)


class Served(keras.utils.PyDataset):
    """What ``fit`` gets: the batches of the current epoch from the position on, and of it so many at most.

    Args:
        data: Data with a position, or a ``PyDataset``, which is served from its beginning.
        limit: Batches of an epoch at most, or None.
    """

    def __init__(self, data: Any, limit: int | None = None):
        super().__init__(workers=0)
        self.data, self._lock = data, threading.Lock()
        whole = getattr(data, "steps", None) or data.num_batches
        self.steps = whole if limit is None else min(whole, limit)
        self.epoch, self.start, self._within = 0, 0, False

    def go_to(self, epoch: int, start: int) -> None:
        """Serve another place from now on."""
        self.epoch, self.start = epoch, start
        if hasattr(self.data, "restore"):
            self.data.restore({**self.data.state(), "epoch": epoch, "start": start})

    @property
    def num_batches(self) -> int:
        """Batches of the current pass."""
        return self.steps - self.start

    def __getitem__(self, index: int) -> Any:
        with self._lock:  # TensorFlow asks from a thread of its own
            epoch, position = self.epoch, self.start + index
            if self._within and hasattr(self.data, "next_batch"):
                return self.data.next_batch(epoch, position)
            if not self._within and hasattr(self.data, "sample"):
                return self.data.sample(epoch, position)
            if hasattr(self.data, "batch"):
                return self.data.batch(epoch, position)
            # The data counts from its own position, which go_to has set.
            return self.data[index]

    def on_epoch_begin(self) -> None:
        """Fetch ahead from now on."""
        self._within = True

    def on_epoch_end(self) -> None:
        """Fetch nothing ahead until the next epoch."""
        self._within = False
