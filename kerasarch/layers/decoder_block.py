"""The transformer block of decoders: causal self-attention, then a feed-forward network."""

from collections.abc import Callable
from typing import Any, Literal

import keras

from kerasarch.errors import ShapeError
from kerasarch.layers.causal_self_attention import CausalSelfAttention
from kerasarch.layers.feed_forward import FeedForward
from kerasarch.layers.rotary_embedding import plain_rotary


@keras.saving.register_keras_serializable(package="kerasarch")
class DecoderBlock(keras.layers.Layer):
    """Causal self-attention and a feed-forward network, each behind its normalisation and with a shortcut.

    ``x + attention(norm1(x))``, then ``x + feed_forward(norm2(x))``: Radford et al., 2019, section 2.3 (GPT-2). With
    ``norm="rms"``, rotary positions, ``"swiglu"`` and grouped queries the block of Llama: Touvron et al., 2023,
    section 2.2 (https://arxiv.org/abs/2302.13971).

    Args:
        heads: Query heads.
        head_width: Channels of a head; None for the width divided by ``heads``.
        kv_heads: Key and value heads; None for as many.
        hidden: Hidden units of the feed-forward network; None for four times the width.
        activation: A name that [`FeedForward`][kerasarch.layers.FeedForward] knows.
        norm: ``"layer"`` for layer normalisation, ``"rms"`` for division by the root of the mean square.
        attention_bias: Whether query, key, value and output have biases.
        bias: Whether the feed-forward network and layer normalisation have biases.
        window: Tokens that a token sees; None for all before it.
        rotary: Arguments of the [`RotaryEmbedding`][kerasarch.layers.RotaryEmbedding]; None for none.
        alibi: Arguments of the [`LinearBiases`][kerasarch.layers.LinearBiases] without ``heads``; None for none.
        clip: Bound of queries, keys and values; None for none.
        scale: Factor of the attention's scores; None for ``head_width ** -0.5``.
        initializer: Of kernels.
        out_initializer: Of the kernels at the end of both branches; None for the same.
        dropout: Rate behind both branches.
        epsilon: Added to the variance or mean square.
        **kwargs: Passed to ``keras.layers.Layer``.

    Shapes:
        As [`CausalSelfAttention`][kerasarch.layers.CausalSelfAttention]: ``(B, T, D) -> (B, T, D)``, with a cache
        ``(output, cache)``.

    Raises:
        ShapeError: The width is unknown, or no multiple of ``heads`` where ``head_width`` is None.
    """

    def __init__(
        self,
        heads: int,
        *,
        head_width: int | None = None,
        kv_heads: int | None = None,
        hidden: int | None = None,
        activation: str = "gelu-approximate",
        norm: Literal["layer", "rms"] = "layer",
        attention_bias: bool = True,
        bias: bool = True,
        window: int | None = None,
        rotary: dict[str, Any] | None = None,
        alibi: dict[str, Any] | None = None,
        clip: float | None = None,
        scale: float | None = None,
        initializer: Any = "glorot_uniform",
        out_initializer: Any = None,
        dropout: float = 0.0,
        epsilon: float = 1e-5,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.supports_masking = True
        self.heads = heads
        self.head_width = head_width
        self.kv_heads = kv_heads
        self.hidden = hidden
        self.activation = activation
        self.norm = norm
        self.attention_bias = attention_bias
        self.bias = bias
        self.window = window
        self.rotary = None if rotary is None else plain_rotary(rotary)
        self.alibi = None if alibi is None else dict(alibi)
        self.clip = clip
        self.scale = scale
        self.initializer = keras.initializers.get(initializer)
        self.out_initializer = keras.initializers.get(initializer if out_initializer is None else out_initializer)
        self.dropout = dropout
        self.epsilon = epsilon
        self.norm1, self.norm2 = (
            normalization(norm, epsilon=epsilon, bias=bias, dtype=self.dtype_policy, name=name)
            for name in ("norm1", "norm2")
        )
        self.feed_forward = FeedForward(
            activation,
            hidden=hidden,
            bias=bias,
            initializer=self.initializer,
            out_initializer=self.out_initializer,
            dtype=self.dtype_policy,
            name="feed_forward",
        )
        self.drop = keras.layers.Dropout(dropout, dtype=self.dtype_policy, name="drop")

    def build(self, x_shape: tuple[int | None, ...]) -> None:
        """Build the children."""
        width = x_shape[-1]
        if width is None or (self.head_width is None and width % self.heads):
            raise ShapeError(
                f"{self.name}: the width must be a multiple of heads. Received width={width}, heads={self.heads}."
            )
        self.attention = CausalSelfAttention(
            self.heads,
            self.head_width or width // self.heads,
            kv_heads=self.kv_heads,
            bias=self.attention_bias,
            out_bias=self.attention_bias,
            window=self.window,
            rotary=self.rotary,
            alibi=self.alibi,
            clip=self.clip,
            scale=self.scale,
            initializer=self.initializer,
            out_initializer=self.out_initializer,
            dtype=self.dtype_policy,
            name="attention",
        )
        for child in (self.norm1, self.attention, self.norm2, self.feed_forward):
            child.build(x_shape)

    def empty_cache(self, batch: int, length: int) -> tuple[Any, Any]:
        """Return keys and values of zeros for so many sequences and tokens."""
        return self.attention.empty_cache(batch, length)

    def call(
        self,
        x: Any,
        mask: Any = None,
        positions: Any = None,
        cache: tuple[Any, Any] | None = None,
        start: Any = 0,
        training: bool | None = None,
    ) -> Any:  # (B, T, D), (B, T) or (B, S), (B, T)
        """Apply the block."""
        kept = []

        def attend(h: Any) -> Any:
            h = self.attention(h, mask=mask, positions=positions, cache=cache, start=start, training=training)
            if cache is not None:
                h, new = h
                kept.append(new)
            return self.drop(h, training=training)

        def transform(h: Any) -> Any:
            return self.drop(self.feed_forward(h, training=training), training=training)

        x = self.join(x, attend, transform)
        return x if cache is None else (x, kept[0])

    def join(self, x: Any, attend: Callable[[Any], Any], transform: Callable[[Any], Any]) -> Any:
        """Return the output, given the input and both branches: the attention and the feed-forward network."""
        x = x + attend(self.norm1(x))
        return x + transform(self.norm2(x))

    def attended(self, x: Any) -> Any:
        """Return what the attention reads, given the block's input."""
        return self.norm1(x)

    def attention_weights(self, x: Any, mask: Any = None, positions: Any = None) -> Any:
        """Return with what weight each token takes each value, for the block's input: ``(B, heads, T, T)``, float32."""
        return self.attention.attention_weights(self.attended(x), mask=mask, positions=positions)

    def compute_output_shape(self, x_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape of the output, that of the input."""
        return tuple(x_shape)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the layer again."""
        names = ["heads", "head_width", "kv_heads", "hidden", "activation", "norm", "attention_bias", "bias", "window"]
        names += ["rotary", "alibi", "clip", "scale", "dropout", "epsilon"]
        return {
            **super().get_config(),
            **{name: getattr(self, name) for name in names},
            "initializer": keras.initializers.serialize(self.initializer),
            "out_initializer": keras.initializers.serialize(self.out_initializer),
        }


def normalization(kind: str, *, epsilon: float, bias: bool = True, **kwargs: Any) -> keras.layers.Layer:
    """Return the normalisation of a kind over the last axis.

    ``"layer"`` is Ba et al., 2016, eq. 4 (https://arxiv.org/abs/1607.06450), ``"rms"`` Zhang and Sennrich, 2019, eq. 4
    (https://arxiv.org/abs/1910.07467).

    Args:
        kind: ``"layer"`` or ``"rms"``.
        epsilon: Added to the variance or mean square.
        bias: Whether layer normalisation adds one.
        **kwargs: Passed to the layer.
    """
    if kind == "rms":
        layer = keras.layers.RMSNormalization(epsilon=epsilon, **kwargs)
        layer.supports_masking = True  # it normalises each token by itself; Keras 3.15 warns of lost masks otherwise
        return layer
    return keras.layers.LayerNormalization(epsilon=epsilon, center=bias, **kwargs)
