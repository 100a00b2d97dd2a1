"""Transformer blocks over the pixels of a map, with their normalisation, projections and shortcut."""

from typing import Any

import keras
from keras import ops

from kerasarch.errors import ShapeError
from kerasarch.layers.convolution import Conv2D
from kerasarch.layers.group_normalization import GroupNormalization
from kerasarch.layers.transformer_block import TransformerBlock


@keras.saving.register_keras_serializable(package="kerasarch")
class PixelTransformer(keras.layers.Layer):
    """Every pixel attends to all pixels and to a context, a caption for instance.

    ``x + project_out(blocks(project_in(norm(x)), context))``: Rombach et al., 2021, section 3.3 and appendix E.2.1
    (https://arxiv.org/abs/2112.10752); diffusers' ``Transformer2DModel`` for maps.

    Args:
        heads: Heads of each attention, which share the channels.
        depth: Transformer blocks.
        groups: Groups of the normalisation.
        linear: Project with dense layers, in the place of 1x1 convolutions: the same numbers, and other shapes in
            files.
        only_cross_attention: Attend to the context alone.
        epsilon: Added to the variance in the group normalisation.
        data_format: ``"channels_last"`` or ``"channels_first"``; None takes ``keras.config.image_data_format()``.
        **kwargs: Passed to ``keras.layers.Layer``.

    Shapes:
        B batch, S tokens: ``x (B, H, W, C)``, ``context (B, S, E)`` -> ``(B, H, W, C)``; ``context_mask (B, S)`` is
        true where a token may be attended to.

    Raises:
        ShapeError: The channels are no multiple of ``groups`` or ``heads``.
    """

    def __init__(
        self,
        heads: int,
        *,
        depth: int = 1,
        groups: int = 32,
        linear: bool = False,
        only_cross_attention: bool = False,
        epsilon: float = 1e-6,
        data_format: str | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.heads = heads
        self.depth = depth
        self.groups = groups
        self.linear = linear
        self.only_cross_attention = only_cross_attention
        self.epsilon = epsilon
        self.data_format = data_format or keras.config.image_data_format()
        self.axis = 1 if self.data_format == "channels_first" else -1
        self.norm = GroupNormalization(groups, axis=self.axis, epsilon=epsilon, dtype=self.dtype_policy, name="norm")

    def _project(self, channels: int, name: str) -> keras.layers.Layer:
        if self.linear:
            return keras.layers.Dense(channels, dtype=self.dtype_policy, name=name)
        return Conv2D(channels, 1, data_format="channels_last", dtype=self.dtype_policy, name=name)

    def build(self, x_shape: tuple[int | None, ...], context_shape: tuple[int | None, ...]) -> None:
        """Build the children."""
        channels = x_shape[self.axis]
        if channels is None or channels % self.groups or channels % self.heads:
            raise ShapeError(
                f"{self.name}: channels must be a multiple of groups and of heads. Received channels={channels}, "
                f"groups={self.groups}, heads={self.heads}."
            )
        self.norm.build(x_shape)
        self.project_in = self._project(channels, "project_in")
        self.project_in.build((None, None, None, channels))
        self.blocks = [
            TransformerBlock(
                self.heads,
                channels // self.heads,
                only_cross_attention=self.only_cross_attention,
                dtype=self.dtype_policy,
                name=f"block{index}",
            )
            for index in range(self.depth)
        ]
        for block in self.blocks:
            block.build((None, None, channels), context_shape)
        self.project_out = self._project(channels, "project_out")
        self.project_out.build((None, None, None, channels))

    def call(
        self, x: Any, context: Any, context_mask: Any = None, training: bool | None = None
    ) -> Any:  # (B, H, W, C), (B, S, E), (B, S)
        """Apply the layer."""
        h = self.norm(x)
        if self.axis == 1:
            h = ops.transpose(h, (0, 2, 3, 1))
        h = self.project_in(h)
        batch, height, width = ops.shape(h)[:3]
        channels = h.shape[-1]
        h = ops.reshape(h, (batch, height * width, channels))
        for block in self.blocks:
            h = block(h, context, context_mask=context_mask, training=training)
        h = self.project_out(ops.reshape(h, (batch, height, width, channels)))
        return x + (ops.transpose(h, (0, 3, 1, 2)) if self.axis == 1 else h)

    def compute_output_shape(
        self, x_shape: tuple[int | None, ...], context_shape: tuple[int | None, ...] | None = None
    ) -> tuple[int | None, ...]:
        """Return the shape of the output, that of the map."""
        return tuple(x_shape)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the layer again."""
        names = ("heads", "depth", "groups", "linear", "only_cross_attention", "epsilon", "data_format")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}
