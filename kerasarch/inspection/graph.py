"""The elementary operations of a model for pictures of a given size, found without computing anything.

A functional model is a graph of layers; a layer of ours is made of others, called in its ``call``. Here such layers are
taken apart: their ``call`` is given Keras tensors, which remember what was done with them, until convolutions, products
and other operations remain whose size and cost are known by their class.
"""

import contextlib
import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

import keras
from keras import tree

from kerasarch.errors import ShapeError


@dataclasses.dataclass(frozen=True, eq=False)
class Step:
    """One operation that is not taken apart any further.

    Attributes:
        path: Names of the layers that it is in, and its own, such as ``stage1_block1/conv1/convolution``.
        operation: The Keras layer or operation.
        arguments: Positional and named arguments, with Keras tensors in them.
        inputs: The Keras tensors among the arguments, each the output of an earlier step or the model's input.
        outputs: The Keras tensors that come out.
        opaque: Whether it is made of others that could not be looked at.
    """

    path: str
    operation: Any
    arguments: tuple[tuple[Any, ...], dict[str, Any]]
    inputs: tuple[Any, ...]
    outputs: tuple[Any, ...]
    opaque: bool = False


def steps_of(model: keras.Model, inputs: Any, *, known: Callable[[Any], bool]) -> tuple[list[Step], Any]:
    """Return the operations of a model in the order of their computation.

    Nothing of the model changes, and its inputs may have other sizes than those that it was built for, as long as its
    weights fit.

    Args:
        model: A built model.
        inputs: Keras tensors of the sizes wanted, in the structure that the model is called with.
        known: Which layers are not to be taken apart.

    Returns:
        The steps, and the outputs of the model.

    Raises:
        ShapeError: Sizes do not fit: the message names the layer, what it was given and what it was built for.
    """
    found: list[Step] = []
    walk = _Walk(known, found)
    with _unchanged(model):
        outputs = walk.apply(model, (inputs,), {}, ())
    return found, outputs


class _Walk:
    """Applies operations to Keras tensors and writes down what they consist of."""

    def __init__(self, known: Callable[[Any], bool], found: list[Step]):
        self.known, self.found = known, found

    def apply(self, operation: Any, args: tuple, kwargs: dict[str, Any], path: tuple[str, ...]) -> Any:
        """Apply an operation and return its outputs."""
        if isinstance(operation, keras.Model) and getattr(operation, "_nodes", None):
            return self._graph(operation, args, path)
        if isinstance(operation, keras.Layer) and not self.known(operation):
            _check(operation, args, path)
            inner = _record(operation, args, kwargs, path)
            if inner is not None:
                return self._replay(*inner, args, kwargs, path)
            if _has_parts(operation):
                return self._step(operation, args, kwargs, path, opaque=True)
        return self._step(operation, args, kwargs, path)

    def _graph(self, model: keras.Model, args: tuple, path: tuple[str, ...]) -> Any:
        """Go through a functional model."""
        given = tree.flatten(args)
        return self._replay(tree.flatten(model._inputs_struct), model._outputs_struct, given, {}, path)

    def _replay(self, starts: list, ends: Any, args: Any, kwargs: dict[str, Any], path: tuple[str, ...]) -> Any:
        """Repeat what made ``ends`` of ``starts`` with the arguments in the place of the starts."""
        actual = [tensor for tensor in tree.flatten((args, kwargs)) if isinstance(tensor, keras.KerasTensor)]
        values = {id(start): tensor for start, tensor in zip(starts, actual, strict=True)}

        def filled(part: Any) -> Any:
            return tree.map_structure(
                lambda value: values[id(value)] if isinstance(value, keras.KerasTensor) else value, part
            )

        for node in _nodes(starts, tree.flatten(ends)):
            operation = node.operation
            inner = (*path, operation.name)
            outputs = self.apply(operation, filled(node.arguments.args), filled(node.arguments.kwargs), inner)
            values |= {id(old): new for old, new in zip(node.outputs, tree.flatten(outputs), strict=True)}
        return filled(ends)

    def _step(self, operation: Any, args: tuple, kwargs: dict, path: tuple[str, ...], opaque: bool = False) -> Any:
        if isinstance(operation, keras.Layer):
            _check(operation, args, path)
        try:
            outputs = _outputs(operation, args, kwargs)
        except Exception as error:
            shapes = ", ".join(str(tuple(tensor.shape)) for tensor in _tensors(args, kwargs))
            reason = " ".join(str(error).split())
            name = "/".join(path) or operation.name
            raise ShapeError(f"{name}: does not take inputs of {shapes}: {reason}") from error
        inputs = tuple(_tensors(args, kwargs))
        if any(output is tensor for output in tree.flatten(outputs) for tensor in inputs):  # dropout out of training
            outputs = tree.map_structure(lambda tensor: keras.KerasTensor(tensor.shape, tensor.dtype), outputs)
        flat = tuple(tree.flatten(outputs))
        self.found.append(Step("/".join(path), operation, (args, kwargs), inputs, flat, opaque))
        return outputs


