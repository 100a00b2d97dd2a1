"""The decoder block of the first GPT: each branch is added first and normalised afterwards."""

from collections.abc import Callable
from typing import Any

import keras

from kerasarch.layers.decoder_block import DecoderBlock


@keras.saving.register_keras_serializable(package="kerasarch")
class PostNormDecoderBlock(DecoderBlock):
    """Causal self-attention and a feed-forward network, each with a shortcut and a normalisation behind both.

    ``norm1(x + attention(x))``, then ``norm2(x + feed_forward(x))``: Vaswani et al., 2017, section 3.1
    (https://arxiv.org/abs/1706.03762), the block of GPT: Radford et al., 2018, section 3.1. Arguments, shapes and
    errors are those of [`DecoderBlock`][kerasarch.layers.DecoderBlock].
    """

    def join(self, x: Any, attend: Callable[[Any], Any], transform: Callable[[Any], Any]) -> Any:
        """Return the output, given the input and both branches."""
        x = self.norm1(x + attend(x))
        return self.norm2(x + transform(x))

    def attended(self, x: Any) -> Any:
        """Return what the attention reads: the block's input as it is."""
        return x
