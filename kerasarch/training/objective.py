"""The loss of a classifier, for class numbers and class probabilities alike."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from kerasarch.errors import UsageError


@keras.saving.register_keras_serializable(package="kerasarch")
class SmoothedCrossentropy(keras.losses.Loss):
    """Cross-entropy with label smoothing, on class numbers or on class probabilities.

    The target is ``(1 - smoothing) * label + smoothing / classes`` (Szegedy et al., 2016, section 7,
    https://arxiv.org/abs/1512.00567). Keras has smoothing for probabilities only, and weights of classes in ``fit``
    only, for class numbers.

    Args:
        smoothing: Weight of the uniform distribution, at least 0 and below 1.
        from_logits: Whether predictions are logits; else probabilities.
        class_weights: Factor of the loss of each class's examples, one a class; None for 1. An example of mixed
            classes has the mixed factor.
        reduction: As in Keras.
        name: Name of the loss.
        dtype: As in Keras.

    Shapes:
        B batch, C classes: labels ``(B,)``, ``(B, 1)`` or ``(B, C)``, predictions ``(B, C)``.

    Raises:
        UsageError: The smoothing is out of its range.
    """

    def __init__(
        self,
        smoothing: float = 0.0,
        *,
        from_logits: bool = False,
        class_weights: Sequence[float] | None = None,
        reduction: str = "sum_over_batch_size",
        name: str = "crossentropy",
        dtype: Any = None,
    ):
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        if not 0 <= smoothing < 1:
            raise UsageError(f"Received label smoothing {smoothing}. Expected at least 0 and below 1.")
        self.smoothing, self.from_logits = smoothing, from_logits
        self.class_weights = None if class_weights is None else [float(weight) for weight in class_weights]

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Loss of each example, as in Keras."""
        classes = y_pred.shape[-1]
        y_true = ops.convert_to_tensor(y_true)
        if len(y_true.shape) < len(y_pred.shape) or (y_true.shape[-1] == 1 and classes > 1):
            if len(y_true.shape) == len(y_pred.shape):
                y_true = ops.squeeze(y_true, axis=-1)
            y_true = ops.one_hot(ops.cast(y_true, "int32"), classes, dtype=y_pred.dtype)
        y_true = ops.cast(y_true, y_pred.dtype)
        target = y_true * (1 - self.smoothing) + self.smoothing / classes if self.smoothing else y_true
        losses = ops.categorical_crossentropy(target, y_pred, from_logits=self.from_logits)
        if self.class_weights is None:
            return losses
        return losses * ops.sum(y_true * ops.convert_to_tensor(self.class_weights, dtype=y_pred.dtype), axis=-1)

    def get_config(self) -> dict[str, Any]:
        """Configuration, as in Keras."""
        return {
            **super().get_config(),
            "smoothing": self.smoothing,
            "from_logits": self.from_logits,
            "class_weights": self.class_weights,
        }


@keras.saving.register_keras_serializable(package="kerasarch")
class Accuracy(keras.metrics.MeanMetricWrapper):
    """Share of right predictions, for class numbers and for class probabilities (the most probable class counts).

    Args:
        name: Name of the metric.
        dtype: As in Keras.
    """

    def __init__(self, name: str = "accuracy", dtype: Any = None):
        super().__init__(_right, name=name, dtype=dtype)

    def get_config(self) -> dict[str, Any]:
        """Configuration, as in Keras."""
        return {"name": self.name, "dtype": self.dtype}


def _right(y_true: Any, y_pred: Any) -> Any:
    y_true = ops.convert_to_tensor(y_true)
    classes = y_pred.shape[-1]
    if len(y_true.shape) == len(y_pred.shape):
        y_true = ops.argmax(y_true, axis=-1) if y_true.shape[-1] == classes else ops.squeeze(y_true, axis=-1)
    return ops.cast(ops.equal(ops.cast(y_true, "int32"), ops.cast(ops.argmax(y_pred, axis=-1), "int32")), "float32")


def gives_logits(model: keras.Model) -> bool:
    """Whether a classifier ends without softmax, judged by its last layer with an activation; unknown counts as yes."""
    for layer in reversed(model.layers):
        activation = getattr(layer, "activation", None)
        if activation is not None:
            return getattr(activation, "__name__", "") not in ("softmax", "sigmoid")
    return True
