"""Functions that read a layer's variables, compiled on TensorFlow."""

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf


def compiled(function: Callable[..., Any], layer: keras.layers.Layer) -> Callable[..., Any]:
    """Compile a function that reads a layer's variables and assigns none.

    It is compiled once for each set of shapes and types of its arguments.

    Args:
        function: Takes and returns tensors, or structures of them; it may call the layer.
        layer: Whose variables it reads. They may change between calls.

    Returns:
        A function of the same arguments.
    """
    traced = tf.function(function)
    return lambda *arguments: traced(*keras.tree.map_structure(tf.convert_to_tensor, arguments))
