"""Mamba-2: state-space blocks with one rate of forgetting a head, which matrix products compute.

Paper: Dao and Gu, 2024, "Transformers are SSMs: Generalized Models and Efficient Algorithms Through Structured State
Space Duality" (https://arxiv.org/abs/2405.21060). Weights: folders of transformers, see ``kerasarch.weights``.

Where we differ from the public code: step sizes are held within their limits in decoding too, not in training alone.
"""

import dataclasses
from typing import Any

import keras

from kerasarch.errors import ShapeError
from kerasarch.layers.decoder_block import normalization
from kerasarch.layers.mamba2_mixer import Mamba2Mixer
from kerasarch.layers.state_space_block import StateSpaceBlock
from kerasarch.models.configured import as_config
from kerasarch.models.family import choose
from kerasarch.models.state_space_lm import StateSpaceLanguageModel


@dataclasses.dataclass(frozen=True)
class Mamba2Config:
    """Sizes and details, with transformers' defaults.

    Attributes:
        vocabulary: Tokens (``vocab_size``).
        positions: Tokens of a text in training; nothing breaks beyond it.
        width: Channels of a token (``hidden_size``).
        depth: Blocks (``num_hidden_layers``).
        expansion: Channels of a block's heads by those of a token (``expand``).
        head_width: Channels of a head (``head_dim``); the heads are ``expansion * width / head_width``.
        states: States of a channel (``state_size``).
        groups: Groups of heads that share what they read and write (``n_groups``).
        taps: Tokens that the convolution sees (``conv_kernel``).
        chunk: Tokens that are computed at once (``chunk_size``); it changes nothing but time and memory.
        convolution_bias: Whether the convolution has one (``use_conv_bias``).
        bias: Whether the first and last map of a block have biases (``use_bias``).
        epsilon: Of the normalisations (``layer_norm_epsilon``).
        residual_float32: Whether blocks are added up in float32 whatever the dtype policy says (``residual_in_fp32``).
        steps: Least and largest step size of a fresh model, and what smaller ones are raised to (``time_step_min``,
            ``time_step_max``, ``time_step_floor``).
        step_limit: What step sizes are held between; None for no bound (``time_step_limit``).
        dropout: Rate behind each block in training.
        tied: Whether the embedding is the head too (``tie_word_embeddings``).
        head: Whether there are logits: ``Mamba2ForCausalLM``, else ``Mamba2Model``.
        start: Number of the token at the start of a text (``bos_token_id``).
        end: Number of the token at its end (``eos_token_id``), or several of them.
        hidden_states: Whether the outputs hold what comes out of each block.
    """

    vocabulary: int = 32768
    positions: int = 2048
    width: int = 4096
    depth: int = 64
    expansion: int = 2
    head_width: int = 64
    states: int = 128
    groups: int = 8
    taps: int = 4
    chunk: int = 256
    convolution_bias: bool = True
    bias: bool = False
    epsilon: float = 1e-5
    residual_float32: bool = True
    steps: tuple[float, float, float] = (1e-3, 0.1, 1e-4)
    step_limit: tuple[float | None, float | None] = (None, None)
    dropout: float = 0.0
    tied: bool = False
    head: bool = True
    start: int | None = 0
    end: int | tuple[int, ...] | None = 2
    hidden_states: bool = False

    @property
    def heads(self) -> int:
        """Heads of a block.

        Raises:
            ShapeError: They do not divide the channels.
        """
        if self.expansion * self.width % self.head_width:
            raise ShapeError(
                f"expansion * width must be a multiple of head_width. Received {self.expansion} * {self.width}, "
                f"{self.head_width}."
            )
        return self.expansion * self.width // self.head_width


_PUBLIC = Mamba2Config(vocabulary=50288, groups=1, tied=True, end=0)
# The sizes of state-spaces/mamba2-*, those of Dao and Gu, 2024, table 10
VARIANTS = {
    "mamba2_130m": dataclasses.replace(_PUBLIC, width=768, depth=24),
    "mamba2_370m": dataclasses.replace(_PUBLIC, width=1024, depth=48),
    "mamba2_780m": dataclasses.replace(_PUBLIC, width=1536, depth=48),
    "mamba2_1.3b": dataclasses.replace(_PUBLIC, width=2048, depth=48),
    "mamba2_2.7b": dataclasses.replace(_PUBLIC, width=2560, depth=64),
}


@keras.saving.register_keras_serializable(package="kerasarch")
class Mamba2(StateSpaceLanguageModel):
    """Token numbers to the logits of the next token.

    ``h = blocks(token)``, ``logits = W norm(h)``; a block is ``x + mixer(rms(x))``: Dao and Gu, 2024, section 7
    (https://arxiv.org/abs/2405.21060). The mixers are [`Mamba2Mixer`][kerasarch.layers.Mamba2Mixer].

    Args:
        config: The config, or its fields as a dictionary.
        **kwargs: Passed to ``keras.Model``.

    Shapes:
        As [`StateSpaceLanguageModel`][kerasarch.models.StateSpaceLanguageModel].

    Raises:
        ShapeError: The heads do not divide the channels, or the groups the heads.
    """

    family = "mamba2"

    def __init__(self, config: Mamba2Config | dict[str, Any], **kwargs: Any):
        config = as_config(Mamba2Config, config)
        super().__init__(config, **kwargs)
        own: dict[str, Any] = {"dtype": self.dtype_policy}
        self.blocks = [
            StateSpaceBlock(
                Mamba2Mixer(
                    config.heads,
                    config.head_width,
                    states=config.states,
                    groups=config.groups,
                    taps=config.taps,
                    chunk=config.chunk,
                    convolution_bias=config.convolution_bias,
                    bias=config.bias,
                    epsilon=config.epsilon,
                    steps=config.steps,
                    step_limit=config.step_limit,
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


def mamba2(
    variant: str | Mamba2Config = "mamba2_130m", *, name: str = "mamba2", dtype: Any = None, **overrides: Any
) -> Mamba2:
    """Build a Mamba-2 with fresh weights; ``kerasarch.from_pretrained`` builds one with public weights.

    Args:
        variant: A name in the table, or a config.
        name: Name of the model.
        dtype: Dtype policy; None for the global one.
        **overrides: Fields of the config to replace.

    Raises:
        UsageError: No such variant or field.
        ShapeError: The heads do not divide the channels, or the groups the heads.
    """
    model = Mamba2(choose(VARIANTS, variant, overrides), name=name, dtype=dtype)
    model.build()
    return model
