"""What all encoder-only language models share: inputs by name, embeddings, states and heads."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from kerasarch.errors import ShapeError
from kerasarch.models.configured import ConfiguredModel
from kerasarch.models.named_inputs import named_inputs, shape_of_first
from kerasarch.models.text_heads import (
    FUNCTIONS,
    LABELLED,
    MASKED,
    POOLED,
    MaskedTokenHead,
    check_head,
    head_losses,
    head_outputs,
    label_count,
)

INPUTS = ("input_ids", "attention_mask", "token_type_ids")


@dataclasses.dataclass(frozen=True)
class TextEncoderConfig:
    """Sizes and details that every family has, with BERT's defaults.

    Attributes:
        vocabulary: Tokens (``vocab_size``).
        positions: Rows of the table of positions (``max_position_embeddings``).
        types: Types of tokens, such as first and second sentence (``type_vocab_size``); 0 for none.
        width: Channels of a token (``hidden_size``).
        depth: Blocks (``num_hidden_layers``).
        heads: Heads of a block's attention (``num_attention_heads``).
        hidden: Hidden units of a block (``intermediate_size``).
        activation: Of the feed-forward networks and of the head that guesses tokens (``hidden_act``).
        epsilon: Of the normalisations (``layer_norm_eps``).
        dropout: Rate in training: behind the embeddings and both branches of a block, and before a head.
        tied: Whether the embedding is the matrix of the head that guesses tokens too (``tie_word_embeddings``).
        head: What stands on the encoder: ``"none"``, ``"masked_lm"``, ``"classification"``, ``"tags"`` (a label for
            each token), ``"question_answering"``, ``"next_sentence"`` or ``"pretraining"``, where the family has it.
        labels: How many labels classification and tags have, or their names (``id2label``).
        task: What a classification is trained for: ``"single_label"``, ``"multi_label"`` or ``"regression"``
            (``problem_type``); None for regression where there is one label, otherwise single labels.
        pooler: Whether an encoder without head gives one vector for the text.
        padding: Number of the padding token (``pad_token_id``).
        start: Number of the token at the start (``bos_token_id``); kept for the file, changes nothing.
        end: Number of the token at the end (``eos_token_id``); kept for the file, changes nothing.
        hidden_states: Whether the outputs hold what goes into the first block and comes out of each
            (``output_hidden_states``).
    """

    vocabulary: int = 30522
    positions: int = 512
    types: int = 2
    width: int = 768
    depth: int = 12
    heads: int = 12
    hidden: int = 3072
    activation: str = "gelu"
    epsilon: float = 1e-12
    dropout: float = 0.0
    tied: bool = True
    head: str = "none"
    labels: int | tuple[str, ...] = 2
    task: str | None = None
    pooler: bool = True
    padding: int | None = 0
    start: int | None = None
    end: int | tuple[int, ...] | None = None
    hidden_states: bool = False

    def sequence(self) -> Sequence[int]:
        """Return which block is applied at which place, by its number."""
        return range(self.depth)


class TextEncoder(ConfiguredModel):
    """Blocks over the sum of tokens, positions and types, with a head; families give it ``blocks``.

    Args:
        config: The family's config.
        **kwargs: Passed to ``keras.Model``.

    Shapes:
        B batch, T tokens, V vocabulary, D width: ``input_ids (B, T)``, alone, or with ``attention_mask (B, T)`` (1
        where a token may be seen) and ``token_type_ids (B, T)`` (zeros where not given, passed over where there are no
        types) in a list or dictionary. A dictionary comes out, by the head: none ``last_hidden_state (B, T, D)`` and
        perhaps ``pooler_output (B, D)``; ``masked_lm`` ``logits (B, T, V)``; ``classification`` ``logits (B,
        labels)``; ``tags`` ``logits (B, T, labels)``; ``question_answering`` ``start_logits`` and ``end_logits (B,
        T)``; ``next_sentence`` ``logits (B, 2)``; ``pretraining`` ``prediction_logits (B, T, V)`` and scores of the
        second task ``(B, 2)``. With ``hidden_states`` also a tuple of tensors ``(B, T, D)``, one more than blocks are
        applied.

    Raises:
        ShapeError: There are more tokens than positions.
        UsageError: The head, the task or the name of an input is unknown.
    """

    blocks: Sequence[Any]
    HEADS: tuple[str, ...] = ("none", "masked_lm", "classification", "tags", "question_answering")
    SECOND_SCORES = ""
    """Name of the scores of the second task of pre-training."""
    POOLED_BARE = True
    """Whether the family has a pooler without a head."""
    pooler_activation = "tanh"

    def __init__(self, config: Any, **kwargs: Any):
        super().__init__(config, **kwargs)
        check_head(self.name, config, self.HEADS, pooler=self.POOLED_BARE)
        width = self.embedding_width
        self.token_embedding = self._embedding(config.vocabulary, "token_embedding")
        self.position_embedding = (
            self._embedding(config.positions, "position_embedding") if self.has_positions else None
        )
        self.type_embedding = self._embedding(config.types, "type_embedding") if config.types else None
        self.embedding_norm = self.normalization("embedding_norm")
        self.drop = keras.layers.Dropout(config.dropout, dtype=self.dtype_policy, name="drop")
        pooled = config.head in POOLED or (config.head == "none" and config.pooler)
        self.pooler = self.linear(config.width, "pooler") if pooled else None
        self.masked_head = None
        if config.head in MASKED:
            self.masked_head = MaskedTokenHead(
                config.vocabulary,
                width,
                activation=self.masked_activation,
                tied=config.tied,
                epsilon=config.epsilon,
                initializer=self.start(),
                dtype=self.dtype_policy,
                name="masked_head",
            )
        self.classifier = self.linear(label_count(config), "classifier") if config.head in LABELLED else None
        self.spans = self.linear(2, "spans") if config.head == "question_answering" else None
        self.sentences = self.linear(2, "sentences") if config.head in ("next_sentence", "pretraining") else None

    @property
    def embedding_width(self) -> int:
        """Channels of the tables of tokens, positions and types."""
        return self.config.width

    @property
    def has_positions(self) -> bool:
        """Whether there is a table of positions."""
        return True

    @property
    def longest(self) -> int | None:
        """The longest text in tokens, None where any length will do."""
        return self.config.positions

    @property
    def masked_activation(self) -> str:
        """Activation of the head that guesses tokens."""
        return self.config.activation

    def groups_upward(self) -> dict[str, list[keras.layers.Layer]]:
        """Return the layers in groups, from the input upward: embeddings, blocks, head."""
        parts = (self.masked_head, self.pooler, self.classifier, self.spans, self.sentences)
        head = [layer for layer in parts if layer is not None]
        others = {id(layer) for layer in (*self.blocks, *head)}
        groups = {"embeddings": [layer for layer in self.layers if id(layer) not in others]}
        groups |= {block.name: [block] for block in self.blocks}
        return {**groups, "head": head} if head else groups

    def start(self) -> keras.initializers.Initializer:
        """Return how kernels and tables begin: normal with the deviation of BERT's code."""
        return keras.initializers.RandomNormal(stddev=0.02)

    def linear(self, width: int, name: str, *, bias: bool = True) -> keras.layers.Dense:
        """Return a linear map to so many channels."""
        return keras.layers.Dense(width, None, bias, self.start(), dtype=self.dtype_policy, name=name)

    def normalization(self, name: str) -> keras.layers.LayerNormalization:
        """Return a layer normalisation."""
        return keras.layers.LayerNormalization(epsilon=self.config.epsilon, dtype=self.dtype_policy, name=name)

    def _embedding(self, count: int, name: str) -> keras.layers.Embedding:
        return keras.layers.Embedding(count, self.embedding_width, self.start(), dtype=self.dtype_policy, name=name)

    def build(self, input_shape: Any = None) -> None:
        """Build the children; their sizes do not depend on the inputs."""
        tokens = (None, None, self.config.width)
        for table in (self.token_embedding, self.position_embedding, self.type_embedding):
            if table is not None:
                table.build((None, None))
        self.build_embedding()
        for child in (*self.blocks, self.masked_head, self.spans):
            if child is not None:
                child.build(tokens)
        for child in (self.pooler, self.sentences):
            if child is not None:
                child.build((None, self.config.width))
        if self.classifier is not None:
            self.classifier.build(tokens if self.config.head == "tags" else (None, self.config.width))

    def build_embedding(self) -> None:
        """Build what is behind the tables and before the blocks."""
        self.embedding_norm.build((None, None, self.embedding_width))

    def place(self, ids: Any) -> Any:
        """Return the rows of the table of positions: ``(B, T) -> (T,)`` or ``(B, T)``."""
        return ops.arange(ops.shape(ids)[1], dtype="int32")

    def embed(self, ids: Any, mask: Any, types: Any, training: bool | None = None) -> Any:
        """Return the vectors that go into the first block.

        Args:
            ids: ``(B, T)``.
            mask: ``(B, T)`` or None.
            types: ``(B, T)`` or None.
            training: Whether there is dropout.

        Returns:
            ``(B, T, D)``.
        """
        return self.drop(self.embedding_norm(self.sum_embeddings(ids, types)), training=training)

    def sum_embeddings(self, ids: Any, types: Any) -> Any:
        """Return the sum of tokens, positions and types: ``(B, T, width of the tables)``."""
        x = self.token_embedding(ids)
        if self.position_embedding is not None:
            x = x + self.position_embedding(self.place(ids))
        if self.type_embedding is not None:
            x = x + self.type_embedding(ops.zeros_like(ids) if types is None else types)
        return x

    def encode(self, x: Any, mask: Any, training: bool | None = None) -> list[Any]:
        """Return what goes into the first block and comes out of each: ``(B, T, D)``."""
        states = [x]
        for index in self.config.sequence():
            x = self.blocks[index](x, mask=mask, training=training)
            states.append(x)
        return states

    def input_tensors(self, input_shape: Sequence[int] | None = None) -> Any:
        """Return a Keras tensor like that which the model is called with, to follow a call without numbers.

        Args:
            input_shape: The number of tokens alone, ``(T,)``; None for as many as there may be.
        """
        length = self.longest or self.config.positions
        return keras.KerasTensor((None, *(input_shape or (length,))), "int32", name="input_ids")

    def call(self, inputs: Any, training: bool | None = None) -> dict[str, Any]:  # (B, T), or up to three of them
        """Return what the head gives, by name."""
        ids, mask, types = named_inputs(self.name, inputs, INPUTS)
        length = ids.shape[1]
        if length is not None and self.longest is not None and length > self.longest:
            raise ShapeError(f"{self.name}: at most {self.longest} tokens. Received {length}.")
        mask = None if mask is None else ops.cast(mask, "bool")  # Keras hands it on to the losses, which want it so
        states = self.encode(self.embed(ids, mask, types, training), mask, training)
        outputs = self._head(states[-1], training)
        return {**outputs, "hidden_states": tuple(states)} if self.config.hidden_states else outputs

    def _head(self, x: Any, training: bool | None) -> dict[str, Any]:
        pooled = None if self.pooler is None else FUNCTIONS[self.pooler_activation](self.pooler(x[:, 0]))
        if self.config.head == "none":
            return {"last_hidden_state": x} if pooled is None else {"last_hidden_state": x, "pooler_output": pooled}
        scores: list[Any] = []
        if self.masked_head is not None:
            scores.append(self.masked_head(x, self.token_embedding.embeddings))
        if self.classifier is not None:
            scores.append(self.classifier(self.drop(x if pooled is None else pooled, training=training)))
        if self.spans is not None:
            both = self.spans(x)
            scores += [both[..., 0], both[..., 1]]
        if self.sentences is not None:
            scores.append(self.sentences(pooled))
        return {output.name: score for output, score in zip(self._outputs(), scores, strict=True)}

    def _outputs(self) -> tuple[Any, ...]:
        return head_outputs(self.config, self.SECOND_SCORES)

    def losses_by_name(self) -> dict[str, keras.losses.Loss]:
        """Return the losses that the head is trained with, as ``compile`` takes them.

        Cross-entropy of logits, which passes over tokens of the label -100 and those that the mask hides; for the task
        ``"multi_label"`` the binary one, for ``"regression"`` the mean square of the error.

        Raises:
            UsageError: There is no head.
        """
        return head_losses(self.config, self._outputs())

    def compute_output_shape(self, input_shape: Any) -> dict[str, Any]:
        """Return the shapes by name."""
        config, (batch, length) = self.config, shape_of_first(input_shape, INPUTS[0])
        state = (batch, length, config.width)
        shapes: dict[str, Any] = {} if config.head != "none" else {"last_hidden_state": state}
        if config.head == "none" and self.pooler is not None:
            shapes["pooler_output"] = (batch, config.width)
        for output in self._outputs():
            rows = (batch, length) if output.each else (batch,)
            shapes[output.name] = rows if output.size is None else (*rows, output.size)
        return {**shapes, "hidden_states": (state,) * (1 + len(config.sequence()))} if config.hidden_states else shapes
