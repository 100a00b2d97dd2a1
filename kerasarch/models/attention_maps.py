"""Where a transformer looks: its attention weights as outputs of a model."""

from typing import Any

import keras

from kerasarch.errors import UsageError
from kerasarch.models.network import Network, trace


@keras.saving.register_keras_serializable(package="kerasarch")
class AttentionMap(keras.layers.Layer):
    """The attention weights of a block, from the block's input.

    Args:
        block: A layer with a method ``attention_weights(x)``; shared, not copied.
        **kwargs: Passed to ``keras.layers.Layer``.

    Shapes:
        B batch, T tokens, D width: ``(B, T, D) -> (B, heads, T, T)``, float32.
    """

    def __init__(self, block: keras.layers.Layer, **kwargs: Any):
        super().__init__(**kwargs)
        self.block = block

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Build the block, where it is not built."""
        if not self.block.built:
            self.block.build(input_shape)

    def call(self, x: Any) -> Any:  # (B, T, D)
        """Apply the layer."""
        return self.block.attention_weights(x)

    def compute_output_spec(self, x: Any) -> keras.KerasTensor:
        """Return shape and type of the output, without computing it."""
        batch, tokens, _ = x.shape
        return keras.KerasTensor((batch, self.block.heads, tokens, tokens), dtype="float32")

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the layer again."""
        return {**super().get_config(), "block": keras.saving.serialize_keras_object(self.block)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "AttentionMap":
        """Make the layer again."""
        return cls(**{**config, "block": keras.saving.deserialize_keras_object(config["block"])})


@keras.saving.register_keras_serializable(package="kerasarch")
class AttentionMaps(Network):
    """A functional model that gives a list, also where it has one output, which Keras would take out of its list."""

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None, **kwargs: Any) -> Any:
        """Apply the graph."""
        outputs = super().call(inputs, training=training, mask=mask, **kwargs)
        return outputs if isinstance(outputs, list) else [outputs]


def attention_maps(model: keras.Model) -> AttentionMaps:
    """Return a model that gives the attention weights of every block of this one, in order from the input.

    ``maps[l][b, h, t, s]`` is the weight with which, in block l and head h, token t of picture b takes the value of
    token s; rows sum to 1. Tokens in front of the patches, ``model.get_layer("stem_tokens").prefix`` of them, come
    first; then the patches row by row. It is what attention rollout starts from: Abnar & Zuidema, 2020
    (https://arxiv.org/abs/2005.00928).

    ```python
    maps = models.attention_maps(model)(model.preprocessing.layer()(pixels))  # a list of (B, heads, T, T)
    ```

    Args:
        model: A functional model with blocks that have ``attention_weights``, such as ViT and DeiT. The result shares
            its layers, and is to be called, not saved.

    Returns:
        A functional model from the same pictures to a list of float32 tensors ``(B, heads, T, T)``, one a block.

    Raises:
        UsageError: The model has no functional graph or no such block.
    """
    outputs = []
    for layer, tensor in trace(model):
        if hasattr(layer, "attention_weights"):
            node = layer._inbound_nodes[tensor._keras_history.node_index]
            outputs.append(AttentionMap(layer, name=f"{layer.name}_attention")(node.input_tensors[0]))
    if not outputs:
        raise UsageError(
            f"{model.name}: expected a model with attention blocks, such as models.vit. Received one without."
        )
    inputs = model.inputs[0] if len(model.inputs) == 1 else model.inputs
    preprocessing = getattr(model, "preprocessing", None)
    return AttentionMaps(inputs, outputs, name=f"{model.name}_attention", preprocessing=preprocessing)
