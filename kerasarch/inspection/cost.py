"""Sizes and costs of a model, layer by layer."""

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import keras
from keras import tree

from kerasarch.errors import ShapeError, UsageError
from kerasarch.inspection.graph import Step, steps_of
from kerasarch.inspection.multiply_adds import is_known, multiply_adds
from kerasarch.inspection.receptive_field import Field, field_of, first_field


@dataclasses.dataclass(frozen=True)
class LayerCost:
    """What one layer is and costs, for one example.

    Attributes:
        name: Path of the layer within the model.
        kind: Its class.
        output: Shape of its first output without the batch, in the model's data format; None for a layer whose output
            does not depend on the input, such as an embedding of places.
        parameters: Numbers in its variables, shared ones counted where they are used first.
        multiply_adds: Products with an addition, or None where they are unknown.
        activations: Bytes of all that is computed in it.
        receptive_field: Places of the input along each axis that a unit of the output depends on, ``"all"``, or None
            where units have no place (tokens).
        stride: Places of the input between what neighbouring units see, along each axis; None as above.
    """

    name: str
    kind: str
    output: tuple[int | None, ...] | None
    parameters: int
    multiply_adds: int | None
    activations: int
    receptive_field: tuple[int, ...] | str | None
    stride: tuple[float, ...] | None


@dataclasses.dataclass(frozen=True)
class ModelCost:
    """What a model is and costs, for one example.

    Attributes:
        name: Name of the model.
        inputs: Shapes of its inputs without the batch.
        layers: Its layers in the order of computation.
        parameters: Numbers in all variables.
        trainable: Those that training changes.
        multiply_adds: Sum over the layers that are known.
        unknown: Names of the layers whose multiply-adds are not known.
        activations: Bytes of everything that is computed, which training keeps.
    """

    name: str
    inputs: tuple[tuple[int | None, ...], ...]
    layers: tuple[LayerCost, ...]
    parameters: int
    trainable: int
    multiply_adds: int
    unknown: tuple[str, ...]
    activations: int


def layer_costs(
    model: keras.Model, input_shape: Sequence[int] | Sequence[Sequence[int]] | None = None, *, blocks: bool = True
) -> ModelCost:
    """Return shapes, parameters, multiply-adds, memory and receptive fields of a model's layers.

    Nothing is computed, so that it takes little time and no memory for large pictures. Layers that are made of others
    are looked into; one whose ``call`` does not accept Keras tensors counts as unknown. A subclassed model is followed
    through its ``call``; what it does between its layers belongs to the layer before.

    ```python
    cost = kerasarch.inspection.layer_costs(keras.applications.ResNet50(weights=None))
    print(cost.multiply_adds, cost.layers[-1].output)
    ```

    Args:
        model: Any built Keras model, ours or another.
        input_shape: Height, width, channels of the pictures, or the shape of another input without the batch; a list
            of shapes for several inputs. None takes what the model was built for.
        blocks: A row for each layer of the model; False is a row for each elementary operation in them.

    Returns:
        The rows and their sums, for one example.

    Raises:
        UsageError: A size is neither given nor fixed in the model, or a subclassed model does not accept Keras tensors.
        ShapeError: The input does not fit: the message names the layer and the sizes.
    """
    inputs = _inputs(model, input_shape)
    steps, _ = steps_of(model, inputs, known=is_known)
    first = keras.config.image_data_format()
    fields: dict[int, Field] = {id(tensor): first_field(tensor, first) for tensor in tree.flatten(inputs)}
    rows: dict[str, list[Step]] = {}
    seen: set[str] = set()
    parameters: dict[str, int] = {}
    for step, name in zip(steps, _row_names(model, steps, blocks), strict=True):
        field = field_of(step, [fields.get(id(tensor)) for tensor in step.inputs], first)
        fields |= {id(tensor): field for tensor in step.outputs}
        rows.setdefault(name, []).append(step)
    owned = _owners(model, rows, blocks)
    for name in rows:
        fresh = [variable for variable in owned.get(name, ()) if variable.path not in seen]
        seen |= {variable.path for variable in fresh}
        parameters[name] = sum(math.prod(variable.shape) for variable in fresh)
    named = {layer.name: layer for layer in model._flatten_layers(include_self=False, recursive=False)}
    layers = [
        _row(name, steps, parameters[name], fields, named.get(name) if blocks else None) for name, steps in rows.items()
    ]
    if blocks:
        layers += [_aside(layer) for name, layer in named.items() if name not in rows and layer.weights]
    return ModelCost(
        name=model.name,
        inputs=tuple(tuple(tensor.shape[1:]) for tensor in tree.flatten(inputs)),
        layers=tuple(layers),
        parameters=sum(math.prod(variable.shape) for variable in model.weights),
        trainable=sum(math.prod(variable.shape) for variable in model.trainable_weights),
        multiply_adds=sum(row.multiply_adds or 0 for row in layers),
        unknown=tuple(row.name for row in layers if row.multiply_adds is None),
        activations=sum(row.activations for row in layers),
    )


