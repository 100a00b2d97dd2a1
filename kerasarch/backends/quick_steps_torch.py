"""The steps of ``fit``, ``evaluate`` and ``predict`` on PyTorch, where Keras calls the model layer by layer."""

from collections.abc import Callable
from typing import Any

import keras

from kerasarch.backends.records_torch import Records

BEFORE = 32
"""Calls with the same shapes before one is recorded: a few batches are not worth it."""


def with_records(model: keras.Model, function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return a step in which the model's calls come from records.

    As on the backends that compile the step, what a layer does in Python is looked at while it is made, and again after
    the next ``compile``. With ``run_eagerly`` or ``jit_compile`` the step stays as it is.

    Args:
        model: A `kerasarch.models.repeatable.Repeatable`, whose step it is.
        function: The step of a batch, or of an iterator.

    Returns:
        A function of the same.
    """
    if model.run_eagerly or model.jit_compile:
        return function
    records = (Records(model, BEFORE),)  # in a tuple, which Keras does not track

    def run(data: Any) -> Any:
        model._records = records
        try:
            return function(data)
        finally:
            model._records = None

    return run
