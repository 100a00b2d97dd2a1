"""The block of encoders whose decoders are transformers too: attention in both directions."""

from typing import Any

import keras

from kerasarch.layers.cross_attention import CrossAttention
from kerasarch.layers.joined_branches import JoinedBranches
from kerasarch.layers.relative_attention import RelativeAttention


@keras.saving.register_keras_serializable(package="kerasarch")
class SourceBlock(JoinedBranches):
    """Self-attention in both directions and a feed-forward network.

    Vaswani et al., 2017, section 3.1 (https://arxiv.org/abs/1706.03762); with ``norm="rms"``, ``norm_first``,
    ``relative``, ``scale=1.0`` and no biases the block of T5: Raffel et al., 2020, section 2.1
    (https://arxiv.org/abs/1910.10683).

    Args:
        *args: As for ``JoinedBranches``.
        **kwargs: As for ``JoinedBranches``.

    Shapes:
        B batch, T tokens, D width: ``(B, T, D) -> (B, T, D)``. ``mask (B, T)`` is true where a token may be attended
        to. ``bias (1, heads, T, T)`` is for ``relative`` blocks.

    Raises:
        ShapeError: The width is unknown, or no multiple of ``heads`` where ``head_width`` is None.
    """

    def build(self, x_shape: tuple[int | None, ...]) -> None:
        """Build the children."""
        head_width = self.head_width_of(x_shape)
        self.attention = (
            self.make_attention(RelativeAttention, "attention", head_width, causal=False)
            if self.relative
            else self.make_attention(CrossAttention, "attention", head_width)
        )
        self.attention.build(x_shape)
        self.build_branches(x_shape)

    def call(
        self, x: Any, mask: Any = None, bias: Any = None, training: bool | None = None
    ) -> Any:  # (B, T, D), (B, T), (1, heads, T, T)
        """Apply the block."""
        x = self.join(0, x, lambda h: self.attention(h, **self._given(mask, bias)), training)
        return self.transform(x, training)

    def attention_weights(self, x: Any, mask: Any = None, bias: Any = None) -> Any:
        """Return with what weight each token takes each value, for the block's input: ``(B, heads, T, T)``, float32."""
        return self.attention.attention_weights(self.read_by(0, x), **self._given(mask, bias))

    def _given(self, mask: Any, bias: Any) -> dict[str, Any]:
        return {"mask": mask, **({"bias": bias} if self.relative else {})}
