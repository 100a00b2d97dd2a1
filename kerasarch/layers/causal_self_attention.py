"""Self-attention of decoders: each token sees itself and what came before, with a cache where one decodes."""

from typing import Any

import keras
from keras import ops

from kerasarch.backends import operations
from kerasarch.errors import ShapeError
from kerasarch.layers.linear_biases import LinearBiases
from kerasarch.layers.rotary_embedding import RotaryEmbedding, plain_rotary


@keras.saving.register_keras_serializable(package="kerasarch")
class CausalSelfAttention(keras.layers.Layer):
    """Multi-head or grouped-query attention of tokens to themselves and to those before.

    ``out(concat_h(softmax(q_h k_g^T / sqrt(head_width)) v_g))``: Vaswani et al., 2017, section 3.2
    (https://arxiv.org/abs/1706.03762); with ``kv_heads`` below ``heads`` the query heads of a group share a key and
    a value head: Ainslie et al., 2023 (https://arxiv.org/abs/2305.13245). With a ``window`` a token sees that many
    tokens, itself among them: Beltagy et al., 2020, section 3.1 (https://arxiv.org/abs/2004.05150).

    Args:
        heads: Query heads.
        head_width: Channels of a head.
        kv_heads: Key and value heads, a divisor of ``heads``; None for as many.
        bias: Whether query, key and value have biases.
        out_bias: Whether the output has one.
        window: Tokens that a token sees; None for all before it.
        rotary: Arguments of the [`RotaryEmbedding`][kerasarch.layers.RotaryEmbedding] of queries and keys; None for no
            rotation.
        alibi: Arguments of the [`LinearBiases`][kerasarch.layers.LinearBiases] of scores, without ``heads``; None for
            no biases.
        clip: Queries, keys and values are held between this and its negative; None for no bound.
        scale: Factor of the scores; None for ``head_width ** -0.5``.
        initializer: Of the kernels of query, key and value.
        out_initializer: Of the output's kernel; None for the same.
        dropout: Rate behind the output.
        **kwargs: Passed to ``keras.layers.Layer``.

    Shapes:
        B batch, T tokens, S places of the cache: ``x (B, T, D) -> (B, T, D)``. ``mask (B, T)``, with a cache
        ``(B, S)``, is true where a token may be seen; ``mask (B, T, T)`` says so for each token by itself, as texts
        that share a row need it. ``positions (B, T)`` or ``(T,)`` are what the rotation takes; None counts from
        ``start``. With ``cache``, a pair ``(B, kv_heads, S, head_width)`` of keys and values, the tokens take the
        places from ``start`` on, a number or ``(B,)``, and ``(output, cache)`` comes back; without gradients PyTorch
        writes into the cache that it was given.

    Raises:
        ShapeError: The width is unknown, or ``heads`` is no multiple of ``kv_heads``.
    """

    def __init__(
        self,
        heads: int,
        head_width: int,
        *,
        kv_heads: int | None = None,
        bias: bool = False,
        out_bias: bool = False,
        window: int | None = None,
        rotary: dict[str, Any] | None = None,
        alibi: dict[str, Any] | None = None,
        clip: float | None = None,
        scale: float | None = None,
        initializer: Any = "glorot_uniform",
        out_initializer: Any = None,
        dropout: float = 0.0,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.supports_masking = True
        self.heads = heads
        self.head_width = head_width
        self.kv_heads = kv_heads or heads
        if heads % self.kv_heads:
            raise ShapeError(f"{self.name}: heads must be a multiple of kv_heads. Received {heads}, {kv_heads}.")
        self.bias = bias
        self.out_bias = out_bias
        self.window = window
        self.rotary = None if rotary is None else plain_rotary(rotary)
        self.alibi = None if alibi is None else dict(alibi)
        self.clip = clip
        self.scale = scale
        self.initializer = keras.initializers.get(initializer)
        self.out_initializer = keras.initializers.get(initializer if out_initializer is None else out_initializer)
        self.query = self._linear(heads * head_width, bias, "query")
        self.key = self._linear(self.kv_heads * head_width, bias, "key")
        self.value = self._linear(self.kv_heads * head_width, bias, "value")
        self.rotate = None if rotary is None else RotaryEmbedding(**rotary, dtype=self.dtype_policy, name="rotate")
        self.biases = None if alibi is None else LinearBiases(heads, **alibi, dtype=self.dtype_policy, name="biases")
        self.dropout = keras.layers.Dropout(dropout, dtype=self.dtype_policy, name="dropout")

    def _linear(self, width: int, bias: bool, name: str) -> keras.layers.Dense:
        # One initializer without a seed would draw the same numbers for each kernel of one shape.
        start = (self.out_initializer if name == "out" else self.initializer).clone()
        return keras.layers.Dense(width, None, bias, start, dtype=self.dtype_policy, name=name)

    def build(self, x_shape: tuple[int | None, ...]) -> None:
        """Build the four linear maps."""
        if x_shape[-1] is None:
            raise ShapeError(f"{self.name}: the width must be known. Received {x_shape}.")
        for child in (self.query, self.key, self.value):
            child.build(x_shape)
        if self.rotate is not None:
            self.rotate.build((*x_shape[:-1], self.heads, self.head_width))
        if self.biases is not None:
            self.biases.build((*x_shape[:-1], self.kv_heads, self.head_width))
        self.out = self._linear(x_shape[-1], self.out_bias, "out")
        self.out.build((*x_shape[:-1], self.heads * self.head_width))

    def empty_cache(self, batch: int, length: int) -> tuple[Any, Any]:
        """Return keys and values of zeros for so many sequences and tokens."""
        shape = (batch, self.kv_heads, length, self.head_width)
        return ops.zeros(shape, self.compute_dtype), ops.zeros(shape, self.compute_dtype)

    def call(
        self,
        x: Any,
        mask: Any = None,
        positions: Any = None,
        cache: tuple[Any, Any] | None = None,
        start: Any = 0,
        training: bool | None = None,
    ) -> Any:  # (B, T, D), (B, T) or (B, S), (B, T)
        """Apply the layer."""
        query, key, value = self._project(x, positions, start)
        if cache is not None:
            cache = self.remember(cache, key, value, start)
            key, value = (ops.swapaxes(part, 1, 2) for part in cache)
        bias = None if self.biases is None else _biases(self.biases, key, mask)
        mask = None if mask is None else _by_head(mask)
        causal = cache is None and self.window is None  # the kernel knows which places are before a token
        if not causal:
            seen = self._seen(start, x, key)
            mask = seen if mask is None else ops.logical_and(seen, mask)
        if cache is None:
            mixed = self._attend(query, key, value, mask, causal, bias)
        else:
            mixed = operations.attend_kept(query, *cache, mask, bias=bias)
        mixed = ops.reshape(mixed, (*ops.shape(x)[:2], self.heads * self.head_width))
        out = self.dropout(self.out(mixed), training=training)
        return out if cache is None else (out, cache)

    def remember(self, cache: tuple[Any, Any], key: Any, value: Any, start: Any) -> tuple[Any, Any]:
        """Return a cache with keys and values ``(B, T, kv_heads, head_width)`` in the places from ``start`` on."""
        return operations.write_places(cache[0], key, start), operations.write_places(cache[1], value, start)

    def attention_weights(self, x: Any, mask: Any = None, positions: Any = None) -> Any:
        """Return with what weight each token takes each value: ``(B, heads, T, T)``, float32, rows that sum to 1."""
        query, key, _ = self._project(x, positions, 0)
        key = ops.repeat(key, self.heads // self.kv_heads, axis=2)
        scores = ops.cast(ops.einsum("bthd,bshd->bhts", query * self.head_width**-0.5, key), "float32")
        if self.biases is not None:
            scores = scores + _biases(self.biases, key, mask)
        allowed = self._seen(0, x, key)
        if mask is not None:
            allowed = ops.logical_and(allowed, _by_head(mask))
        return ops.softmax(ops.where(allowed, scores, -1e30), axis=-1)

    def _project(self, x: Any, positions: Any, start: Any) -> tuple[Any, Any, Any]:
        tokens = ops.shape(x)[:2]
        projected = (self.query(x), self.key(x), self.value(x))
        if self.clip is not None:
            projected = tuple(ops.clip(part, -self.clip, self.clip) for part in projected)
        counts = (self.heads, self.kv_heads, self.kv_heads)
        query, key, value = (
            ops.reshape(part, (*tokens, count, self.head_width)) for part, count in zip(projected, counts, strict=True)
        )
        if self.scale is not None:  # the kernels divide by the root of the width
            query = query * (self.scale * self.head_width**0.5)
        if self.rotate is not None:
            if positions is None:
                positions = self._places(start, x)
            query, key = self.rotate(query, positions), self.rotate(key, positions)
        return query, key, value

    def _seen(self, start: Any, x: Any, key: Any) -> Any:
        """Return which places each token may see, (1 or B, 1, T, S): those up to its own, within the window."""
        own = self._places(start, x)[..., None]
        places = ops.arange(ops.shape(key)[1], dtype="int32")
        seen = places <= own
        if self.window is not None:
            seen = ops.logical_and(seen, places > own - self.window)
        return seen[:, None] if len(seen.shape) == 3 else seen[None, None]

    def _places(self, start: Any, x: Any) -> Any:
        """Return the place of each token, (T,), or (B, T) where each text has its own start."""
        start = ops.convert_to_tensor(start, "int32")
        own = ops.arange(ops.shape(x)[1], dtype="int32")
        return start[:, None] + own if len(start.shape) else start + own

    def _attend(self, query: Any, key: Any, value: Any, mask: Any, causal: bool, bias: Any) -> Any:
        """Return what the heads mix, (B, T, heads, head_width)."""
        groups = self.heads // self.kv_heads
        if groups > 1:
            key, value = ops.repeat(key, groups, axis=2), ops.repeat(value, groups, axis=2)
        return operations.attend(query, key, value, mask=mask, causal=causal, bias=bias)

    def compute_output_shape(self, x_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape of the output, that of the tokens."""
        return tuple(x_shape)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the layer again."""
        names = ("heads", "head_width", "kv_heads", "bias", "out_bias", "window", "rotary", "alibi", "clip", "scale")
        return {
            **super().get_config(),
            **{name: getattr(self, name) for name in names},
            "initializer": keras.initializers.serialize(self.initializer),
            "out_initializer": keras.initializers.serialize(self.out_initializer),
            "dropout": self.dropout.rate,
        }


def _by_head(mask: Any) -> Any:
    """Return a mask that heads share: ``(B, S) -> (B, 1, 1, S)``, ``(B, T, S) -> (B, 1, T, S)``."""
    mask = ops.cast(mask, "bool")
    return mask[:, None] if len(mask.shape) == 3 else mask[:, None, None, :]


def _biases(layer: Any, key: Any, mask: Any) -> Any:
    # A mask of its own for each token leaves no gaps within a text, and places count from anywhere
    return layer(key, None if mask is None or len(mask.shape) == 3 else mask)
