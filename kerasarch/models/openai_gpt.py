"""GPT, the first of its name: a decoder with learned positions that normalises behind each branch.

Paper: Radford et al., 2018, "Improving Language Understanding by Generative Pre-Training", sections 3.1 and 4.1.
Weights: folders of transformers, see ``kerasarch.weights``.

Where we differ from the public code: there is no dropout on the weights of the attention, which fused kernels do not
have; ``dropout`` is behind both branches and the embeddings.
"""

import dataclasses
from typing import Any

import keras

from kerasarch.layers.post_norm_decoder_block import PostNormDecoderBlock
from kerasarch.models.configured import as_config
from kerasarch.models.family import choose
from kerasarch.models.learned_positions import LearnedPositionsLanguageModel


@dataclasses.dataclass(frozen=True)
class OpenAIGPTConfig:
    """Sizes and details, with transformers' defaults.

    Attributes:
        vocabulary: Tokens (``vocab_size``).
        positions: The longest text in tokens (``n_positions``).
        width: Channels of a token (``n_embd``).
        depth: Blocks (``n_layer``).
        heads: Heads of a block's attention (``n_head``).
        activation: Of the feed-forward networks (``afn``): ``"gelu-approximate"`` is what the folders call ``gelu``.
        epsilon: Of the normalisations (``layer_norm_epsilon``).
        dropout: Rate in training.
        tied: Whether the embedding is the head too (``tie_word_embeddings``).
        head: Whether there are logits: ``OpenAIGPTLMHeadModel``, else ``OpenAIGPTModel``.
        start: Number of the token at the start of a text (``bos_token_id``).
        end: Number of the token at its end (``eos_token_id``), or several of them.
        hidden_states: Whether the outputs hold what goes into the first block and comes out of each.
    """

    vocabulary: int = 40478
    positions: int = 512
    width: int = 768
    depth: int = 12
    heads: int = 12
    activation: str = "gelu-approximate"
    epsilon: float = 1e-5
    dropout: float = 0.0
    tied: bool = True
    head: bool = True
    start: int | None = None
    end: int | tuple[int, ...] | None = None
    hidden_states: bool = False


# Radford et al., 2018, section 4.1
VARIANTS = {"openai_gpt": OpenAIGPTConfig()}


@keras.saving.register_keras_serializable(package="kerasarch")
class OpenAIGPT(LearnedPositionsLanguageModel):
    """Token numbers to the logits of the next token.

    ``h = blocks(token + position)``, ``logits = h E^T`` with the embedding E: Radford et al., 2018, eq. 2. Blocks are
    [`PostNormDecoderBlock`][kerasarch.layers.PostNormDecoderBlock]; behind the last there is no normalisation more.
    Kernels begin normal with a deviation of 0.02: section 4.1.

    Args:
        config: The config, or its fields as a dictionary.
        **kwargs: Passed to ``keras.Model``.

    Shapes:
        As [`CausalLanguageModel`][kerasarch.models.CausalLanguageModel].
    """

    family = "openai_gpt"

    def __init__(self, config: OpenAIGPTConfig | dict[str, Any], **kwargs: Any):
        config = as_config(OpenAIGPTConfig, config)
        super().__init__(config, **kwargs)
        own: dict[str, Any] = {"dtype": self.dtype_policy}
        self.blocks = [
            PostNormDecoderBlock(
                config.heads,
                activation=config.activation,
                initializer=keras.initializers.RandomNormal(stddev=0.02),
                dropout=config.dropout,
                epsilon=config.epsilon,
                name=f"block{index}",
                **own,
            )
            for index in range(config.depth)
        ]
        self.final_norm = keras.layers.Identity(name="final_norm", **own)


def openai_gpt(
    variant: str | OpenAIGPTConfig = "openai_gpt", *, name: str = "openai_gpt", dtype: Any = None, **overrides: Any
) -> OpenAIGPT:
    """Build a GPT with fresh weights; ``kerasarch.from_pretrained`` builds one with public weights.

    Args:
        variant: A name in the table, or a config.
        name: Name of the model.
        dtype: Dtype policy; None for the global one.
        **overrides: Fields of the config to replace.

    Raises:
        UsageError: No such variant or field.
    """
    model = OpenAIGPT(choose(VARIANTS, variant, overrides), name=name, dtype=dtype)
    model.build()
    return model
