"""Putting a model's preprocessing in front of it, inside the graph."""

from typing import Any

import keras

from kerasarch.errors import UsageError
from kerasarch.layers import ImageNormalization
from kerasarch.models.family import image_input
from kerasarch.models.network import Network, trace
from kerasarch.models.preprocessing import IMAGENET, Preprocessing


def accept_raw_pixels(model: keras.Model, preprocessing: Preprocessing | None = None) -> keras.Model:
    """Return a model that takes pixels as they are in a file, 0 to 255 in RGB, and normalises them itself.

    What is saved then needs no further word on how its pictures are prepared. The layers are shared with the model
    given, and stay side by side in one graph, so that it can still be cut and unfrozen group by group. A model that
    normalises its pictures already, such as one that a recipe saved, is returned as it is.

    Args:
        model: A functional model of one picture.
        preprocessing: What its weights expect; default: its own, or ImageNet's where it has none.

    Returns:
        A functional model whose first layer is ``stem_normalization``, or the model given.

    Raises:
        UsageError: The model is no functional graph with one picture as its input, or it normalises its pictures
            already and ``preprocessing`` is given.
    """
    tensors = getattr(model, "inputs", None) or []
    if len(tensors) != 1 or len(tensors[0].shape) != 4:
        shapes = [tuple(tensor.shape) for tensor in tensors]
        raise UsageError(f"{model.name}: a functional model of one picture was expected. Received inputs {shapes}.")
    # The members of an ensemble are models inside it.
    if any(isinstance(layer, ImageNormalization) for layer in model._flatten_layers()):
        if preprocessing is not None:
            raise UsageError(
                f"{model.name}: it takes raw pixels already. Received {preprocessing}; put it in front of the model "
                "without its preprocessing."
            )
        return model
    preprocessing = preprocessing or getattr(model, "preprocessing", None) or IMAGENET
    sizes = tuple(tensors[0].shape)[1:]
    if keras.config.image_data_format() == "channels_first":
        sizes = (*sizes[1:], sizes[0])
    pixels = image_input(sizes)
    x = preprocessing.layer(sizes[2], name="stem_normalization")(pixels)
    known = {id(tensors[0]): x}
    for _, tensor in trace(model):
        if id(tensor) not in known:
            _repeat(tensor, known)
    outputs = [known[id(tensor)] for tensor in model.outputs]
    return Network(
        pixels,
        outputs if len(outputs) > 1 else outputs[0],
        name=model.name,
        architecture=getattr(model, "architecture", None),
        preprocessing=preprocessing,
    )


def _repeat(tensor: Any, known: dict[int, Any]) -> None:
    """Call the operation that made a tensor once more, on the tensors that now stand for its inputs."""
    history = tensor._keras_history
    node = history.operation._inbound_nodes[history.node_index]
    positional, named = node.arguments.fill_in(known)
    made = keras.tree.flatten(history.operation(*positional, **named))
    known.update({id(old): new for old, new in zip(node.output_tensors, made, strict=True)})
