"""What the report draws of a training in stages: rates and open groups, epoch by epoch."""

from collections.abc import Collection, Sequence
from typing import Any

import keras


class Timeline(keras.callbacks.Callback):
    """Puts ``lr/<group>`` and ``open/<group>`` into the logs of every epoch, for every group of the model.

    The rate is that of the epoch's last step, 0 for a frozen group; ``open`` is 1.0 or 0.0. It must stand before
    the callbacks that read the logs.

    Args:
        groups: Names of all groups, from the input upward.
        open: Names of the open ones.
    """

    def __init__(self, groups: Sequence[str], open: Collection[str]):
        super().__init__()
        self.groups, self.open = tuple(groups), frozenset(open)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Adds to the logs, which Keras hands to the next callbacks."""
        if logs is None:
            return
        optimizer = self.model.optimizer
        rates = getattr(optimizer, "inner_optimizer", optimizer).rates()  # mixed_float16 wraps it
        for group in self.groups:
            logs[f"lr/{group}"] = rates.get(group, 0.0)
            logs[f"open/{group}"] = float(group in self.open)
