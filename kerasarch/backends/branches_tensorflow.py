"""Stateful Keras code that a compiled step runs only sometimes, on TensorFlow."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from kerasarch.backends.conditional import conditional


def when(predicate: Any, fn: Callable[[], None]) -> None:
    """Run ``fn`` if the predicate holds.

    Args:
        predicate: A boolean scalar, known only when the compiled step runs.
        fn: Stateful Keras code; what it assigns is assigned.
    """
    if tf.executing_eagerly():
        if bool(predicate):
            with conditional():
                fn()
        return

    def taken() -> tf.Tensor:
        with conditional():
            fn()
        return tf.constant(0)

    # Assignments inside are kept by the automatic control dependencies of the function around it.
    tf.cond(predicate, taken, lambda: tf.constant(0))
