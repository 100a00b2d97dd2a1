"""MPT: a decoder without positions and without biases in its linear maps, whose attention falls with the distance.

Sources: MosaicML NLP Team, 2023, "Introducing MPT-7B" (https://www.databricks.com/blog/mpt-7b) and transformers' MPT;
linear biases are those of Press et al., 2021 (https://arxiv.org/abs/2108.12409). Weights: folders of transformers, see
``kerasarch.weights``.

Where we differ from transformers: it passes ``alibi_bias_max`` over and takes 8; here it counts, as in MosaicML's code
that trained the weights. There is no dropout on the weights of the attention.
"""

import dataclasses
from typing import Any

import keras

from kerasarch.layers.decoder_block import DecoderBlock, normalization
from kerasarch.models.causal_lm import INPUTS, CausalLanguageModel
from kerasarch.models.configured import as_config
from kerasarch.models.family import choose


@dataclasses.dataclass(frozen=True)
class MPTConfig:
    """Sizes and details, with transformers' defaults.

    Attributes:
        vocabulary: Tokens (``vocab_size``).
        positions: The longest text in tokens (``max_seq_len``); nothing breaks beyond it.
        width: Channels of a token (``d_model``).
        depth: Blocks (``n_layers``).
        heads: Heads of a block's attention (``n_heads``).
        epsilon: Of the normalisations (``layer_norm_epsilon``).
        flattest: Exponent of the flattest head's slope (``alibi_bias_max``).
        clip: Bound of queries, keys and values; None for none (``clip_qkv``).
        scale: Factor of scores; None for the root of a head's channels, inverted (``softmax_scale``).
        dropout: Rate behind both branches in training.
        tied: Whether the embedding is the head too (``tie_word_embeddings``).
        head: Whether there are logits: ``MptForCausalLM``, else ``MptModel``.
        start: Number of the token at the start of a text (``bos_token_id``).
        end: Number of the token at its end (``eos_token_id``), or several of them.
        hidden_states: Whether the outputs hold what goes into the first block and comes out of each.
    """

    vocabulary: int = 50368
    positions: int = 2048
    width: int = 2048
    depth: int = 24
    heads: int = 16
    epsilon: float = 1e-5
    flattest: float = 8
    clip: float | None = None
    scale: float | None = None
    dropout: float = 0.0
    tied: bool = True
    head: bool = True
    start: int | None = None
    end: int | tuple[int, ...] | None = None
    hidden_states: bool = False


_MPT_7B = MPTConfig(vocabulary=50432, width=4096, depth=32, heads=32, start=0, end=0)
# The config.json of mosaicml/mpt-*; texts start and end with token 0 of the tokenizer of GPT-NeoX
VARIANTS = {
    "mpt_7b": _MPT_7B,
    "mpt_7b_storywriter": dataclasses.replace(_MPT_7B, positions=65536, flattest=16, clip=6.0),
    "mpt_30b": dataclasses.replace(_MPT_7B, positions=8192, width=7168, depth=48, heads=64),
}


@keras.saving.register_keras_serializable(package="kerasarch")
class MPT(CausalLanguageModel):
    """Token numbers to the logits of the next token.

    ``h = blocks(token)``, ``logits = norm(h) E^T`` with the embedding E; a block is ``x + attention(norm(x))``, then
    ``x + down(gelu(up(norm(x))))``, without any bias but those of the scores
    ([`LinearBiases`][kerasarch.layers.LinearBiases]), which count places.

    Args:
        config: The config, or its fields as a dictionary.
        **kwargs: Passed to ``keras.Model``.

    Shapes:
        As [`CausalLanguageModel`][kerasarch.models.CausalLanguageModel], without ``position_ids``.
    """

    family = "mpt"
    input_names = (*INPUTS[:2], INPUTS[3])

    def __init__(self, config: MPTConfig | dict[str, Any], **kwargs: Any):
        config = as_config(MPTConfig, config)
        super().__init__(config, **kwargs)
        own: dict[str, Any] = {"dtype": self.dtype_policy}
        self.blocks = [
            DecoderBlock(
                config.heads,
                activation="gelu",
                attention_bias=False,
                bias=False,
                alibi={"most": config.flattest},
                clip=config.clip,
                scale=config.scale,
                initializer=keras.initializers.RandomNormal(stddev=0.02),
                dropout=config.dropout,
                epsilon=config.epsilon,
                name=f"block{index}",
                **own,
            )
            for index in range(config.depth)
        ]
        self.final_norm = normalization("layer", epsilon=config.epsilon, bias=False, name="final_norm", **own)


def mpt(variant: str | MPTConfig = "mpt_7b", *, name: str = "mpt", dtype: Any = None, **overrides: Any) -> MPT:
    """Build an MPT with fresh weights; ``kerasarch.from_pretrained`` builds one with public weights.

    Args:
        variant: A name in the table, or a config.
        name: Name of the model.
        dtype: Dtype policy; None for the global one.
        **overrides: Fields of the config to replace.

    Raises:
        UsageError: No such variant or field.
    """
    model = MPT(choose(VARIANTS, variant, overrides), name=name, dtype=dtype)
    model.build()
    return model
