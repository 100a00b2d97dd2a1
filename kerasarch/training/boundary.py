"""Cutting a graph of layers in two: what cannot change while a stage lasts, and what learns."""

import contextlib
import dataclasses
from collections.abc import Iterator
from typing import Any

import keras

from kerasarch.training.groups import flatten, is_graph


@dataclasses.dataclass(frozen=True, eq=False)
class Cut:
    """A model cut in two, sharing its layers and variables.

    Args:
        base: From the model's inputs to the tensors that cross the cut. Nothing in it learns or is random.
        top: From those tensors to the model's outputs.
        refusal: Why there is no cut, for the log; empty where there is one.
    """

    base: keras.Model | None
    top: keras.Model | None
    refusal: str = ""


def cut(model: keras.Model) -> Cut:
    """Cuts a model below the lowest layer that learns or is random, as its layers stand now.

    Args:
        model: The model, with the layers of the coming stage open and the others frozen.

    Returns:
        The two parts; or the reason why there is nothing to gain or it cannot be done.
    """
    if not is_graph(model):
        return Cut(None, None, "the model is no graph of layers, so what lies below its open layers is unknown")
    boundary = _boundary(model)
    if any(_is_input(model, tensor) for tensor in boundary):
        lowest = ", ".join(dict.fromkeys(_consumers(model, boundary)))
        return Cut(None, None, f"layers that learn or are random stand right behind the input: {lowest}")
    if any(getattr(tensor, "_keras_mask", None) is not None for tensor in boundary):
        return Cut(None, None, "a mask crosses the boundary, which kept activations would lose")
    base = keras.Model(model.inputs, boundary, name=f"{model.name}_base")
    top = keras.Model(boundary, model.outputs if len(model.outputs) > 1 else model.outputs[0], name=f"{model.name}_top")
    return Cut(base, top)


@contextlib.contextmanager
def nodes_restored(model: keras.Model) -> Iterator[None]:
    """Takes away, at the end, the graph nodes that cutting adds to the model's layers.

    With more than one node Keras refuses ``layer.output``, which a user may want to read afterwards.
    """
    layers = flatten(model)
    before = [(layer, len(layer._inbound_nodes), len(layer._outbound_nodes)) for layer in layers]
    try:
        yield
    finally:
        for layer, inbound, outbound in before:
            del layer._inbound_nodes[inbound:]
            del layer._outbound_nodes[outbound:]


def is_still(operation: Any) -> bool:
    """Whether an operation gives the same output for the same input while the stage lasts."""
    if not isinstance(operation, keras.layers.Layer):
        return True
    return not any(_learns(layer) or _is_random(layer) for layer in flatten(operation))


def _learns(layer: keras.layers.Layer) -> bool:
    own = layer._trainable_variables + layer._non_trainable_variables  # those of layers inside are looked at there
    return layer.trainable and bool(own)


def _is_random(layer: keras.layers.Layer) -> bool:
    if not layer._seed_generators:
        return False
    amounts = [getattr(layer, name) for name in ("rate", "stddev") if hasattr(layer, name)]
    return not amounts or any(amounts)


def _boundary(model: keras.Model) -> list:
    """Tensors that do not change and that something that does, or the outside, reads; in the order of the graph."""
    inputs = {id(tensor) for tensor in model.inputs}
    still: dict[int, bool] = {}
    crossing: dict[int, keras.KerasTensor] = {}
    for node in _nodes(model):
        unchanged = all(still[id(tensor)] for tensor in node.input_tensors) and is_still(node.operation)
        for tensor in node.outputs:
            still[id(tensor)] = id(tensor) in inputs or unchanged
        if not unchanged:
            crossing.update({id(tensor): tensor for tensor in node.input_tensors if still[id(tensor)]})
    crossing.update({id(tensor): tensor for tensor in model.outputs if still[id(tensor)]})
    return list(crossing.values())


def _nodes(model: keras.Model) -> list:
    """Nodes of a functional or sequential model, each behind those it reads from."""
    done: dict[int, object] = {}
    stack = [(tensor._keras_history, False) for tensor in reversed(model.outputs)]
    inputs = {id(tensor._keras_history.operation) for tensor in model.inputs}
    while stack:
        history, ready = stack.pop()
        node = history.operation._inbound_nodes[history.node_index]
        if id(node) in done:
            continue
        if ready or id(history.operation) in inputs:
            done[id(node)] = node
            continue
        stack.append((history, True))
        stack.extend((tensor._keras_history, False) for tensor in reversed(node.input_tensors))
    return list(done.values())


def _is_input(model: keras.Model, tensor: keras.KerasTensor) -> bool:
    return any(tensor is given for given in model.inputs)


def _consumers(model: keras.Model, boundary: list) -> list[str]:
    inputs = {id(tensor) for tensor in boundary if _is_input(model, tensor)}
    return [
        node.operation.name
        for node in _nodes(model)
        if any(id(tensor) in inputs for tensor in node.input_tensors) and not is_still(node.operation)
    ]
