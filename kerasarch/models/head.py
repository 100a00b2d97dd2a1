"""Taking the classifier off a model and putting another one on."""

from typing import Any

import keras

from kerasarch.errors import ShapeError, UsageError
from kerasarch.models.network import Network, trace


def replace_head(model: keras.Model, classes: int, *, dropout: float = 0.0, seed: int | None = None) -> keras.Model:
    """Return a classifier for other classes that shares every layer below the last Dense of this one.

    Works for any functional model that ends in a Dense (and perhaps an activation after it), ours or
    ``keras.applications``', and for one without a head whose output is ``(batch, width)``. Dropout directly below the
    old Dense goes with it. The new Dense is named ``head``, gives logits and starts fresh. Where the old model averages
    several Dense, as DeiT does, each is replaced, and the new model averages them again.

    Args:
        model: The classifier, which stays usable; the layers below the head are shared, not copied.
        classes: Outputs of the new head.
        dropout: Rate of dropout before the new head.
        seed: Seed of the dropout and of the new kernel.

    Returns:
        A new functional model with the old one's preprocessing.

    Raises:
        UsageError: The model has no functional graph, or ``classes`` or ``dropout`` is out of range.
        ShapeError: There is no Dense and the output is not ``(batch, width)``.
    """
    if classes < 1 or not 0.0 <= dropout < 1.0:
        raise UsageError(
            f"{model.name}: classes must be at least 1 and dropout in [0, 1). Received classes={classes}, "
            f"dropout={dropout}."
        )
    heads = []
    for index, (name, x, policy) in enumerate(_heads(model)):
        if dropout:
            x = keras.layers.Dropout(dropout, seed=seed, name=f"{name}_dropout")(x)
        initializer = keras.initializers.GlorotUniform(seed=None if seed is None else seed + index)
        heads.append(keras.layers.Dense(classes, kernel_initializer=initializer, dtype=policy, name=name)(x))
    x = heads[0] if len(heads) == 1 else keras.layers.Average(name="head_average")(heads)
    architecture = getattr(model, "architecture", None)
    if isinstance(architecture, dict):
        architecture = {**architecture, "classes": classes}
    return Network(
        model.inputs[0] if len(model.inputs) == 1 else model.input,
        x,
        name=model.name,
        architecture=architecture if isinstance(architecture, dict) else None,
        preprocessing=getattr(model, "preprocessing", None),
    )


def _heads(model: keras.Model) -> list[tuple[str, Any, Any]]:
    """Return of each Dense to replace the new name, the tensor that enters it, and its dtype policy."""
    pairs = trace(model)
    last, output = pairs[-1]
    if isinstance(last, keras.layers.Average):
        parents = _parents(output)
        layers = [parent._keras_history.operation for parent in parents]
        if all(isinstance(layer, keras.layers.Dense) for layer in layers):
            names = ["head", *(layer.name for layer in layers[1:])]
            rows = zip(names, parents, layers, strict=True)
            return [(name, _below(parent), layer.dtype_policy) for name, parent, layer in rows]
    for layer, tensor in reversed(pairs):
        if isinstance(layer, keras.layers.Dense):
            return [("head", _below(tensor), layer.dtype_policy)]
    output = model.outputs[0] if len(model.outputs) == 1 else model.output
    if isinstance(output, dict) and "pooler_output" in output:
        output = output["pooler_output"]
    if isinstance(output, (dict, list, tuple)) or len(output.shape) != 2:
        shapes = keras.tree.map_structure(lambda tensor: tuple(tensor.shape), output)
        raise ShapeError(
            f"{model.name}: no Dense layer to replace, and the output is not (batch, width). Received output {shapes}. "
            "Build the model with a head, or pool its features."
        )
    return [("head", output, last.dtype_policy)]


def _below(tensor: Any) -> Any:
    """Return what enters the layer that a tensor leaves, before any dropout."""
    below = _parents(tensor)[0]
    while isinstance(below._keras_history.operation, keras.layers.Dropout):
        below = _parents(below)[0]
    return below


def _parents(tensor: Any) -> list[Any]:
    history = tensor._keras_history
    return history.operation._inbound_nodes[history.node_index].input_tensors
