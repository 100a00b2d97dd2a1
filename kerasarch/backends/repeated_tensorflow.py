"""Steps that are repeated many times, in one compiled loop on TensorFlow."""

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf


def repeated(step: Callable[[Any, Any], tuple[Any, Any]], layer: keras.layers.Layer) -> Callable[[Any, Any], Any]:
    """Return a function that repeats a step, from the state that the one before left.

    XLA compiles it once for each set of shapes: it writes a cache where it lies, TensorFlow's own kernels copy it.

    Args:
        step: Takes a state and an input; returns the state, of the same shapes and types, and an output. It reads a
            layer's variables and assigns none.
        layer: Whose variables it reads. They may change between calls.

    Returns:
        A function of a state, which is not to be used again, and inputs along the first axis of a tensor, to the last
        state and the outputs, stacked.
    """

    @tf.function(jit_compile=True)
    def run(state: Any, inputs: Any) -> Any:
        count = inputs.shape[0]
        _, first = step(state, inputs[0])  # for its type alone: nothing reads it, and the compiler drops it
        outputs = tf.TensorArray(first.dtype, count, element_shape=first.shape)

        def one(index: Any, state: Any, outputs: Any) -> Any:
            state, output = step(state, inputs[index])
            return index + 1, state, outputs.write(index, output)

        _, state, outputs = tf.while_loop(
            lambda index, *_: index < count, one, (0, state, outputs), maximum_iterations=count
        )
        return state, outputs.stack()

    return lambda state, inputs: run(*keras.tree.map_structure(tf.convert_to_tensor, (state, inputs)))
