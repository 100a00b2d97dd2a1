"""A named phase of training that goes on at its exact batch: what ``run.fit`` does.

This file imports Keras; it is imported when a recipe trains. Keras 3.15's ``fit`` tells a ``CallbackList`` what
happens, in this order: the end of set-up, the beginning of an epoch (metrics are reset, on JAX the state is read
afterwards), the end of each batch, the end of the epoch after validation. `PhaseCallbacks` restores at the first and
the second and saves at the others. An epoch that was interrupted is finished by a ``fit`` of its own, because ``fit``
counts the batches of all epochs once.
"""

import contextlib
import math
import time
from collections.abc import Iterable, Sequence
from typing import Any

import keras
import numpy as np

from kerasarch.backends.seeding import set_random_seed
from kerasarch.errors import TrainingError, UsageError
from kerasarch.runs.checkpoint import Checkpoint
from kerasarch.runs.position import Served, limited, positioned
from kerasarch.runs.progress import Progress
from kerasarch.runs.state import (
    arrays_of,
    assign,
    random_state,
    seed_of,
    separate_averages,
    set_callback_state,
    set_random_states,
    variables_of,
)
from kerasarch.runs.watching import Watching
from kerasarch.training.autoencoding import PosteriorCollapse

_CHECK_SECONDS = 0.25
"""How often the losses are looked at: each look waits for the accelerator."""
_CURVE_POINTS = 40
"""Points of the loss that an epoch leaves in ``metrics.jsonl`` at most."""


