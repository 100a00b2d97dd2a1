"""The moving averages of weights that an optimizer keeps, for validation and for what training ends with."""

import contextlib
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np


def averages_of(model: keras.Model) -> list[tuple[Any, Any]]:
    """Return each trained variable with its moving average; nothing where the optimizer keeps none.

    Args:
        model: A compiled model whose optimizer may have been made with ``use_ema=True``, or some optimizers in it.
    """
    optimizer: Any = getattr(model, "optimizer", None)
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)  # of a loss scale
    return [pair for part in getattr(optimizer, "optimizers", [optimizer]) for pair in averages_kept_by(part)]


def averages_kept_by(optimizer: Any) -> list[tuple[Any, Any]]:
    """Return each variable of one optimizer with its moving average; nothing where it keeps none.

    Args:
        optimizer: A Keras optimizer, or None.
    """
    if not getattr(optimizer, "use_ema", False) or not optimizer.built:
        return []
    pairs = zip(optimizer._trainable_variables, optimizer._model_variables_moving_average, strict=True)
    return [(variable, average) for variable, average in pairs if average is not None]


class ValidateAverages(keras.callbacks.Callback):
    """Has validation judge the averages of the weights, with which training will end, instead of the weights.

    As ``keras.callbacks.SwapEMAWeights``, which asks for a distribution strategy on TensorFlow and swaps by adding and
    subtracting there: weights that have rounding errors afterwards would make a resumed run another one.
    """

    def on_test_begin(self, logs: Any = None) -> None:
        """Put the averages into the model."""
        _swap(self.model)

    def on_test_end(self, logs: Any = None) -> None:
        """Put the weights back."""
        _swap(self.model)


@contextlib.contextmanager
def with_averages(model: keras.Model) -> Iterator[None]:
    """Have a model work with the averages of its weights within a block; nothing changes where there are none.

    Args:
        model: A compiled model.
    """
    _swap(model)
    try:
        yield
    finally:
        _swap(model)


def _swap(model: keras.Model) -> None:
    """Exchange weights and averages."""
    for variable, average in averages_of(model):
        value = np.array(keras.ops.convert_to_numpy(variable.value))
        variable.assign(np.array(keras.ops.convert_to_numpy(average.value)))
        average.assign(value)
