"""Grids of samples over the course of training, drawn from noise that stays the same."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from kerasarch.recipe import Run

SNAPSHOTS = 8


class SampleGrids(keras.callbacks.Callback):
    """Draws the same few samples now and then, and puts them side by side into the report when training ends.

    The times are closer together in the beginning, where more changes: after ``(k / (n - 1))^2`` of the batches, the
    first before any. Snapshots are part of the run's checkpoint, so that a resumed run shows those before it too.

    Args:
        run: The run.
        draw: Returns the pictures: uint8, ``(N, H, W, C)``. For a `kerasarch.models.LatentSampler` that shares its
            network with what is trained, ``lambda: sampler.sample(16, seed=0)``.
        snapshots: How many, 2 at least.
        name: Of the figure.
        caption: Below it.
    """

    def __init__(
        self,
        run: Run,
        draw: Callable[[], np.ndarray],
        *,
        snapshots: int = SNAPSHOTS,
        name: str = "samples over training",
        caption: str = "Samples over training, from the same noise",
    ):
        super().__init__()
        self.run, self.draw = run, draw
        self.count, self.name, self.caption = max(snapshots, 2), name, caption
        self.done = 0  # batches; with the next two it is part of the checkpoint
        self.times: list[int] = []
        self.grids: list[np.ndarray] = []

    def on_train_begin(self, logs: Any = None) -> None:
        """Draw what an untrained network gives."""
        if not self.times:
            self._take()

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Draw where a time has come."""
        self.done += 1
        steps = self.params.get("steps")
        total = steps * self.params["epochs"] if steps else None
        if total is None:
            return
        wanted = {round(total * (k / (self.count - 1)) ** 2) for k in range(1, self.count)}
        if self.done in wanted:
            self._take()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Where the length of an epoch is not known, draw at the ends of some."""
        if not self.params.get("steps"):
            epochs = self.params["epochs"]
            wanted = {max(round(epochs * (k / (self.count - 1)) ** 2), 1) for k in range(1, self.count)}
            if epoch + 1 in wanted:
                self._take()

    def on_train_end(self, logs: Any = None) -> None:
        """Put the snapshots into the report."""
        if self.done and self.times[-1] != self.done:
            self._take()
        show_snapshots(self.run, self.grids, [f"step {time:,}" for time in self.times], self.name, self.caption)

    def _take(self) -> None:
        _ = self.model  # on JAX the variables lag behind within an epoch: the property brings them up to date
        self.times.append(self.done)
        self.grids.append(np.asarray(self.draw()))


def show_snapshots(run: Run, grids: list[np.ndarray], titles: list[str], name: str, caption: str) -> None:
    """Put grids of pictures side by side into the report, each below its title.

    Args:
        run: The run.
        grids: uint8 pictures ``(N, H, W, C)`` of each.
        titles: Of each.
        name: Of the figure.
        caption: Below it.
    """
    from kerasarch.runs.figures import draw_pictures
    from kerasarch.runs.pictures import tile

    columns = min(len(grids), 4)
    with run.figure(name, caption=caption) as figure:
        draw_pictures(figure, [tile(list(grid), gap=1, ground=128) for grid in grids], titles, columns)
