"""Loss and perplexity of tokens in rows of different lengths."""

from typing import Any

import keras
from keras import ops

from kerasarch.errors import UsageError


@keras.saving.register_keras_serializable(package="kerasarch")
class TokenCrossentropy(keras.losses.Loss):
    """Mean cross-entropy of tokens, with label smoothing; what fills rows up does not count.

    ``-(1 - s) ln p(y) - s / V sum_v ln p(v)``, over the tokens that are not ``padding``: Szegedy et al., 2016,
    section 7 (https://arxiv.org/abs/1512.00567). Computed from logits, without rows of zeros and ones, in float32.

    Args:
        smoothing: s, the weight of the uniform distribution.
        padding: Targets that do not count; None where all of them do.
        name: Name of the loss.

    Shapes:
        B rows, T tokens, V vocabulary: targets ``(B, T)``, logits ``(B, T, V)`` -> a scalar.

    Raises:
        UsageError: The smoothing is not in [0, 1).
    """

    def __init__(self, smoothing: float = 0.0, *, padding: int | None = None, name: str = "token_crossentropy"):
        super().__init__(name=name, reduction="none")
        if not 0 <= smoothing < 1:
            raise UsageError(f"Expected a smoothing in [0, 1). Received {smoothing}.")
        self.smoothing, self.padding = smoothing, padding

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return the mean."""
        losses, counts = token_losses(y_true, y_pred, self.padding, self.smoothing)
        return ops.sum(losses) / ops.maximum(ops.sum(counts), 1.0)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the loss again."""
        return {"smoothing": self.smoothing, "padding": self.padding, "name": self.name}


@keras.saving.register_keras_serializable(package="kerasarch")
class Perplexity(keras.metrics.Metric):
    """``exp`` of the mean cross-entropy of tokens, each token alike, over all batches; no smoothing.

    Args:
        padding: Targets that do not count; None where all of them do.
        name: Name of the metric.
        dtype: As in Keras.

    Shapes:
        As `TokenCrossentropy`.
    """

    def __init__(self, *, padding: int | None = None, name: str = "perplexity", dtype: Any = None):
        super().__init__(name=name, dtype=dtype)
        self.padding = padding
        self.total = self.add_variable((), "zeros", name="total")
        self.count = self.add_variable((), "zeros", name="count")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Add a batch.

        Args:
            y_true: Targets.
            y_pred: Logits.
            sample_weight: Must be None.

        Raises:
            UsageError: There are weights.
        """
        if sample_weight is not None:
            raise UsageError("A perplexity counts each token alike. Received sample weights; leave them out.")
        losses, counts = token_losses(y_true, ops.stop_gradient(y_pred), self.padding)
        self.total.assign_add(ops.cast(ops.sum(losses), self.total.dtype))
        self.count.assign_add(ops.cast(ops.sum(counts), self.count.dtype))

    def result(self) -> Any:
        """Return the perplexity so far."""
        return ops.exp(self.total / ops.maximum(self.count, 1.0))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the metric again."""
        return {"padding": self.padding, "name": self.name, "dtype": self.dtype}


def token_losses(targets: Any, logits: Any, padding: int | None, smoothing: float = 0.0) -> tuple[Any, Any]:
    """Return the cross-entropy of each token, 0 where it does not count, and whether it counts: ``(B, T)`` each.

    Args:
        targets: ``(B, T)``.
        logits: ``(B, T, V)``.
        padding: Targets that do not count, or None.
        smoothing: Weight of the uniform distribution.
    """
    targets = ops.cast(targets, "int32")
    logs = ops.log_softmax(ops.cast(logits, "float32"), axis=-1)
    own = ops.squeeze(ops.take_along_axis(logs, targets[..., None], axis=-1), axis=-1)
    losses = -((1 - smoothing) * own + smoothing * ops.mean(logs, axis=-1)) if smoothing else -own
    counts = ops.ones_like(losses) if padding is None else ops.cast(targets != padding, "float32")
    return losses * counts, counts
