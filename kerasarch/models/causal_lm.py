"""What all decoder-only language models share: inputs by name, positions, the cache and the step of decoding."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from kerasarch.errors import ShapeError
from kerasarch.models.configured import ConfiguredModel
from kerasarch.models.named_inputs import named_inputs, shape_of_first

INPUTS = ("input_ids", "attention_mask", "position_ids", "segment_ids")


class CausalLanguageModel(ConfiguredModel):
    """A stack of causal blocks over tokens; families give it ``blocks`` and ``final_norm``.

    Args:
        config: The family's config; it has ``vocabulary``, ``positions``, ``width``, ``depth``, ``tied``, ``head``
            (whether there are logits) and ``hidden_states``.
        **kwargs: Passed to ``keras.Model``.

    Shapes:
        B batch, T tokens, V vocabulary, D width: ``input_ids (B, T)``, alone, or with ``attention_mask (B, T)`` (1
        where a token may be seen), ``position_ids (B, T)`` and ``segment_ids (B, T)`` (numbers of the texts that share
        a row, and do not see each other) in a list or dictionary. A dictionary comes out: ``logits (B, T, V)``, or
        ``last_hidden_state (B, T, D)`` without a head; with ``hidden_states`` a tuple of ``depth + 1`` tensors
        ``(B, T, D)``, the last one normalised, as in transformers.

    Raises:
        ShapeError: There are more tokens than learned positions.
        UsageError: An input has an unknown name.
    """

    blocks: Sequence[Any]
    final_norm: keras.layers.Layer
    input_names: Sequence[str] = INPUTS
    learned_positions = False
    forgets = True  # whether reading may begin anew at an earlier place of the cache
    embedding_deviation = 0.02

    def __init__(self, config: Any, **kwargs: Any):
        super().__init__(config, **kwargs)
        start = keras.initializers.RandomNormal(stddev=0.02)
        own: dict[str, Any] = {"dtype": self.dtype_policy}
        self.token_embedding = keras.layers.Embedding(
            config.vocabulary,
            config.width,
            keras.initializers.RandomNormal(stddev=self.embedding_deviation),
            name="token_embedding",
            **own,
        )
        self.head = None
        if config.head and not config.tied:
            self.head = keras.layers.Dense(
                config.vocabulary, use_bias=False, kernel_initializer=start, name="head", **own
            )

    def build(self, input_shape: Any = None) -> None:
        """Build the children; their sizes do not depend on the inputs."""
        self.token_embedding.build((None, None))
        for child in (*self.blocks, self.final_norm, self.head):
            if child is not None:
                child.build((None, None, self.config.width))

    def embed(self, ids: Any, positions: Any, training: bool | None = None) -> Any:
        """Return the vectors that go into the first block.

        Args:
            ids: ``(B, T)``.
            positions: ``(B, T)`` or ``(T,)``.
            training: Whether there is dropout.

        Returns:
            ``(B, T, D)``.
        """
        return self.token_embedding(ids)

    def logits(self, x: Any) -> Any:
        """Return the logits of the next token: ``(B, T, D) -> (B, T, V)``."""
        if self.head is not None:
            return self.head(x)
        return ops.matmul(x, ops.transpose(ops.cast(self.token_embedding.embeddings, x.dtype)))

    def input_tensors(self, input_shape: Sequence[int] | None = None) -> Any:
        """Return a Keras tensor like that which the model is called with, to follow a call without numbers.

        Args:
            input_shape: The number of tokens alone, ``(T,)``; None for as many as there are positions.
        """
        return keras.KerasTensor((None, *(input_shape or (self.config.positions,))), "int32", name="input_ids")

    def call(self, inputs: Any, training: bool | None = None) -> dict[str, Any]:  # (B, T), or up to four of them
        """Return logits, or the last hidden state, by name."""
        given: dict[str, Any] = dict.fromkeys(INPUTS)
        given |= zip(self.input_names, named_inputs(self.name, inputs, self.input_names), strict=True)
        ids, mask, positions, segments = given.values()
        self.check_length(ids.shape[1])
        if segments is not None:
            mask = within_segments(segments, mask)
        if positions is None:
            positions = ops.arange(ops.shape(ids)[1], dtype="int32")
        x = self.embed(ids, positions, training)
        states = [x]
        for block in self.blocks:
            x = self.through(block, x, mask=mask, positions=positions, training=training)
            states.append(x)
        x = self.final_norm(x)
        outputs = {"logits": self.logits(x)} if self.config.head else {"last_hidden_state": x}
        return {**outputs, "hidden_states": self.reported(states, x)} if self.config.hidden_states else outputs

    def through(self, block: Any, x: Any, *, mask: Any, positions: Any, training: bool | None, **cached: Any) -> Any:
        """Return what a block makes of vectors; with ``cache`` and ``start`` a pair of that and the cache."""
        return block(x, mask=mask, positions=positions, training=training, **cached)

    def reported(self, states: Sequence[Any], last: Any) -> tuple[Any, ...]:
        """Return the hidden states that are put out, given those around the blocks and the last one normalised."""
        return (*states[:-1], last)

    def empty_cache(self, batch: int, length: int) -> list[Any]:
        """Return what decoding remembers, still empty, for so many sequences and tokens, padding among them."""
        return [block.empty_cache(batch, length) for block in self.blocks]

    def advance(self, ids: Any, cache: list[Any], start: Any, mask: Any, positions: Any) -> tuple[Any, list[Any]]:
        """Read tokens that follow those in the cache, and return the logits of the token after them.

        Args:
            ids: ``(B, T)``.
            cache: Of ``empty_cache`` or an earlier call.
            start: Place of the first of these tokens in the cache, a scalar, or ``(B,)``. What the cache holds from
                there on is forgotten.
            mask: ``(B, S)``, S the length of the cache: true where a place holds a token that may be seen.
            positions: ``(B, T)``.

        Returns:
            Logits ``(B, V)`` in float32, and the cache.
        """
        x, kept = self._remembered(ids, cache, start, mask, positions)
        logits = self.logits(self.final_norm(x[:, -1:]))
        return ops.cast(logits[:, 0], "float32"), kept

    def score(self, ids: Any, cache: list[Any], start: Any, mask: Any, positions: Any) -> tuple[Any, list[Any]]:
        """Read tokens as `advance` does, and return the logits of the token after each: ``(B, T, V)``, float32."""
        x, kept = self._remembered(ids, cache, start, mask, positions)
        return ops.cast(self.logits(self.final_norm(x)), "float32"), kept

    def _remembered(self, ids: Any, cache: list[Any], start: Any, mask: Any, positions: Any) -> tuple[Any, list[Any]]:
        x = self.embed(ids, positions, training=False)
        kept = []
        for block, one in zip(self.blocks, cache, strict=True):
            x, one = self.through(block, x, mask=mask, positions=positions, training=False, cache=one, start=start)
            kept.append(one)
        return x, kept

    def check_length(self, length: int | None) -> None:
        """Refuse texts that are longer than there are learned positions.

        Args:
            length: Tokens; None where that is not known.

        Raises:
            ShapeError: There are more.
        """
        if self.learned_positions and length is not None and length > self.config.positions:
            raise ShapeError(f"{self.name}: at most {self.config.positions} tokens. Received {length}.")

    def compute_output_shape(self, input_shape: Any) -> dict[str, Any]:
        """Return the shapes by name."""
        input_shape, config = shape_of_first(input_shape, INPUTS[0]), self.config
        state = (*input_shape, config.width)
        shapes: dict[str, Any] = (
            {"logits": (*input_shape, config.vocabulary)} if config.head else {"last_hidden_state": state}
        )
        return {**shapes, "hidden_states": (state,) * (config.depth + 1)} if config.hidden_states else shapes


def within_segments(segments: Any, mask: Any = None) -> Any:
    """Return which tokens each may see where texts share rows: ``(B, T, T)``, true within a text.

    Args:
        segments: Number of the text of each token, ``(B, T)``.
        mask: True where a token may be seen, ``(B, T)``, or None.
    """
    same = ops.equal(segments[:, :, None], segments[:, None, :])
    return same if mask is None else ops.logical_and(same, ops.cast(mask, "bool")[:, None, :])
