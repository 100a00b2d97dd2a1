"""Translation by recurrent networks: an encoder, and a decoder that looks back at what it read.

Papers: Bahdanau, Cho & Bengio, 2015, "Neural Machine Translation by Jointly Learning to Align and Translate"
(https://arxiv.org/abs/1409.0473); Luong, Pham & Manning, 2015, "Effective Approaches to Attention-based Neural Machine
Translation" (https://arxiv.org/abs/1508.04025); scheduled sampling: Bengio et al., 2015
(https://arxiv.org/abs/1506.03099).

Where we differ: the decoder's first states come from those of both directions of the encoder, layer by layer, where
Bahdanau et al. take the backward one's. There are no public checkpoints.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import keras
from keras import ops

from kerasarch.errors import UsageError
from kerasarch.layers.recurrent_stack import KINDS, RecurrentStack
from kerasarch.models.configured import ConfiguredModel, as_config
from kerasarch.models.family import choose
from kerasarch.models.named_inputs import named_inputs
from kerasarch.models.sampling_schedule import SamplingSchedule
from kerasarch.models.seq2seq_parts import AttentionDecoder, BahdanauDecoder, FeedingLuongDecoder, LuongDecoder, steps

ATTENTIONS = ("bahdanau", "dot", "general", "concat")
INPUTS = ("source_ids", "source_mask", "target_ids")


@dataclasses.dataclass(frozen=True)
class RecurrentTranslatorConfig:
    """Sizes and details.

    Attributes:
        source_vocabulary: Tokens of the language that is read.
        target_vocabulary: Tokens of the language that is written.
        embedding: Channels of a token.
        width: Units of the decoder's layers.
        encoder_width: Units of the encoder's, in each direction; None for what makes its outputs as wide as ``width``.
        depth: Layers of both.
        kind: ``"gru"``, ``"lstm"`` or ``"rnn"``.
        bidirectional: Whether the encoder reads backwards too.
        attention: ``"bahdanau"``, or a score of Luong's: ``"dot"``, ``"general"``, ``"concat"``.
        input_feeding: Whether Luong's decoder reads its own vector of the step before.
        readout: Units of Bahdanau's maxout layer; None for half of ``width``.
        dropout: Rate of the embeddings, between layers and before the head.
        sampling: How often the decoder reads its own tokens in training; None for teacher forcing.
        seed: Of the draws of ``sampling``.
        start: Number of the token that a translation begins with.
        end: Number of the token that ends it.
        padding: Number of the token that fills up a batch.
    """

    source_vocabulary: int = 10000
    target_vocabulary: int = 10000
    embedding: int = 256
    width: int = 512
    encoder_width: int | None = None
    depth: int = 1
    kind: Literal["gru", "lstm", "rnn"] = "gru"
    bidirectional: bool = True
    attention: Literal["bahdanau", "dot", "general", "concat"] = "bahdanau"
    input_feeding: bool = False
    readout: int | None = None
    dropout: float = 0.0
    sampling: SamplingSchedule | None = None
    seed: int = 0
    start: int = 1
    end: int = 2
    padding: int = 0

    def __post_init__(self) -> None:
        """Check the values."""
        if isinstance(self.sampling, Mapping):
            object.__setattr__(self, "sampling", SamplingSchedule(**self.sampling))
        sizes = (self.source_vocabulary, self.target_vocabulary, self.embedding, self.width, self.depth)
        if min(sizes) < 1 or self.kind not in KINDS or self.attention not in ATTENTIONS:
            raise UsageError(
                f"kind must be one of {', '.join(KINDS)}, attention one of {', '.join(ATTENTIONS)}, sizes 1 or more. "
                f"Received kind={self.kind!r}, attention={self.attention!r}, sizes {sizes}."
            )
        if self.input_feeding and self.attention == "bahdanau":
            raise UsageError("Bahdanau's decoder reads the context at each step: input_feeding is for Luong's scores.")

    @property
    def vocabulary(self) -> int:
        """Tokens that are written."""
        return self.target_vocabulary

    @property
    def encoder_units(self) -> int:
        """Units of the encoder in each direction."""
        return self.encoder_width or self.width // (2 if self.bidirectional else 1)


VARIANTS = {
    "translator": RecurrentTranslatorConfig(),
    # Bahdanau et al., 2015, section 4.2 and appendix A.2
    "rnnsearch": RecurrentTranslatorConfig(30000, 30000, 620, 1000, encoder_width=1000, readout=500),
    # Luong et al., 2015, section 4.1
    "luong": RecurrentTranslatorConfig(
        50000,
        50000,
        1000,
        1000,
        depth=4,
        kind="lstm",
        bidirectional=False,
        attention="general",
        input_feeding=True,
        dropout=0.2,
    ),
}


@keras.saving.register_keras_serializable(package="kerasarch")
class RecurrentTranslator(ConfiguredModel):
    """Tokens of one language, and those of a translation so far, to the logits of its next token.

    ``p(y_i | y_1, ..., y_{i-1}, x) = softmax(W t_i)``, t of the decoder: Bahdanau et al., 2015, eq. 4; Luong et al.,
    2015, eq. 6. With ``sampling``, a decoder in training reads some tokens that were drawn from its own distribution of
    the step before, more of them with each batch.

    Args:
        config: The config, or its fields as a dictionary.
        **kwargs: Passed to ``keras.Model``.

    Shapes:
        B batch, S and T tokens, V vocabulary: ``source_ids (B, S)``, ``source_mask (B, S)`` (1 where there is a token)
        and ``target_ids (B, T)``, which begin with ``start``, in a list or dictionary; a dictionary may leave out the
        mask. A dictionary comes out: ``logits (B, T, V)``, at t of the token after ``target_ids[t]``.

    Raises:
        UsageError: An input has an unknown name or is missing.
    """

    family = "seq2seq_rnn"

    def __init__(self, config: RecurrentTranslatorConfig | dict[str, Any], **kwargs: Any):
        config = as_config(RecurrentTranslatorConfig, config)
        super().__init__(config, **kwargs)
        own: dict[str, Any] = {"dtype": self.dtype_policy}
        layers: dict[str, Any] = {"kind": config.kind, "depth": config.depth, "dropout": config.dropout, **own}
        self.source_embedding = self._embedding(config.source_vocabulary, "source_embedding")
        self.target_embedding = self._embedding(config.target_vocabulary, "target_embedding")
        self.drop = keras.layers.Dropout(config.dropout, name="drop", **own)
        self.encoder = RecurrentStack(
            config.encoder_units, bidirectional=config.bidirectional, return_states=True, name="encoder", **layers
        )
        self.decoder = _decoder(config, layers)
        joined = config.bidirectional or self.encoder.width != config.width
        # h is between -1 and 1, the memory of an LSTM is not
        self.bridges = [
            keras.layers.Dense(config.width, None if memory else "tanh", name=f"bridge{layer}_{memory}", **own)
            for layer in range(config.depth if joined else 0)
            for memory in range(self.decoder.stack.states)
        ]
        self.head = keras.layers.Dense(config.target_vocabulary, name="head", **own)
        self.draws = keras.random.SeedGenerator(config.seed, name="draws") if config.sampling else None
        self.batches: Any = None

    def _embedding(self, count: int, name: str) -> keras.layers.Embedding:
        start = keras.initializers.RandomNormal(stddev=0.1)
        return keras.layers.Embedding(count, self.config.embedding, start, dtype=self.dtype_policy, name=name)

    def build(self, input_shape: Any = None) -> None:
        """Build the children; their sizes do not depend on the inputs."""
        shape = (None, None, self.config.embedding)
        self.source_embedding.build((None, None))
        self.target_embedding.build((None, None))
        self.encoder.build(shape)
        self.decoder.build(shape, (None, None, self.encoder.width))
        for bridge in self.bridges:
            bridge.build((None, self.encoder.width))
        self.head.build((None, None, self.decoder.width))
        if self.config.sampling:
            self.batches = self.add_weight(
                shape=(), initializer="zeros", dtype="int32", trainable=False, name="sampling_batches"
            )

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
        return {name: keras.KerasTensor(shape, "int32", name=name) for name in INPUTS}

    def call(self, inputs: Any, training: bool | None = None) -> dict[str, Any]:
        """Return the logits by name."""
        source, mask, target = self._named(inputs)
        memory, state = self._begin(source, mask, training)
        if training and self.config.sampling:
            return {"logits": self._sampled(target, memory, state, training)}
        x = self.drop(self.target_embedding(target), training=training)
        vectors, _, _ = self.decoder.unroll(x, state, memory, training)
        return {"logits": self.head(self.drop(vectors, training=training))}

    def attention_weights(self, inputs: Any) -> Any:
        """Return what each token of the translation looks at: ``(B, T, S)``, float32, rows that sum to 1."""
        source, mask, target = self._named(inputs)
        memory, state = self._begin(source, mask)
        return self.decoder.unroll(self.target_embedding(target), state, memory)[1]

    def read_source(self, source_ids: Any, source_mask: Any = None, length: int | None = None) -> dict[str, Any]:
        """Read texts, and return the cache that ``advance`` begins with.

        Args:
            source_ids: ``(B, S)``.
            source_mask: ``(B, S)``, true where there is a token; None for everywhere.
            length: Tokens that will be written. A recurrent state has one size for any.

        Returns:
            ``memory``, which is the same for all steps, and ``state``.
        """
        memory, state = self._begin(source_ids, source_mask)
        return {"memory": memory, "state": state}

    def advance(
        self, ids: Any, cache: dict[str, Any], start: Any = None, mask: Any = None, positions: Any = None
    ) -> tuple[Any, dict[str, Any]]:
        """Read tokens of the translation, and return the logits of the token after them.

        Args:
            ids: ``(B, T)``, the first of all being ``start``.
            cache: Of ``read_source`` or an earlier call.
            start: As for `CausalLanguageModel.advance`; a recurrent network counts for itself.
            mask: As there.
            positions: As there.

        Returns:
            Logits ``(B, V)`` in float32, and the cache.
        """
        memory, state = cache["memory"], cache["state"]
        x = self.target_embedding(ids)
        if x.shape[1] == 1:
            state = self.decoder.move(x[:, 0], state, memory)
            vector = self.decoder.vectors(x[:, 0], state)
        else:
            vectors, _, state = self.decoder.unroll(x, state, memory)
            vector = vectors[:, -1]
        return ops.cast(self.head(vector), "float32"), {"memory": memory, "state": state}

    def _begin(self, source: Any, mask: Any, training: bool | None = None) -> tuple[Any, Any]:
        """Read the source: the decoder's memory and its state before the first step."""
        mask = None if mask is None else ops.cast(mask, "bool")
        x = self.drop(self.source_embedding(source), training=training)
        context, last = self.encoder(x, mask=mask, training=training)
        states = self._bridged(last) if self.bridges else last
        memory = self.decoder.memory(context, mask)
        return memory, self.decoder.begin(states, memory)

    def _bridged(self, last: Any) -> list[list[Any]]:
        """Return the decoder's first states: the encoder's of both directions, joined layer by layer."""
        kinds = self.decoder.stack.states  # h, with an LSTM also c; the encoder has them forwards, then backwards
        bridges = iter(self.bridges)
        return [
            [next(bridges)(ops.concatenate(layer[kind::kinds], axis=-1)) for kind in range(kinds)] for layer in last
        ]

    def _sampled(self, target: Any, memory: Any, state: Any, training: bool | None) -> Any:
        """Return the logits of steps that read some tokens of their own: Bengio et al., 2015, figure 1."""
        shape = ops.shape(target)
        share = self.config.sampling.share(self.batches)
        self.batches.assign_add(1)
        right = keras.random.uniform(shape, seed=self.draws) < share
        first = ops.arange(shape[1], dtype="int32") == 0
        right = ops.logical_or(right, first[None])  # there is nothing to draw from before the first token
        uniform = keras.random.uniform(shape, seed=self.draws)
        drops = self.decoder.stack.drawn_drops(target, training)
        # One draw a sequence, as that of the layers: a step of the loop may not draw
        x_drop = self.drop(ops.ones((shape[0], self.config.embedding), self.compute_dtype), training=training)
        drop = self.drop(ops.ones((shape[0], self.decoder.width), self.compute_dtype), training=training)

        def move(state: Any, inputs: Any) -> Any:
            token, right, uniform = inputs
            token = ops.where(right, token, drawn_token(state["logits"], uniform))
            x = self.target_embedding(token) * x_drop
            after = self.decoder.move(x, state["decoder"], memory, drops)
            logits = self.head(self.decoder.vectors(x, after) * drop)
            return {"decoder": after, "logits": logits}

        before = ops.zeros((shape[0], self.config.target_vocabulary), self.compute_dtype)
        inputs = tuple(ops.transpose(part) for part in (ops.cast(target, "int32"), right, uniform))
        _, all_of_them = steps(move, {"decoder": state, "logits": before}, inputs)
        return all_of_them["logits"]

    def _named(self, inputs: Any) -> tuple[Any, Any, Any]:
        source, mask, target = named_inputs(self.name, inputs, INPUTS)
        if target is None:
            raise UsageError(f"{self.name} takes {', '.join(INPUTS)}. Received no target_ids.")
        return source, mask, target

    def compute_output_shape(self, input_shape: Any) -> dict[str, Any]:
        """Return the shapes by name."""
        target = input_shape["target_ids"] if isinstance(input_shape, Mapping) else input_shape[2]
        return {"logits": (*target, self.config.target_vocabulary)}


