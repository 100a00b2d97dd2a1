"""ALBERT: BERT with narrow embeddings and one block that is applied again and again.

Paper: Lan et al., 2020, "ALBERT: A Lite BERT for Self-supervised Learning of Language Representations", section 3.1
(https://arxiv.org/abs/1909.11942). Weights: folders of transformers, see ``kerasarch.weights``.

Where we differ from the public code: there is no dropout on the weights of the attention, which fused kernels do not
have.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any

import keras

from kerasarch.errors import ShapeError
from kerasarch.models.configured import as_config
from kerasarch.models.family import choose
from kerasarch.models.post_norm_encoder import PostNormEncoder
from kerasarch.models.text_encoder import TextEncoder, TextEncoderConfig


@dataclasses.dataclass(frozen=True)
class AlbertConfig(TextEncoderConfig):
    """Sizes and details, with those of the public base model; the other fields are those of ``TextEncoderConfig``.

    Attributes:
        depth: How often a group of blocks is applied (``num_hidden_layers``).
        embedding: Channels of the tables of tokens, positions and types (``embedding_size``).
        groups: Groups of blocks that share nothing (``num_hidden_groups``), each for as many of the ``depth`` times.
        group_depth: Blocks of a group (``inner_group_num``).
    """

    vocabulary: int = 30000
    activation: str = "gelu-approximate"
    embedding: int = 128
    groups: int = 1
    group_depth: int = 1
    start: int | None = 2
    end: int | tuple[int, ...] | None = 3

    def sequence(self) -> Sequence[int]:
        """Return which block is applied at which place, by its number."""
        groups = (place * self.groups // self.depth for place in range(self.depth))
        return tuple(self.group_depth * group + inner for group in groups for inner in range(self.group_depth))


# Lan et al., 2020, table 1; the activation of the public repositories of version 2
VARIANTS = {
    "albert_base_v2": AlbertConfig(),
    "albert_large_v2": AlbertConfig(width=1024, depth=24, heads=16, hidden=4096),
    "albert_xlarge_v2": AlbertConfig(width=2048, depth=24, heads=16, hidden=8192),
    "albert_xxlarge_v2": AlbertConfig(width=4096, depth=12, heads=64, hidden=16384),
}


@keras.saving.register_keras_serializable(package="kerasarch")
class Albert(PostNormEncoder):
    """Token numbers to vectors or to what a head makes of them.

    ``h = blocks(W norm(token + position + type))`` with the tables ``embedding`` wide, and one and the same block
    every time: Lan et al., 2020, section 3.1 (https://arxiv.org/abs/1909.11942). The head ``"pretraining"`` guesses
    masked tokens and whether two sentences are in their order.

    Args:
        config: The config, or its fields as a dictionary.
        **kwargs: Passed to ``keras.Model``.

    Shapes:
        As [`TextEncoder`][kerasarch.models.TextEncoder]; the second scores of pre-training are ``sop_logits``.

    Raises:
        ShapeError: There are more groups than times that one is applied.
    """

    family = "albert"
    HEADS = (*TextEncoder.HEADS, "pretraining")
    SECOND_SCORES = "sop_logits"

    def __init__(self, config: AlbertConfig | dict[str, Any], **kwargs: Any):
        config = as_config(AlbertConfig, config)
        if not 1 <= config.groups <= max(config.depth, 1):
            raise ShapeError(f"Groups must be 1 to depth={config.depth}. Received groups={config.groups}.")
        super().__init__(config, **kwargs)
        self.projection = self.linear(config.width, "projection")

    @property
    def embedding_width(self) -> int:
        """Channels of the tables of tokens, positions and types."""
        return self.config.embedding

    def block_name(self, index: int) -> str:
        """Return the name of a block, with its group and its place in it."""
        group, inner = divmod(index, self.config.group_depth)
        return f"block{group}_{inner}"

    def build_embedding(self) -> None:
        """Build what is behind the tables and before the blocks."""
        super().build_embedding()
        self.projection.build((None, None, self.embedding_width))

    def embed(self, ids: Any, mask: Any, types: Any, training: bool | None = None) -> Any:
        """Return the vectors that go into the first block: ``(B, T, D)``."""
        return self.projection(super().embed(ids, mask, types, training))


def albert(
    variant: str | AlbertConfig = "albert_base_v2", *, name: str = "albert", dtype: Any = None, **overrides: Any
) -> Albert:
    """Build an ALBERT with fresh weights; ``kerasarch.from_pretrained`` builds one with public weights.

    Args:
        variant: A name in the table, or a config.
        name: Name of the model.
        dtype: Dtype policy; None for the global one.
        **overrides: Fields of the config to replace, such as ``head`` and ``labels``.

    Raises:
        UsageError: No such variant or field.
    """
    model = Albert(choose(VARIANTS, variant, overrides), name=name, dtype=dtype)
    model.build()
    return model