def _outputs(operation: Any, args: tuple, kwargs: dict[str, Any]) -> Any:
    outputs = operation.compute_output_spec(*args, **kwargs)
    if isinstance(operation, keras.layers.EinsumDense):  # it forgets the lengths that it was not built for
        left, right = operation.equation.split("->")
        lengths = dict(zip(left.split(",")[0].strip(), args[0].shape, strict=True)) if "..." not in left else {}
        names = right.strip() if lengths else "?" * len(outputs.shape)
        shape = (lengths.get(name) if size is None else size for name, size in zip(names, outputs.shape, strict=True))
        outputs = keras.KerasTensor(tuple(shape), outputs.dtype)
    return outputs


def _tensors(*parts: Any) -> list[Any]:
    return [tensor for tensor in tree.flatten(parts) if isinstance(tensor, keras.KerasTensor)]


def _check(layer: keras.Layer, args: tuple, path: tuple[str, ...]) -> None:
    """Demand sizes that the layer's weights fit, as calling the layer would."""
    specs = layer.input_spec
    if specs is None or not args:
        return
    for spec, tensor in zip(tree.flatten(specs), tree.flatten(args[0]), strict=False):
        shape = tuple(tensor.shape)
        wrong = spec.ndim is not None and len(shape) != spec.ndim
        for axis, size in (spec.axes or {}).items():
            place = int(axis)
            inside = -len(shape) <= place < len(shape)
            wrong = wrong or (inside and size is not None and shape[place] not in (None, size))
        if wrong:
            axes = ", ".join(f"axis {axis} of {size}" for axis, size in (spec.axes or {}).items())
            built = f"rank {spec.ndim}" if not axes else axes + (f", rank {spec.ndim}" if spec.ndim else "")
            raise ShapeError(
                f"{'/'.join(path) or layer.name}: received an input of {shape}, but its weights were built for "
                f"{built}. Give the size that the model was built for, or build the model for this one."
            )


def _record(layer: keras.Layer, args: tuple, kwargs: dict[str, Any], path: tuple[str, ...]) -> tuple[list, Any] | None:
    """Call a layer with new Keras tensors; return them and what comes out, or None where it cannot be done."""
    fresh = {id(tensor): keras.KerasTensor(tensor.shape, tensor.dtype) for tensor in _tensors(args, kwargs)}

    def copied(part: Any) -> Any:
        return tree.map_structure(
            lambda value: fresh[id(value)] if isinstance(value, keras.KerasTensor) else value, part
        )

    given = dict(copied(kwargs))
    if layer._call_has_training_arg:
        given["training"] = False
    given = {name: value for name, value in given.items() if not (name == "mask" and value is None)}
    try:
        with _losses_forgotten(layer):
            outputs = layer.call(*copied(args), **given)
    except ShapeError:
        raise
    except Exception as error:  # whatever a stranger's layer does with a tensor that holds no numbers
        if "is incompatible with the layer" in str(error):  # Keras names the inner layer and both sizes
            reason = " ".join(str(error).replace(" with name 'None'", "").split())
            raise ShapeError(
                f"{'/'.join(path) or layer.name}: {reason}. Received another size than the weights fit."
            ) from error
        return None
    starts = [fresh[id(tensor)] for tensor in _tensors(args, kwargs)]
    known = {id(start) for start in starts}
    if not all(isinstance(end, keras.KerasTensor) for end in tree.flatten(outputs)):
        return None
    for end in tree.flatten(outputs):
        if id(end) not in known and getattr(end, "_keras_history", None) is None:
            return None
    return starts, outputs


def _nodes(starts: list, ends: list) -> list[Any]:
    """Return the nodes between Keras tensors in the order of computation; an explicit stack, for deep networks."""
    stop = {id(start) for start in starts}
    order: list[Any] = []
    done: set[int] = set()
    stack = [(end, False) for end in reversed(ends)]
    while stack:
        tensor, expanded = stack.pop()
        if id(tensor) in stop:
            continue
        history = tensor._keras_history
        node = history.operation._inbound_nodes[history.node_index]
        if expanded:
            if id(node) not in done:
                done.add(id(node))
                order.append(node)
        elif id(node) not in done:
            stack.append((tensor, True))
            stack.extend((parent, False) for parent in reversed(node.input_tensors))
    return order


@contextlib.contextmanager
def _losses_forgotten(layer: keras.Layer) -> Iterator[None]:
    """Let a ``call`` add losses that hold no numbers, which Keras refuses."""
    layer.__dict__["add_loss"] = lambda loss: None
    try:
        yield
    finally:
        del layer.__dict__["add_loss"]


def _has_parts(layer: keras.Layer) -> bool:
    return bool(list(layer._flatten_layers(include_self=False, recursive=False)))


@contextlib.contextmanager
def _unchanged(model: keras.Model) -> Iterator[None]:
    """Take away the nodes that calls with Keras tensors leave in a model's layers."""
    layers = list(model._flatten_layers())
    counts = [(len(layer._inbound_nodes), len(layer._outbound_nodes)) for layer in layers]
    try:
        yield
    finally:
        for layer, (inbound, outbound) in zip(layers, counts, strict=True):
            del layer._inbound_nodes[inbound:]
            del layer._outbound_nodes[outbound:]
