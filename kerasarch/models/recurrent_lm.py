"""Recurrent language models: RNN, LSTM and GRU over tokens.

Papers: Mikolov et al., 2010, "Recurrent neural network based language model"; Zaremba et al., 2014
(https://arxiv.org/abs/1409.2329), for dropout between the layers alone. There are no public weights: they are trained
here, by the recipe ``char-lm``.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any

import keras

from kerasarch.layers.recurrent_stack import Kind, RecurrentStack
from kerasarch.models.configured import as_config
from kerasarch.models.family import choose
from kerasarch.models.state_space_lm import StateSpaceLanguageModel


@dataclasses.dataclass(frozen=True)
class RecurrentLMConfig:
    """Sizes and details.

    Attributes:
        vocabulary: Tokens.
        kind: ``"rnn"``, ``"lstm"`` or ``"gru"``.
        width: Channels of a token, and units of each layer.
        depth: Layers.
        dropout: Rate in training, behind the embedding and behind each layer.
        tied: Whether the embedding is the head too.
        head: Whether there are logits.
        start: Number of the token at the start of a text.
        end: Number of the token at its end.
        hidden_states: Whether the outputs hold what comes out of each layer.
        positions: Length of a text where a model is followed without numbers; bounds nothing.
    """

    vocabulary: int = 256
    kind: Kind = "lstm"
    width: int = 512
    depth: int = 2
    dropout: float = 0.0
    tied: bool = False
    head: bool = True
    start: int | None = None
    end: int | None = None
    hidden_states: bool = False
    positions: int = 128


# Over bytes
VARIANTS = {
    "rnn_lm": RecurrentLMConfig(kind="rnn"),
    "lstm_lm": RecurrentLMConfig(),
    "gru_lm": RecurrentLMConfig(kind="gru"),
}


@keras.saving.register_keras_serializable(package="kerasarch")
class RecurrentLM(StateSpaceLanguageModel):
    """Token numbers to the logits of the next token.

    ``h_t = cell(token_t, h_{t-1})`` in each layer, ``logits_t = W h_t``: Mikolov et al., 2010, section 2, with the cell
    of the config. A text is read from a state of zeros.

    Args:
        config: The config, or its fields as a dictionary.
        **kwargs: Passed to ``keras.Model``.

    Shapes:
        As [`StateSpaceLanguageModel`][kerasarch.models.StateSpaceLanguageModel].
    """

    family = "recurrent_lm"
    # As wide as what a layer gives; smaller ones leave the states near zero for hundreds of steps
    embedding_deviation = 0.5

    def __init__(self, config: RecurrentLMConfig | dict[str, Any], **kwargs: Any):
        config = as_config(RecurrentLMConfig, config)
        super().__init__(config, **kwargs)
        own: dict[str, Any] = {"dtype": self.dtype_policy}
        self.drop = keras.layers.Dropout(config.dropout, name="drop", **own)
        self.blocks = [
            RecurrentStack(config.width, kind=config.kind, return_states=True, name=f"block{index}", **own)
            for index in range(config.depth)
        ]
        self.final_norm = keras.layers.Identity(name="final_norm", **own)

    def through(self, block: Any, x: Any, *, mask: Any, positions: Any, training: bool | None, **cached: Any) -> Any:
        """Return what a layer makes of vectors; with ``cache`` a pair of that and the last state."""
        first = cached.get("cache")
        x, states = block(self.drop(x, training=training), mask=mask, initial_state=first, training=training)
        return x if first is None else (x, states)

    def reported(self, states: Sequence[Any], last: Any) -> tuple[Any, ...]:
        """Return the embedding and what came out of each layer."""
        return tuple(states)

    def empty_cache(self, batch: int, length: int) -> list[Any]:
        """Return the states before the first token, for so many sequences of any length."""
        return [block.first_states(batch) for block in self.blocks]


def recurrent_lm(
    variant: str | RecurrentLMConfig = "lstm_lm", *, name: str = "recurrent_lm", dtype: Any = None, **overrides: Any
) -> RecurrentLM:
    """Build a recurrent language model with fresh weights.

    Args:
        variant: A name in the table, or a config.
        name: Name of the model.
        dtype: Dtype policy; None for the global one.
        **overrides: Fields of the config to replace.

    Raises:
        UsageError: No such variant or field.
    """
    model = RecurrentLM(choose(VARIANTS, variant, overrides), name=name, dtype=dtype)
    model.build()
    return model
