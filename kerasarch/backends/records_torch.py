"""Calls of a model on PyTorch: recorded once they have come a few times, and then repeated without Keras in between.

Keras 3.15 spends a tenth of a millisecond or two on each layer that it calls. The operations themselves are recorded
by torch.fx, and their record is as quick as a network of PyTorch's own; autograd follows it as it follows the network.
"""

import logging
from collections.abc import Callable
from typing import Any

import keras
import torch
from keras.src.backend import get_keras_mask, set_keras_mask  # Keras 3.15 has no public names for them
from torch.fx.experimental.proxy_tensor import make_fx
from torch.utils import _pytree as pytree

from kerasarch.backends.closeness_torch import close
from kerasarch.backends.scope import current_scope
from kerasarch.backends.torch import generator_states, set_generator_states

BEFORE = 2
"""Calls with the same shapes before one is recorded, which takes as long as a hundred small ones."""
SHAPES = 8
"""Kinds of batches whose records are kept: the last that were asked for."""
logger = logging.getLogger("kerasarch")
fake = logging.getLogger("torch._subclasses.fake_tensor")

Call = Callable[[Any], Any]


class Records:
    """Records of a model's calls, by what goes in.

    What is recorded are the operations on tensors, and a record is held against the model on other numbers: outputs,
    gradients and how many random numbers were drawn. A call that looks at values, assigns variables, draws from a
    generator with a seed, or adds a loss is never recorded. Masks that the outputs carry, as Keras' losses want them,
    are a part of the record. Assignments to the model's variables count, wherever they are made; a change of its Python
    attributes does not.

    Args:
        model: A built model.
        before: Calls of the same kind before one is recorded.
    """

    def __init__(self, model: keras.Model, before: int = BEFORE):
        self.model, self.before = model, before
        self.counts: dict[Any, int] = {}
        self.records: dict[Any, Callable[[list[Any]], Any] | None] = {}
        self.known: list[Any] = []

    def __call__(self, call: Call, inputs: Any, kind: Any = None) -> Any:
        """Return what a call of the model gives, from a record where there is one.

        Args:
            call: Calls the model.
            inputs: Arrays or tensors in a structure.
            kind: Tells calls of the model apart whose operations differ, such as those in training.
        """
        leaves, structure = pytree.tree_flatten(keras.tree.map_structure(_tensor, inputs))
        given = pytree.tree_unflatten(leaves, structure)
        if current_scope() is not None or not all(map(_is_bare, leaves)):
            return call(given)
        tensors = [(id(variable._value), variable._value.requires_grad) for variable in self.model.variables]
        if tensors != self.known:  # a record holds on to the tensors that it was made with
            self.known = tensors
            self.counts.clear()
            self.records.clear()
        looks = tuple((leaf.shape, leaf.stride(), leaf.dtype, leaf.requires_grad) for leaf in leaves)
        key = (kind, torch.is_grad_enabled(), str(structure), looks)
        if key in self.records:
            record = self.records[key] = self.records.pop(key)  # the last to be let go
            return call(given) if record is None else record(leaves)
        self.counts[key] = self.counts.get(key, 0) + 1
        if self.counts[key] <= self.before:
            return call(given)
        del self.counts[key]
        if len(self.records) == SHAPES:
            self.records.pop(next(iter(self.records)))
        before = [variable._value.clone() for variable in self.model.non_trainable_variables]
        out = call(given)
        alike = self._nothing_beside(out, before)
        self.records[key] = _recorded(call, leaves, structure, self.model) if alike else None
        return out

    def _nothing_beside(self, out: Any, before: list[torch.Tensor]) -> bool:
        """Whether a call left nothing but tensors: no assigned variable, no loss."""
        after = [variable._value for variable in self.model.non_trainable_variables]
        lossless = not any(layer._losses for layer in self.model._flatten_layers())  # no public way to tell them apart
        tensors = all(isinstance(leaf, torch.Tensor) for leaf in pytree.tree_leaves(out))
        return lossless and tensors and all(map(torch.equal, before, after))


def _is_bare(value: Any) -> bool:
    return isinstance(value, torch.Tensor) and get_keras_mask(value) is None


def _tensor(value: Any) -> Any:
    return None if value is None else keras.ops.convert_to_tensor(value)


def _recorded(call: Call, leaves: list[Any], structure: Any, model: keras.Model) -> Callable[[list[Any]], Any] | None:
    """Return what repeats the operations on tensors of these shapes, None where they cannot be told."""
    outer: list[Any] = []

    def run(*leaves: Any) -> list[Any]:
        out, found = pytree.tree_flatten(call(pytree.tree_unflatten(list(leaves), structure)))
        masks = [(place, mask) for place, one in enumerate(out) if (mask := get_keras_mask(one)) is not None]
        outer.append((found, [place for place, _ in masks]))
        return [*out, *(mask for _, mask in masks)]

    def repeat(leaves: list[Any]) -> Any:
        found, masked = outer[0]
        outputs = graph(*leaves)
        size = len(outputs) - len(masked)
        for place, mask in zip(masked, outputs[size:], strict=True):
            set_keras_mask(outputs[place], mask)
        return pytree.tree_unflatten(outputs[:size], found)

    weights = [variable._value for variable in model.trainable_variables] if torch.is_grad_enabled() else []
    state = generator_states()
    fake.disabled, shown = True, fake.disabled  # it would print what is caught below
    try:
        # Tensors without numbers: what looks at them fails, and does not become a part of the record.
        graph = make_fx(run, tracing_mode="fake", _allow_non_fake_inputs=True)(*leaves)
        others = [_other(leaf) for leaf in leaves]
        wanted, found = (_answers(function, others, weights, state) for function in (run, graph))
        same = all(close(*pair) for pair in zip(found, wanted, strict=True))
    except Exception as error:  # noqa: BLE001 - layers may do what they like; a moment ago it went well
        logger.debug("%s is called as it is: %s", model.name, error)
        same = False
    finally:
        fake.disabled = shown
        set_generator_states(state)
    return repeat if same else None


def _other(leaf: torch.Tensor) -> torch.Tensor:
    """Other numbers that are as valid: whole ones of another example."""
    if leaf.is_floating_point():
        return (leaf.detach() * 0.7 + 0.1).requires_grad_(leaf.requires_grad)
    return leaf.flip(0) if leaf.ndim else leaf


def _answers(
    function: Callable[..., list[Any]], leaves: list[Any], weights: list[Any], state: dict[str, Any]
) -> list[torch.Tensor]:
    """Return what a function gives, the gradients of the sum of its squares, and how it leaves the generators."""
    set_generator_states(state)
    outputs = function(*leaves)
    parts = [output for output in outputs if output.is_floating_point() and output.requires_grad]
    gradients: Any = ()
    if weights and parts:
        total = sum((output.float() ** 2).sum() for output in parts)
        gradients = torch.autograd.grad(total, weights, allow_unused=True, materialize_grads=True)
    left = [torch.from_numpy(one) for one in generator_states().values()]
    return [*(output.detach() for output in outputs), *gradients, *left]
