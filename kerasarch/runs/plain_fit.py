"""The callback for a ``model.fit`` of one's own: logs, saves at the end of epochs, stops, and goes on after a resume.

This file imports Keras; it is imported when a recipe trains.
"""

import math
import time
from typing import Any

import keras

from kerasarch.backends.seeding import set_random_seed
from kerasarch.errors import TrainingError
from kerasarch.runs.progress import Progress
from kerasarch.runs.state import assign, random_state, seed_of, set_random_state, variables_of


class RunCallback(keras.callbacks.Callback):
    """Ties one ``model.fit`` to the run.

    Args:
        run: The `kerasarch.runs.active.ActiveRun`.
        name: What the checkpoints call this ``fit``.
    """

    def __init__(self, run: Any, name: str):
        super().__init__()
        self._run, self.name = run, name
        self.epoch, self.history = 0, dict[str, list[float]]()
        self._progress: Progress | None = None
        self._began = 0.0

    def on_train_begin(self, logs: Any = None) -> None:
        """Restore the last finished epoch and let ``fit`` begin with the next one."""
        epochs, steps = self.params.get("epochs", 1), self.params.get("steps")
        self._progress = Progress(self.name, epochs, steps, self._run.tell, self._run.note)
        self._run.watch.boundaries += 1
        found = self._run.found_phase(self.name)
        if found is None:
            return
        model, arrays = self.model, found.arrays()
        variables = variables_of(model)
        assign("model", variables["model"], arrays, self.name)
        assign("optimizer", variables["optimizer"], arrays, self.name)
        self.epoch, self.history = found.state["epoch"], found.state["history"]
        self._run.step = found.state["step"]
        set_random_state(found.state["random"])
        model._initial_epoch = self.epoch  # as keras.callbacks.BackupAndRestore does
        self._run.say(f"{self.name}: going on with epoch {self.epoch + 1}, from checkpoint {found.name}")

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Seed the epoch, so that it does not depend on those before it."""
        set_random_seed(seed_of(self._run.seed, self.name, "epoch", epoch))
        self._began = time.monotonic()
        if self._progress is not None:
            self._progress.begin_epoch(epoch)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Count."""
        self._run.step += 1
        if self._progress is not None:
            self._progress.step()
        if self._run.watch.received is not None:
            # No position within the epoch is known: the last epoch's checkpoint is where the run goes on.
            self._run.watch.stop_if_asked()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Log, save, and stop if asked."""
        values = {name: float(value) for name, value in (logs or {}).items()}
        for name, value in values.items():
            if name.endswith("loss") and not math.isfinite(value):
                raise TrainingError(
                    f"{self.name}: {name} is {value} in epoch {epoch + 1}. Lower the learning rate, clip the "
                    "gradients, or look for values in the data that are not finite. The last good checkpoint is kept."
                )
            self.history.setdefault(name, []).append(value)
        self.epoch = epoch + 1
        seconds = round(time.monotonic() - self._began, 3)
        self._run.record(kind="epoch", phase=self.name, epoch=epoch, step=self._run.step, seconds=seconds, **values)
        if self._progress is not None:
            self._progress.end_epoch(epoch, values)
        self._run.save_phase(self, finished=False, callbacks=())
        self._run.watch.stop_if_asked()

    def on_train_end(self, logs: Any = None) -> None:
        """Look at each batch no longer."""
        self._run.watch.boundaries -= 1

    def state(self) -> dict[str, Any]:
        """Return the JSON state at the end of an epoch."""
        return {
            "kind": "fit",
            "phase": self.name,
            "epoch": self.epoch,
            "batch": 0,
            "base": 0,
            "stopped": False,
            "history": self.history,
            "random": random_state(),
        }
