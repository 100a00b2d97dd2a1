"""The transformer block of BERT: each branch is added first and normalised afterwards."""

from typing import Any

import keras

from kerasarch.errors import ShapeError
from kerasarch.layers.cross_attention import CrossAttention
from kerasarch.layers.feed_forward import FeedForward


@keras.saving.register_keras_serializable(package="kerasarch")
class PostNormBlock(keras.layers.Layer):
    """Self-attention in both directions and a feed-forward network, each with a shortcut and a normalisation behind.

    ``norm1(x + attention(x))``, then ``norm2(x + feed_forward(x))``: Vaswani et al., 2017, section 3.1
    (https://arxiv.org/abs/1706.03762), the block of BERT: Devlin et al., 2019, section 3 (https://arxiv.org/abs/1810.04805).

    Args:
        heads: Heads of the attention.
        hidden: Hidden units of the feed-forward network; None for four times the width.
        activation: A name that [`FeedForward`][kerasarch.layers.FeedForward] knows.
        initializer: Of kernels.
        dropout: Rate behind both branches.
        epsilon: Added to the variance.
        **kwargs: Passed to ``keras.layers.Layer``.

    Shapes:
        B batch, T tokens, D width: ``(B, T, D) -> (B, T, D)``. ``mask (B, T)`` is true where a token may be attended
        to.

    Raises:
        ShapeError: The width is unknown or no multiple of ``heads``.
    """

    def __init__(
        self,
        heads: int,
        *,
        hidden: int | None = None,
        activation: str = "gelu",
        initializer: Any = "glorot_uniform",
        dropout: float = 0.0,
        epsilon: float = 1e-5,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.supports_masking = True
        self.heads = heads
        self.hidden = hidden
        self.activation = activation
        self.initializer = keras.initializers.get(initializer)
        self.epsilon = epsilon
        own: dict[str, Any] = {"dtype": self.dtype_policy}
        self.norm1 = keras.layers.LayerNormalization(epsilon=epsilon, name="norm1", **own)
        self.norm2 = keras.layers.LayerNormalization(epsilon=epsilon, name="norm2", **own)
        self.feed_forward = FeedForward(
            activation, hidden=hidden, initializer=self.initializer, name="feed_forward", **own
        )
        self.drop = keras.layers.Dropout(dropout, name="drop", **own)

    def build(self, x_shape: tuple[int | None, ...]) -> None:
        """Build the children."""
        width = x_shape[-1]
        if width is None or width % self.heads:
            raise ShapeError(
                f"{self.name}: the width must be a multiple of heads. Received width={width}, heads={self.heads}."
            )
        self.attention = self.make_attention(width // self.heads)
        for child in (self.attention, self.norm1, self.feed_forward, self.norm2):
            child.build(x_shape)

    def make_attention(self, head_width: int) -> keras.layers.Layer:
        """Return the attention, not built yet, given the channels of a head."""
        return CrossAttention(
            self.heads,
            head_width,
            bias=True,
            initializer=self.initializer,
            dtype=self.dtype_policy,
            name="attention",
        )

    def call(self, x: Any, mask: Any = None, training: bool | None = None) -> Any:  # (B, T, D), (B, T)
        """Apply the block."""
        return self.finish(x, self.attention(x, mask=mask), training)

    def finish(self, x: Any, h: Any, training: bool | None = None) -> Any:
        """Return what the block makes of its input and of what its attention gave: ``(B, T, D)`` each."""
        x = self.norm1(x + self.drop(h, training=training))
        h = self.drop(self.feed_forward(x, training=training), training=training)
        return self.norm2(x + h)

    def attention_weights(self, x: Any, mask: Any = None) -> Any:
        """Return with what weight each token takes each value, for the block's input: ``(B, heads, T, T)``, float32."""
        return self.attention.attention_weights(x, mask=mask)

    def compute_output_shape(self, x_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape of the output, that of the input."""
        return tuple(x_shape)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the layer again."""
        names = ("heads", "hidden", "activation", "epsilon")
        return {
            **super().get_config(),
            **{name: getattr(self, name) for name in names},
            "initializer": keras.initializers.serialize(self.initializer),
            "dropout": self.drop.rate,
        }
