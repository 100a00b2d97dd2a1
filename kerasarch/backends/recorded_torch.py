"""Predictions that are made many times over, on PyTorch."""

from collections.abc import Callable
from typing import Any

import keras
import torch

from kerasarch.backends.records_torch import Records


def predictor(model: keras.Model) -> Callable[[Any], Any]:
    """Return ``model.predict_on_batch`` for batches whose shapes come many times, as in drawing by diffusion.

    Args:
        model: A built model.

    Returns:
        A function of a batch, arrays or a structure of them, to NumPy arrays in a structure.
    """
    records = Records(model)

    def call(batch: Any) -> Any:
        return model(batch, training=False)

    def predict(batch: Any) -> Any:
        with torch.no_grad():
            out = records(call, batch)
        return keras.tree.map_structure(keras.ops.convert_to_numpy, out)

    return predict
