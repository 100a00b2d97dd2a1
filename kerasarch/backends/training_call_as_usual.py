"""Calls of a network in training, where the whole step is compiled."""

import functools
from collections.abc import Callable
from typing import Any

import keras


def training_call(model: keras.Model) -> Callable[[Any], Any]:
    """Return ``model(inputs, training=True)``.

    Args:
        model: A model.

    Returns:
        A function of the model's inputs to its outputs.
    """
    return functools.partial(model, training=True)
