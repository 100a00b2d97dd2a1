"""Watches the health of one phase: when to look, what goes into ``metrics.jsonl``, when to warn.

This file imports Keras; it is imported when a recipe trains.
"""

import contextlib
import time
from collections.abc import Iterator, Mapping
from typing import Any

import keras
import numpy as np

from kerasarch.training.health import PATIENCE, Health, Look, Warning, part_name, total
from kerasarch.training.monitor import Monitor

LOOKS = 40
"""Looks of a phase at least, where it has as many steps and its steps are known beforehand."""
SHARE = 0.01
"""Share of the time that looks at the weights may take."""
HISTOGRAMS, BINS, SAMPLE = 20, 40, 65_536
"""Histograms of a phase, their bins, and the weights that one is made of, each at most."""


class Watching:
    """Watches one phase.

    Args:
        run: The `kerasarch.runs.active.ActiveRun`.
        name: The phase's name.
        steps: Steps of the phase, or None where nobody knows.
    """

    def __init__(self, run: Any, name: str, steps: int | None):
        self._run, self._name = run, name
        often = max((steps or LOOKS * run.monitor) // LOOKS, 1)
        self._interval = min(run.monitor, often)
        self._spread = max((steps or HISTOGRAMS * self._interval) // HISTOGRAMS, 1)
        self._monitor: Monitor | None = None
        self._health: Health | None = None
        self._pending: list[tuple[int, Any, dict[str, Any], dict[str, Any]]] = []
        self._next_step = self._next_histogram = 0
        self._free = 0.0
        self._still: dict[int, np.ndarray] = {}
        self._step, self._last_histogram = 0, -1

    def begin(self, model: Any) -> None:
        """Watch a model whose ``fit`` begins, or goes on."""
        if not self._run.monitor or model.optimizer is None:
            return
        self._monitor = Monitor.on(model)
        if self._health is None:
            self._health = Health(getattr(model, "discriminator_logs", None))

    def before_step(self) -> None:
        """Decide whether the step that follows is looked at."""
        if self._monitor is None or self._run.step + 1 < self._next_step:
            return
        self._monitor.armed = True
        self._monitor.weights = time.monotonic() >= self._free

    def after_step(self, logs: Mapping[str, Any] | None) -> None:
        """Take what was seen of a step; the run has counted it."""
        monitor = self._monitor
        if monitor is None or not monitor.armed:
            return
        self._step = self._run.step
        self._next_step = self._step - self._step % self._interval + self._interval
        if monitor.norms is not None:
            weights = self._weights() if monitor.after is not None else {}
            scalars = {name: value for name, value in (logs or {}).items() if np.ndim(value) == 0}
            self._pending.append((self._step, monitor.norms, weights, scalars))
        monitor.forget()
        if len(self._pending) > 1:
            self._flush(1)  # the accelerator is done with all but the last

    def end_epoch(self) -> None:
        """Take what is still on the accelerator."""
        self._flush(0)

    @contextlib.contextmanager
    def ending(self) -> Iterator[None]:
        """End with the block, also where training fails: its last looks tell why."""
        finished = False
        try:
            yield
            finished = True
        finally:
            self.end(finished)

    def end(self, finished: bool = True) -> None:
        """Take what is left, and the weights as they are at the end."""
        self._flush(0)
        monitor, self._monitor = self._monitor, None
        if monitor is None or not finished or not monitor.variables:
            return
        if self._last_histogram < self._run.step:
            values = [np.asarray(keras.ops.convert_to_numpy(v.value), "float32") for v in monitor.variables]
            self._histograms(monitor, values, self._run.step)

    def _weights(self) -> dict[str, Any]:
        """Compare the weights before and after a step, and keep histograms now and then."""
        began = time.monotonic()
        monitor, found = self._monitor, dict[str, Any]()
        if monitor is None or monitor.before is None or monitor.after is None:
            return found
        if not self._next_histogram:
            self._histograms(monitor, monitor.before, self._step - 1)
            self._next_histogram = self._step + self._spread
        elif self._step >= self._next_histogram:
            self._histograms(monitor, monitor.after, self._step)
            self._next_histogram = self._step + self._spread
        changes: dict[tuple[str, str], list[float]] = {}
        units: dict[tuple[str, str], list[int]] = {}
        for index, home in enumerate(monitor.homes()):
            before, after = monitor.before[index], monitor.after[index]
            sums = changes.setdefault(home, [0.0, 0.0])
            change = after - before
            sums[0] += float(np.vdot(change, change))
            sums[1] += float(np.vdot(before, before))
            if monitor.variables[index].name == "kernel" and change.ndim >= 2:
                still = ~change.any(axis=tuple(range(change.ndim - 1)))
                self._still[index] = np.where(still, self._still.get(index, 0) + 1, 0)
                counts = units.setdefault(home, [0, 0])
                counts[0] += int((self._still[index] >= PATIENCE).sum())
                counts[1] += still.size
        if not any(change for change, _ in changes.values()):
            # Gradients are being accumulated, or the loss scale made them overflow: this step changed nothing.
            for index in self._still:
                self._still[index] = np.maximum(self._still[index] - 1, 0)
        else:
            ratios: dict[str, dict[str, float]] = {}
            for (network, group), (change_, size) in changes.items():
                if size > 0:
                    ratios.setdefault(network, {})[group] = (change_ / size) ** 0.5
            dead: dict[str, dict[str, tuple[int, int]]] = {}
            for (network, group), (count, of) in units.items():
                dead.setdefault(network, {})[group] = count, of
            found = {"ratios": ratios, "dead": dead}
        now = time.monotonic()
        self._free = now + (now - began) / SHARE
        return found

    def _histograms(self, monitor: Monitor, values: list[np.ndarray], step: int) -> None:
        """Keep a histogram of each group's kernels; of a group without kernels, of all its weights."""
        self._last_histogram = step
        members: dict[tuple[str, str], list[np.ndarray]] = {}
        for home, value in zip(monitor.homes(), values, strict=True):
            members.setdefault(home, []).append(value)
        parts = {}
        for (network, group), arrays in members.items():
            kernels = [array for array in arrays if array.ndim >= 2] or arrays
            share = max(-(-sum(array.size for array in kernels) // SAMPLE), 1)
            sample = np.concatenate([array.reshape(-1)[::share] for array in kernels])
            sample = sample[np.isfinite(sample)].astype("float64")
            if sample.size:
                counts, edges = np.histogram(sample, BINS)
                parts[part_name(network, group)] = {
                    "low": float(f"{edges[0]:.6g}"), "high": float(f"{edges[-1]:.6g}"), "counts": counts.tolist(),
                    "sum": float(sample.sum()), "squares": float(np.square(sample).sum()),
                }  # fmt: skip
        self._run.record(kind="weights", phase=self._name, step=step, parts=parts)

    def _flush(self, keep: int) -> None:
        """Bring what was seen to the host, judge it, write it."""
        monitor, health = self._monitor, self._health
        while len(self._pending) > keep and monitor is not None and health is not None:
            step, monitor.norms, weights, logs = self._pending.pop(0)
            norms = monitor.seen()
            monitor.norms = None
            scaled = any(isinstance(one, keras.optimizers.LossScaleOptimizer) for one in monitor.optimizers())
            look = Look(
                step, norms, monitor.sizes, weights.get("ratios", {}), weights.get("dead", {}),
                {name: float(value) for name, value in logs.items()}, scaled,
            )  # fmt: skip
            self._run.record(
                kind="monitor", phase=self._name, step=step, gradient_norm=_named(norms, total),
                update_ratio=_named(look.ratios),
                dead_units={name: dead / units for name, (dead, units) in _named(look.dead).items()},
            )  # fmt: skip
            for warning in health.judge(look):
                self.warn(warning, step)

    def warn(self, warning: Warning, step: int | None = None) -> None:
        """Write a warning into the record and say it.

        Args:
            warning: The warning.
            step: The run's step that it is about; None for the last one.
        """
        step = self._run.step if step is None else step
        fields = {"name": warning.name, "part": warning.part, "text": warning.text, "remedy": warning.remedy}
        self._run.record(kind="warning", phase=self._name, step=step, **fields)
        self._run.say(f"{self._name}, step {step}: {warning.text} {warning.remedy}")


def _named(values: Mapping[str, Mapping[str, Any]], whole: Any = None) -> dict[str, Any]:
    """Values by part; with ``whole``, also one for each network."""
    found: dict[str, Any] = {}
    for network, groups in values.items():
        if whole is not None:
            found[part_name(network)] = whole(groups)
        for group, value in groups.items():
            found.setdefault(part_name(network, group), value)
    return found
