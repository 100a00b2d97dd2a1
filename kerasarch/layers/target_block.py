"""The block of decoders that look back at what an encoder has read."""

from typing import Any

import keras

from kerasarch.layers.causal_self_attention import CausalSelfAttention
from kerasarch.layers.cross_attention import CrossAttention
from kerasarch.layers.joined_branches import JoinedBranches
from kerasarch.layers.relative_attention import RelativeAttention


@keras.saving.register_keras_serializable(package="kerasarch")
class TargetBlock(JoinedBranches):
    """Causal self-attention, attention to a context, and a feed-forward network.

    Vaswani et al., 2017, section 3.1 (https://arxiv.org/abs/1706.03762); that of T5 as for
    [`SourceBlock`][kerasarch.layers.SourceBlock].

    Args:
        *args: As for ``JoinedBranches``.
        **kwargs: As for ``JoinedBranches``.

    Shapes:
        B batch, T tokens, S places of the context, C places of the cache: ``x (B, T, D)``, ``context (B, S, E)`` ->
        ``(B, T, D)``. ``mask (B, T)``, with a cache ``(B, C)``, and ``context_mask (B, S)`` are true where a token may
        be attended to. ``memory``, keys and values of a context from ``remember``, may stand in its place. ``cache``
        and ``start`` are as for [`CausalSelfAttention`][kerasarch.layers.CausalSelfAttention], and ``(output, cache)``
        comes back. ``bias (1, heads, T, T)``, with a cache ``(1, heads, T, C)``, is for ``relative`` blocks.

    Raises:
        ShapeError: A width is unknown, or no multiple of ``heads`` where ``head_width`` is None.
    """

    BRANCHES = 3

    def build(self, x_shape: tuple[int | None, ...], context_shape: tuple[int | None, ...] | None = None) -> None:
        """Build the children; without a shape the context is as wide as the tokens."""
        head_width = self.head_width_of(x_shape)
        kind = RelativeAttention if self.relative else CausalSelfAttention
        self.attention = self.make_attention(kind, "attention", head_width)
        self.attention.build(x_shape)
        self.cross_attention = self.make_attention(CrossAttention, "cross_attention", head_width)
        self.cross_attention.build(x_shape, context_shape or x_shape)
        self.build_branches(x_shape)

    def empty_cache(self, batch: int, length: int) -> tuple[Any, Any]:
        """Return keys and values of zeros for so many sequences and tokens."""
        return self.attention.empty_cache(batch, length)

    def remember(self, context: Any) -> tuple[Any, Any]:
        """Return the keys and values of a context, which stay the same for all tokens: ``(B, S, heads, width)``."""
        return self.cross_attention.remember(context)

    def call(
        self,
        x: Any,
        context: Any = None,
        mask: Any = None,
        context_mask: Any = None,
        bias: Any = None,
        memory: tuple[Any, Any] | None = None,
        cache: tuple[Any, Any] | None = None,
        start: Any = 0,
        training: bool | None = None,
    ) -> Any:  # (B, T, D), (B, S, E), (B, T), (B, S), (1, heads, T, T)
        """Apply the block."""
        x, kept = self._past(x, mask, bias, cache, start, training)
        memory = self.remember(context) if memory is None else memory
        x = self.join(1, x, lambda h: self.cross_attention.read(h, memory, context_mask), training)
        x = self.transform(x, training)
        return x if cache is None else (x, kept)

    def attention_weights(
        self, x: Any, context: Any, mask: Any = None, context_mask: Any = None, bias: Any = None
    ) -> Any:
        """Return with what weight each token takes each place of the context: ``(B, heads, T, S)``, float32."""
        x, _ = self._past(x, mask, bias)
        return self.cross_attention.attention_weights(self.read_by(1, x), context, context_mask=context_mask)

    def _past(
        self, x: Any, mask: Any, bias: Any, cache: Any = None, start: Any = 0, training: bool | None = None
    ) -> tuple[Any, Any]:
        """Return what the first branch and its shortcut give, and the cache."""
        given = {"mask": mask, "cache": cache, "start": start, **({"bias": bias} if self.relative else {})}
        kept = []

        def attend(h: Any) -> Any:
            h = self.attention(h, **given)
            if cache is None:
                return h
            kept.append(h[1])
            return h[0]

        x = self.join(0, x, attend, training)
        return x, kept[0] if kept else None
