"""Attention without a softmax, whose time and memory grow with the number of tokens alone."""

from typing import Any

import keras
from keras import ops

from kerasarch.layers.headed_attention import HeadedAttention

CHUNK = 64
"""Tokens whose weights are computed pair by pair where attention is causal."""
LEAST = 1e-6
"""Added to what divides: a token that sees nothing gets zeros."""


@keras.saving.register_keras_serializable(package="kerasarch")
class LinearAttention(HeadedAttention):
    """Attention in linear time: products of a feature map take the place of the softmax.

    ``out_i = phi(q_i)^T sum_j phi(k_j) v_j^T / (phi(q_i)^T sum_j phi(k_j))`` with ``phi(x) = elu(x) + 1``:
    Katharopoulos et al., 2020, eq. 5 and 7 (https://arxiv.org/abs/2006.16236). Causal sums run to i, eq. 8 to 11: over
    whole chunks of tokens they are cumulated, within a chunk pairs are weighed one by one. Sums are in float32.

    Args:
        heads: Heads.
        head_width: Channels of a head.
        **kwargs: ``causal``, ``bias``, ``out_bias``, ``initializer`` and ``dropout``, as in
            [`BlockSparseAttention`][kerasarch.layers.BlockSparseAttention], and what ``keras.layers.Layer`` takes.

    Shapes:
        B batch, T tokens: ``x (B, T, D) -> (B, T, D)``; ``mask (B, T)`` is true where a token may be seen.

    Raises:
        ShapeError: The width is unknown.
    """

    def mix(self, query: Any, key: Any, value: Any, mask: Any) -> Any:
        """Return what the heads mix, (B, T, heads, head_width)."""
        dtype = value.dtype
        query, key = _features(query), _features(key, mask)
        # A channel of ones gives what the sum is divided by.
        value = ops.pad(ops.cast(value, "float32"), ((0, 0), (0, 0), (0, 0), (0, 1)), constant_values=1.0)
        if self.causal:
            sums = _causal_sums(query, key, value)
        else:
            sums = ops.einsum("bthd,bhde->bthe", query, ops.einsum("bthd,bthe->bhde", key, value))
        return ops.cast(sums[..., :-1] / (sums[..., -1:] + LEAST), dtype)

    def shares(self, query: Any, key: Any, mask: Any) -> Any:
        """Return what each token takes of each value, (B, heads, T, T)."""
        found = ops.einsum("bthd,bshd->bhts", _features(query), _features(key, mask))
        found = ops.tril(found) if self.causal else found
        return found / (ops.sum(found, axis=-1, keepdims=True) + LEAST)


def _features(x: Any, mask: Any = None) -> Any:  # (B, T, heads, head_width), (B, T)
    found = ops.elu(ops.cast(x, "float32")) + 1
    return found if mask is None else found * ops.cast(mask, "float32")[:, :, None, None]


def _causal_sums(query: Any, key: Any, value: Any) -> Any:
    """Return ``sum_{j <= i} (q_i k_j) v_j``: ``(B, T, heads, head_width + 1)``."""
    batch, tokens = ops.shape(query)[:2]
    chunks = (tokens + CHUNK - 1) // CHUNK

    def split(x: Any) -> Any:  # (B, T, heads, width) -> (B, chunks, CHUNK, heads, width)
        x = ops.pad(x, ((0, 0), (0, chunks * CHUNK - tokens), (0, 0), (0, 0)))
        return ops.reshape(x, (batch, chunks, CHUNK, x.shape[2], x.shape[3]))

    query, key, value = split(query), split(key), split(value)
    states = ops.einsum("bnchd,bnche->bnhde", key, value)
    before = ops.cumsum(states, axis=1) - states  # of all chunks before a token's own
    within = ops.tril(ops.einsum("bnchd,bnshd->bnhcs", query, key))
    sums = ops.einsum("bnchd,bnhde->bnche", query, before) + ops.einsum("bnhcs,bnshe->bnche", within, value)
    return ops.reshape(sums, (batch, chunks * CHUNK, *sums.shape[3:]))[:, :tokens]
