"""The run that a recipe is given: `kerasarch.recipe.Run` on a folder."""

import contextlib
import datetime
import os
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from kerasarch.errors import CheckpointError, RunError
from kerasarch.runs.checkpoint import Checkpoint, Checkpoints
from kerasarch.runs.folder import CHECKPOINTS, LOG, METRICS, MODEL, RunFolder
from kerasarch.runs.interruption import Checked, Watch
from kerasarch.runs.parts import Parts
from kerasarch.runs.record import Recorder, lines

SECONDS, BATCHES = "KERASARCH_CHECKPOINT_SECONDS", "KERASARCH_CHECKPOINT_BATCHES"
"""Environment variables: seconds or batches between two checkpoints."""
SMOKE_STEPS = 8
TENSORBOARD = frozenset(("epoch", "log", "monitor", "weights", "warning"))
"""Kinds of lines that TensorBoard gets as well."""
MONITOR = 50
"""Steps between two looks at gradients and weights, at most."""


class ActiveRun:
    """A run while it goes on.

    Args:
        folder: Its folder.
        seed: The seed that everything random descends from.
        smoke: A quick trial.
        check: End at `ready`.
        offline: Fetch nothing.
        tensorboard: Write TensorBoard logs as well.
        monitor: Look at gradients and weights every so many steps; 0 for never.
        resume: Go on from the checkpoints.
        quiet: Print nothing; the log is written all the same.

    Raises:
        CheckpointError: It is to go on, but no good checkpoint is left.
    """

    def __init__(
        self,
        folder: RunFolder,
        *,
        seed: int,
        smoke: bool = False,
        check: bool = False,
        offline: bool = False,
        tensorboard: bool = False,
        monitor: int = MONITOR,
        resume: bool = False,
        quiet: bool = False,
    ):
        self.folder, self.dir = folder, folder.path
        self.seed, self.smoke, self.offline, self._check = seed, smoke, offline, check
        self.max_steps: int | None = SMOKE_STEPS if smoke else None
        self.monitor = monitor
        self.watch, self.step, self._quiet = Watch(), 0, quiet
        self._recorder, self._parts = Recorder(self.dir / METRICS), Parts(self.dir)
        self.checkpoints = Checkpoints(self.dir / CHECKPOINTS, self.say)
        self._board: Any = None
        if tensorboard:
            from kerasarch.runs.tensorboard import Board

            self._board = Board(self.dir / "tensorboard")
        self._saved, self._cost, self._saved_step = time.monotonic(), 0.0, 0
        self._latest: Checkpoint | None = None
        self._done: dict[str, str] = {}
        self._plain_fits = 0
        if resume:
            self._find_checkpoint()

    # What the protocol promises.

    @property
    def should_stop(self) -> bool:
        """Whether somebody asked the run to stop; loops of one's own ask this after each step."""
        self.watch.boundaries = max(self.watch.boundaries, 1)
        return self.watch.received is not None

    def ready(self) -> None:
        """Say that data and models are there. With ``--check`` the run ends here, with success."""
        if self._check:
            raise Checked

    def fit(
        self,
        name: str,
        model: Any,
        data: Any,
        *,
        epochs: int,
        validation_data: Any = None,
        callbacks: Sequence[Any] = (),
        loaded: Iterable[Any] = (),
    ) -> dict[str, list[float]]:
        """Train a compiled model: a named phase which resumes at its exact batch and is skipped when it is done.

        `kerasarch.data.Batches` and arrays ``(x, y)`` go on at their exact batch, other data at the last whole epoch.

        Args:
            name: The phase's name, one of its kind in the run.
            model: A compiled ``keras.Model``.
            data: What ``model.fit`` takes.
            epochs: Epochs in all.
            validation_data: What ``model.fit`` takes.
            callbacks: Further Keras callbacks; their plain attributes are saved and restored.
            loaded: Variables of the model that the recipe loads from a file at every start and training leaves alone:
                checkpoints do without them.

        Returns:
            The history: a list of one value an epoch for each name.

        Raises:
            TrainingError: The loss is not a number.
            CheckpointError: The checkpoint does not fit the model.
        """
        self.ready()
        from kerasarch.runs.phase import Phase

        return Phase(self, name, model, data, epochs, validation_data, callbacks, loaded).fit()

    def callbacks(self) -> list[Any]:
        """Return the Keras callbacks that log, checkpoint and stop, for a ``model.fit`` of one's own.

        They save at the end of epochs; a resumed run's ``fit`` skips the epochs that are done. Put them last, and give
        the model its variables before (an ``Input``). Other callbacks begin anew: `fit` does more.
        """
        self.ready()
        from kerasarch.runs.plain_fit import RunCallback

        self._plain_fits += 1
        return [RunCallback(self, f"fit {self._plain_fits}")]

    def checkpoint(self, step: int, state: Mapping[str, Any]) -> None:
        """Write a checkpoint of JSON values, NumPy arrays, Keras models and optimizers by name.

        The states of the random generators of Python, NumPy, Keras and the backend go with it.

        Args:
            step: Steps done.
            state: What to keep, by name.

        Raises:
            Interrupted: Somebody asked the run to stop; the checkpoint is written.
        """
        from kerasarch.backends.seeding import random_arrays
        from kerasarch.runs.loop_state import pack_loop
        from kerasarch.runs.state import random_state

        self.ready()
        values, arrays = pack_loop(state)
        arrays |= {f"generator/{name}": array for name, array in random_arrays().items()}
        self.step = step
        self._write(arrays, {"kind": "loop", "values": values, "random": random_state()}, done=None)
        self.watch.stop_if_asked()

    def restore(self, state: Mapping[str, Any]) -> tuple[int, dict[str, Any]] | None:
        """Fill models and optimizers from the latest checkpoint, and put the random generators back.

        Args:
            state: As given to `checkpoint`.

        Returns:
            The checkpoint's step and its other values by name, or None where there is no checkpoint yet.
        """
        latest = self._latest
        if latest is None or latest.state["kind"] != "loop":
            return None
        from kerasarch.runs.loop_state import unpack_loop
        from kerasarch.runs.state import set_random_states

        arrays = latest.arrays()
        values = unpack_loop(state, latest.state["values"], arrays)
        set_random_states(latest.state["random"], arrays)
        self.step = latest.state["step"]
        self.say(f"going on after step {self.step}, from checkpoint {latest.name}")
        return self.step, values

    def log(self, step: int, **metrics: float) -> None:
        """Write one line of metrics."""
        self.ready()
        self.record(kind="log", step=int(step), **{name: float(value) for name, value in metrics.items()})

    def event(self, kind: str, **fields: Any) -> None:
        """Write an entry of the timeline, such as the opening of a stage."""
        self.record(kind="event", event=kind, **fields)

    def say(self, text: str) -> None:
        """Tell the person at the terminal, and the log, one line."""
        self.tell(text)

    def figure(self, name: str, *, caption: str = "") -> AbstractContextManager[Any]:
        """Open a matplotlib figure that becomes ``figures/<name>.png`` and a part of the report."""
        return self._parts.figure(name, caption)

    def table(self, name: str, rows: Sequence[Mapping[str, Any]], *, caption: str = "") -> None:
        """Put a table into the report; the keys of the rows are its columns."""
        self._parts.table(name, rows, caption)

    def confusion(self, matrix: Any, classes: Sequence[str]) -> None:
        """Put a confusion matrix into the report: true classes in rows, predicted ones in columns, counts."""
        self._parts.confusion(matrix, classes)

    def examples(self, images: Any, labels: Any, predictions: Any, classes: Sequence[str]) -> None:
        """Put pictures ``(N, H, W, C)`` with their true classes and predicted probabilities into the report."""
        self._parts.examples(images, labels, predictions, classes)

    def save(self, model: Any) -> Path:
        """Write the final model to ``model.keras`` in the run's folder, whole or not at all."""
        from kerasarch.runs.saving import save_model

        save_model(model, self.dir / MODEL)
        return self.dir / MODEL

    # What the rest of this floor uses.

    def tell(self, text: str) -> None:
        """Print one line and keep it in ``log.txt``."""
        if not self._quiet:
            print(text, file=sys.stderr, flush=True)
        self.note(text)

    def note(self, text: str) -> None:
        """Keep text in ``log.txt``. A full disk does not end a run for its log's sake."""
        stamp = datetime.datetime.now().strftime("%Y-%m-%d %H:%M:%S")
        with contextlib.suppress(OSError), (self.dir / LOG).open("a", encoding="utf-8") as file:
            file.write(f"{stamp}  {text}\n")

    def record(self, **fields: Any) -> None:
        """Write a line into ``metrics.jsonl``, and numbers into TensorBoard's log where one is kept."""
        self._recorder.write(**fields)
        if self._board is not None and fields.get("kind") in TENSORBOARD:
            self._board.write(fields)

    def checkpoint_is_due(self, epoch_end: bool = False) -> bool:
        """Whether the last checkpoint is long enough ago: 60 s within an epoch, 1 s at an epoch's end.

        Writing takes at most about a twentieth of the time, however large the model is.
        """
        batches = os.environ.get(BATCHES)
        if batches:
            return self.step - self._saved_step >= int(batches)
        interval = float(os.environ.get(SECONDS) or 60)
        return time.monotonic() - self._saved >= max(min(interval, 1) if epoch_end else interval, 20 * self._cost)

    def save_phase(self, phase: Any, *, finished: bool, callbacks: Sequence[Any]) -> None:
        """Write a checkpoint of a phase at a batch boundary."""
        from kerasarch.backends.seeding import random_arrays
        from kerasarch.runs.state import arrays_of, callback_state

        arrays: dict[str, Any] = {}
        for group, variables in phase.variables().items():
            if not (finished and group == "metrics"):
                arrays |= arrays_of(group, variables)
        arrays |= {f"generator/{name}": state for name, state in random_arrays().items()}
        state = {**phase.state(), "finished": finished, "callbacks": callback_state(callbacks, arrays)}
        self._write(arrays, state, done=phase.name if finished else None)

    def found_phase(self, name: str) -> Checkpoint | None:
        """Find the checkpoint that a phase goes on from or is restored from."""
        if name in self._done:
            try:
                return self.checkpoints.load(self._done[name])
            except CheckpointError as error:
                self.say(f"{error} Phase {name!r} was done; it is trained again from its beginning.")
                del self._done[name]
                return None
        latest = self._latest
        if latest is not None and latest.state["kind"] == "fit" and latest.state["phase"] == name:
            return latest
        return None

    def forget_after(self, name: str) -> None:
        """Forget phases that were done after one that is trained further: they began with its outcome."""
        if name not in self._done:
            return
        order = list(self._done)
        later = order[order.index(name) + 1 :]
        for phase in [*later, name]:
            del self._done[phase]
        if later:
            self.say(f"{name} is trained further, so these phases start anew: {', '.join(later)}")
        self._latest = None

    def tidy(self, keep_phases: bool) -> None:
        """Remove the checkpoints that a finished run needs no more."""
        names = self.checkpoints.names()
        if names:
            self.checkpoints.remove([names[-1], *(self._done.values() if keep_phases else ())])

    def close(self) -> None:
        """Close what is open."""
        if self._board is not None:
            self._board.close()

    def _write(self, arrays: Mapping[str, Any], state: dict[str, Any], done: str | None) -> None:
        began = time.monotonic()
        name = self.checkpoints.write(
            self.step, arrays, {**state, "step": self.step, "phases": dict(self._done)}, hold=self._done.values()
        )
        if done is not None:
            self._done[done] = name
        self._saved, self._saved_step = time.monotonic(), self.step
        self._cost = self._saved - began
        self._recorder.write(kind="event", event="checkpoint", name=name, step=self.step)

    def _find_checkpoint(self) -> None:
        self._latest = self.checkpoints.latest()
        if self._latest is None:
            written = [line for line in lines(self.dir / METRICS) if line.get("event") == "checkpoint"]
            if written:
                raise CheckpointError(
                    f"{self.dir / CHECKPOINTS} is empty, but this run wrote {len(written)} checkpoints. Put them back "
                    "or start anew with: kerasarch run"
                )
            self.say("This run was ended before its first checkpoint: it starts from its beginning.")
            return
        state = self._latest.state
        if not isinstance(state, dict) or "phases" not in state:
            raise RunError(f"{self._latest.path} was written by another version. Start anew with: kerasarch run")
        self._done = dict(state["phases"])
        if state.get("finished"):
            self._done[state["phase"]] = self._latest.name
        self.step = 0
