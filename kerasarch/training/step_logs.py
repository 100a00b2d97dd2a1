"""The scalars that training steps return, averaged over an epoch inside the compiled step."""

from collections.abc import Mapping
from typing import Any

import keras
from keras import ops

from kerasarch.errors import ShapeError, UsageError

_SLOTS = 64
"""How many scalars a step may return."""


@keras.saving.register_keras_serializable(package="kerasarch")
class StepLogs(keras.metrics.Metric):
    """Means of named scalars since the last reset, in one vector of a fixed length.

    The names are known only when a step first runs; its variables have to exist before, and in a checkpoint.

    Args:
        name: Name of the metric.
    """

    def __init__(self, name: str = "step_logs", **keywords: Any):
        super().__init__(name=name, dtype="float32", **keywords)
        self.slots: dict[str, int] = {}
        self.totals = self.add_variable((_SLOTS,), initializer="zeros", name="totals")
        self.count = self.add_variable((), initializer="zeros", name="count")

    def update_state(self, values: Mapping[str, Any], weight: Any = 1) -> dict[str, Any]:
        """Add the scalars of a step.

        Args:
            values: Scalars by name.
            weight: What the step counts, its examples for instance.

        Returns:
            The means so far, of these names.

        Raises:
            ShapeError: A value is no scalar.
            UsageError: There are too many names.
        """
        for name, value in values.items():
            if len(ops.shape(value)) != 0:
                raise ShapeError(
                    f"A step returned {name!r} of shape {tuple(ops.shape(value))}. Expected a scalar; take ops.mean."
                )
            self.slots.setdefault(name, len(self.slots))
        if len(self.slots) > _SLOTS:
            raise UsageError(f"A step returned {len(self.slots)} different names. Expected at most {_SLOTS}.")
        if not values:
            return {}
        weight = ops.cast(weight, "float32")
        by_slot = {self.slots[name]: ops.cast(value, "float32") for name, value in values.items()}
        zero = ops.zeros((), "float32")
        used = max(by_slot) + 1
        row = ops.stack([by_slot.get(slot, zero) for slot in range(used)])
        totals = self.totals + weight * ops.pad(row, [[0, _SLOTS - used]])
        count = self.count + weight
        self.totals.assign(totals)
        self.count.assign(count)
        means = ops.unstack((totals / count)[:used], used)
        return {name: means[self.slots[name]] for name in values}

    def result(self) -> dict[str, Any]:
        """The means so far, of every name."""
        means = ops.divide_no_nan(self.totals, self.count)
        return {name: means[slot] for name, slot in self.slots.items()}
