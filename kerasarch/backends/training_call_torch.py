"""Calls of a network in training, on PyTorch: recorded once, and then repeated without Keras in between.

Keras 3.15 spends a tenth of a millisecond or two on each layer that it calls; autograd follows a record as it follows
the network.
"""

import logging
from collections.abc import Callable
from typing import Any

import keras
import torch
from torch.fx.experimental.proxy_tensor import make_fx
from torch.utils import _pytree as pytree

from kerasarch.backends.closeness_torch import close
from kerasarch.backends.recorded_torch import BEFORE, SHAPES
from kerasarch.backends.scope import current_scope

logger = logging.getLogger("kerasarch")


def training_call(model: keras.Model) -> Callable[[Any], Any]:
    """Return ``model(inputs, training=True)`` for batches whose shapes come many times.

    What is recorded are the operations on tensors, and the record is held against the model on other numbers, outputs
    and gradients. A model that draws random numbers or assigns variables, such as the averages of a batch
    normalisation, is called as it is. A change of its Python attributes after the record does not count.

    Args:
        model: A built model.

    Returns:
        A function of the model's inputs to its outputs, through which gradients of its variables flow.
    """
    calls: dict[Any, int] = {}
    records: dict[Any, Any] = {}
    known: list[Any] = []

    def call(inputs: Any) -> Any:
        if current_scope() is not None or not torch.is_grad_enabled():
            return model(inputs, training=True)
        leaves, structure = pytree.tree_flatten(keras.tree.map_structure(keras.ops.convert_to_tensor, inputs))
        key = (str(structure), tuple((leaf.shape, leaf.dtype, leaf.requires_grad) for leaf in leaves))
        tensors = [(id(variable._value), variable._value.requires_grad) for variable in model.variables]
        if tensors != known or len(calls) > SHAPES:  # what is recorded holds on to the tensors that it was made with
            known[:] = tensors
            calls.clear()
            records.clear()
        calls[key] = calls.get(key, 0) + 1
        if calls[key] == BEFORE + 1:
            records[key] = _recorded(model, leaves, structure)
        record = records.get(key)
        return model(pytree.tree_unflatten(leaves, structure), training=True) if record is None else record(leaves)

    return call


def _recorded(model: keras.Model, leaves: list[Any], structure: Any) -> Callable[[list[Any]], Any] | None:
    """Return what repeats the model's operations on tensors of these shapes, None where they cannot be told."""
    outer: list[Any] = []

    def run(*leaves: Any) -> list[Any]:
        out, found = pytree.tree_flatten(model(pytree.tree_unflatten(list(leaves), structure), training=True))
        outer.append(found)
        return out

    weights = [variable._value for variable in model.trainable_variables]
    before = _state(model)
    try:
        graph = make_fx(run)(*leaves)
        changes = not all(map(torch.equal, before, _state(model)))
        others = [_other(leaf) for leaf in leaves]
        same = not changes and all(map(close, _answers(graph, others, weights), _answers(run, others, weights)))
    except (RuntimeError, TypeError, NotImplementedError) as error:
        logger.debug("%s is called as it is in training: %s", model.name, error)
        same = False
    finally:
        _put_back(model, before)
    return (lambda leaves: pytree.tree_unflatten(graph(*leaves), outer[0])) if same else None


def _other(leaf: torch.Tensor) -> torch.Tensor:
    """Other numbers that are as valid: whole ones of another example."""
    if leaf.is_floating_point():
        return (leaf.detach() * 0.7 + 0.1).requires_grad_(leaf.requires_grad)
    return leaf.flip(0) if leaf.ndim else leaf


def _answers(function: Callable[..., list[Any]], leaves: list[Any], weights: list[Any]) -> list[torch.Tensor]:
    """Return what a function gives, and the gradients of the sum of its squares by the weights."""
    outputs = function(*leaves)
    total = sum((output.float() ** 2).sum() for output in outputs if output.is_floating_point())
    gradients = torch.autograd.grad(total, weights, allow_unused=True, materialize_grads=True) if weights else ()
    return [output.detach() for output in outputs] + list(gradients)


def _state(model: keras.Model) -> list[torch.Tensor]:
    """Copies of all that a call may change: random numbers to come, variables that are not trained."""
    return [torch.get_rng_state(), *(variable._value.detach().clone() for variable in model.non_trainable_variables)]


def _put_back(model: keras.Model, state: list[torch.Tensor]) -> None:
    torch.set_rng_state(state[0])
    with torch.no_grad():
        for variable, value in zip(model.non_trainable_variables, state[1:], strict=True):
            variable._value.copy_(value)
