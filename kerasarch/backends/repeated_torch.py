"""Steps that are repeated many times, on PyTorch: recorded once, and then run without Keras in between."""

import logging
import warnings
from collections.abc import Callable
from typing import Any

import keras
import torch
from torch.fx.experimental.proxy_tensor import make_fx
from torch.utils import _pytree as pytree

from kerasarch.backends.closeness_torch import close
from kerasarch.backends.packed_torch import Packed, pack
from kerasarch.backends.shared_torch import share

BEFORE = 16
"""Steps of one set of shapes before they are recorded, which takes as long as some ten of them."""
KINDS = 4
"""Sets of shapes whose records are kept."""
logger = logging.getLogger("kerasarch")


def repeated(step: Callable[[Any, Any], tuple[Any, Any]], layer: keras.layers.Layer) -> Callable[[Any, Any], Any]:
    """Return a function that repeats a step, from the state that the one before left.

    Keras takes longer over a layer than a processor over a token. So the step's operations on tensors are recorded, and
    the record is held against the step on the next state, which has other numbers; a step that looks at values is
    called as it is.

    Args:
        step: Takes a state and an input; returns the state, of the same shapes and types, and an output. It reads a
            layer's variables and assigns none.
        layer: Whose variables it reads. They may change between calls.

    Returns:
        A function of a state, which is not to be used again, and inputs along the first axis of a tensor, to the last
        state and the outputs, stacked.
    """
    records: dict[Any, Record] = {}
    packed: dict[Any, Packed] = {}
    known: list[Any] = []

    def run(state: Any, inputs: Any) -> Any:
        state, inputs = keras.tree.map_structure(keras.ops.convert_to_tensor, (state, inputs))
        leaves, structure = pytree.tree_flatten(state)
        key = (str(structure), tuple((leaf.shape, leaf.dtype) for leaf in leaves), inputs.shape[1:], inputs.dtype)
        tensors = [id(variable._value) for variable in layer.variables]
        if tensors != known or (key not in records and len(records) == KINDS):  # a record holds on to its tensors
            known[:] = tensors
            records.clear()
            packed.clear()
        for weight in packed.values():
            weight.refresh()
        record = records.setdefault(key, Record(step, structure, packed))
        outputs = []
        with torch.no_grad(), torch.jit.optimized_execution(False):  # it would begin with slow runs that watch shapes
            for one in inputs:
                leaves, output = record(leaves, one)
                outputs.append(output)
        return pytree.tree_unflatten(leaves, structure), torch.stack(outputs)

    return run


class Record:
    """A step that is recorded after some calls, checked at the next one, and repeated from then on.

    Args:
        step: What is recorded.
        structure: How the leaves of its state are arranged.
        packed: Weights that records of other shapes have packed.
    """

    def __init__(self, step: Callable[[Any, Any], tuple[Any, Any]], structure: Any, packed: dict[Any, Packed]):
        self.step, self.structure, self.packed = step, structure, packed
        self.calls = 0
        self.graph: Any = None
        self.weights: list[Packed] = []

    def __call__(self, leaves: list[Any], one: Any) -> tuple[list[Any], Any]:
        """Return the leaves of the new state, and the output."""
        self.calls += 1
        if self.graph is not None and self.calls > BEFORE + 2:
            found = self._repeat(one, leaves)
            return list(found[:-1]), found[-1]
        if self.calls == BEFORE + 1:
            self.graph = self._recorded(one, leaves)
        repeated = None if self.graph is None else self._repeat(one, _copies(leaves))
        found = self._run(one, *leaves)
        if repeated is not None and not all(close(*pair) for pair in zip(repeated, found, strict=True)):
            self.graph = None
        return list(found[:-1]), found[-1]

    def _run(self, one: Any, *leaves: Any) -> tuple[Any, ...]:
        state, output = self.step(pytree.tree_unflatten(list(leaves), self.structure), one)
        return *pytree.tree_leaves(state), output

    def _repeat(self, one: Any, leaves: list[Any]) -> Any:
        return self.graph(one, *leaves, *(weight.tensor for weight in self.weights))

    def _recorded(self, one: Any, leaves: list[Any]) -> Any:
        try:
            graph = share(make_fx(self._run)(one, *_copies(leaves)))
            self.weights = pack(graph, self.packed)
            return _without_python(graph, (one, *_copies(leaves), *(weight.tensor for weight in self.weights)))
        except (RuntimeError, TypeError, NotImplementedError) as error:
            logger.debug("A step is called as it is: %s", error)
            return None


def _without_python(graph: torch.fx.GraphModule, given: tuple[Any, ...]) -> Any:
    """Return a record for PyTorch's own interpreter, which takes a quarter of Python's time between two operations."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # it wants torch.compile, which takes minutes for a model
        return torch.jit.trace(graph, given, check_trace=False)


def _copies(leaves: list[Any]) -> list[Any]:
    return [leaf.clone() for leaf in leaves]
