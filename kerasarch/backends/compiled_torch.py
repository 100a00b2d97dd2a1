"""Functions that read a layer's variables, on PyTorch: not compiled, and without gradients."""

from collections.abc import Callable
from typing import Any

import keras
import torch


def compiled(function: Callable[..., Any], layer: keras.layers.Layer) -> Callable[..., Any]:
    """Return a function of the same arguments that keeps nothing for gradients.

    Args:
        function: Takes and returns tensors, or structures of them; it may call the layer.
        layer: Whose variables it reads. They may change between calls.

    Returns:
        A function of the same arguments.
    """

    def run(*arguments: Any) -> Any:
        with torch.no_grad():
            return function(*keras.tree.map_structure(keras.ops.convert_to_tensor, arguments))

    return run
