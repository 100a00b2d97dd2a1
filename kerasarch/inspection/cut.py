"""Taking a functional model apart at a layer."""

from typing import Any

import keras

from kerasarch.errors import UsageError
from kerasarch.models import trace


def map_layers(model: keras.Model) -> list[str]:
    """Return the names of the layers that give maps, ``(B, H, W, C)``, in the order of computation.

    Args:
        model: A functional model of pictures.
    """
    return [
        layer.name
        for layer, tensor in trace(model)
        if len(tensor.shape) == 4 and not isinstance(layer, keras.layers.InputLayer)
    ]


def output_of(model: keras.Model, layer: str) -> Any:
    """Return the output tensor of a layer.

    Raises:
        UsageError: There is no such layer.
    """
    found = [tensor for other, tensor in trace(model) if other.name == layer]
    if not found:
        names = ", ".join(other.name for other, _ in trace(model))
        raise UsageError(f"{model.name}: received layer {layer!r}, expected one of: {names}.")
    return found[-1]


def cut(model: keras.Model, layer: str) -> tuple[keras.Model, keras.Model]:
    """Return the model up to a layer, and from there on.

    Args:
        model: A functional model.
        layer: Name of a layer that everything passes through.

    Raises:
        UsageError: There is no such layer, or a path leads around it.
    """
    tensor = output_of(model, layer)
    lower = keras.Model(inputs_of(model), tensor)
    try:
        upper = keras.Model(tensor, model.outputs[0] if len(model.outputs) == 1 else model.outputs)
    except ValueError as error:
        raise UsageError(
            f"{model.name}: a path leads around layer {layer!r}, so nothing can be said of it alone. Choose a layer "
            "that everything passes through, such as the end of a block."
        ) from error
    return lower, upper


def inputs_of(model: keras.Model) -> Any:
    """Return a model's inputs as it is called with them: one alone, or all in their structure."""
    return model.inputs[0] if len(model.inputs) == 1 else model.input
