"""Examples: how the conformance kit knows to construct a layer or a model, and what to call it on.

The author puts them on the object that the entry point names, as an attribute ``conformance``:

    class SqueezeExcitation(keras.layers.Layer):
        conformance = [Example(arguments={"reduction": 2}, inputs=[(2, 6, 6, 8)])]

    def my_model(...): ...
    my_model.conformance = [Example(arguments={"classes": 3}, inputs=[(2, 16, 16, 1)])]

This module imports no Keras, so a plugin may import it anywhere.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from kerasarch.errors import PluginError


@dataclasses.dataclass(frozen=True)
class Integers:
    """An input of whole numbers, such as token or class indices.

    Args:
        shape: The input's shape, batch first.
        below: The numbers are 0 to ``below - 1``.
    """

    shape: tuple[int, ...]
    below: int = 10


@dataclasses.dataclass(frozen=True)
class Example:
    """One way to construct a layer or a model, and the inputs to call it on.

    Args:
        arguments: Keyword arguments of the class or builder.
        inputs: The positional arguments of the call, each a shape with the batch first (standard normal float32
            numbers), an `Integers`, or a list or dict of those. A batch of at least 2 lets every check take part.
        call: Keyword arguments of the call, the same in every check, such as ``{"causal": True}``.
        skip: Checks that cannot hold by design, each with the reason, which the report prints.
        still: Ends of the paths of trainable variables whose gradient is zero by design, such as a key's bias in
            softmax attention.
        tolerance: Greatest difference between backends, and between ways to run on one, relative to the greatest
            output.
    """

    arguments: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    inputs: Sequence[Any] = ()
    call: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    skip: Mapping[str, str] = dataclasses.field(default_factory=dict)
    still: Sequence[str] = ()
    tolerance: float = 1e-5

    @property
    def title(self) -> str:
        """The arguments in words, such as ``reduction=2``."""
        return ", ".join(f"{name}={value!r}" for name, value in self.arguments.items()) or "default arguments"

    @property
    def single(self) -> bool:
        """Whether the call takes one array and nothing else."""
        return len(self.inputs) == 1 and _is_leaf(self.inputs[0]) and not self.call

    def arrays(self, seed: int = 0) -> list[Any]:
        """Draw the positional arguments of the call: the same for the same seed, on any backend."""
        random = np.random.default_rng(seed)

        def draw(leaf: Any) -> np.ndarray:
            if isinstance(leaf, Integers):
                return random.integers(0, leaf.below, leaf.shape).astype("int32")
            return random.standard_normal(leaf).astype("float32")

        return [map_leaves(draw, item) for item in self.inputs]


def map_leaves(function: Any, item: Any) -> Any:
    """Apply a function to every input of a structure: a shape, an `Integers`, or a list or dict of those.

    Raises:
        PluginError: The structure holds something else.
    """
    if _is_leaf(item):
        return function(item)
    if isinstance(item, Mapping):
        return {name: map_leaves(function, part) for name, part in item.items()}
    if isinstance(item, list):
        return [map_leaves(function, part) for part in item]
    raise PluginError(
        f"an example's input is {item!r}. Expected a shape such as (2, 8, 4), Integers((2, 8), below=100), or a list "
        "or dict of those."
    )


def examples_of(entry: Any, name: str) -> list[Example]:
    """Return the examples of a layer's class or a model's builder.

    Args:
        entry: The object that the entry point names.
        name: Its name, for the message.

    Raises:
        PluginError: It has none, or they are not examples with inputs.
    """
    from kerasarch.testing.built_in import BUILT_IN

    own = BUILT_IN.get(f"{getattr(entry, '__module__', '')}:{getattr(entry, '__name__', '')}")
    examples = getattr(entry, "conformance", own)
    if examples is None:
        raise PluginError(
            f"{name} has no examples to check. Give it an attribute: {name}.conformance = "
            "[kerasarch.testing.Example(arguments={...}, inputs=[(2, 8, 4)])]"
        )
    examples = [examples] if isinstance(examples, Example) else list(examples)
    for example in examples:
        if not isinstance(example, Example) or not example.inputs:
            raise PluginError(
                f"{name}.conformance holds {example!r}. Expected kerasarch.testing.Example(arguments={{...}}, "
                "inputs=[(2, 8, 4)]) with at least one input."
            )
    if not examples:
        raise PluginError(f"{name}.conformance is empty. Expected at least one kerasarch.testing.Example.")
    return examples


def _is_leaf(item: Any) -> bool:
    return isinstance(item, Integers) or (isinstance(item, tuple) and all(isinstance(size, int) for size in item))
