"""The model class that every builder returns, and ways to take a functional graph apart."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import keras

from kerasarch.errors import UsageError
from kerasarch.models.preprocessing import Preprocessing
from kerasarch.models.repeatable import Repeatable


@keras.saving.register_keras_serializable(package="kerasarch")
class Network(Repeatable, keras.Model):
    """A functional model that knows its architecture and how its pictures are prepared.

    It is an ordinary functional ``keras.Model`` (the graph is saved layer by layer, and reloads on any backend) with
    two more attributes, which travel with ``.keras`` files.

    Args:
        inputs: Keras tensors that go in.
        outputs: Keras tensors that come out.
        name: Name of the model.
        architecture: Plain values: ``{"family": ..., "config": {...}, "classes": ..., "channels": ...}``, or None.
        preprocessing: A ``Preprocessing``, its dictionary, or None.
        frozen: Paths of the layers, inner ones too, that are not trainable.
        **kwargs: Passed to ``keras.Model``.
    """

    def __init__(
        self,
        inputs: Any,
        outputs: Any,
        name: str | None = None,
        *,
        architecture: dict[str, Any] | None = None,
        preprocessing: Preprocessing | dict[str, Any] | None = None,
        frozen: Sequence[str] = (),
        **kwargs: Any,
    ):
        super().__init__(inputs=inputs, outputs=outputs, name=name, **kwargs)
        # Keras brings back the flag of a layer, but not of the layers inside it, which are built anew.
        for layer in self._flatten_layers(include_self=False) if frozen else ():
            if layer.path in frozen:
                layer.trainable = False
        if isinstance(preprocessing, dict):
            preprocessing = Preprocessing(**preprocessing)
        # A tuple is not tracked by Keras: the dictionary stays as it is.
        self._description = (architecture, preprocessing)

    @property
    def architecture(self) -> dict[str, Any] | None:
        """Family, config, classes and channels, or None."""
        return self._description[0]

    @property
    def preprocessing(self) -> Preprocessing | None:
        """How pictures are prepared, or None."""
        return self._description[1]

    @preprocessing.setter
    def preprocessing(self, value: Preprocessing | None) -> None:
        self._description = (self._description[0], value)

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None, **kwargs: Any) -> Any:
        """Apply the graph to an array, or to ``{"pixel_values": array}`` as the reference models are called."""
        if isinstance(inputs, dict) and len(self.inputs) == 1 and self.inputs[0].name in inputs:
            inputs = inputs[self.inputs[0].name]
        return super().call(inputs, training=training, mask=mask, **kwargs)

    def get_compile_config(self) -> dict[str, Any]:
        """Return what ``compile`` was given, without ``jit_compile``.

        Keras stores what "auto" became: True on JAX, which would turn on torch.compile where the file is loaded with
        PyTorch. Compilation belongs to the machine, not to the file.
        """
        config = super().get_compile_config()
        if config:
            config.pop("jit_compile", None)
        return config

    def get_config(self) -> dict[str, Any]:
        """Return the graph, the two attributes and what is frozen as plain values."""
        architecture, preprocessing = self._description
        return {
            **super().get_config(),
            "architecture": architecture,
            "preprocessing": dataclasses.asdict(preprocessing) if preprocessing else None,
            "frozen": [layer.path for layer in self._flatten_layers(include_self=False) if not layer.trainable],
        }


def trace(model: keras.Model) -> list[tuple[keras.layers.Layer, Any]]:
    """Return the layers of a functional model with their output tensors, from the input to the output.

    Args:
        model: A functional model.

    Returns:
        Pairs ``(layer, output)``; a layer that is called twice in this graph appears twice.

    Raises:
        UsageError: The model has no functional graph.
    """
    outputs = keras.tree.flatten(getattr(model, "outputs", None) or [])
    if not outputs or not hasattr(outputs[0], "_keras_history"):
        raise UsageError(
            f"{model.name}: a functional model was expected. Received {type(model).__name__} without a graph."
        )
    pairs: list[tuple[keras.layers.Layer, Any]] = []
    done: set[int] = set()
    # Depth first without recursion: deep networks are deeper than Python's stack.
    stack = [(tensor, False) for tensor in reversed(outputs)]
    while stack:
        tensor, expanded = stack.pop()
        history = tensor._keras_history
        if expanded:
            pairs.append((history.operation, tensor))
            continue
        if id(tensor) in done:
            continue
        done.add(id(tensor))
        stack.append((tensor, True))
        if not any(tensor is given for given in model.inputs):
            node = history.operation._inbound_nodes[history.node_index]
            stack.extend((parent, False) for parent in reversed(node.input_tensors))
    return pairs


def group_of(layer_name: str) -> str:
    """Return the group of a layer: its name up to the first underscore."""
    return layer_name.split("_", 1)[0]


def features(model: keras.Model) -> dict[str, Any]:
    """Return the output tensor of each group of a functional model, in order from the input.

    ``keras.Model(model.input, features(model)["stage3"])`` is the backbone up to the third stage.

    Args:
        model: A functional model whose layers are named ``<group>_<rest>``.

    Returns:
        Group name to the Keras tensor that leaves the group.

    Raises:
        UsageError: The model has no functional graph.
    """
    groups: dict[str, Any] = {}
    for layer, tensor in trace(model):
        if not isinstance(layer, keras.layers.InputLayer):
            groups[group_of(layer.name)] = tensor
    return groups
