"""Text encoders whose blocks are BERT's."""

from typing import Any

from kerasarch.layers.post_norm_block import PostNormBlock
from kerasarch.models.text_encoder import TextEncoder


class PostNormEncoder(TextEncoder):
    """A text encoder of BERT's blocks.

    Args:
        config: The family's config.
        **kwargs: Passed to ``keras.Model``.

    Shapes:
        As [`TextEncoder`][kerasarch.models.TextEncoder].
    """

    def __init__(self, config: Any, **kwargs: Any):
        super().__init__(config, **kwargs)
        self.blocks = [
            PostNormBlock(
                config.heads,
                hidden=config.hidden,
                activation=config.activation,
                initializer=self.start(),
                dropout=config.dropout,
                epsilon=config.epsilon,
                dtype=self.dtype_policy,
                name=self.block_name(index),
            )
            for index in range(1 + max(config.sequence(), default=-1))
        ]

    def block_name(self, index: int) -> str:
        """Return the name of a block."""
        return f"block{index}"
