"""Self-attention whose scores depend on contents and on distances by terms of their own."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from kerasarch.errors import ShapeError, UsageError

TERMS = ("c2p", "p2c")


@keras.saving.register_keras_serializable(package="kerasarch")
class DisentangledAttention(keras.layers.Layer):
    """Multi-head self-attention with scores of content and content, content and distance, distance and content.

    ``A_ts = (q_t k_s + q_t K(t - s) + k_s Q(t - s)) / sqrt(head_width (1 + terms))``, ``out(concat_h(softmax(A) v))``
    with K and Q linear in the vectors of distances: He et al., 2021, eq. 4 and 5 (https://arxiv.org/abs/2006.03654).

    Args:
        heads: Heads.
        head_width: Channels of a head.
        terms: Terms with distances: ``"c2p"`` (content to position, the second), ``"p2c"`` (position to content, the
            third). They count in the root also where no distances are given.
        relative: Whether distances are given.
        shared: Whether K and Q are the maps of keys and queries, as in DeBERTa-v2.
        key_bias: Whether keys and K have biases; the other maps have.
        initializer: Of kernels.
        **kwargs: Passed to ``keras.layers.Layer``.

    Shapes:
        B batch, T tokens, D width: ``x (B, T, D) -> (B, T, D)``. ``distances (2 T - 1, D)`` are the vectors of the
        distances ``T - 1`` down to ``1 - T``, place of the query less that of the key. ``mask (B, T)`` is true where a
        token may be attended to.

    Raises:
        ShapeError: The width is unknown.
        UsageError: A term is unknown.
    """

    def __init__(
        self,
        heads: int,
        head_width: int,
        *,
        terms: Sequence[str] = TERMS,
        relative: bool = True,
        shared: bool = False,
        key_bias: bool = True,
        initializer: Any = "glorot_uniform",
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.supports_masking = True
        if set(terms) - set(TERMS):
            raise UsageError(f"{self.name}: terms must be some of {', '.join(TERMS)}. Received {', '.join(terms)}.")
        self.heads = heads
        self.head_width = head_width
        self.terms = tuple(terms)
        self.relative = relative
        self.shared = shared
        self.key_bias = key_bias
        self.initializer = keras.initializers.get(initializer)
        inner = heads * head_width
        self.query = self._linear(inner, "query")
        self.key = self._linear(inner, "key", bias=key_bias)
        self.value = self._linear(inner, "value")
        own = relative and not shared
        self.distance_key = self._linear(inner, "distance_key", bias=key_bias) if own and "c2p" in terms else None
        self.distance_query = self._linear(inner, "distance_query") if own and "p2c" in terms else None

    def _linear(self, width: int, name: str, *, bias: bool = True) -> keras.layers.Dense:
        return keras.layers.Dense(width, None, bias, self.initializer.clone(), dtype=self.dtype_policy, name=name)

    def build(self, x_shape: tuple[int | None, ...]) -> None:
        """Build the linear maps."""
        if x_shape[-1] is None:
            raise ShapeError(f"{self.name}: the width must be known. Received {x_shape}.")
        for child in (self.query, self.key, self.value):
            child.build(x_shape)
        for child in (self.distance_key, self.distance_query):
            if child is not None:
                child.build((None, x_shape[-1]))
        self.out = self._linear(x_shape[-1], "out")
        self.out.build((*x_shape[:-1], self.heads * self.head_width))

    def call(self, x: Any, mask: Any = None, distances: Any = None) -> Any:  # (B, T, D), (B, T), (2 T - 1, D)
        """Apply the layer."""
        value = self._split(self.value(x))
        weights = ops.cast(self.attention_weights(x, mask, distances), value.dtype)
        mixed = ops.swapaxes(ops.matmul(weights, value), 1, 2)  # (B, T, heads, head_width)
        return self.out(ops.reshape(mixed, (*ops.shape(x)[:2], self.heads * self.head_width)))

    def attention_weights(self, x: Any, mask: Any = None, distances: Any = None) -> Any:
        """Return with what weight each token takes each value: ``(B, heads, T, T)``, float32, rows that sum to 1."""
        scale = (self.head_width * (1 + len(self.terms))) ** -0.5
        query, key = self._split(self.query(x)) * scale, self._split(self.key(x))
        scores = ops.cast(ops.matmul(query, ops.swapaxes(key, 2, 3)), "float32")
        if self.relative:
            if distances is None:
                raise UsageError(f"{self.name}: needs the vectors of distances, or relative=False.")
            scores = scores + self._of_distances(query, key * scale, distances)
        if mask is not None:
            scores = ops.where(ops.cast(mask, "bool")[:, None, None, :], scores, -1e30)
        return ops.softmax(scores, axis=-1)

    def _of_distances(self, query: Any, key: Any, distances: Any) -> Any:  # (B, heads, T, T)
        scores: Any = 0.0
        if "c2p" in self.terms:
            to_key = (self.key if self.distance_key is None else self.distance_key)(distances)
            scores = scores + align(ops.matmul(query, self._turned(to_key)))
        if "p2c" in self.terms:
            # The paper has the distance from key to query in this term; its public code that from query to key.
            backwards = ops.flip(distances, axis=0)
            to_query = (self.query if self.distance_query is None else self.distance_query)(backwards)
            scores = scores + ops.swapaxes(align(ops.matmul(key, self._turned(to_query))), 2, 3)
        return scores

    def _split(self, x: Any) -> Any:  # (B, T, heads * head_width) -> (B, heads, T, head_width)
        return ops.swapaxes(ops.reshape(x, (*ops.shape(x)[:2], self.heads, self.head_width)), 1, 2)

    def _turned(self, x: Any) -> Any:  # (2 T - 1, heads * head_width) -> (1, heads, head_width, 2 T - 1)
        x = ops.reshape(x, (ops.shape(x)[0], self.heads, self.head_width))
        return ops.expand_dims(ops.transpose(x, (1, 2, 0)), 0)

    def compute_output_shape(self, x_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape of the output, that of the tokens."""
        return tuple(x_shape)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the layer again."""
        names = ("heads", "head_width", "terms", "relative", "shared", "key_bias")
        return {
            **super().get_config(),
            **{name: getattr(self, name) for name in names},
            "initializer": keras.initializers.serialize(self.initializer),
        }


def align(scores: Any) -> Any:
    """Bring scores of distances to their keys: ``y[t, s] = x[t, s - t + T - 1]``.

    With a column more, each row begins one place later in what is read on as one: no gathering, whose gradient is slow
    (Dai et al., 2019, appendix B, https://arxiv.org/abs/1901.02860).

    Args:
        scores: ``(B, heads, T, 2 T - 1)``.

    Returns:
        ``(B, heads, T, T)``, float32.
    """
    batch, heads, tokens, _ = ops.shape(scores)
    flat = ops.pad(scores, ((0, 0), (0, 0), (0, 0), (0, 1)))
    flat = ops.reshape(flat, (batch, heads, 2 * tokens * tokens))
    flat = flat[:, :, tokens - 1 : tokens - 1 + tokens * (2 * tokens - 1)]
    return ops.cast(ops.reshape(flat, (batch, heads, tokens, 2 * tokens - 1))[..., :tokens], "float32")
