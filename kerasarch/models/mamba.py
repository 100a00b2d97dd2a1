"""Mamba: selective state-space blocks in place of attention and feed-forward networks.

Paper: Gu and Dao, 2023, "Mamba: Linear-Time Sequence Modeling with Selective State Spaces"
(https://arxiv.org/abs/2312.00752). Weights: folders of transformers, see ``kerasarch.weights``.
"""

import dataclasses
from typing import Any

import keras

from kerasarch.layers.decoder_block import normalization
from kerasarch.layers.mamba_mixer import MambaMixer
from kerasarch.layers.state_space_block import StateSpaceBlock
from kerasarch.models.configured import as_config
from kerasarch.models.family import choose
from kerasarch.models.state_space_lm import StateSpaceLanguageModel


@dataclasses.dataclass(frozen=True)
class MambaConfig:
    """Sizes and details, with transformers' defaults.

    Attributes:
        vocabulary: Tokens (``vocab_size``).
        positions: Tokens of a text in training; nothing breaks beyond it.
        width: Channels of a token (``hidden_size``).
        depth: Blocks (``num_hidden_layers``).
        expansion: Channels of a block's scan by those of a token (``expand``).
        states: States of a channel (``state_size``).
        taps: Tokens that the convolution sees (``conv_kernel``).
        rank: Width of the map to the step sizes; None for a sixteenth of the width, rounded up (``time_step_rank``).
        convolution_bias: Whether the convolution has one (``use_conv_bias``).
        bias: Whether the first and last map of a block have biases (``use_bias``).
        epsilon: Of the normalisations (``layer_norm_epsilon``).
        residual_float32: Whether blocks are added up in float32 whatever the dtype policy says (``residual_in_fp32``).
        steps: Least and largest step size of a fresh model, and what smaller ones are raised to (``time_step_min``,
            ``time_step_max``, ``time_step_floor``).
        dropout: Rate behind each block in training.
        tied: Whether the embedding is the head too (``tie_word_embeddings``).
        head: Whether there are logits: ``MambaForCausalLM``, else ``MambaModel``.
        start: Number of the token at the start of a text (``bos_token_id``).
        end: Number of the token at its end (``eos_token_id``), or several of them.
        hidden_states: Whether the outputs hold what comes out of each block.
    """

    vocabulary: int = 50280
    positions: int = 2048
    width: int = 768
    depth: int = 32
    expansion: int = 2
    states: int = 16
    taps: int = 4
    rank: int | None = None
    convolution_bias: bool = True
    bias: bool = False
    epsilon: float = 1e-5
    residual_float32: bool = True
    steps: tuple[float, float, float] = (1e-3, 0.1, 1e-4)
    dropout: float = 0.0
    tied: bool = True
    head: bool = True
    start: int | None = 0
    end: int | tuple[int, ...] | None = 0
    hidden_states: bool = False


# Gu and Dao, 2023, table 12; the sizes of state-spaces/mamba-*-hf
VARIANTS = {
    "mamba_130m": MambaConfig(depth=24),
    "mamba_370m": MambaConfig(width=1024, depth=48),
    "mamba_790m": MambaConfig(width=1536, depth=48),
    "mamba_1.4b": MambaConfig(width=2048, depth=48),
    "mamba_2.8b": MambaConfig(width=2560, depth=64),
}


@keras.saving.register_keras_serializable(package="kerasarch")
class Mamba(StateSpaceLanguageModel):
    """Token numbers to the logits of the next token.

    ``h = blocks(token)``, ``logits = E norm(h)`` with the embedding E; a block is ``x + mixer(rms(x))``: Gu and Dao,
    2023, section 3.4 (https://arxiv.org/abs/2312.00752). The mixers are
    [`MambaMixer`][kerasarch.layers.MambaMixer].

    Args:
        config: The config, or its fields as a dictionary.
        **kwargs: Passed to ``keras.Model``.

    Shapes:
        As [`StateSpaceLanguageModel`][kerasarch.models.StateSpaceLanguageModel].
    """

    family = "mamba"

    def __init__(self, config: MambaConfig | dict[str, Any], **kwargs: Any):
        config = as_config(MambaConfig, config)
        super().__init__(config, **kwargs)
        own: dict[str, Any] = {"dtype": self.dtype_policy}
        self.blocks = [
            StateSpaceBlock(
                MambaMixer(
                    expansion=config.expansion,
                    states=config.states,
                    taps=config.taps,
                    rank=config.rank,
                    convolution_bias=config.convolution_bias,
                    bias=config.bias,
                    steps=config.steps,
                    branches=config.depth,
                    name="mixer",
                    **own,
                ),
                epsilon=config.epsilon,
                residual_float32=config.residual_float32,
                dropout=config.dropout,
                name=f"block{index}",
                **own,
            )
            for index in range(config.depth)
        ]
        self.final_norm = normalization("rms", epsilon=config.epsilon, name="final_norm", **own)


def mamba(
    variant: str | MambaConfig = "mamba_130m", *, name: str = "mamba", dtype: Any = None, **overrides: Any
) -> Mamba:
    """Build a Mamba with fresh weights; ``kerasarch.from_pretrained`` builds one with public weights.

    Args:
        variant: A name in the table, or a config.
        name: Name of the model.
        dtype: Dtype policy; None for the global one.
        **overrides: Fields of the config to replace.

    Raises:
        UsageError: No such variant or field.
    """
    model = Mamba(choose(VARIANTS, variant, overrides), name=name, dtype=dtype)
    model.build()
    return model
