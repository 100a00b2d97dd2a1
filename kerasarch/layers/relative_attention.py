"""Self-attention whose scores get a bias for each pair of tokens, which is learned elsewhere."""

from typing import Any

import keras
from keras import ops

from kerasarch.errors import UsageError
from kerasarch.layers.causal_self_attention import CausalSelfAttention


@keras.saving.register_keras_serializable(package="kerasarch")
class RelativeAttention(CausalSelfAttention):
    """Multi-head self-attention with a bias of each pair of tokens, in both directions or causal.

    ``out(concat_h(softmax(scale q_h k_h^T + bias_h) v_h))``: Raffel et al., 2020, section 2.1
    (https://arxiv.org/abs/1910.10683), where all layers of a stack share the bias, and the scale is 1. Gradients flow
    into the bias, so that the scores of all pairs are held at once.

    Args:
        heads: Heads.
        head_width: Channels of a head.
        causal: Whether a token sees itself and those before alone.
        **kwargs: As for [`CausalSelfAttention`][kerasarch.layers.CausalSelfAttention].

    Shapes:
        B batch, T tokens, S places of the cache: ``x (B, T, D) -> (B, T, D)``; ``bias (1, heads, T, T)`` or
        ``(B, heads, T, T)``, with a cache ``(1, heads, T, S)``. The rest is as for ``CausalSelfAttention``.

    Raises:
        ShapeError: The width is unknown, or ``heads`` is no multiple of ``kv_heads``.
        UsageError: There are linear biases, or a window in both directions.
    """

    def __init__(self, heads: int, head_width: int, *, causal: bool = True, **kwargs: Any):
        super().__init__(heads, head_width, **kwargs)
        if self.alibi is not None or (self.window is not None and not causal):
            raise UsageError(
                f"{self.name}: takes its bias where it is called, and a window where it is causal. Received "
                f"alibi={self.alibi}, window={self.window}, causal={causal}. Leave alibi out, or the window."
            )
        self.causal = causal

    def call(
        self,
        x: Any,
        mask: Any = None,
        positions: Any = None,
        cache: tuple[Any, Any] | None = None,
        start: Any = 0,
        training: bool | None = None,
        bias: Any = None,
    ) -> Any:  # (B, T, D), (B, T) or (B, S), (B, T); bias (1, heads, T, S)
        """Apply the layer."""
        query, key, value = self._project(x, positions, start)
        if cache is None:
            kept = ops.swapaxes(key, 1, 2), ops.swapaxes(value, 1, 2)
        else:
            kept = self.remember(cache, key, value, start)
        weights = self._weights(query, kept[0], bias, mask, start)
        mixed = ops.matmul(ops.cast(weights, value.dtype), self._every_head(kept[1]))
        mixed = ops.reshape(ops.swapaxes(mixed, 1, 2), (*ops.shape(x)[:2], self.heads * self.head_width))
        out = self.dropout(self.out(mixed), training=training)
        return out if cache is None else (out, kept)

    def attention_weights(self, x: Any, mask: Any = None, positions: Any = None, bias: Any = None) -> Any:
        """Return with what weight each token takes each value: ``(B, heads, T, T)``, float32, rows that sum to 1."""
        query, key, _ = self._project(x, positions, 0)
        return self._weights(query, ops.swapaxes(key, 1, 2), bias, mask, 0)

    def _weights(self, query: Any, key: Any, bias: Any, mask: Any, start: Any) -> Any:
        """Return the softmax of the scores, given keys ``(B, kv_heads, S, head_width)``: ``(B, heads, T, S)``."""
        turned = ops.swapaxes(query * self.head_width**-0.5, 1, 2)
        scores = ops.cast(ops.matmul(turned, ops.swapaxes(self._every_head(key), 2, 3)), "float32")
        if bias is not None:
            scores = scores + ops.cast(bias, "float32")
        if mask is not None:
            mask = ops.cast(mask, "bool")
            scores = ops.where(mask[:, None] if len(mask.shape) == 3 else mask[:, None, None, :], scores, -1e30)
        if self.causal:
            scores = ops.where(self._seen(start, query, ops.swapaxes(key, 1, 2)), scores, -1e30)
        return ops.softmax(scores, axis=-1)

    def _every_head(self, x: Any) -> Any:  # (B, kv_heads, S, head_width) -> (B, heads, S, head_width)
        groups = self.heads // self.kv_heads
        return x if groups == 1 else ops.repeat(x, groups, axis=1)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the layer again."""
        return {**super().get_config(), "causal": self.causal}
