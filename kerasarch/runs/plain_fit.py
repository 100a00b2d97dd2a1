"""The callback for a ``model.fit`` of one's own: logs, saves at the end of epochs, stops, and goes on after a resume.

This file imports Keras; it is imported when a recipe trains.
"""

import math
import time
from typing import Any

import keras

from kerasarch.backends.seeding import set_random_seed
from kerasarch.errors import TrainingError, UsageError
from kerasarch.runs.progress import Progress
from kerasarch.runs.state import assign, random_state, seed_of, separate_averages, variables_of
from kerasarch.runs.watching import Watching


class RunCallback(keras.callbacks.Callback):
    """Ties one ``model.fit`` to the run.

    Args:
        run: The `kerasarch.runs.active.ActiveRun`.
        name: What the checkpoints call this ``fit``.
    """

    def __init__(self, run: Any, name: str):
        super().__init__()
        self._run, self.name = run, name
        self.epoch, self.stopped, self.history = 0, False, dict[str, list[float]]()
        self._progress: Progress | None = None
        self._began, self._trained = 0.0, False
        self._initial_epoch: int | None = None
        self._watching: Watching | None = None

    def on_train_begin(self, logs: Any = None) -> None:
        """Restore the last finished epoch and let ``fit`` begin with the next one.

        Raises:
            UsageError: The model has no variables yet.
            CheckpointError: The checkpoint does not fit the model.
        """
        epochs, steps = self.params.get("epochs", 1), self.params.get("steps")
        self._progress = Progress(self.name, epochs, steps, self._run.tell, self._run.note)
        self._run.watch.boundaries += 1
        self._initial_epoch = self.model._initial_epoch
        self._watching = Watching(self._run, self.name, None if steps is None else steps * epochs)
        self._watching.begin(self.model)
        found = self._run.found_phase(self.name)
        if found is None:
            return
        model, arrays = self.model, found.arrays()
        if not model.built:
            raise UsageError(
                f"{self.name}: the model has no variables yet, so nothing can be restored. Build it before fit: "
                "call it once on a batch, or begin it with an Input."
            )
        if not model.optimizer.built:  # TensorFlow would do it with the first batch
            model.optimizer.build(model.trainable_variables)
        variables = self.variables()
        assign("model", variables["model"], arrays, self.name)
        assign("optimizer", variables["optimizer"], arrays, self.name)
        self.epoch, self.history, self.stopped = found.state["epoch"], found.state["history"], found.state["stopped"]
        self._run.step = found.state["step"]
        model.history.history.update({name: list(values) for name, values in self.history.items()})
        if found.state["finished"] and (self.stopped or self.epoch >= epochs):
            model._initial_epoch = epochs
            self._run.say(f"{self.name}: done before, restored from checkpoint {found.name}")
            return
        self._run.forget_after(self.name)
        model._initial_epoch = self.epoch  # as keras.callbacks.BackupAndRestore does
        self._run.say(f"{self.name}: going on with epoch {self.epoch + 1}, from checkpoint {found.name}")

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Seed the epoch, so that it does not depend on those before it."""
        set_random_seed(seed_of(self._run.seed, self.name, "epoch", epoch), kernels=False)
        self._began, self._trained = time.monotonic(), True
        if self._progress is not None:
            self._progress.begin_epoch(epoch)

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Decide whether to look at this step."""
        if self._watching is not None:
            self._watching.before_step()

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Count; a quick trial (``--smoke``) ends after a few batches."""
        self._run.step += 1
        if self._watching is not None:
            self._watching.after_step(logs)
        if self._progress is not None:
            self._progress.step()
        if self._run.watch.received is not None:
            # No position within the epoch is known: the last epoch's checkpoint is where the run goes on.
            self._run.watch.stop_if_asked()
        if self._run.max_steps is not None and batch + 1 >= self._run.max_steps:
            self.model.stop_training = True

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Log, save, and stop if asked."""
        if self._watching is not None:
            self._watching.end_epoch()
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
        """Save what was trained: a resumed run does not train it again. Look at each batch no longer."""
        self._run.watch.boundaries -= 1
        if self._watching is not None:
            self._watching.end()
        separate_averages(self.model)
        if self._trained:
            self.stopped = bool(self.model.stop_training)
            self._run.save_phase(self, finished=True, callbacks=())
        self.model._initial_epoch = self._initial_epoch  # or the next fit of this model would begin there
        self.model.history.epoch = list(range(self.epoch))
        set_random_seed(seed_of(self._run.seed, self.name, "after"))

    def variables(self) -> dict[str, list[Any]]:
        """Return the variables that checkpoints hold, by group."""
        return variables_of(self.model)

    def state(self) -> dict[str, Any]:
        """Return the JSON state at the end of an epoch."""
        return {
            "kind": "fit",
            "phase": self.name,
            "epoch": self.epoch,
            "batch": 0,
            "base": 0,
            "stopped": self.stopped,
            "history": self.history,
            "random": random_state(),
        }
