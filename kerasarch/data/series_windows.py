"""Windows of series over time: what is known, and what comes after it."""

import numpy as np

from kerasarch.data.resumable import ResumableDataset
from kerasarch.errors import DataError


class SeriesWindows(ResumableDataset):
    """Batches of every window there is; the order of epoch ``e`` depends only on the seed and ``e``.

    ``windows[i]`` is ``(past, future)``: float32 ``(batch, look_back, columns)`` and ``(batch, horizon, columns)``.

    Args:
        values: The series, ``(rows, columns)``.
        look_back: Rows that are known.
        horizon: Rows to forecast.
        batch: Windows of a batch.
        shuffle: A new order in each epoch, without the last windows that fill no batch; else all, in their order.
        seed: Of the order.

    Raises:
        DataError: There are fewer rows than a window has.
    """

    def __init__(
        self, values: np.ndarray, *, look_back: int, horizon: int, batch: int, shuffle: bool = True, seed: int = 0
    ):
        self.values = np.asarray(values, "float32")
        self.look_back, self.horizon, self.size, self.shuffle, self.seed = look_back, horizon, batch, shuffle, seed
        self.count = len(self.values) - look_back - horizon + 1
        if self.count < 1:
            raise DataError(
                f"A window of {look_back} known rows and {horizon} to forecast needs {look_back + horizon}. Received "
                f"{len(self.values)} rows; take a shorter --look-back or --horizon, or more rows."
            )
        super().__init__(max(self.count // batch, 1) if shuffle else -(-self.count // batch))

    def batch(self, epoch: int, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Batch ``index`` of an epoch, wherever the position stands."""
        order = np.random.default_rng([self.seed, epoch]).permutation(self.count) if self.shuffle else None
        places = np.arange(self.count) if order is None else order
        return self.windows(places[index * self.size : (index + 1) * self.size])

    def windows(self, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the windows that begin at these rows."""
        known = self.values[places[:, None] + np.arange(self.look_back)]
        ahead = self.values[places[:, None] + self.look_back + np.arange(self.horizon)]
        return known, ahead
