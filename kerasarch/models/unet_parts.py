"""The stages that the U-Nets of diffusion models are made of.

Ho et al., 2020, appendix B (https://arxiv.org/abs/2006.11239), after Ronneberger et al., 2015
(https://arxiv.org/abs/1505.04597): a stage down hands all its maps to the stage up at its size. Names and order are
those of diffusers' U-Nets.
"""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from kerasarch.errors import ShapeError
from kerasarch.layers import DiffusionResNetBlock, DiffusionUpsample, PixelTransformer

Shape = tuple[int | None, ...]


class _Stage(keras.layers.Layer):
    """Residual blocks, each followed by its attention where there is any, and what changes the size of the map.

    Args:
        blocks: Residual blocks that take the embedding of the time.
        attentions: As many attentions, or none.
        resample: Halves or doubles the map; None where it keeps its size.
        axis: That of the channels.
        **kwargs: Passed to ``keras.layers.Layer``.
    """

    def __init__(
        self,
        blocks: Sequence[keras.layers.Layer],
        attentions: Sequence[keras.layers.Layer] = (),
        *,
        resample: keras.layers.Layer | None = None,
        axis: int = -1,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.blocks = list(blocks)
        self.attentions = list(attentions)
        self.resample = resample
        self.axis = axis

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the layer again."""
        return {
            **super().get_config(),
            "blocks": [_unbuilt(block) for block in self.blocks],
            "attentions": [_unbuilt(attention) for attention in self.attentions],
            "resample": None if self.resample is None else _unbuilt(self.resample),
            "axis": self.axis,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "_Stage":
        """Make the layer again."""
        load = keras.saving.deserialize_keras_object
        blocks, attentions = ([load(part) for part in config[name]] for name in ("blocks", "attentions"))
        resample = None if config["resample"] is None else load(config["resample"])
        return cls(**{**config, "blocks": blocks, "attentions": attentions, "resample": resample})

    def _build_block(self, index: int, x_shape: Shape, embedding_shape: Shape, context_shape: Shape | None) -> Shape:
        block = self.blocks[index]
        block.build(x_shape, embedding_shape)
        x_shape = block.compute_output_shape(x_shape, embedding_shape)
        if self.attentions:
            attention = self.attentions[index]
            attention.build(x_shape, *((context_shape,) if isinstance(attention, PixelTransformer) else ()))
        return x_shape

    def _apply_block(
        self, index: int, x: Any, embedding: Any, context: Any, context_mask: Any, training: bool | None
    ) -> Any:
        x = self.blocks[index](x, embedding, training=training)
        if not self.attentions:
            return x
        attention = self.attentions[index]
        if isinstance(attention, PixelTransformer):
            return attention(x, context, context_mask=context_mask, training=training)
        return attention(x)


@keras.saving.register_keras_serializable(package="kerasarch")
class DownStage(_Stage):
    """A stage on the way down. It returns the map behind each block, and the halved one."""

    def build(self, x_shape: Shape, embedding_shape: Shape, context_shape: Shape | None = None) -> None:
        """Build the children."""
        for index in range(len(self.blocks)):
            x_shape = self._build_block(index, x_shape, embedding_shape, context_shape)
        if isinstance(self.resample, DiffusionResNetBlock):
            self.resample.build(x_shape, embedding_shape)
        elif self.resample is not None:
            self.resample.build(x_shape)

    def call(
        self, x: Any, embedding: Any, context: Any = None, context_mask: Any = None, training: bool | None = None
    ) -> list[Any]:  # (B, H, W, C), (B, E), (B, S, D), (B, S)
        """Return the maps."""
        maps = []
        for index in range(len(self.blocks)):
            x = self._apply_block(index, x, embedding, context, context_mask, training)
            maps.append(x)
        if isinstance(self.resample, DiffusionResNetBlock):
            maps.append(self.resample(x, embedding, training=training))
        elif self.resample is not None:
            maps.append(self.resample(x))
        return maps

    def compute_output_shape(self, x_shape: Shape, *others: Any, **more: Any) -> list[Shape]:
        """Return the shapes of the maps."""
        shapes = []
        for block in self.blocks:
            x_shape = block.compute_output_shape(x_shape)
            shapes.append(x_shape)
        if self.resample is not None:
            shapes.append(self.resample.compute_output_shape(x_shape))
        return shapes


@keras.saving.register_keras_serializable(package="kerasarch")
class MiddleStage(_Stage):
    """The bottom: a block, then attention, where there is any, and a second block."""

    def build(self, x_shape: Shape, embedding_shape: Shape, context_shape: Shape | None = None) -> None:
        """Build the children."""
        first, *rest = self.blocks
        first.build(x_shape, embedding_shape)
        for attention in self.attentions:
            attention.build(x_shape, *((context_shape,) if isinstance(attention, PixelTransformer) else ()))
        for block in rest:
            block.build(x_shape, embedding_shape)

    def call(
        self, x: Any, embedding: Any, context: Any = None, context_mask: Any = None, training: bool | None = None
    ) -> Any:  # (B, H, W, C), (B, E), (B, S, D), (B, S)
        """Apply the stage."""
        first, *rest = self.blocks
        x = first(x, embedding, training=training)
        for attention in self.attentions:
            if isinstance(attention, PixelTransformer):
                x = attention(x, context, context_mask=context_mask, training=training)
            else:
                x = attention(x)
        for block in rest:
            x = block(x, embedding, training=training)
        return x

    def compute_output_shape(self, x_shape: Shape, *others: Any, **more: Any) -> Shape:
        """Return the shape of the output, that of the input."""
        return tuple(x_shape)


@keras.saving.register_keras_serializable(package="kerasarch")
class UpStage(_Stage):
    """A stage on the way up. Each block takes the last of the maps that are left, beside its own."""

    def build(
        self, x_shape: Shape, map_shapes: Sequence[Shape], embedding_shape: Shape, context_shape: Shape | None = None
    ) -> None:
        """Build the children."""
        for index, map_shape in enumerate(reversed(map_shapes)):
            joined = list(x_shape)
            joined[self.axis] = x_shape[self.axis] + map_shape[self.axis]  # type: ignore[operator]  # both are known
            x_shape = self._build_block(index, tuple(joined), embedding_shape, context_shape)
        if isinstance(self.resample, DiffusionResNetBlock):
            self.resample.build(x_shape, embedding_shape)
        elif self.resample is not None:
            self.resample.build(x_shape)

    def call(
        self,
        x: Any,
        maps: Sequence[Any],
        embedding: Any,
        context: Any = None,
        context_mask: Any = None,
        like: Any = None,
        training: bool | None = None,
    ) -> Any:  # (B, H, W, C), as many as blocks, (B, E), (B, S, D), (B, S)
        """Apply the stage; ``like`` is a map of the size that is wanted in the end."""
        for index, beside in enumerate(reversed(maps)):
            if None not in (*x.shape[1:], *beside.shape[1:]) and _size(x, self.axis) != _size(beside, self.axis):
                raise ShapeError(
                    f"{self.name}: a map of {_size(x, self.axis)} pixels meets one of {_size(beside, self.axis)}. Give "
                    f"samples whose height and width can be halved as often as there are stages."
                )
            x = ops.concatenate([x, beside], axis=self.axis)
            x = self._apply_block(index, x, embedding, context, context_mask, training)
        if isinstance(self.resample, DiffusionResNetBlock):
            x = self.resample(x, embedding, training=training)
        elif isinstance(self.resample, DiffusionUpsample):
            x = self.resample(x, like)
        return x

    def compute_output_shape(self, x_shape: Shape, *others: Any, **more: Any) -> Shape:
        """Return the shape of the output, doubled where it is."""
        shape = self.blocks[-1].compute_output_shape(x_shape)
        return shape if self.resample is None else self.resample.compute_output_shape(shape)


def _size(x: Any, axis: int) -> tuple[int | None, ...]:
    return tuple(x.shape[2:] if axis == 1 else x.shape[1:-1])


def _unbuilt(layer: keras.layers.Layer) -> dict[str, Any]:
    """Return a child's description without its shapes: the stage builds it."""
    described = keras.saving.serialize_keras_object(layer)
    return {name: value for name, value in described.items() if name != "build_config"}
