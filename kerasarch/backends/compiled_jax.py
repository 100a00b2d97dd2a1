"""Functions that read a layer's variables, compiled on JAX."""

from collections.abc import Callable
from typing import Any

import jax
import keras


def compiled(function: Callable[..., Any], layer: keras.layers.Layer) -> Callable[..., Any]:
    """Compile a function that reads a layer's variables and assigns none.

    It is compiled once for each set of shapes and types of its arguments.

    Args:
        function: Takes and returns tensors, or structures of them; it may call the layer.
        layer: Whose variables it reads. They may change between calls.

    Returns:
        A function of the same arguments.
    """

    @jax.jit
    def pure(values: list[Any], *arguments: Any) -> Any:
        with keras.StatelessScope(state_mapping=zip(layer.variables, values, strict=True)):
            return function(*arguments)

    return lambda *arguments: pure([variable.value for variable in layer.variables], *arguments)
