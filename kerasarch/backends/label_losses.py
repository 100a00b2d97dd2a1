"""Cross-entropy of logits by labels, as Keras has it, and in a quicker way on PyTorch."""

from typing import Any

import keras
from keras import ops

if keras.backend.backend() == "torch":
    import torch
    from torch.nn import functional

    def label_losses(labels: Any, logits: Any, ignored: int | None) -> Any:
        """Return the cross-entropy of each row of logits.

        Keras 3.15 turns logits round, so that classes come second, which for a vocabulary takes longer than the rest.

        Args:
            labels: ``(...)``, whole numbers of any type.
            logits: ``(..., V)``.
            ignored: A label whose rows do not count: their result is 0, and a mask of the others is on the tensor, as
                Keras' losses look for it. None for no such label.

        Returns:
            ``(...)``.
        """
        labels, logits = ops.convert_to_tensor(labels, "int64"), ops.convert_to_tensor(logits)
        rows, flat = logits.reshape(-1, logits.shape[-1]), labels.reshape(-1)
        if ignored is None:
            return functional.cross_entropy(rows, flat, reduction="none").reshape(labels.shape)
        counts = flat != ignored
        places = counts.nonzero()[:, 0]
        if 2 * len(places) > len(flat):
            losses = functional.cross_entropy(rows, flat, reduction="none", ignore_index=ignored)
        else:
            found = functional.cross_entropy(rows[places], flat[places], reduction="none")
            losses = torch.zeros_like(rows[:, 0]).index_put((places,), found)
        masked: Any = losses.reshape(labels.shape)
        masked._keras_mask = counts.reshape(labels.shape)
        return masked

else:

    def label_losses(labels: Any, logits: Any, ignored: int | None) -> Any:
        """Return the cross-entropy of each row of logits: ``keras.losses.sparse_categorical_crossentropy``."""
        return keras.losses.sparse_categorical_crossentropy(labels, logits, from_logits=True, ignore_class=ignored)
