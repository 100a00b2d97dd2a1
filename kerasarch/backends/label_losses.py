"""Cross-entropy of logits by labels: Keras' own, but on PyTorch."""

from typing import Any

import keras

if keras.backend.backend() == "torch":
    from kerasarch.backends.label_losses_torch import label_losses
else:

    def label_losses(labels: Any, logits: Any, ignored: int | None) -> Any:
        """Return the cross-entropy of each row of logits: ``keras.losses.sparse_categorical_crossentropy``.

        Args:
            labels: ``(...)``.
            logits: ``(..., V)``.
            ignored: A label whose rows do not count, or None.

        Returns:
            ``(...)``.
        """
        return keras.losses.sparse_categorical_crossentropy(labels, logits, from_logits=True, ignore_class=ignored)


__all__ = ["label_losses"]
