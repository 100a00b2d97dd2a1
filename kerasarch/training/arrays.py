"""Arrays as training data with a position, for use without ``kerasarch.data``."""

import math
from typing import Any

import keras
import numpy as np
from keras import tree

from kerasarch.errors import DataError, UsageError


class ArrayBatches(keras.utils.PyDataset):
    """Batches of arrays; the order of epoch ``e`` depends on the seed and ``e`` alone.

    Args:
        x: Array, or a structure of arrays, of one length.
        y: Labels of the same length.
        batch: Examples a batch.
        shuffle: A new order every epoch; else that of the arrays.
        seed: Seed of the order.
        drop_remainder: Leave out a last batch that is not full.

    Attributes:
        epoch: The epoch that the next pass serves.
        start: The first batch of that pass.
        steps: Batches of an epoch.
        labels: The labels.

    Raises:
        DataError: There are no examples or lengths differ.
        UsageError: The batch is below 1.
    """

    def __init__(
        self, x: Any, y: Any, *, batch: int = 32, shuffle: bool = True, seed: int = 0, drop_remainder: bool = False
    ):
        super().__init__()
        self.x, self.labels = tree.map_structure(np.asarray, x), np.asarray(y)
        lengths = {len(array) for array in [*tree.flatten(self.x), self.labels]}
        if len(lengths) != 1 or 0 in lengths:
            raise DataError(f"Received arrays of lengths {sorted(lengths)}. Expected one length above 0.")
        if batch < 1:
            raise UsageError(f"Received batch={batch}. Expected at least 1.")
        if drop_remainder and batch > len(self.labels):
            raise DataError(f"{len(self.labels)} examples do not fill a batch of {batch}. Use a smaller batch.")
        self.batch_size, self.shuffle, self.seed = batch, shuffle, seed
        self.epoch, self.start = 0, 0
        self.steps = len(self.labels) // batch if drop_remainder else math.ceil(len(self.labels) / batch)
        self._served = 0
        self._opening = False

    @property
    def use_multiprocessing(self) -> bool:
        """False. Keras asks whenever it wraps a dataset, before it fetches a sample to build the model with."""
        self._opening = True
        return False

    @property
    def num_batches(self) -> int:
        """Batches of the next pass."""
        return self.steps - self.start

    def order(self, epoch: int) -> np.ndarray:
        """Positions of the examples in the arrays, in the order in which an epoch serves them."""
        count = len(self.labels)
        return np.random.default_rng([self.seed, epoch]).permutation(count) if self.shuffle else np.arange(count)

    def batch(self, epoch: int, index: int) -> tuple:
        """Batch ``index`` of an epoch."""
        rows = self.order(epoch)[index * self.batch_size : (index + 1) * self.batch_size]
        return tree.map_structure(lambda array: array[rows], self.x), self.labels[rows]

    def __getitem__(self, index: int) -> tuple:
        if self._opening:
            return self.batch(self.epoch, self.start)
        self._served += 1
        # In turn, whatever the index: fit(shuffle=True) would mix batches that are mixed already.
        return self.batch(self.epoch, self.start + (self._served - 1) % self.num_batches)

    def on_epoch_end(self) -> None:
        """Goes to the next epoch. Keras calls this at the end of every epoch, and once before the first."""
        if not self._opening and self._served >= self.num_batches:
            self.epoch, self.start = self.epoch + 1, 0
        self._opening, self._served = False, 0

    def state(self, done: int = 0) -> dict[str, int]:
        """The position as JSON values, after `done` batches of the present pass."""
        epochs, start = divmod(self.start + done, self.steps)
        return {"epoch": self.epoch + epochs, "start": start, "steps": self.steps}

    def restore(self, state: dict[str, int]) -> None:
        """Goes to a position. From the midst of an epoch, fit that epoch alone: Keras counts batches once a fit.

        Raises:
            DataError: It is a position in other data.
        """
        if state["steps"] != self.steps:
            raise DataError(f"Received position {state}. Expected one in epochs of {self.steps} batches: other data.")
        self.epoch, self.start = state["epoch"], state["start"]
        self._opening, self._served = False, 0