def drawn_token(logits: Any, uniform: Any) -> Any:
    """Return a token drawn from logits, without a gradient: ``(B, V)``, ``(B,)`` -> ``(B,)``, int32."""
    shares = ops.softmax(ops.cast(ops.stop_gradient(logits), "float32"), axis=-1)
    below = ops.cast(ops.cumsum(shares, axis=-1) <= uniform[:, None], "int32")
    return ops.minimum(ops.sum(below, axis=-1), logits.shape[-1] - 1)


def _decoder(config: RecurrentTranslatorConfig, layers: dict[str, Any]) -> AttentionDecoder:
    if config.attention == "bahdanau":
        readout = config.readout or max(1, config.width // 2)
        return BahdanauDecoder(config.width, width=readout, hidden=config.width, name="decoder", **layers)
    kind = FeedingLuongDecoder if config.input_feeding else LuongDecoder
    return kind(config.width, score=config.attention, name="decoder", **layers)


def seq2seq_rnn(
    variant: str | RecurrentTranslatorConfig = "translator",
    *,
    name: str = "seq2seq_rnn",
    dtype: Any = None,
    **overrides: Any,
) -> RecurrentTranslator:
    """Build a RecurrentTranslator with fresh weights.

    Args:
        variant: A name in the table, or a config.
        name: Name of the model.
        dtype: Dtype policy; None for the global one.
        **overrides: Fields of the config to replace.

    Raises:
        UsageError: No such variant or field.
    """
    model = RecurrentTranslator(choose(VARIANTS, variant, overrides), name=name, dtype=dtype)
    model.build()
    return model
