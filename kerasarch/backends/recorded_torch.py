"""Predictions that are made many times over, on PyTorch: recorded once, and then repeated without Keras in between.

Keras 3.15 spends a tenth of a millisecond or two on each layer that it calls. Where a small network is asked hundreds
of times, as in drawing by diffusion, that adds up; the operations themselves are recorded by torch.fx, and their record
is as quick as a network of PyTorch's own.
"""

import logging
from collections.abc import Callable
from typing import Any

import keras
import torch
from torch.fx.experimental.proxy_tensor import make_fx
from torch.utils import _pytree as pytree

from kerasarch.backends.closeness_torch import close

BEFORE = 2
"""Calls with the same shapes before one is recorded, which takes as long as a hundred small ones."""
SHAPES = 8
"""Kinds of batches that are kept in mind."""
logger = logging.getLogger("kerasarch")


def predictor(model: keras.Model) -> Callable[[Any], Any]:
    """Return ``model.predict_on_batch`` for batches whose shapes come many times.

    What is recorded are the operations on tensors. The record is held against the model on other numbers: one that
    looks at values, or draws random numbers, is called as it is. Assignments to its variables count, wherever they are
    made; a change of its Python attributes does not.

    Args:
        model: A built model.

    Returns:
        A function of a batch, arrays or a structure of them, to NumPy arrays in a structure.
    """
    calls: dict[Any, int] = {}
    records: dict[Any, Any] = {}
    known: list[Any] = []

    def predict(batch: Any) -> Any:
        leaves, structure = pytree.tree_flatten(keras.tree.map_structure(keras.ops.convert_to_tensor, batch))
        key = (str(structure), tuple((leaf.shape, leaf.dtype) for leaf in leaves))
        tensors = [id(variable._value) for variable in model.variables]
        if tensors != known or len(calls) > SHAPES:  # what is recorded holds on to the tensors that it was made with
            known[:] = tensors
            calls.clear()
            records.clear()
        calls[key] = calls.get(key, 0) + 1
        with torch.no_grad():
            if calls[key] == BEFORE + 1:
                records[key] = _record(model, leaves, structure)
            record = records.get(key)
            out = model(pytree.tree_unflatten(leaves, structure), training=False) if record is None else record(leaves)
        return keras.tree.map_structure(keras.ops.convert_to_numpy, out)

    return predict


def _record(model: keras.Model, leaves: list[Any], structure: Any) -> Callable[[list[Any]], Any] | None:
    """Return what repeats the model's operations on tensors of these shapes, None where they cannot be told."""
    outer: list[Any] = []

    def run(*leaves: Any) -> list[Any]:
        out, found = pytree.tree_flatten(model(pytree.tree_unflatten(list(leaves), structure), training=False))
        outer.append(found)
        return out

    # Other numbers that are as valid: whole ones of another example.
    others = [leaf * 0.7 + 0.1 if leaf.is_floating_point() else leaf.flip(0) if leaf.ndim else leaf for leaf in leaves]
    try:
        graph = make_fx(run)(*leaves)
        same = all(close(*pair) for pair in zip(graph(*others), run(*others), strict=True))
    except (RuntimeError, TypeError, NotImplementedError) as error:
        logger.debug("%s is called as it is: %s", model.name, error)
        return None
    return (lambda leaves: pytree.tree_unflatten(graph(*leaves), outer[0])) if same else None
