"""A recurrent tagger: a label for each word, from the words, their spelling, and both directions of the sentence.

Papers: Ma and Hovy, 2016, "End-to-end Sequence Labeling via Bi-directional LSTM-CNNs-CRF"
(https://arxiv.org/abs/1603.01354); Huang et al., 2015 (https://arxiv.org/abs/1508.01991). There are no public weights:
it is trained here, by the recipe ``tag``.

Where we differ: labels are chosen word by word, without a conditional random field over neighbouring labels.
"""

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from kerasarch.errors import ShapeError
from kerasarch.layers.recurrent_stack import Kind, RecurrentStack
from kerasarch.models.configured import ConfiguredModel, as_config
from kerasarch.models.family import choose
from kerasarch.models.named_inputs import named_inputs, shape_of_first
from kerasarch.models.text_heads import IGNORED_LABEL, label_count

INPUTS = ("word_ids", "character_ids")


@dataclasses.dataclass(frozen=True)
class RecurrentTaggerConfig:
    """Sizes and details, with those of Ma and Hovy, 2016, table 1.

    Attributes:
        words: Numbers of words; 0 fills up.
        characters: Numbers of characters; 0 fills up.
        labels: How many labels there are, or their names.
        kind: ``"lstm"``, ``"gru"`` or ``"rnn"``.
        embedding: Channels of a word.
        character_embedding: Channels of a character.
        filters: Channels that a word's spelling gives.
        window: Characters that a filter spans.
        width: Units of each direction.
        depth: Recurrent layers.
        dropout: Rate in training, on the characters, and before and behind the recurrent layers.
        positions: Length of a sentence where a model is followed without numbers; bounds nothing.
    """

    words: int = 10000
    characters: int = 128
    labels: int | tuple[str, ...] = 2
    kind: Kind = "lstm"
    embedding: int = 100
    character_embedding: int = 30
    filters: int = 30
    window: int = 3
    width: int = 200
    depth: int = 1
    dropout: float = 0.5
    positions: int = 64


VARIANTS = {"bilstm_tagger": RecurrentTaggerConfig()}


@keras.saving.register_keras_serializable(package="kerasarch")
class RecurrentTagger(ConfiguredModel):
    """Words and their characters to the logits of a label for each word.

    ``h = BiLSTM([E_w; max(conv(E_c))])``, ``logits = W h``: Ma and Hovy, 2016, sections 2.1 and 2.2, figures 1 and 3
    (https://arxiv.org/abs/1603.01354).

    Args:
        config: The config, or its fields as a dictionary.
        **kwargs: Passed to ``keras.Model``.

    Shapes:
        B batch, T words, C characters of a word: ``word_ids (B, T)`` and ``character_ids (B, T, C)``, in a list or
        dictionary; 0 fills up. A dictionary comes out: ``logits (B, T, labels)``.

    Raises:
        ShapeError: There are no labels.
    """

    family = "recurrent_tagger"

    def __init__(self, config: RecurrentTaggerConfig | dict[str, Any], **kwargs: Any):
        config = as_config(RecurrentTaggerConfig, config)
        super().__init__(config, **kwargs)
        if label_count(config) < 1:
            raise ShapeError(f"{self.name}: labels must be at least 1, or names. Received {config.labels!r}.")
        own: dict[str, Any] = {"dtype": self.dtype_policy}
        self.word_embedding = _table(config.words, config.embedding, name="word_embedding", **own)
        self.character_embedding = _table(
            config.characters, config.character_embedding, name="character_embedding", **own
        )
        self.spelling = keras.layers.Conv2D(
            config.filters, (1, config.window), padding="same", data_format="channels_last", name="spelling", **own
        )
        self.drop = keras.layers.Dropout(config.dropout, name="drop", **own)
        self.recurrent = RecurrentStack(
            config.width, kind=config.kind, depth=config.depth, bidirectional=True, dropout=config.dropout,
            name="recurrent", **own,
        )  # fmt: skip
        self.classifier = keras.layers.Dense(label_count(config), name="classifier", **own)

    def groups_upward(self) -> dict[str, list[keras.layers.Layer]]:
        """Return the layers in groups, from the input upward: embeddings, recurrent layers, head."""
        return {
            "embeddings": [self.word_embedding, self.character_embedding, self.spelling, self.drop],
            "recurrent": [self.recurrent],
            "head": [self.classifier],
        }

    def build(self, input_shape: Any = None) -> None:
        """Build the children; their sizes do not depend on the inputs."""
        config = self.config
        self.word_embedding.build((None, None))
        self.character_embedding.build((None, None))
        self.spelling.build((None, None, None, config.character_embedding))
        self.recurrent.build((None, None, config.embedding + config.filters))
        self.classifier.build((None, None, self.recurrent.width))

    def input_tensors(self, input_shape: Sequence[int] | None = None) -> Any:
        """Return Keras tensors like those that the model is called with, to follow a call without numbers.

        Args:
            input_shape: The number of words alone, ``(T,)``; None for that of the config.
        """
        (length,) = input_shape or (self.config.positions,)
        return {
            "word_ids": keras.KerasTensor((None, length), "int32", name="word_ids"),
            "character_ids": keras.KerasTensor((None, length, 16), "int32", name="character_ids"),
        }

    def call(self, inputs: Any, training: bool | None = None) -> dict[str, Any]:  # (B, T), (B, T, C)
        """Return the logits by name."""
        words, characters = named_inputs(self.name, inputs, INPUTS)
        if characters is None:
            raise ShapeError(f"{self.name}: expected character_ids beside word_ids. Received none.")
        mask = ops.not_equal(words, 0)
        x = ops.concatenate([self.word_embedding(words), self.spell(characters, training)], axis=-1)
        x = self.recurrent(self.drop(x, training=training), mask=mask, training=training)
        return {"logits": self.classifier(self.drop(x, training=training))}

    def spell(self, characters: Any, training: bool | None = None) -> Any:
        """Return what words' spelling says: ``(B, T, C) -> (B, T, filters)``."""
        there = ops.expand_dims(ops.cast(ops.not_equal(characters, 0), self.compute_dtype), -1)
        x = self.drop(self.character_embedding(characters), training=training) * there  # (B, T, C, D)
        return ops.max(self.spelling(x), axis=2)

    def losses_by_name(self) -> dict[str, keras.losses.Loss]:
        """Return the loss as ``compile`` takes it: cross-entropy of logits, which passes over the label -100."""
        return {"logits": keras.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=IGNORED_LABEL)}

    def compute_output_shape(self, input_shape: Any) -> dict[str, Any]:
        """Return the shapes by name."""
        return {"logits": (*shape_of_first(input_shape, INPUTS[0]), label_count(self.config))}


def _table(count: int, width: int, **own: Any) -> keras.layers.Embedding:
    """Return a table of vectors that begin as long as in Ma and Hovy, 2016, section 3.1."""
    limit = math.sqrt(3 / width)
    return keras.layers.Embedding(count, width, keras.initializers.RandomUniform(-limit, limit), **own)


def recurrent_tagger(
    variant: str | RecurrentTaggerConfig = "bilstm_tagger",
    *,
    name: str = "recurrent_tagger",
    dtype: Any = None,
    **overrides: Any,
) -> RecurrentTagger:
    """Build a recurrent tagger with fresh weights.

    Args:
        variant: A name in the table, or a config.
        name: Name of the model.
        dtype: Dtype policy; None for the global one.
        **overrides: Fields of the config to replace.

    Raises:
        UsageError: No such variant or field.
    """
    model = RecurrentTagger(choose(VARIANTS, variant, overrides), name=name, dtype=dtype)
    model.build()
    return model
