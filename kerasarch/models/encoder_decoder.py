"""What all transformers with an encoder and a decoder share: inputs by name, memory, cache, the step of decoding."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
from keras import ops

from kerasarch.errors import ShapeError, UsageError
from kerasarch.layers.decoder_block import normalization
from kerasarch.layers.source_block import SourceBlock
from kerasarch.layers.target_block import TargetBlock
from kerasarch.models.configured import ConfiguredModel
from kerasarch.models.named_inputs import named_inputs

INPUTS = ("source_ids", "source_mask", "target_ids", "target_mask")


class EncoderDecoder(ConfiguredModel):
    """An encoder that reads one text and a decoder that writes another; families say how tokens become vectors.

    Args:
        config: The family's config, an ``EncoderDecoderConfig``.
        **kwargs: Passed to ``keras.Model``.

    Shapes:
        B batch, S and T tokens, V vocabulary, D width: ``source_ids (B, S)``, ``source_mask (B, S)`` (1 where a token
        may be seen), ``target_ids (B, T)``, which begin with ``start``, and ``target_mask (B, T)``, in a list or
        dictionary; a dictionary may leave out the masks. A dictionary comes out: ``logits (B, T, V)``, at t of the
        token after ``target_ids[t]``; without a head ``last_hidden_state (B, T, D)`` and ``encoder_last_hidden_state
        (B, S, D)``; with ``hidden_states`` also ``encoder_hidden_states`` and ``decoder_hidden_states``, tuples with
        one tensor more than there are blocks, the last one normalised, as in transformers.

    Raises:
        ShapeError: There are more tokens than learned positions.
        UsageError: An input has an unknown name or is missing.
    """

    learned_positions = False

    def __init__(self, config: Any, **kwargs: Any):
        super().__init__(config, **kwargs)
        own: dict[str, Any] = {"dtype": self.dtype_policy}
        self.token_embedding = self.table(config.vocabulary, "token_embedding")
        self.source_embedding = None if config.shared else self.table(config.source_tokens, "source_embedding")
        self.drop = keras.layers.Dropout(config.dropout, name="drop", **own)
        source, details = config.source_sizes(), self.block_details()
        self.source_blocks = [
            SourceBlock(source["heads"], hidden=source["hidden"], name=f"source_block{index}", **details, **own)
            for index in range(source["depth"])
        ]
        self.blocks = [
            TargetBlock(config.heads, hidden=config.hidden, name=f"block{index}", **details, **own)
            for index in range(config.depth)
        ]
        self.source_norm, self.final_norm = (
            self.normalization(name, kind=details.get("norm", "layer"), bias=details.get("bias", True))
            if details["norm_first"]
            else None
            for name in ("source_norm", "final_norm")
        )
        self.head = (
            keras.layers.Dense(config.vocabulary, use_bias=False, kernel_initializer=self.kernels(), name="head", **own)
            if config.head and not config.tied
            else None
        )
        self.logits_bias: Any = None

    def block_details(self) -> dict[str, Any]:
        """Return the arguments that the blocks of both sides have, ``norm_first`` among them."""
        config = self.config
        return {
            "activation": config.activation,
            "norm_first": False,
            "initializer": self.kernels(),
            "dropout": config.dropout,
            "hidden_dropout": config.hidden_dropout,
            "epsilon": config.epsilon,
        }

    def kernels(self) -> Any:
        """Return how kernels begin."""
        return keras.initializers.RandomNormal(stddev=0.02)

    def tables(self) -> Any:
        """Return how embeddings begin."""
        return keras.initializers.RandomNormal(stddev=0.02)

    def table(self, count: int, name: str) -> keras.layers.Embedding:
        """Return an embedding, not built yet."""
        return keras.layers.Embedding(count, self.config.width, self.tables(), dtype=self.dtype_policy, name=name)

    def normalization(self, name: str, *, kind: str = "layer", bias: bool = True) -> keras.layers.Layer:
        """Return a normalisation, not built yet."""
        return normalization(kind, epsilon=self.config.epsilon, bias=bias, dtype=self.dtype_policy, name=name)

    def build(self, input_shape: Any = None) -> None:
        """Build the children; their sizes do not depend on the inputs."""
        tokens = (None, None, self.config.width)
        for table in (self.token_embedding, self.source_embedding):
            if table is not None:
                table.build((None, None))
        for child in (*self.source_blocks, *self.blocks, self.source_norm, self.final_norm, self.head):
            if child is not None:
                child.build(tokens)

    def build_logits_bias(self) -> None:
        """Add what is added to the logits, where there are any: numbers that come from a file and are not learned."""
        if self.config.head:
            self.logits_bias = self.add_weight(
                shape=(self.config.vocabulary,), initializer="zeros", trainable=False, name="logits_bias"
            )

    @property
    def source_table(self) -> keras.layers.Embedding:
        """The embedding of what is read."""
        return self.token_embedding if self.source_embedding is None else self.source_embedding

    def embedded(self, table: Any, ids: Any) -> Any:
        """Return rows of a table, times the root of the width where the config has ``scaled``."""
        return table(ids) * self.config.width**0.5 if self.config.scaled else table(ids)

    def embed_source(self, ids: Any, training: bool | None = None) -> Any:
        """Return the vectors that go into the encoder: ``(B, S) -> (B, S, D)``."""
        raise NotImplementedError

    def embed_target(self, ids: Any, positions: Any, training: bool | None = None) -> Any:
        """Return the vectors that go into the decoder: ``(B, T)`` and ``(B, T)`` or ``(T,) -> (B, T, D)``."""
        raise NotImplementedError

    def source_bias(self, length: Any) -> Any:
        """Return what the encoder's blocks add to the scores of pairs of tokens: ``(1, heads, S, S)`` or None."""
        return None

    def target_bias(self, start: Any, tokens: Any, places: Any) -> Any:
        """Return what the decoder's blocks add to the scores: ``(1, heads, T, C)`` or None.

        Args:
            start: Place of the first token.
            tokens: How many tokens.
            places: How many places they may look at.
        """
        return None

    def finish(self, x: Any, norm: Any, training: bool | None = None) -> Any:
        """Return what a stack of blocks gives: ``(B, T, D)``."""
        return x if norm is None else norm(x)

    def logits(self, x: Any) -> Any:
        """Return the logits of the next token: ``(B, T, D) -> (B, T, V)``."""
        if self.head is not None:
            logits = self.head(x)
        else:
            logits = ops.matmul(x, ops.transpose(ops.cast(self.token_embedding.embeddings, x.dtype)))
        return logits if self.logits_bias is None else logits + ops.cast(self.logits_bias, logits.dtype)

    def input_tensors(self, input_shape: Sequence[int] | None = None) -> Any:
        """Return Keras tensors like those that the model is called with, to follow a call without numbers.

        Args:
            input_shape: The number of tokens on both sides, ``(T,)``.

        Raises:
            UsageError: None is given.
        """
        if input_shape is None:
            raise UsageError(f"{self.name}: takes texts of any length. Give a number of tokens, such as 20.")
        shape = (None, *input_shape)
        return {name: keras.KerasTensor(shape, "int32", name=name) for name in INPUTS[:3]}

    def call(self, inputs: Any, training: bool | None = None) -> dict[str, Any]:
        """Return logits, or the last hidden states, by name."""
        source, source_mask, target, target_mask = self._named(inputs)
        for ids in (source, target):
            self.check_length(ids.shape[1])
        context, source_states = self._read(source, source_mask, training)
        states = self._write(context, source_mask, target, target_mask, training)
        x = self.finish(states[-1], self.final_norm, training)
        outputs = (
            {"logits": self.logits(x)}
            if self.config.head
            else {"last_hidden_state": x, "encoder_last_hidden_state": context}
        )
        if self.config.hidden_states:
            outputs["encoder_hidden_states"] = (*source_states[:-1], context)
            outputs["decoder_hidden_states"] = (*states[:-1], x)
        return outputs

    def _read(self, ids: Any, mask: Any, training: bool | None = None) -> tuple[Any, list[Any]]:
        """Return what the encoder gives, and what goes into its first block and comes out of each."""
        states = [self.embed_source(ids, training)]
        bias = self.source_bias(ops.shape(ids)[1])
        for block in self.source_blocks:
            states.append(block(states[-1], mask=mask, bias=bias, training=training))
        return self.finish(states[-1], self.source_norm, training), states

    def _write(self, context: Any, source_mask: Any, ids: Any, mask: Any, training: bool | None = None) -> list[Any]:
        """Return what goes into the decoder's first block and comes out of each."""
        length = ops.shape(ids)[1]
        states = [self.embed_target(ids, ops.arange(length, dtype="int32"), training)]
        bias = self.target_bias(0, length, length)
        for block in self.blocks:
            states.append(block(states[-1], context, mask=mask, context_mask=source_mask, bias=bias, training=training))
        return states

    def attention_weights(self, inputs: Any, block: int = -1) -> Any:
        """Return what each token of the target looks at in the source: ``(B, T, S)``, float32, rows that sum to 1.

        Args:
            inputs: As the model is called with.
            block: Number of the decoder's block; the mean over its heads comes out.
        """
        source, source_mask, target, target_mask = self._named(inputs)
        context, _ = self._read(source, source_mask)
        x = self._write(context, source_mask, target, target_mask)[:-1][block]
        length = ops.shape(target)[1]
        weights = self.blocks[block].attention_weights(
            x, context, mask=target_mask, context_mask=source_mask, bias=self.target_bias(0, length, length)
        )
        return ops.mean(weights, axis=1)

    def read_source(self, source_ids: Any, source_mask: Any = None, length: int | None = None) -> dict[str, Any]:
        """Read texts, and return the cache that ``advance`` begins with.

        Args:
            source_ids: ``(B, S)``.
            source_mask: ``(B, S)``, true where there is a token; None for everywhere.
            length: Tokens that will be written, with that which begins them; None for ``config.positions``.

        Returns:
            ``memory``, the keys and values of the source for each block, with its mask, which are the same for all
            steps; and ``state``, empty keys and values of what will be written.
        """
        if source_mask is None:
            source_mask = ops.ones_like(source_ids, "bool")
        mask = ops.cast(source_mask, "bool")
        context, _ = self._read(source_ids, mask)
        batch, places = ops.shape(source_ids)[0], length or self.config.positions
        return {
            "memory": {"parts": [block.remember(context) for block in self.blocks], "mask": mask},
            "state": [block.empty_cache(batch, places) for block in self.blocks],
        }

    def advance(
        self, ids: Any, cache: dict[str, Any], start: Any = 0, mask: Any = None, positions: Any = None
    ) -> tuple[Any, dict[str, Any]]:
        """Read tokens of what is written, and return the logits of the token after them.

        Args:
            ids: ``(B, T)``, the first of all being ``start`` of the config.
            cache: Of ``read_source`` or an earlier call.
            start: Place of the first of these tokens in the cache, a scalar.
            mask: ``(B, C)``, C the length of the cache: true where a place holds a token that may be seen; None for
                all up to each token.
            positions: ``(B, T)``; None for the places.

        Returns:
            Logits ``(B, V)`` in float32, and the cache.
        """
        memory, length = cache["memory"], ops.shape(ids)[1]
        if positions is None:
            positions = start + ops.arange(length, dtype="int32")
        x = self.embed_target(ids, positions, training=False)
        bias = self.target_bias(start, length, cache["state"][0][0].shape[2])
        kept = []
        for block, part, one in zip(self.blocks, memory["parts"], cache["state"], strict=True):
            x, one = block(
                x, memory=part, mask=mask, context_mask=memory["mask"], bias=bias, cache=one, start=start,
                training=False,
            )  # fmt: skip
            kept.append(one)
        logits = self.logits(self.finish(x[:, -1:], self.final_norm, training=False))
        return ops.cast(logits[:, 0], "float32"), {"memory": memory, "state": kept}

    def check_length(self, length: int | None) -> None:
        """Refuse texts that are longer than there are learned positions.

        Args:
            length: Tokens; None where that is not known.

        Raises:
            ShapeError: There are more.
        """
        if self.learned_positions and length is not None and length > self.config.positions:
            raise ShapeError(f"{self.name}: at most {self.config.positions} tokens. Received {length}.")

    def _named(self, inputs: Any) -> tuple[Any, Any, Any, Any]:
        source, source_mask, target, target_mask = named_inputs(self.name, inputs, INPUTS)
        if target is None:
            raise UsageError(f"{self.name} takes {', '.join(INPUTS)}. Received no target_ids.")
        masks = (None if mask is None else ops.cast(mask, "bool") for mask in (source_mask, target_mask))
        source_mask, target_mask = masks
        return source, source_mask, target, target_mask

    def compute_output_shape(self, input_shape: Any) -> dict[str, Any]:
        """Return the shapes by name."""
        named = isinstance(input_shape, Mapping)
        source = input_shape["source_ids"] if named else input_shape[0]
        target = input_shape["target_ids"] if named else input_shape[2]
        config = self.config
        read, written = (*source, config.width), (*target, config.width)
        shapes: dict[str, Any] = (
            {"logits": (*target, config.vocabulary)}
            if config.head
            else {"last_hidden_state": written, "encoder_last_hidden_state": read}
        )
        if config.hidden_states:
            shapes["encoder_hidden_states"] = (read,) * (1 + len(self.source_blocks))
            shapes["decoder_hidden_states"] = (written,) * (1 + config.depth)
        return shapes
