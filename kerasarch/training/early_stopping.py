"""Stopping when a metric has ceased to improve, in a way that survives an interruption."""

import math
from typing import Any, Literal

import keras
import numpy as np

from kerasarch.errors import TrainingError, UsageError
from kerasarch.training.weight_averages import averages_of


class EarlyStopping(keras.callbacks.Callback):
    """Stops training after `patience` epochs without improvement and puts the best weights back.

    Unlike Keras' callback of that name it does not start anew when ``fit`` is called again: an interrupted fit
    continues with :meth:`restore`. The best weights come back at the end of the last epoch, before the callbacks that
    stand behind this one; a checkpoint written by one of them holds what training ends with. Where the optimizer
    averages the weights (``use_ema``), the best ones are averages, with which ``fit`` ends in any case.

    Args:
        monitor: Name of the metric in the logs.
        patience: Epochs without improvement after which training stops.
        minimum_change: An improvement is more than this.
        mode: Whether the metric shall fall (``"min"``) or rise (``"max"``); ``"auto"``: rise for accuracies, AUC, F1
            and the like.

    Raises:
        UsageError: The patience, the number of epochs or the mode is wrong.
    """

    _RISING = ("acc", "auc", "f1", "precision", "recall", "iou", "map")

    def __init__(
        self,
        monitor: str = "val_loss",
        *,
        patience: int,
        minimum_change: float = 0.0,
        mode: Literal["auto", "min", "max"] = "auto",
    ):
        super().__init__()
        if patience < 1 or mode not in ("auto", "min", "max"):
            raise UsageError(
                f"Received patience={patience}, mode={mode!r}. Expected at least 1 and mode 'auto', 'min' or 'max'."
            )
        rises = mode == "max" or (mode == "auto" and any(part in monitor.lower() for part in self._RISING))
        self.monitor, self.patience = monitor, patience
        self.minimum_change, self._sign = minimum_change, -1.0 if rises else 1.0
        self.best, self.best_epoch, self.seen = math.inf, -1, 0
        self.best_weights: list[np.ndarray] | None = None

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Looks at the metric, remembers or puts back weights, and stops."""
        value = (logs or {}).get(self.monitor)
        if value is None:
            raise TrainingError(
                f"Received no {self.monitor!r} to stop by. Expected one of {', '.join(sorted(logs or {}))}; is there "
                "validation data?"
            )
        self.seen += 1
        score = self._sign * float(value)
        if score < self.best - self.minimum_change:
            self.best, self.best_epoch = score, self.seen - 1
            self.best_weights = _weights_or_averages(self.model)
        waited = self.seen - 1 - self.best_epoch
        if waited >= self.patience:
            self.model.stop_training = True
        last = epoch + 1 >= self.params.get("epochs", math.inf)  # of the whole fit, also where it was interrupted
        if self.best_weights is not None and (waited >= self.patience or last):
            self.model.set_weights(self.best_weights)
            for variable, average in averages_of(self.model):  # which the end of fit puts into the variables
                average.assign(keras.ops.convert_to_numpy(variable.value))

    def state(self) -> dict[str, Any]:
        """What an interrupted fit needs to continue: JSON values, and ``weights``, a list of arrays or None."""
        best = self.best if math.isfinite(self.best) else None
        return {"best": best, "best_epoch": self.best_epoch, "seen": self.seen, "weights": self.best_weights}

    def restore(self, state: dict[str, Any]) -> None:
        """Continues from what :meth:`state` gave."""
        self.best = math.inf if state["best"] is None else state["best"]
        self.best_epoch, self.seen, self.best_weights = state["best_epoch"], state["seen"], state["weights"]


def _weights_or_averages(model: keras.Model) -> list[np.ndarray]:
    averages = {id(variable): average for variable, average in averages_of(model)}
    return [np.array(keras.ops.convert_to_numpy(averages.get(id(v), v).value)) for v in model.weights]
