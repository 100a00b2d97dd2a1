"""Gradients of stateful Keras code on TensorFlow."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf

from kerasarch.backends.scope import current_scope, value_in


def differentiate(
    fn: Callable[[list[Any]], tuple[Any, Any]], variables: Sequence[keras.Variable], tensors: Sequence[Any]
) -> tuple[Any, Any, list[Any] | None]:
    """Run ``fn(tensors)`` and differentiate the loss it returns.

    Args:
        fn: Returns a scalar loss and anything else.
        variables: Variables to differentiate with respect to.
        tensors: Tensors to differentiate with respect to.

    Returns:
        The loss, what else ``fn`` returned, and the gradients of the variables and then of the tensors; None in place
        of all the gradients where the loss depends on none of them.
    """
    # Copies, so that a tensor that is also used elsewhere counts only where it is the argument.
    copies = [tf.identity(tensor) for tensor in tensors]
    scope = current_scope()
    sources = [*(value_in(scope, variable) for variable in variables), *copies]
    # Watching nothing else keeps the other networks' operations off the tape.
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(sources)
        loss, aux = fn(copies)
    gradients = tape.gradient(loss, sources)
    if all(gradient is None for gradient in gradients):
        return loss, aux, None
    # A variable's gradient may come as slices (embeddings): the same kind of gradient on every backend.
    gradients = [
        tf.zeros_like(source) if gradient is None else tf.convert_to_tensor(gradient)
        for gradient, source in zip(gradients, sources, strict=True)
    ]
    return loss, aux, gradients
