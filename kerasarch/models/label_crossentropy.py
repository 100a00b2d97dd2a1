"""Cross-entropy of logits by labels, where there may be thousands of classes and places without a label."""

from typing import Any

import keras

from kerasarch.backends.label_losses import label_losses


@keras.saving.register_keras_serializable(package="kerasarch")
class LabelCrossentropy(keras.losses.Loss):
    """Cross-entropy of logits by whole numbers: ``keras.losses.SparseCategoricalCrossentropy``, quicker on PyTorch.

    ``logsumexp(x) - x_y``, the mean of the places that count. Those of the label ``ignored`` do not, nor those that the
    mask of the model's output hides.

    Args:
        ignored: The label of places that do not count; None where all of them do.
        reduction: As in Keras.
        name: Name of the loss.

    Shapes:
        V classes: labels ``(...)``, logits ``(..., V)`` -> a scalar.
    """

    def __init__(
        self,
        ignored: int | None = None,
        *,
        reduction: str | None = "sum_over_batch_size",
        name: str = "label_crossentropy",
    ):
        super().__init__(name=name, reduction=reduction)
        self.ignored = ignored

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return the cross-entropy at each place."""
        if len(y_true.shape) == len(y_pred.shape):  # Keras gives single labels of a batch an axis of their own
            y_true = keras.ops.squeeze(y_true, axis=-1)
        return label_losses(y_true, y_pred, self.ignored)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the loss again."""
        return {**super().get_config(), "ignored": self.ignored}
