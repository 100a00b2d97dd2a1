"""The transformer block of text-conditioned U-Nets: self-attention, cross-attention, feed-forward."""

from typing import Any

import keras

from kerasarch.errors import ShapeError
from kerasarch.layers.cross_attention import CrossAttention
from kerasarch.layers.feed_forward import FeedForward


@keras.saving.register_keras_serializable(package="kerasarch")
class TransformerBlock(keras.layers.Layer):
    """Self-attention, attention to a context and a feed-forward network, each behind its normalisation.

    ``x + attention1(norm1(x))``, then ``x + attention2(norm2(x), context)``, then ``x + feed_forward(norm3(x))``:
    Rombach et al., 2021, appendix E.2.1 (https://arxiv.org/abs/2112.10752), as diffusers' ``BasicTransformerBlock``
    has it.

    Args:
        heads: Heads of each attention.
        head_width: Channels of a head.
        activation: Of the feed-forward network, a name that ``FeedForward`` knows.
        cross_attention: Whether there is the second attention.
        only_cross_attention: Whether the first attention is to the context too.
        bias: Whether queries, keys and values have biases.
        dropout: Rate within the feed-forward network and behind each attention.
        epsilon: Added to the variance.
        **kwargs: Passed to ``keras.layers.Layer``.

    Shapes:
        ``x (B, T, D)``, ``context (B, S, E)`` -> ``(B, T, D)``. ``mask (B, T)`` and ``context_mask (B, S)`` are true
        where a token may be attended to.

    Raises:
        ShapeError: The context is missing, or given where it has no use.
    """

    def __init__(
        self,
        heads: int,
        head_width: int,
        *,
        activation: str = "geglu",
        cross_attention: bool = True,
        only_cross_attention: bool = False,
        bias: bool = False,
        dropout: float = 0.0,
        epsilon: float = 1e-5,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.supports_masking = True
        self.heads = heads
        self.head_width = head_width
        self.activation = activation
        self.cross_attention = cross_attention
        self.only_cross_attention = only_cross_attention
        self.bias = bias
        self.dropout = dropout
        self.epsilon = epsilon
        self.norm1 = self._norm("norm1")
        self.attention1 = self._attention("attention1")
        if cross_attention:
            self.norm2 = self._norm("norm2")
            self.attention2 = self._attention("attention2")
        self.norm3 = self._norm("norm3")
        self.feed_forward = FeedForward(activation, dropout=dropout, dtype=self.dtype_policy, name="feed_forward")

    def _norm(self, name: str) -> keras.layers.LayerNormalization:
        return keras.layers.LayerNormalization(epsilon=self.epsilon, dtype=self.dtype_policy, name=name)

    def _attention(self, name: str) -> CrossAttention:
        return CrossAttention(
            self.heads, self.head_width, bias=self.bias, dropout=self.dropout, dtype=self.dtype_policy, name=name
        )

    def build(self, x_shape: tuple[int | None, ...], context_shape: tuple[int | None, ...] | None = None) -> None:
        """Build the children."""
        if (context_shape is None) == (self.cross_attention or self.only_cross_attention):
            raise ShapeError(
                f"{self.name}: cross_attention={self.cross_attention}, only_cross_attention="
                f"{self.only_cross_attention}, and the context has shape {context_shape}. Give a context exactly when "
                f"there is attention to it."
            )
        self.norm1.build(x_shape)
        self.attention1.build(x_shape, context_shape if self.only_cross_attention else None)
        if self.cross_attention:
            self.norm2.build(x_shape)
            self.attention2.build(x_shape, context_shape)
        self.norm3.build(x_shape)
        self.feed_forward.build(x_shape)

    def call(
        self,
        x: Any,
        context: Any = None,
        mask: Any = None,
        context_mask: Any = None,
        training: bool | None = None,
    ) -> Any:  # (B, T, D), (B, S, E), (B, T), (B, S)
        """Apply the block."""
        other = {"context": context, "context_mask": context_mask, "training": training}
        if self.only_cross_attention:
            x = x + self.attention1(self.norm1(x), **other)
        else:
            x = x + self.attention1(self.norm1(x), mask=mask, training=training)
        if self.cross_attention:
            x = x + self.attention2(self.norm2(x), **other)
        return x + self.feed_forward(self.norm3(x), training=training)

    def compute_output_shape(
        self, x_shape: tuple[int | None, ...], context_shape: tuple[int | None, ...] | None = None
    ) -> tuple[int | None, ...]:
        """Return the shape of the output, that of the tokens."""
        return tuple(x_shape)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the layer again."""
        names = ("heads", "head_width", "activation", "cross_attention", "only_cross_attention", "bias", "dropout")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}, "epsilon": self.epsilon}
