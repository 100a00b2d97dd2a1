"""Predictions that are made many times over, where Keras compiles them."""

from collections.abc import Callable
from typing import Any

import keras


def predictor(model: keras.Model) -> Callable[[Any], Any]:
    """Return ``model.predict_on_batch`` for batches whose shapes come many times: Keras' own, which is compiled.

    Args:
        model: A built model.

    Returns:
        A function of a batch, arrays or a structure of them, to NumPy arrays in a structure.
    """
    return model.predict_on_batch
