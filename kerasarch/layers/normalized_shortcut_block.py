"""A decoder block whose shortcuts start behind the normalisations, a variant of BLOOM's."""

from collections.abc import Callable
from typing import Any

import keras

from kerasarch.layers.decoder_block import DecoderBlock


@keras.saving.register_keras_serializable(package="kerasarch")
class NormalizedShortcutBlock(DecoderBlock):
    """Causal self-attention and a feed-forward network, each added to its own normalised input.

    ``h + attention(h)`` with ``h = norm1(x)``, then ``h + feed_forward(h)`` with ``h = norm2(x)``: BLOOM with
    ``apply_residual_connection_post_layernorm``, an option of Megatron-LM (Shoeybi et al., 2019,
    https://arxiv.org/abs/1909.08053). Arguments, shapes and errors are those of
    [`DecoderBlock`][kerasarch.layers.DecoderBlock].
    """

    def join(self, x: Any, attend: Callable[[Any], Any], transform: Callable[[Any], Any]) -> Any:
        """Return the output, given the input and both branches."""
        h = self.norm1(x)
        h = self.norm2(h + attend(h))
        return h + transform(h)
