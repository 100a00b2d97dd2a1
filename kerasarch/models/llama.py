"""Llama 2 and 3: a decoder with rotary positions, gated feed-forward networks and grouped queries.

Papers: Touvron et al., 2023 (https://arxiv.org/abs/2302.13971, https://arxiv.org/abs/2307.09288); Grattafiori et al.,
2024 (https://arxiv.org/abs/2407.21783). Weights: folders of transformers, see ``kerasarch.weights``.
"""

import dataclasses
from typing import Any

import keras

from kerasarch.layers.decoder_block import DecoderBlock, normalization
from kerasarch.layers.rotary_embedding import RotaryScaling, scaling_of
from kerasarch.models.causal_lm import CausalLanguageModel
from kerasarch.models.configured import as_config
from kerasarch.models.family import choose


@dataclasses.dataclass(frozen=True)
class LlamaConfig:
    """Sizes and details, with transformers' defaults.

    Attributes:
        vocabulary: Tokens (``vocab_size``).
        positions: The longest text in tokens (``max_position_embeddings``); nothing breaks beyond it.
        width: Channels of a token (``hidden_size``).
        depth: Blocks (``num_hidden_layers``).
        heads: Query heads (``num_attention_heads``).
        kv_heads: Key and value heads; None for as many (``num_key_value_heads``).
        head_width: Channels of a head; None for width / heads (``head_dim``).
        hidden: Hidden units of a block (``intermediate_size``).
        activation: ``"swiglu"`` is ``silu`` in the gate (``hidden_act``).
        epsilon: Of the normalisations (``rms_norm_eps``).
        base: Base of the rotation's angles (``rope_theta``).
        scaling: How the angles are stretched for longer texts (``rope_scaling``); None for not at all.
        attention_bias: Whether the linear maps of the attention have biases.
        bias: Whether those of the feed-forward network have them (``mlp_bias``).
        dropout: Rate behind both branches in training.
        tied: Whether the embedding is the head too (``tie_word_embeddings``).
        head: Whether there are logits: ``LlamaForCausalLM``, else ``LlamaModel``.
        start: Number of the token at the start of a text (``bos_token_id``).
        end: Number of the token at its end (``eos_token_id``), or several of them.
        hidden_states: Whether the outputs hold what goes into the first block and comes out of each.
    """

    vocabulary: int = 32000
    positions: int = 2048
    width: int = 4096
    depth: int = 32
    heads: int = 32
    kv_heads: int | None = None
    head_width: int | None = None
    hidden: int = 11008
    activation: str = "swiglu"
    epsilon: float = 1e-6
    base: float = 10000.0
    scaling: RotaryScaling | None = None
    attention_bias: bool = False
    bias: bool = False
    dropout: float = 0.0
    tied: bool = False
    head: bool = True
    start: int | None = 1
    end: int | tuple[int, ...] | None = 2
    hidden_states: bool = False

    def __post_init__(self) -> None:
        """Make the scaling from its fields, as a file has them."""
        object.__setattr__(self, "scaling", scaling_of(self.scaling))


_LLAMA2 = LlamaConfig(positions=4096, epsilon=1e-5)
_LLAMA3 = LlamaConfig(
    vocabulary=128256, positions=8192, kv_heads=8, hidden=14336, epsilon=1e-5, base=5e5, start=128000, end=128001
)
_LONG = RotaryScaling("llama3", 8.0, trained=8192)
_LLAMA32 = dataclasses.replace(
    _LLAMA3, positions=131072, hidden=8192, scaling=dataclasses.replace(_LONG, factor=32.0), tied=True
)
# Touvron et al., 2023b, table 1 and appendix A.2.1; Grattafiori et al., 2024, table 3; Llama-3.2's config.json
VARIANTS = {
    "llama2_7b": _LLAMA2,
    "llama2_13b": dataclasses.replace(_LLAMA2, width=5120, depth=40, heads=40, hidden=13824),
    "llama2_70b": dataclasses.replace(_LLAMA2, width=8192, depth=80, heads=64, kv_heads=8, hidden=28672),
    "llama3_8b": _LLAMA3,
    "llama3_70b": dataclasses.replace(_LLAMA3, width=8192, depth=80, heads=64, hidden=28672),
    "llama3.1_8b": dataclasses.replace(_LLAMA3, positions=131072, scaling=_LONG),
    "llama3.2_1b": dataclasses.replace(_LLAMA32, width=2048, depth=16, head_width=64),
    "llama3.2_3b": dataclasses.replace(_LLAMA32, width=3072, depth=28, heads=24, head_width=128),
}


@keras.saving.register_keras_serializable(package="kerasarch")
class Llama(CausalLanguageModel):
    """Token numbers to the logits of the next token.

    ``h = blocks(token)``, ``logits = W norm(h)``; a block is ``x + attention(rms(x))``, then ``x + swiglu(rms(x))``:
    Touvron et al., 2023, section 2.2 (https://arxiv.org/abs/2302.13971).

    Args:
        config: The config, or its fields as a dictionary.
        **kwargs: Passed to ``keras.Model``.

    Shapes:
        As [`CausalLanguageModel`][kerasarch.models.CausalLanguageModel].
    """

    family = "llama"

    def __init__(self, config: LlamaConfig | dict[str, Any], **kwargs: Any):
        config = as_config(LlamaConfig, config)
        super().__init__(config, **kwargs)
        own: dict[str, Any] = {"dtype": self.dtype_policy}
        rotary = {"base": config.base, "scaling": config.scaling}
        self.blocks = [
            DecoderBlock(
                config.heads,
                head_width=config.head_width,
                kv_heads=config.kv_heads,
                hidden=config.hidden,
                activation=config.activation,
                norm="rms",
                attention_bias=config.attention_bias,
                bias=config.bias,
                rotary=rotary,
                initializer=keras.initializers.RandomNormal(stddev=0.02),
                dropout=config.dropout,
                epsilon=config.epsilon,
                name=f"block{index}",
                **own,
            )
            for index in range(config.depth)
        ]
        self.final_norm = normalization("rms", epsilon=config.epsilon, name="final_norm", **own)


def llama(
    variant: str | LlamaConfig = "llama3.2_1b", *, name: str = "llama", dtype: Any = None, **overrides: Any
) -> Llama:
    """Build a Llama with fresh weights; ``kerasarch.from_pretrained`` builds one with public weights.

    Args:
        variant: A name in the table, or a config.
        name: Name of the model.
        dtype: Dtype policy; None for the global one.
        **overrides: Fields of the config to replace.

    Raises:
        UsageError: No such variant or field.
    """
    model = Llama(choose(VARIANTS, variant, overrides), name=name, dtype=dtype)
    model.build()
    return model
