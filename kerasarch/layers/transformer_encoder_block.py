"""The transformer block of text and picture encoders: self-attention, then two linear maps."""

from typing import Any

import keras

from kerasarch.errors import ShapeError
from kerasarch.layers.cross_attention import CrossAttention
from kerasarch.layers.feed_forward import FeedForward


@keras.saving.register_keras_serializable(package="kerasarch")
class TransformerEncoderBlock(keras.layers.Layer):
    """Self-attention and a feed-forward network, each behind its normalisation and with a shortcut.

    ``x + attention(norm1(x))``, then ``x + feed_forward(norm2(x))``: Dosovitskiy et al., 2020, eq. 2 and 3
    (https://arxiv.org/abs/2010.11929); with ``causal`` the block of GPT-2 and of CLIP's text encoder.

    Args:
        heads: Heads of the attention.
        hidden: Hidden units of the feed-forward network; None for four times the width.
        activation: Of the feed-forward network, a name that ``FeedForward`` knows.
        causal: Token t sees the tokens 0 to t alone.
        dropout: Rate behind the attention and within the feed-forward network.
        epsilon: Added to the variance.
        **kwargs: Passed to ``keras.layers.Layer``.

    Shapes:
        B batch, T tokens, D width: ``(B, T, D) -> (B, T, D)``. ``mask (B, T)`` is true where a token may
        be attended to.

    Raises:
        ShapeError: The width is unknown or no multiple of ``heads``.
    """

    def __init__(
        self,
        heads: int,
        *,
        hidden: int | None = None,
        activation: str = "gelu",
        causal: bool = False,
        dropout: float = 0.0,
        epsilon: float = 1e-5,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.supports_masking = True
        self.heads = heads
        self.hidden = hidden
        self.activation = activation
        self.causal = causal
        self.dropout = dropout
        self.epsilon = epsilon
        self.norm1 = self._norm("norm1")
        self.norm2 = self._norm("norm2")
        self.feed_forward = FeedForward(
            activation, hidden=hidden, dropout=dropout, dtype=self.dtype_policy, name="feed_forward"
        )

    def _norm(self, name: str) -> keras.layers.LayerNormalization:
        return keras.layers.LayerNormalization(epsilon=self.epsilon, dtype=self.dtype_policy, name=name)

    def build(self, x_shape: tuple[int | None, ...]) -> None:
        """Build the children."""
        width = x_shape[-1]
        if width is None or width % self.heads:
            raise ShapeError(
                f"{self.name}: the width must be a multiple of heads. Received width={width}, heads={self.heads}."
            )
        self.attention = CrossAttention(
            self.heads,
            width // self.heads,
            bias=True,
            causal=self.causal,
            dropout=self.dropout,
            dtype=self.dtype_policy,
            name="attention",
        )
        for child in (self.norm1, self.attention, self.norm2, self.feed_forward):
            child.build(x_shape)

    def call(self, x: Any, mask: Any = None, training: bool | None = None) -> Any:  # (B, T, D), (B, T)
        """Apply the block."""
        x = x + self.attention(self.norm1(x), mask=mask, training=training)
        return x + self.feed_forward(self.norm2(x), training=training)

    def compute_output_shape(self, x_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape of the output, that of the input."""
        return tuple(x_shape)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the layer again."""
        names = ("heads", "hidden", "activation", "causal", "dropout", "epsilon")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}
