"""The Transformer: the first encoder and decoder without recurrence, and Marian's, of which public weights exist.

Papers: Vaswani et al., 2017, "Attention Is All You Need" (https://arxiv.org/abs/1706.03762); Junczys-Dowmunt et al.,
2018, "Marian: Fast Neural Machine Translation in C++" (https://arxiv.org/abs/1804.00344). Weights: folders of
transformers, see ``kerasarch.weights``.

Where we differ from the public code: there is no dropout on the weights of the attention, which fused kernels do not
have.
"""

import dataclasses
from typing import Any

import keras
from keras import ops

from kerasarch.layers.sinusoidal_positions import SinusoidalPositions
from kerasarch.models.configured import as_config
from kerasarch.models.encoder_decoder import EncoderDecoder
from kerasarch.models.encoder_decoder_config import EncoderDecoderConfig
from kerasarch.models.family import choose


@dataclasses.dataclass(frozen=True)
class MarianConfig(EncoderDecoderConfig):
    """Sizes and details: the fields of ``EncoderDecoderConfig``, and these.

    Attributes:
        positions: Kept for the file: sinusoids have no longest text.
        interleaved: Whether each sine of a position stands before its cosine, as in the paper; Marian has all sines
            first.
        scaled: Whether embeddings are multiplied by the root of the width, as in the paper.
        norm_first: Whether a branch of a block is normalised before it, and not with the shortcut behind it.
        attention_bias: Whether query, key, value and output of attentions have biases; the paper's have none.
        logits_bias: Whether a number is added to each logit, which is not learned but comes from the file.
    """

    interleaved: bool = True
    scaled: bool = True
    norm_first: bool = False
    attention_bias: bool = False
    logits_bias: bool = False


_MARIAN = MarianConfig(
    vocabulary=58101,
    positions=512,
    activation="linear-silu",
    start=58100,
    end=0,
    padding=58100,
    last=0,
    suppressed=(58100,),
    interleaved=False,
    attention_bias=True,
    logits_bias=True,
)
VARIANTS = {
    # Vaswani et al., 2017, table 3
    "transformer_base": MarianConfig(),
    "transformer_big": MarianConfig(width=1024, heads=16, hidden=4096, dropout=0.3),
    # Tiedemann and Thottingal, 2020 (https://aclanthology.org/2020.eamt-1.61), with the vocabulary of opus-mt-en-de
    "marian": _MARIAN,
    # The later ones of their Tatoeba challenge: transformer-big
    "marian_big": dataclasses.replace(_MARIAN, positions=1024, width=1024, heads=16, hidden=4096, activation="relu"),
}


@keras.saving.register_keras_serializable(package="kerasarch")
class Marian(EncoderDecoder):
    """Tokens of one text, and those of another so far, to the logits of its next token.

    ``logits = E decoder(E y + PE, encoder(E x + PE))``: Vaswani et al., 2017, sections 3.1 to 3.5, figure 1
    (https://arxiv.org/abs/1706.03762). Kernels begin as Glorot and Bengio, 2010, eq. 16; embeddings normal with a
    deviation of ``1 / sqrt(width)`` where they are scaled, otherwise of 0.02.

    Args:
        config: The config, or its fields as a dictionary.
        **kwargs: Passed to ``keras.Model``.

    Shapes:
        As [`EncoderDecoder`][kerasarch.models.EncoderDecoder].
    """

    family = "marian"

    def __init__(self, config: MarianConfig | dict[str, Any], **kwargs: Any):
        config = as_config(MarianConfig, config)
        super().__init__(config, **kwargs)
        self.positions = SinusoidalPositions(
            config.width, interleaved=config.interleaved, dtype=self.dtype_policy, name="positions"
        )

    def block_details(self) -> dict[str, Any]:
        """Return the arguments that the blocks of both sides have."""
        details = {"norm_first": self.config.norm_first, "attention_bias": self.config.attention_bias}
        return {**super().block_details(), **details}

    def kernels(self) -> Any:
        """Return how kernels begin."""
        return keras.initializers.GlorotUniform()

    def tables(self) -> Any:
        """Return how embeddings begin."""
        return keras.initializers.RandomNormal(stddev=self.config.width**-0.5 if self.config.scaled else 0.02)

    def build(self, input_shape: Any = None) -> None:
        """Build the children; their sizes do not depend on the inputs."""
        super().build(input_shape)
        self.positions.build((None,))
        if self.config.logits_bias:
            self.build_logits_bias()

    def embed_source(self, ids: Any, training: bool | None = None) -> Any:
        """Return the vectors that go into the encoder: ``(B, S) -> (B, S, D)``."""
        return self._embed(self.source_table, ids, ops.arange(ops.shape(ids)[1], dtype="int32"), training)

    def embed_target(self, ids: Any, positions: Any, training: bool | None = None) -> Any:
        """Return the vectors that go into the decoder: ``(B, T)`` and ``(B, T)`` or ``(T,) -> (B, T, D)``."""
        return self._embed(self.token_embedding, ids, positions, training)

    def _embed(self, table: Any, ids: Any, positions: Any, training: bool | None) -> Any:
        return self.drop(self.embedded(table, ids) + self.positions(positions), training=training)


def marian(
    variant: str | MarianConfig = "marian", *, name: str = "marian", dtype: Any = None, **overrides: Any
) -> Marian:
    """Build a Marian with fresh weights; ``kerasarch.from_pretrained`` builds one with public weights.

    Args:
        variant: A name in the table, or a config.
        name: Name of the model.
        dtype: Dtype policy; None for the global one.
        **overrides: Fields of the config to replace.

    Raises:
        UsageError: No such variant or field.
    """
    model = Marian(choose(VARIANTS, variant, overrides), name=name, dtype=dtype)
    model.build()
    return model


def transformer(
    variant: str | MarianConfig = "transformer_base", *, name: str = "transformer", dtype: Any = None, **overrides: Any
) -> Marian:
    """Build the Transformer of the paper with fresh weights, to train it.

    ```python
    model = transformer(source_vocabulary=8000, vocabulary=6000, shared=False, width=256, depth=3, heads=4, hidden=1024)
    logits = model({"source_ids": source, "source_mask": source != 0, "target_ids": target[:, :-1]})["logits"]
    ```

    Args:
        variant: A name in the table, or a config.
        name: Name of the model.
        dtype: Dtype policy; None for the global one.
        **overrides: Fields of the config to replace, such as ``norm_first`` or ``tied``.

    Raises:
        UsageError: No such variant or field.
    """
    return marian(variant, name=name, dtype=dtype, **overrides)
