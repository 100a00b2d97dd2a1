"""Steps that are repeated many times, in one compiled loop on JAX."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import keras


def repeated(step: Callable[[Any, Any], tuple[Any, Any]], layer: keras.layers.Layer) -> Callable[[Any, Any], Any]:
    """Return a function that repeats a step, from the state that the one before left.

    It is compiled once for each set of shapes. What the loop starts from is given up to it, so that a cache is written
    where it lies.

    Args:
        step: Takes a state and an input; returns the state, of the same shapes and types, and an output. It reads a
            layer's variables and assigns none.
        layer: Whose variables it reads. They may change between calls.

    Returns:
        A function of a state, which is not to be used again, and inputs along the first axis of a tensor, to the last
        state and the outputs, stacked.
    """

    @functools.partial(jax.jit, donate_argnums=1)
    def pure(values: list[Any], state: Any, inputs: Any) -> Any:
        with keras.StatelessScope(state_mapping=zip(layer.variables, values, strict=True)):
            return jax.lax.scan(step, state, inputs)

    return lambda state, inputs: pure([variable.value for variable in layer.variables], state, inputs)
