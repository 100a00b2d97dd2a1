"""S4D: a language model of diagonal state-space blocks.

Paper: Gu et al., 2022, "On the Parameterization and Initialization of Diagonal State Space Models"
(https://arxiv.org/abs/2206.11893). There are no public weights that it loads.
"""

import dataclasses
from typing import Any

import keras

from kerasarch.layers.decoder_block import normalization
from kerasarch.layers.s4d_mixer import S4DMixer
from kerasarch.layers.state_space_block import StateSpaceBlock
from kerasarch.models.configured import as_config
from kerasarch.models.family import choose
from kerasarch.models.state_space_lm import StateSpaceLanguageModel


@dataclasses.dataclass(frozen=True)
class S4DConfig:
    """Sizes and details.

    Attributes:
        vocabulary: Tokens.
        positions: Tokens of a text in training; nothing breaks beyond it.
        width: Channels of a token.
        depth: Blocks.
        states: States of a channel.
        initial: The states' matrix at the beginning: ``"lin"``, ``"inv"`` or ``"real"``.
        discretization: ``"zoh"`` or ``"bilinear"``.
        steps: Least and largest step size at the beginning.
        norm: ``"layer"`` or ``"rms"``, before each mixer.
        epsilon: Of the normalisations.
        dropout: Rate behind each block in training.
        tied: Whether the embedding is the head too.
        head: Whether there are logits; else the last hidden state comes out.
        start: Number of the token at the start of a text.
        end: Number of the token at its end, or several of them.
        hidden_states: Whether the outputs hold what comes out of each block.
    """

    vocabulary: int = 256
    positions: int = 2048
    width: int = 256
    depth: int = 6
    states: int = 64
    initial: str = "lin"
    discretization: str = "zoh"
    steps: tuple[float, float] = (1e-3, 0.1)
    norm: str = "layer"
    epsilon: float = 1e-5
    dropout: float = 0.0
    tied: bool = False
    head: bool = True
    start: int | None = None
    end: int | tuple[int, ...] | None = None
    hidden_states: bool = False


# Over bytes
VARIANTS = {
    "s4d_small": S4DConfig(width=128, depth=4),
    "s4d": S4DConfig(),
}


@keras.saving.register_keras_serializable(package="kerasarch")
class S4D(StateSpaceLanguageModel):
    """Token numbers to the logits of the next token.

    ``h = blocks(token)``, ``logits = W norm(h)``; a block is ``x + mixer(norm(x))``: Gu et al., 2022, appendix B
    (https://arxiv.org/abs/2206.11893). The mixers are [`S4DMixer`][kerasarch.layers.S4DMixer].

    Args:
        config: The config, or its fields as a dictionary.
        **kwargs: Passed to ``keras.Model``.

    Shapes:
        As [`StateSpaceLanguageModel`][kerasarch.models.StateSpaceLanguageModel].
    """

    family = "s4d"

    def __init__(self, config: S4DConfig | dict[str, Any], **kwargs: Any):
        config = as_config(S4DConfig, config)
        super().__init__(config, **kwargs)
        own: dict[str, Any] = {"dtype": self.dtype_policy}
        settings: dict[str, Any] = {"initial": config.initial, "discretization": config.discretization}
        norm: Any = config.norm
        self.blocks = [
            StateSpaceBlock(
                S4DMixer(config.states, **settings, steps=config.steps, name="mixer", **own),
                norm=norm,
                epsilon=config.epsilon,
                dropout=config.dropout,
                name=f"block{index}",
                **own,
            )
            for index in range(config.depth)
        ]
        self.final_norm = normalization(config.norm, epsilon=config.epsilon, name="final_norm", **own)


def s4d(variant: str | S4DConfig = "s4d", *, name: str = "s4d", dtype: Any = None, **overrides: Any) -> S4D:
    """Build an S4D with fresh weights.

    Args:
        variant: A name in the table, or a config.
        name: Name of the model.
        dtype: Dtype policy; None for the global one.
        **overrides: Fields of the config to replace.

    Raises:
        UsageError: No such variant or field, or an initialisation or discretisation that is not built.
    """
    model = S4D(choose(VARIANTS, variant, overrides), name=name, dtype=dtype)
    model.build()
    return model
