"""What the data yields, as a training step is given it."""

from typing import Any

import keras
from keras import ops, tree


def batch_of(data: Any) -> Any:
    """Return the batch without the places that Keras keeps for targets and weights, as tensors.

    Args:
        data: What Keras gives to a training step: ``(x,)``, ``(x, y)``, ``(x, y, None)``, ...

    Returns:
        ``x``, or ``(x, y)``, or ``(x, y, weights)``.
    """
    parts = tuple(part for part in data if part is not None) if isinstance(data, (tuple, list)) else (data,)
    batch = parts[0] if len(parts) == 1 else parts
    return tree.map_structure(lambda x: x if isinstance(x, keras.KerasTensor) else ops.convert_to_tensor(x), batch)


def examples_in(batch: Any) -> Any:
    """Number of examples in a batch, from its first tensor."""
    shape = ops.shape(tree.flatten(batch)[0])
    return shape[0] if len(shape) else 1


def symbolic(data: Any) -> Any:
    """Return the shapes and types of what the data yields, as Keras' symbolic tensors."""

    def one(value: Any) -> Any:
        if not hasattr(value, "dtype"):  # None, or TensorFlow's word for it
            return None
        return keras.KerasTensor(tuple(value.shape), keras.backend.standardize_dtype(value.dtype))

    return tree.map_structure(one, data)
