"""GPT-2, and its smaller descendants: a decoder with learned positions.

Paper: Radford et al., 2019, "Language Models are Unsupervised Multitask Learners", section 2.3. Weights: folders of
transformers, see ``kerasarch.weights``.

Where we differ from the public code: there is no dropout on the weights of the attention, which fused kernels do not
have; ``dropout`` is behind both branches and the embeddings.
"""

import dataclasses
from typing import Any

import keras

from kerasarch.layers.decoder_block import DecoderBlock, normalization
from kerasarch.models.configured import as_config
from kerasarch.models.family import choose
from kerasarch.models.learned_positions import LearnedPositionsLanguageModel


@dataclasses.dataclass(frozen=True)
class GPT2Config:
    """Sizes and details, with transformers' defaults.

    Attributes:
        vocabulary: Tokens (``vocab_size``).
        positions: The longest text in tokens (``n_positions``).
        width: Channels of a token (``n_embd``).
        depth: Blocks (``n_layer``).
        heads: Heads of a block's attention (``n_head``).
        hidden: Hidden units of a block; None for four times the width (``n_inner``).
        activation: Of the feed-forward networks (``activation_function``): ``"gelu-approximate"`` is ``gelu_new``.
        epsilon: Of the normalisations (``layer_norm_epsilon``).
        bias: Whether linear maps and normalisations have biases; public weights have them.
        dropout: Rate in training.
        tied: Whether the embedding is the head too (``tie_word_embeddings``).
        head: Whether there are logits: ``GPT2LMHeadModel``, else ``GPT2Model``.
        start: Number of the token at the start of a text (``bos_token_id``).
        end: Number of the token at its end (``eos_token_id``).
        hidden_states: Whether the outputs hold what goes into the first block and comes out of each.
    """

    vocabulary: int = 50257
    positions: int = 1024
    width: int = 768
    depth: int = 12
    heads: int = 12
    hidden: int | None = None
    activation: str = "gelu-approximate"
    epsilon: float = 1e-5
    bias: bool = True
    dropout: float = 0.0
    tied: bool = True
    head: bool = True
    start: int | None = 50256
    end: int | None = 50256
    hidden_states: bool = False


# Radford et al., 2019, table 2; the parameters that it prints are counted otherwise
VARIANTS = {
    "gpt2": GPT2Config(),
    "gpt2_medium": GPT2Config(width=1024, depth=24, heads=16),
    "gpt2_large": GPT2Config(width=1280, depth=36, heads=20),
    "gpt2_xl": GPT2Config(width=1600, depth=48, heads=25),
}


@keras.saving.register_keras_serializable(package="kerasarch")
class GPT2(LearnedPositionsLanguageModel):
    """Token numbers to the logits of the next token.

    ``h = blocks(token + position)``, ``logits = norm(h) E^T`` with the embedding E: Radford et al., 2018, eq. 2, with
    the changes of Radford et al., 2019, section 2.3. Kernels begin normal with a deviation of 0.02, divided by
    ``sqrt(2 depth)`` at the end of a branch, as there.

    Args:
        config: The config, or its fields as a dictionary.
        **kwargs: Passed to ``keras.Model``.

    Shapes:
        As [`CausalLanguageModel`][kerasarch.models.CausalLanguageModel].
    """

    family = "gpt2"

    def __init__(self, config: GPT2Config | dict[str, Any], **kwargs: Any):
        config = as_config(GPT2Config, config)
        super().__init__(config, **kwargs)
        start = keras.initializers.RandomNormal(stddev=0.02)
        own: dict[str, Any] = {"dtype": self.dtype_policy}
        self.blocks = [
            DecoderBlock(
                config.heads,
                hidden=config.hidden,
                activation=config.activation,
                attention_bias=config.bias,
                bias=config.bias,
                initializer=start.clone(),
                out_initializer=keras.initializers.RandomNormal(stddev=0.02 / (2 * config.depth) ** 0.5),
                dropout=config.dropout,
                epsilon=config.epsilon,
                name=f"block{index}",
                **own,
            )
            for index in range(config.depth)
        ]
        self.final_norm = normalization("layer", epsilon=config.epsilon, bias=config.bias, name="final_norm", **own)


def gpt2(variant: str | GPT2Config = "gpt2", *, name: str = "gpt2", dtype: Any = None, **overrides: Any) -> GPT2:
    """Build a GPT-2 with fresh weights; ``kerasarch.from_pretrained`` builds one with public weights.

    Args:
        variant: A name in the table, or a config.
        name: Name of the model.
        dtype: Dtype policy; None for the global one.
        **overrides: Fields of the config to replace.

    Raises:
        UsageError: No such variant or field.
    """
    model = GPT2(choose(VARIANTS, variant, overrides), name=name, dtype=dtype)
    model.build()
    return model
