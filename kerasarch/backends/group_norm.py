"""Group normalisation: PyTorch's own kernel, much faster than its parts; elsewhere the compiler fuses these."""

from typing import Any

import keras
from keras import ops

from kerasarch.backends.operations import moments

if keras.backend.backend() == "torch":
    from kerasarch.backends.torch_operations import normalize_groups
else:

    def normalize_groups(x: Any, scale: Any, offset: Any, *, groups: int, axis: int, epsilon: float) -> Any:
        """Normalise groups of channels over all places of an example.

        Args:
            x: ``(B, ...)`` with channels on ``axis``, in the precision to compute with.
            scale: ``(channels,)``, or None.
            offset: ``(channels,)``, or None.
            groups: How many.
            axis: Where the channels are, from 0.
            epsilon: Added to the variance.
        """
        rank, shape = len(x.shape), ops.shape(x)
        parted = ops.reshape(x, (*shape[:axis], groups, shape[axis] // groups, *shape[axis + 1 :]))
        mean, variance = moments(parted, [i for i in range(1, rank + 1) if i != axis])
        x = ops.reshape((parted - mean) * ops.rsqrt(variance + epsilon), shape)
        broadcast = [-1 if i == axis else 1 for i in range(rank)]
        if scale is not None:
            x = x * ops.reshape(scale, broadcast)
        return x if offset is None else x + ops.reshape(offset, broadcast)


__all__ = ["normalize_groups"]
