"""Cross-entropy of logits by labels on PyTorch, with two tensors of the logits' size where PyTorch fills four."""

from typing import Any

import torch
from keras import ops
from torch.autograd.function import once_differentiable


def label_losses(labels: Any, logits: Any, ignored: int | None) -> Any:
    """Return the cross-entropy of each row of logits; its gradients can be asked for once, and have none themselves.

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
        return _Crossentropy.apply(rows, flat).reshape(labels.shape)
    counts = flat != ignored
    places = counts.nonzero()[:, 0]
    if 2 * len(places) > len(flat):
        losses = _Crossentropy.apply(rows, flat.where(counts, 0)) * counts
    else:
        losses = torch.zeros_like(rows[:, 0]).index_put((places,), _Crossentropy.apply(rows[places], flat[places]))
    losses = losses.reshape(labels.shape)
    losses._keras_mask = counts.reshape(labels.shape)
    return losses


class _Crossentropy(torch.autograd.Function):
    """``logsumexp(x) - x_y`` of each row; the gradient, ``softmax(x)`` less 1 at y, takes the place of what is kept."""

    @staticmethod
    def forward(ctx: Any, rows: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Return the losses: ``(N, V), (N,) -> (N,)``."""
        logs = rows.log_softmax(1)
        ctx.save_for_backward(logs, labels)
        return -logs.gather(1, labels[:, None])[:, 0]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, slopes: torch.Tensor) -> tuple[torch.Tensor, None]:
        """Return the gradient by the rows."""
        logs, labels = ctx.saved_tensors
        slopes = slopes[:, None]
        return logs.exp_().mul_(slopes).scatter_add_(1, labels[:, None], -slopes), None
