"""Calls of a network in training, on PyTorch."""

import functools
from collections.abc import Callable
from typing import Any

import keras
import torch

from kerasarch.backends.records_torch import Records


def training_call(model: keras.Model) -> Callable[[Any], Any]:
    """Return ``model(inputs, training=True)`` for batches whose shapes come many times.

    Args:
        model: A built model.

    Returns:
        A function of the model's inputs to its outputs, through which gradients of its variables flow.
    """
    records = Records(model)
    plain = functools.partial(model, training=True)

    def call(inputs: Any) -> Any:
        return records(plain, inputs) if torch.is_grad_enabled() else plain(inputs)

    return call
