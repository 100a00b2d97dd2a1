"""The subject of the checks: one example of a layer or a model, made and called in several ways.

A probe is the one place that knows how a layer (a class, whose policy is an argument) differs from a model (a builder,
whose policy is Keras' global one).
"""

import contextlib
import copy
import dataclasses
import functools
import inspect
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np

from kerasarch.testing.example import Example, Integers, map_leaves
from kerasarch.testing.findings import Violation


@dataclasses.dataclass
class Probe:
    """One example of a layer's class or a model's builder.

    Args:
        entry: The class or builder.
        example: How to construct and to call it.
        layer: Whether ``entry`` is the class of a layer.
    """

    entry: Callable[..., Any]
    example: Example
    layer: bool

    @functools.cached_property
    def shared(self) -> keras.layers.Layer:
        """One that is ready, for the checks that change nothing."""
        return self.ready()

    def make(self, policy: str | None = None) -> keras.layers.Layer:
        """Construct the layer or model.

        Args:
            policy: Name of a dtype policy, or None for the global one.
        """
        arguments = copy.deepcopy(dict(self.example.arguments))
        if policy is None:
            return self.entry(**arguments)
        if self.layer:
            return self.entry(**arguments, dtype=policy)
        with _global_policy(policy):
            return self.entry(**arguments)

    def ready(self, policy: str | None = None, seed: int = 0) -> keras.layers.Layer:
        """Construct it and call it once, so that its variables exist; their values come from the seed."""
        keras.utils.set_random_seed(seed)
        made = self.make(policy)
        self.call(made)
        scatter(made, seed)
        return made

    def call(self, made: keras.layers.Layer, arrays: list[Any] | None = None) -> list[np.ndarray]:
        """Call it outside training.

        Args:
            made: The layer or model.
            arrays: Positional arguments, by default the example's.

        Returns:
            Its outputs in the order of `keras.tree.flatten`, floating ones as float32.
        """
        arrays = self.example.arrays() if arrays is None else arrays
        tensors = keras.tree.map_structure(keras.ops.convert_to_tensor, arrays)
        return to_numpy(made(*tensors, **self._arguments_of_call(made)))

    def symbols(self) -> list[Any]:
        """Return the inputs of a functional model: of unknown batch, one for each array of the example."""
        return [map_leaves(self._symbol, item) for item in self.example.inputs]

    def functional(self, made: keras.layers.Layer, *, floating: bool = False) -> keras.Model:
        """Wrap it into a functional model over the example's inputs.

        Args:
            made: The layer or model.
            floating: Keep the floating outputs only, those that a loss can be put on.
        """
        symbols = self.symbols()
        outputs = made(*symbols, **self.example.call)
        if floating:
            outputs = [
                item for item in keras.tree.flatten(outputs) if "float" in keras.backend.standardize_dtype(item.dtype)
            ]
            if not outputs:
                raise Violation("no output is a floating tensor, so nothing can be trained.")
        return keras.Model(keras.tree.flatten(symbols), outputs)

    def feed(self) -> list[np.ndarray]:
        """Return the arrays that `functional` takes."""
        return keras.tree.flatten(self.example.arrays())

    def _arguments_of_call(self, made: keras.layers.Layer) -> dict[str, Any]:
        return dict(self.example.call) | ({"training": False} if takes(made.call, "training") else {})

    def _symbol(self, leaf: Any) -> Any:
        whole = isinstance(leaf, Integers)
        shape = leaf.shape if whole else leaf
        return keras.Input(shape[1:], dtype="int32" if whole else "float32")


def takes(function: Callable[..., Any], name: str) -> bool:
    """Whether a function has a parameter of this name."""
    return name in inspect.signature(function).parameters


def to_numpy(outputs: Any) -> list[np.ndarray]:
    """Turn a structure of tensors into arrays, floating ones as float32 (NumPy has no bfloat16)."""
    arrays = []
    for tensor in keras.tree.flatten(outputs):
        if "float" in keras.backend.standardize_dtype(tensor.dtype):
            tensor = keras.ops.cast(tensor, "float32")
        arrays.append(keras.ops.convert_to_numpy(tensor))
    return arrays


def scatter(made: keras.layers.Layer, seed: int) -> None:
    """Add small known numbers to every trainable variable.

    A variable that starts at zero, such as a residual branch's last scale, would hide what lies behind it.
    """
    random = np.random.default_rng(seed)
    for variable in made.trainable_variables:
        value = keras.ops.convert_to_numpy(keras.ops.cast(variable.value, "float32"))
        variable.assign(value + 0.1 * random.standard_normal(value.shape).astype("float32"))


def difference(received: list[np.ndarray], expected: list[np.ndarray]) -> float:
    """Return the greatest difference between outputs, relative to the greatest expected one.

    Raises:
        Violation: They differ in number or shape, or are not finite.
    """
    shapes = [array.shape for array in received], [array.shape for array in expected]
    if shapes[0] != shapes[1]:
        raise Violation(f"outputs have shapes {shapes[0]}, expected {shapes[1]}.")
    worst = 0.0
    for one, other in zip(received, expected, strict=True):
        if one.size == 0:
            continue
        if not (np.isfinite(one).all() and np.isfinite(other).all()):
            raise Violation("outputs are not finite.")
        one, other = one.astype("float64"), other.astype("float64")
        scale = float(np.abs(other).max()) or 1.0
        worst = max(worst, float(np.abs(one - other).max()) / scale)
    return worst


def require_close(received: list[np.ndarray], expected: list[np.ndarray], tolerance: float, what: str) -> str:
    """Demand that outputs agree.

    Returns:
        The difference in words.

    Raises:
        Violation: They do not agree.
    """
    worst = difference(received, expected)
    if worst > tolerance:
        raise Violation(
            f"{what}: the greatest difference is {worst:.1e} of the output's scale, expected <= {tolerance:.0e}."
        )
    return f"difference {worst:.0e}" if worst else "identical"


@contextlib.contextmanager
def _global_policy(name: str) -> Iterator[None]:
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
