"""BART, in one language or many: an encoder and a decoder that learn to restore texts.

Papers: Lewis et al., 2020, "BART: Denoising Sequence-to-Sequence Pre-training for Natural Language Generation,
Translation, and Comprehension", section 2 (https://arxiv.org/abs/1910.13461); Liu et al., 2020, "Multilingual Denoising
Pre-training for Neural Machine Translation" (https://arxiv.org/abs/2001.08210). Weights: folders of transformers, see
``kerasarch.weights``.

Where we differ from the public code: there is no dropout on the weights of the attention, which fused kernels do not
have.
"""

import dataclasses
from typing import Any

import keras
from keras import ops

from kerasarch.models.configured import as_config
from kerasarch.models.encoder_decoder import EncoderDecoder
from kerasarch.models.encoder_decoder_config import EncoderDecoderConfig
from kerasarch.models.family import choose

OFFSET = 2
"""Rows of the tables of positions before that of the first place, as fairseq has them."""


@dataclasses.dataclass(frozen=True)
class BartConfig(EncoderDecoderConfig):
    """Sizes and details, with the defaults of bart-large: the fields of ``EncoderDecoderConfig``, and these.

    Attributes:
        scaled: Whether embeddings are multiplied by the root of the width, as in mBART.
        norm_first: Whether a branch of a block is normalised before it, with one more normalisation behind all blocks,
            as in mBART.
        logits_bias: Whether a number is added to each logit, which is not learned but comes from the file.
    """

    vocabulary: int = 50265
    width: int = 1024
    depth: int = 12
    heads: int = 16
    hidden: int = 4096
    activation: str = "gelu"
    start: int = 2
    end: int | tuple[int, ...] | None = 2
    padding: int = 1
    last: int | None = 2
    scaled: bool = False
    norm_first: bool = False
    logits_bias: bool = True


# Lewis et al., 2020, sections 2.1 and 5; the public repositories. Liu et al., 2020, section 2.1
VARIANTS = {
    "bart_base": BartConfig(width=768, depth=6, heads=12, hidden=3072, first=0),
    "bart_large": BartConfig(first=0),
    "mbart_large": BartConfig(vocabulary=250027, activation="relu", scaled=True, norm_first=True),
}


@keras.saving.register_keras_serializable(package="kerasarch")
class Bart(EncoderDecoder):
    """Tokens of one text, and those of another so far, to the logits of its next token.

    ``h_0 = norm(token + position)`` on both sides, blocks as of Vaswani et al., 2017, ``logits = E h``: Lewis et al.,
    2020, section 2.1 (https://arxiv.org/abs/1910.13461). Kernels and embeddings begin normal with a deviation of 0.02.

    Args:
        config: The config, or its fields as a dictionary.
        **kwargs: Passed to ``keras.Model``.

    Shapes:
        As [`EncoderDecoder`][kerasarch.models.EncoderDecoder].
    """

    family = "bart"
    learned_positions = True

    def __init__(self, config: BartConfig | dict[str, Any], **kwargs: Any):
        config = as_config(BartConfig, config)
        super().__init__(config, **kwargs)
        sides = ("source", "target")
        rows = config.positions + OFFSET
        self.source_position_embedding, self.target_position_embedding = (
            self.table(rows, f"{side}_position_embedding") for side in sides
        )
        self.source_embedding_norm, self.target_embedding_norm = (
            self.normalization(f"{side}_embedding_norm") for side in sides
        )

    def block_details(self) -> dict[str, Any]:
        """Return the arguments that the blocks of both sides have."""
        return {**super().block_details(), "norm_first": self.config.norm_first}

    def build(self, input_shape: Any = None) -> None:
        """Build the children; their sizes do not depend on the inputs."""
        super().build(input_shape)
        for table in (self.source_position_embedding, self.target_position_embedding):
            table.build((None,))
        for norm in (self.source_embedding_norm, self.target_embedding_norm):
            norm.build((None, None, self.config.width))
        if self.config.logits_bias:
            self.build_logits_bias()

    def embed_source(self, ids: Any, training: bool | None = None) -> Any:
        """Return the vectors that go into the encoder: ``(B, S) -> (B, S, D)``."""
        # Texts of a batch may be filled up beyond the last position: what is there is not seen.
        places = ops.minimum(ops.arange(ops.shape(ids)[1], dtype="int32"), self.config.positions - 1)
        x = self.embedded(self.source_table, ids) + self.source_position_embedding(places + OFFSET)
        return self.drop(self.source_embedding_norm(x), training=training)

    def embed_target(self, ids: Any, positions: Any, training: bool | None = None) -> Any:
        """Return the vectors that go into the decoder: ``(B, T)`` and ``(B, T)`` or ``(T,) -> (B, T, D)``."""
        x = self.embedded(self.token_embedding, ids) + self.target_position_embedding(positions + OFFSET)
        return self.drop(self.target_embedding_norm(x), training=training)


def bart(variant: str | BartConfig = "bart_base", *, name: str = "bart", dtype: Any = None, **overrides: Any) -> Bart:
    """Build a BART with fresh weights; ``kerasarch.from_pretrained`` builds one with public weights.

    Args:
        variant: A name in the table, or a config.
        name: Name of the model.
        dtype: Dtype policy; None for the global one.
        **overrides: Fields of the config to replace.

    Raises:
        UsageError: No such variant or field.
    """
    model = Bart(choose(VARIANTS, variant, overrides), name=name, dtype=dtype)
    model.build()
    return model
