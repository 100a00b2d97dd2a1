"""Figures over single tokens, each alike, where some have no target."""

from typing import Any

import keras
from keras import ops

from kerasarch.models.text_heads import IGNORED_LABEL


class _TokenMean(keras.metrics.Mean):
    """A mean over the tokens that have a target, over all batches.

    Args:
        name: Name of the metric.
        dtype: As in Keras.
    """

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Add a batch.

        Args:
            y_true: Targets ``(B, T)``, -100 where there is none.
            y_pred: Logits ``(B, T, V)``.
            sample_weight: Not looked at: each token counts alike.
        """
        targets = ops.cast(y_true, "int32")
        known = ops.not_equal(targets, IGNORED_LABEL)
        values = self.values(ops.where(known, targets, 0), ops.cast(ops.stop_gradient(y_pred), "float32"))
        super().update_state(values, sample_weight=ops.cast(known, "float32"))

    def values(self, targets: Any, logits: Any) -> Any:
        """Return a number for each token: ``(B, T), (B, T, V) -> (B, T)``."""
        raise NotImplementedError


@keras.saving.register_keras_serializable(package="kerasarch")
class TokenLoss(_TokenMean):
    """Mean cross-entropy in nats a token.

    Batches differ in how many targets they have; a loss is a mean of their means, this one of their tokens.

    Args:
        name: Name of the metric.
        dtype: As in Keras.

    Shapes:
        B rows, T tokens, V vocabulary: targets ``(B, T)``, -100 where there is none, logits ``(B, T, V)``.
    """

    def __init__(self, name: str = "nats", dtype: Any = None):
        super().__init__(name, dtype)

    def values(self, targets: Any, logits: Any) -> Any:
        """Return the cross-entropy of each token."""
        own = ops.take_along_axis(logits, targets[..., None], axis=-1)[..., 0]
        return ops.logsumexp(logits, axis=-1) - own


@keras.saving.register_keras_serializable(package="kerasarch")
class TokenAccuracy(_TokenMean):
    """Share of the tokens whose target is the most probable one.

    Args:
        name: Name of the metric.
        dtype: As in Keras.

    Shapes:
        As [`TokenLoss`][kerasarch.training.TokenLoss].
    """

    def __init__(self, name: str = "accuracy", dtype: Any = None):
        super().__init__(name, dtype)

    def values(self, targets: Any, logits: Any) -> Any:
        """Return 1 where the guess is right."""
        return ops.cast(ops.equal(ops.cast(ops.argmax(logits, axis=-1), "int32"), targets), "float32")