class Phase:
    """One phase of a run.

    Args:
        run: The `kerasarch.runs.active.ActiveRun`.
        name: The phase's name.
        model: A compiled model.
        data: What the model trains on.
        epochs: Epochs in all.
        validation_data: What it is validated on, or None.
        callbacks: The recipe's callbacks.
        loaded: Variables that the recipe loads at every start.
    """

    def __init__(
        self,
        run: Any,
        name: str,
        model: Any,
        data: Any,
        epochs: int,
        validation_data: Any,
        callbacks: Sequence[Any],
        loaded: Iterable[Any] = (),
    ):
        if epochs < 0:
            raise UsageError(f"phase {name!r}: epochs must not be negative. Received {epochs}.")
        self.run, self.name, self.model, self.user = run, name, model, list(callbacks)
        self.loaded = list(loaded)
        self.epochs = min(epochs, 2) if run.smoke else epochs
        self.limit = None if run.max_steps is None else max(run.max_steps // max(self.epochs, 1), 1)
        self.seed = seed_of(run.seed, name)
        self.source: Any = positioned(data, self.seed)
        self.data = limited(data, self.limit) if self.source is None else Served(self.source, self.limit)
        self.base = 0 if self.source is None else int(self.source.epoch)
        self.validation = limited(validation_data, self.limit)
        # What is true at the last batch boundary.
        self.epoch, self.batch, self.stopped = 0, 0 if self.source is None else int(self.source.start), False
        self.history: dict[str, list[float]] = {}

    def fit(self) -> dict[str, list[float]]:
        """Train, go on training, or restore what is done."""
        set_random_seed(self.seed)
        found = self.run.found_phase(self.name)
        if found is not None and self._is_done(found):
            self._restore_finished(found)
        else:
            self._train(found)
        set_random_seed(seed_of(self.run.seed, self.name, "after"))
        return {name: list(values) for name, values in self.history.items()}

    def _is_done(self, found: Checkpoint) -> bool:
        return found.state["finished"] and (found.state["stopped"] or found.state["epoch"] >= self.epochs)

    def _train(self, found: Checkpoint | None) -> None:
        if found is not None:
            self.run.forget_after(self.name)
            self._take(found.state)
            where = f"epoch {self.epoch + 1}" + (f", batch {self.batch + 1}" if self.batch else "")
            self.run.say(f"{self.name}: going on at {where} of {self.epochs} epochs, from checkpoint {found.name}")
            self._build()
        callbacks = PhaseCallbacks(self, found)
        with self.run.watch.waiting(), contextlib.closing(callbacks.progress), callbacks.watching.ending():
            if self.batch and self.epoch < self.epochs:
                callbacks.keep = True  # the end of fit may change weights, an optimizer's average for instance
                self._fit(callbacks, self.epoch + 1)
            if not self.stopped and self.epoch < self.epochs:
                self._fit(callbacks, self.epochs)
            callbacks.finish()
        if self.source is not None:
            self._leave_data()
        self.run.save_phase(self, finished=True, callbacks=self.user)

    def _fit(self, callbacks: "PhaseCallbacks", until: int) -> None:
        keywords: dict[str, Any] = {}
        if self.source is not None:
            self.data.go_to(self.base + self.epoch, self.batch)
        elif self.limit is not None and not isinstance(self.data, Served):
            keywords["steps_per_epoch"] = self.limit
        if self.limit is not None and self.validation is not None and not isinstance(self.validation, (Served, tuple)):
            keywords["validation_steps"] = self.limit
        self.model.fit(
            self.data,
            initial_epoch=self.epoch,
            epochs=until,
            validation_data=self.validation,
            callbacks=callbacks,
            shuffle=False,  # the order belongs to the data
            verbose=0,
            **keywords,
        )

    def _restore_finished(self, found: Checkpoint) -> None:
        self._take(found.state)
        self._build()
        arrays, where = found.arrays(), f"phase {self.name!r}"
        variables = self.variables()
        assign("model", variables["model"], arrays, where)
        assign("optimizer", variables["optimizer"], arrays, where)
        if self.source is not None:
            self._leave_data()
        self.run.say(f"{self.name}: done before, restored from checkpoint {found.name}")

    def _build(self) -> None:
        """Make all variables that are to be restored; on TensorFlow ``fit`` makes them only with the first batch."""
        model = self.model
        if not model.built or self.batch:
            batch = None
            if self.source is not None:
                self.data.go_to(self.base + self.epoch, self.batch)
                batch = self.data[0]
            elif iter(self.data) is not self.data:  # a generator's batch would be lost
                batch = next(iter(self.data))
            if batch is not None:
                model._symbolic_build(data_batch=(*batch, None, None)[:3])
        if model.built and model.optimizer is not None and not model.optimizer.built:
            model.optimizer.build(model.trainable_variables)

    def _take(self, state: dict[str, Any]) -> None:
        self.epoch, self.batch, self.stopped = state["epoch"], state["batch"], state["stopped"]
        self.base, self.history = state["base"], state["history"]
        self.run.step = state["step"]

    def _leave_data(self) -> None:
        """Leave the data where the phase ended, whether it was trained or restored."""
        self.source.restore({**self.source.state(), "epoch": self.base + self.epoch, "start": 0})

    def variables(self) -> dict[str, list[Any]]:
        """Return the variables that checkpoints hold, by group."""
        return variables_of(self.model, self.loaded)

    def state(self) -> dict[str, Any]:
        """Return the JSON state at this batch boundary."""
        return {
            "kind": "fit",
            "phase": self.name,
            "epoch": self.epoch,
            "batch": self.batch,
            "base": self.base,
            "stopped": self.stopped,
            "history": self.history,
            "random": random_state(),
        }


class _Ears(keras.callbacks.Callback):
    """Stands behind the recipe's callbacks and hears what they put into an epoch's logs."""

    def __init__(self) -> None:
        super().__init__()
        self.logs: dict[str, Any] = {}

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.logs = dict(logs or {})


class PhaseCallbacks(keras.callbacks.CallbackList):
    """What Keras tells of a phase, first to the recipe's callbacks, then to the run.

    Args:
        phase: The phase.
        found: The checkpoint to go on from, or None.
    """

    def __init__(self, phase: Phase, found: Checkpoint | None):
        self.phase, self.found, self.begun = phase, found, False
        self.metrics: dict[str, np.ndarray] | None = None
        self.keep, self.kept = False, dict[str, np.ndarray]()
        self.random: dict[str, Any] | None = None
        self.generators: dict[str, np.ndarray] = {}
        self.ears = _Ears()
        self.losses: list[tuple[int, Any]] = []
        self.looked = self.epoch_began = time.monotonic()
        steps = phase.data.steps if phase.source is not None else phase.limit
        self.progress = Progress(phase.name, phase.epochs, steps, phase.run.tell, phase.run.note)
        self.points = max((steps or _CURVE_POINTS) // _CURVE_POINTS, 1)
        self.end_logs: dict[str, float] = {}
        self.watching = Watching(phase.run, phase.name, None if steps is None else steps * phase.epochs)
        for callback in phase.user:
            if isinstance(callback, PosteriorCollapse) and callback.warn is None:
                callback.warn = self.watching.warn  # into the report, not into the log alone
        super().__init__(
            [*phase.user, self.ears], add_history=True, model=phase.model, epochs=phase.epochs, steps=steps
        )

    @property
    def watch(self) -> Any:
        """Who listens for signals."""
        return self.phase.run.watch

    def on_train_begin(self, logs: Any = None) -> None:
        """Restore; then let the callbacks begin, once, and put their state back."""
        phase = self.phase
        if self.found is not None:
            arrays, where = self.found.arrays(), f"phase {phase.name!r}"
            variables = phase.variables()
            assign("model", variables["model"], arrays, where)
            assign("optimizer", variables["optimizer"], arrays, where)
            if phase.batch:
                self.metrics = {name: value for name, value in arrays.items() if name.startswith("metrics/")}
                self.generators = {name: value for name, value in arrays.items() if name.startswith("generator/")}
        elif self.kept:
            variables = phase.variables()
            assign("model", variables["model"], self.kept, "the epoch's end")
            assign("optimizer", variables["optimizer"], self.kept, "the epoch's end")
            self.kept = {}
        if not self.begun:
            super().on_train_begin(logs)
            self.begun = True
        if self.found is not None:
            set_callback_state(phase.user, self.found.state["callbacks"], arrays, where)
            for name, values in phase.history.items():
                self._history.history[name] = list(values)
            self._history.epoch = list(range(phase.epoch))
            self.random = self.found.state["random"] if phase.batch else None
            self.found = None
        self.watching.begin(phase.model)

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Seed the epoch, go to its place in the data; in an epoch that goes on, put metrics back."""
        phase = self.phase
        set_random_seed(seed_of(phase.seed, "epoch", epoch), kernels=False)
        if phase.source is not None:
            phase.data.go_to(phase.base + epoch, phase.batch)
        self.epoch_began = time.monotonic()
        self.progress.begin_epoch(epoch, phase.batch)
        if self.metrics is None:
            super().on_epoch_begin(epoch, logs)
            return
        # The callbacks have seen this epoch begin; their state says so.
        assign("metrics", phase.model.metrics_variables, self.metrics, f"phase {phase.name!r}")
        self.metrics = None

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Tell the callbacks; in an epoch that goes on, first put the generators back.

        Not earlier: PyTorch's loader draws from them when the epoch begins.
        """
        if self.random is not None:
            set_random_states(self.random, self.generators)
            self.random = None
        super().on_train_batch_begin(batch, logs)
        self.watching.before_step()

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Tell the callbacks, look for losses that are no numbers, save now and then, and stop if asked."""
        super().on_train_batch_end(batch, logs)
        phase = self.phase
        done = batch + 1 + self._began_at()
        phase.run.step += done - phase.batch
        phase.batch = done
        self.watching.after_step(logs)
        if isinstance(logs, dict):
            self.losses.append((done, {name: value for name, value in logs.items() if name.endswith("loss")}))
        now = time.monotonic()
        last = phase.source is not None and done >= phase.data.steps
        loss = None
        if now - self.looked > _CHECK_SECONDS or len(self.losses) >= 256 or done % self.points == 0 or last:
            loss = self._look()
            self.looked = now
        self.progress.step(loss)
        if phase.source is None or last:
            return  # the end of the epoch saves, after validation
        stop = self.watch.received is not None
        if stop or phase.run.checkpoint_is_due():
            self._look()
            self._save()
        if stop:
            self.watch.stop_if_asked()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Tell the callbacks, log the epoch, save."""
        phase = self.phase
        self.watching.end_epoch()
        self._look()
        super().on_epoch_end(epoch, logs)
        values = {name: float(value) for name, value in self.ears.logs.items()}
        for name, value in values.items():
            phase.history.setdefault(name, []).append(value)
        phase.epoch, phase.batch = epoch + 1, 0
        phase.stopped = bool(phase.model.stop_training)
        self.end_logs = values
        seconds = round(time.monotonic() - self.epoch_began, 3)
        phase.run.record(kind="epoch", phase=phase.name, epoch=epoch, step=phase.run.step, seconds=seconds, **values)
        self.progress.end_epoch(epoch, values)
        if not (phase.stopped or phase.epoch >= phase.epochs):
            if self.watch.received is not None or phase.run.checkpoint_is_due(epoch_end=True):
                self._save()
            self.watch.stop_if_asked()
            if self.keep:
                self.keep = False
                variables = phase.variables()
                self.kept = arrays_of("model", variables["model"]) | arrays_of("optimizer", variables["optimizer"])

    def on_train_end(self, logs: Any = None) -> None:
        """Nothing yet: the phase may need a second ``fit``."""

    def finish(self) -> None:
        """Let the callbacks end."""
        if self.begun:
            super().on_train_end(self.end_logs)
        separate_averages(self.phase.model)

    def _began_at(self) -> int:
        return self.phase.data.start if self.phase.source is not None else 0

    def _save(self) -> None:
        phase = self.phase
        phase.model = self.model  # on JAX the variables lag behind within an epoch: the property brings them up to date
        phase.run.save_phase(phase, finished=False, callbacks=phase.user)

    def _look(self) -> float | None:
        """Wait for the losses so far and raise if one is not a number."""
        phase, value = self.phase, None
        pending, self.losses = self.losses, []
        for batch, losses in pending:
            for name, loss in losses.items():
                value = float(keras.ops.convert_to_numpy(loss))
                if not math.isfinite(value):
                    raise TrainingError(
                        f"phase {phase.name!r}: {name} is {value} at epoch {phase.epoch + 1}, batch {batch}. Lower the "
                        "learning rate, clip the gradients (global_clipnorm), or look for values in the data that are "
                        "not finite. The last good checkpoint is kept."
                    )
            if batch % self.points == 0 and "loss" in losses:
                step = phase.epoch * (phase.data.steps if phase.source is not None else 0) + batch
                phase.run.record(
                    kind="batch",
                    phase=phase.name,
                    epoch=phase.epoch,
                    step=step,
                    loss=float(keras.ops.convert_to_numpy(losses["loss"])),
                )
        return value
