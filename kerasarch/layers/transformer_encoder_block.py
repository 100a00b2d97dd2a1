"""The transformer block of text and picture encoders: self-attention, then two linear maps."""

from typing import Any

import keras

from kerasarch.errors import ShapeError
from kerasarch.layers.cross_attention import CrossAttention
from kerasarch.layers.feed_forward import FeedForward
from kerasarch.layers.layer_scale import LayerScale


@keras.saving.register_keras_serializable(package="kerasarch")
class TransformerEncoderBlock(keras.layers.Layer):
    """Self-attention and a feed-forward network, each behind its normalisation and with a shortcut.

    ``x + attention(norm1(x))``, then ``x + feed_forward(norm2(x))``: Dosovitskiy et al., 2020, eq. 2 and 3
    (https://arxiv.org/abs/2010.11929); with ``causal`` the block of GPT-2 and of CLIP's text encoder. With
    ``layer_scale`` each branch ends in learned factors: Touvron et al., 2021 (https://arxiv.org/abs/2103.17239); with
    ``stochastic_depth`` it is left out of some examples in training: Huang et al., 2016
    (https://arxiv.org/abs/1603.09382).

    Args:
        heads: Heads of the attention.
        hidden: Hidden units of the feed-forward network; None for four times the width.
        activation: Of the feed-forward network, a name that ``FeedForward`` knows.
        causal: Token t sees the tokens 0 to t alone.
        bias: Whether queries, keys and values have biases.
        dropout: Rate behind the attention and behind both linear maps of the feed-forward network.
        layer_scale: Initial value of the factors; None for none.
        stochastic_depth: Share of the examples that a branch leaves out in training.
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
        bias: bool = True,
        dropout: float = 0.0,
        layer_scale: float | None = None,
        stochastic_depth: float = 0.0,
        epsilon: float = 1e-5,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.supports_masking = True
        self.heads = heads
        self.hidden = hidden
        self.activation = activation
        self.causal = causal
        self.bias = bias
        self.dropout = dropout
        self.layer_scale = layer_scale
        self.stochastic_depth = stochastic_depth
        self.epsilon = epsilon
        own: dict[str, Any] = {"dtype": self.dtype_policy}
        self.norm1 = self._norm("norm1")
        self.norm2 = self._norm("norm2")
        self.feed_forward = FeedForward(
            activation, hidden=hidden, dropout=dropout, final_dropout=True, name="feed_forward", **own
        )
        self.scale1 = None if layer_scale is None else LayerScale(layer_scale, name="scale1", **own)
        self.scale2 = None if layer_scale is None else LayerScale(layer_scale, name="scale2", **own)
        # One draw an example; what stays is divided by its probability.
        self.skip = keras.layers.Dropout(stochastic_depth, noise_shape=(None, 1, 1), name="skip", **own)

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
            bias=self.bias,
            causal=self.causal,
            dropout=self.dropout,
            dtype=self.dtype_policy,
            name="attention",
        )
        for child in (self.norm1, self.attention, self.scale1, self.norm2, self.feed_forward, self.scale2):
            if child is not None:
                child.build(x_shape)

    def call(self, x: Any, mask: Any = None, training: bool | None = None) -> Any:  # (B, T, D), (B, T)
        """Apply the block."""
        h = self.attention(self.norm1(x), mask=mask, training=training)
        x = x + self._branch(h, self.scale1, training)
        h = self.feed_forward(self.norm2(x), training=training)
        return x + self._branch(h, self.scale2, training)

    def _branch(self, h: Any, scale: LayerScale | None, training: bool | None) -> Any:
        return self.skip(h if scale is None else scale(h), training=training)

    def attention_weights(self, x: Any, mask: Any = None) -> Any:
        """Return with what weight each token takes each value, for the block's input: ``(B, heads, T, T)``, float32."""
        return self.attention.attention_weights(self.norm1(x), mask=mask)

    def compute_output_shape(self, x_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape of the output, that of the input."""
        return tuple(x_shape)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the layer again."""
        names = ["heads", "hidden", "activation", "causal", "bias", "dropout", "layer_scale", "stochastic_depth"]
        names += ["epsilon"]
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}
