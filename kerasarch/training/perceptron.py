"""The perceptron's learning rule as a loss, and a record of the weights that it goes through."""

from typing import Any

import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable(package="kerasarch")
class PerceptronCriterion(keras.losses.Loss):
    """What a perceptron's mistakes cost: ``-y * score`` where that is not negative, else nothing.

    Gradient descent on it, one example at a time, is Rosenblatt's rule: after a mistake ``w <- w + rate * y * x`` and
    ``b <- b + rate * y``, otherwise nothing (Bishop, 2006, eq. 4.54 and 4.55). A score of exactly 0 is a mistake, as in
    scikit-learn; ``max(0, -y * score)`` would leave the gradient there, where every training begins, to the backend.

    Args:
        reduction: As in Keras.
        name: Name of the loss.
        dtype: As in Keras.

    Shapes:
        B batch: labels -1 and 1, ``(B,)`` or ``(B, 1)``, scores ``(B, 1)``.
    """

    def __init__(
        self, *, reduction: str = "sum_over_batch_size", name: str = "perceptron_criterion", dtype: Any = None
    ):
        super().__init__(name=name, reduction=reduction, dtype=dtype)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Loss of each example, as in Keras."""
        margins = ops.reshape(ops.cast(y_true, y_pred.dtype), (-1, 1)) * y_pred
        return ops.squeeze(ops.where(margins <= 0, -margins, ops.zeros_like(margins)), axis=-1)


@keras.saving.register_keras_serializable(package="kerasarch")
class Mistakes(keras.metrics.Mean):
    """Share of the examples that a perceptron gets wrong, a score of exactly 0 included.

    Args:
        name: Name of the metric.
        dtype: As in Keras.
    """

    def __init__(self, name: str = "mistakes", dtype: Any = None):
        super().__init__(name=name, dtype=dtype)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Count the mistakes of a batch."""
        margins = ops.reshape(ops.cast(y_true, y_pred.dtype), (-1, 1)) * y_pred
        super().update_state(ops.cast(margins <= 0, "float32"), sample_weight=sample_weight)


class WeightPath(keras.callbacks.Callback):
    """Keeps the weights after every batch: for models of a few.

    Attributes:
        path: The weights after each batch, one flat array each.
    """

    def __init__(self) -> None:
        super().__init__()
        self.path: list[np.ndarray] = []

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Keep the weights."""
        self.path.append(np.concatenate([weight.ravel() for weight in self.model.get_weights()]))