def _inputs(model: keras.Model, shape: Any) -> Any:
    """Return Keras tensors like the model's inputs, of the sizes wanted."""
    given = getattr(model, "_inputs_struct", None)
    if given is None:
        return _inputs_of_code(model, shape)
    flat = tree.flatten(given)
    shapes: list[Any]
    if shape is None:
        shapes = [tuple(tensor.shape[1:]) for tensor in flat]
    else:
        several = len(flat) > 1 or (len(shape) > 0 and not isinstance(shape[0], int) and shape[0] is not None)
        shapes = [tuple(one) for one in shape] if several else [_laid_out(tuple(shape))]
    if len(shapes) != len(flat):
        raise UsageError(f"{model.name}: takes {len(flat)} inputs. Received {len(shapes)} shapes.")
    for tensor, wanted in zip(flat, shapes, strict=True):
        if any(size is None for size in wanted):
            raise UsageError(
                f"{model.name}: takes inputs of any size, {tuple(tensor.shape[1:])}. Give one, such as 224x224x3."
            )
        if len(wanted) != len(tensor.shape) - 1:
            raise ShapeError(
                f"{model.name}: takes inputs of {len(tensor.shape) - 1} axes, {tuple(tensor.shape[1:])} without the "
                f"batch. Received {wanted}."
            )
    made = [keras.KerasTensor((None, *wanted), tensor.dtype) for tensor, wanted in zip(flat, shapes, strict=True)]
    return tree.pack_sequence_as(given, made)


def _inputs_of_code(model: keras.Model, shape: Any) -> Any:
    """Return Keras tensors for a model that is no graph: its own, of the sizes given, or of those it was built for."""
    if hasattr(model, "input_tensors"):
        return model.input_tensors(shape)
    if shape is None:
        built = list((getattr(model, "_build_shapes_dict", None) or {}).values())
        shapes = tree.map_shape_structure(lambda one: tuple(one[1:]), built[0]) if len(built) == 1 else None
        if None in tree.flatten(shapes):
            raise UsageError(
                f"{model.name}: a subclassed model that was not built for one size. Give the shape of its input, or a "
                "list of shapes, without the batch."
            )
    else:
        single = not shape or isinstance(shape[0], int)
        shapes = _laid_out(tuple(shape)) if single else [tuple(one) for one in shape]
    return tree.map_shape_structure(lambda one: keras.KerasTensor((None, *one), model.input_dtype), shapes)


def _row_names(model: keras.Model, steps: list[Step], blocks: bool) -> list[str]:
    """Return the row that each step belongs to.

    What a subclassed model does between its layers belongs to the layer before, at the beginning to the first one.

    Raises:
        UsageError: The model could not be looked into.
    """
    if [step.path for step in steps] == [""]:
        raise UsageError(
            f"{model.name}: its call cannot be followed without numbers. It must accept Keras tensors, and use "
            "keras.ops and layers alone."
        )
    if not blocks:
        return [step.path for step in steps]
    names = [step.path.split("/")[0] for step in steps]
    parts = {layer.name for layer in model._flatten_layers(include_self=False, recursive=False)}
    if getattr(model, "_nodes", None) or not parts.intersection(names):
        return names
    current = next(name for name in names if name in parts)
    for place, name in enumerate(names):
        current = names[place] = name if name in parts else current
    return names


def _laid_out(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Height, width, channels in the data format in force."""
    turned = len(shape) == 3 and keras.config.image_data_format() == "channels_first"
    return (shape[2], shape[0], shape[1]) if turned else shape


def _owners(model: keras.Model, rows: dict[str, list[Step]], blocks: bool) -> dict[str, list[Any]]:
    """Return the variables of each row."""
    if not blocks:
        return {name: list(getattr(step.operation, "weights", ())) for name, (step, *_) in rows.items()}
    inner = {layer.name: layer.weights for layer in model._flatten_layers(include_self=False, recursive=False)}
    return {name: list(inner.get(name, ())) for name in rows}


def _row(name: str, steps: list[Step], parameters: int, fields: dict[int, Field], layer: Any) -> LayerCost:
    own = [step for step in steps if step.path.split("/")[0] == name] or steps
    output = own[-1].outputs[0]
    field = fields[id(output)]
    products = [multiply_adds(step) for step in steps]
    known = isinstance(field, tuple)
    return LayerCost(
        name=name,
        kind=type(layer if layer is not None else own[-1].operation).__name__,
        output=tuple(output.shape[1:]),
        parameters=parameters,
        multiply_adds=None if None in products else sum(part or 0 for part in products),
        activations=sum(_bytes(tensor) for step in steps for tensor in step.outputs),
        receptive_field=tuple(axis.size for axis in field) if isinstance(field, tuple) else field,
        stride=tuple(float(axis.step) for axis in field) if known else None,  # type: ignore[union-attr]
    )


def _aside(layer: keras.Layer) -> LayerCost:
    """The row of a layer whose output does not depend on the input, such as an embedding of places."""
    parameters = sum(math.prod(variable.shape) for variable in layer.weights)
    return LayerCost(layer.name, type(layer).__name__, None, parameters, 0, 0, None, None)


def _bytes(tensor: Any) -> int:
    size = {"bool": 1, "int8": 1, "uint8": 1, "float16": 2, "bfloat16": 2, "int64": 8, "float64": 8}.get(
        str(tensor.dtype), 4
    )
    return size * math.prod(part or 1 for part in tensor.shape)
