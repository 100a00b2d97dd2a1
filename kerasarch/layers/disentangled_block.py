"""The transformer block of DeBERTa: BERT's, with attention to contents and distances."""

from collections.abc import Sequence
from typing import Any

import keras

from kerasarch.layers.disentangled_attention import TERMS, DisentangledAttention
from kerasarch.layers.post_norm_block import PostNormBlock


@keras.saving.register_keras_serializable(package="kerasarch")
class DisentangledBlock(PostNormBlock):
    """Disentangled self-attention and a feed-forward network, each with a shortcut and a normalisation behind.

    ``norm1(x + attention(x))``, then ``norm2(x + feed_forward(x))``: He et al., 2021, section 3
    (https://arxiv.org/abs/2006.03654).

    Args:
        heads: Heads of the attention.
        terms: As in [`DisentangledAttention`][kerasarch.layers.DisentangledAttention].
        relative: As there.
        shared: As there.
        key_bias: As there.
        **kwargs: As in [`PostNormBlock`][kerasarch.layers.PostNormBlock].

    Shapes:
        B batch, T tokens, D width: ``(B, T, D) -> (B, T, D)``. ``mask`` and ``distances`` as in
        [`DisentangledAttention`][kerasarch.layers.DisentangledAttention].
    """

    def __init__(
        self,
        heads: int,
        *,
        terms: Sequence[str] = TERMS,
        relative: bool = True,
        shared: bool = False,
        key_bias: bool = True,
        **kwargs: Any,
    ):
        super().__init__(heads, **kwargs)
        self.terms = tuple(terms)
        self.relative = relative
        self.shared = shared
        self.key_bias = key_bias

    def make_attention(self, head_width: int) -> keras.layers.Layer:
        """Return the attention, not built yet, given the channels of a head."""
        return DisentangledAttention(
            self.heads,
            head_width,
            terms=self.terms,
            relative=self.relative,
            shared=self.shared,
            key_bias=self.key_bias,
            initializer=self.initializer,
            dtype=self.dtype_policy,
            name="attention",
        )

    def call(
        self, x: Any, mask: Any = None, training: bool | None = None, distances: Any = None
    ) -> Any:  # (B, T, D), (B, T), (2 T - 1, D)
        """Apply the block."""
        return self.finish(x, self.attention(x, mask=mask, distances=distances), training)

    def attention_weights(self, x: Any, mask: Any = None, distances: Any = None) -> Any:
        """Return with what weight each token takes each value, for the block's input: ``(B, heads, T, T)``, float32."""
        return self.attention.attention_weights(x, mask=mask, distances=distances)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the layer again."""
        names = ("terms", "relative", "shared", "key_bias")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}
