"""BLOOM: a decoder without positions, whose attention falls with the distance (ALiBi).

Paper: BigScience Workshop, 2022, "BLOOM: A 176B-Parameter Open-Access Multilingual Language Model", section 3.2
(https://arxiv.org/abs/2211.05100). Weights: folders of transformers, see ``kerasarch.weights``.

Where we differ from the public code: biases are added in float32 in half precision too, where it rounds them, and there
is no dropout on the weights of the attention.
"""

import dataclasses
from typing import Any

import keras

from kerasarch.layers.decoder_block import DecoderBlock, normalization
from kerasarch.layers.normalized_shortcut_block import NormalizedShortcutBlock
from kerasarch.models.causal_lm import INPUTS, CausalLanguageModel
from kerasarch.models.configured import as_config
from kerasarch.models.family import choose


@dataclasses.dataclass(frozen=True)
class BloomConfig:
    """Sizes and details, with transformers' defaults.

    Attributes:
        vocabulary: Tokens (``vocab_size``).
        positions: Tokens of a text in training (``seq_length``); nothing breaks beyond it.
        width: Channels of a token (``hidden_size``).
        depth: Blocks (``n_layer``).
        heads: Heads of a block's attention (``n_head``).
        epsilon: Of the normalisations (``layer_norm_epsilon``).
        normalized_shortcut: Whether shortcuts start behind the normalisations
            (``apply_residual_connection_post_layernorm``).
        dropout: Rate behind both branches in training.
        tied: Whether the embedding is the head too (``tie_word_embeddings``).
        head: Whether there are logits: ``BloomForCausalLM``, else ``BloomModel``.
        start: Number of the token at the start of a text (``bos_token_id``).
        end: Number of the token at its end (``eos_token_id``), or several of them.
        hidden_states: Whether the outputs hold what goes into the first block and comes out of each.
    """

    vocabulary: int = 250880
    positions: int = 2048
    width: int = 64
    depth: int = 2
    heads: int = 8
    epsilon: float = 1e-5
    normalized_shortcut: bool = False
    dropout: float = 0.0
    tied: bool = True
    head: bool = True
    start: int | None = 1
    end: int | tuple[int, ...] | None = 2
    hidden_states: bool = False


# BigScience Workshop, 2022, table 3
VARIANTS = {
    "bloom_560m": BloomConfig(width=1024, depth=24, heads=16),
    "bloom_1b1": BloomConfig(width=1536, depth=24, heads=16),
    "bloom_1b7": BloomConfig(width=2048, depth=24, heads=16),
    "bloom_3b": BloomConfig(width=2560, depth=30, heads=32),
    "bloom_7b1": BloomConfig(width=4096, depth=30, heads=32),
    "bloom": BloomConfig(width=14336, depth=70, heads=112),
}


@keras.saving.register_keras_serializable(package="kerasarch")
class Bloom(CausalLanguageModel):
    """Token numbers to the logits of the next token.

    ``h = blocks(norm(token))``, ``logits = norm(h) E^T`` with the embedding E: BigScience Workshop, 2022, section 3.2.3
    (https://arxiv.org/abs/2211.05100). The biases of scores are [`LinearBiases`][kerasarch.layers.LinearBiases], which
    count the tokens that the mask shows.

    Args:
        config: The config, or its fields as a dictionary.
        **kwargs: Passed to ``keras.Model``.

    Shapes:
        As [`CausalLanguageModel`][kerasarch.models.CausalLanguageModel], without ``position_ids``.
    """

    family = "bloom"
    input_names = (*INPUTS[:2], INPUTS[3])

    def __init__(self, config: BloomConfig | dict[str, Any], **kwargs: Any):
        config = as_config(BloomConfig, config)
        super().__init__(config, **kwargs)
        own: dict[str, Any] = {"dtype": self.dtype_policy}
        self.embedding_norm = normalization("layer", epsilon=config.epsilon, name="embedding_norm", **own)
        block = NormalizedShortcutBlock if config.normalized_shortcut else DecoderBlock
        self.blocks = [
            block(
                config.heads,
                alibi={"skip_masked": True},
                initializer=keras.initializers.RandomNormal(stddev=0.02),
                dropout=config.dropout,
                epsilon=config.epsilon,
                name=f"block{index}",
                **own,
            )
            for index in range(config.depth)
        ]
        self.final_norm = normalization("layer", epsilon=config.epsilon, name="final_norm", **own)

    def build(self, input_shape: Any = None) -> None:
        """Build the children; their sizes do not depend on the inputs."""
        self.embedding_norm.build((None, None, self.config.width))
        super().build(input_shape)

    def embed(self, ids: Any, positions: Any, training: bool | None = None) -> Any:
        """Return the normalised vectors of the tokens: ``(B, T, D)``."""
        return self.embedding_norm(self.token_embedding(ids))


def bloom(
    variant: str | BloomConfig = "bloom_560m", *, name: str = "bloom", dtype: Any = None, **overrides: Any
) -> Bloom:
    """Build a BLOOM with fresh weights; ``kerasarch.from_pretrained`` builds one with public weights.

    Args:
        variant: A name in the table, or a config.
        name: Name of the model.
        dtype: Dtype policy; None for the global one.
        **overrides: Fields of the config to replace.

    Raises:
        UsageError: No such variant or field.
    """
    model = Bloom(choose(VARIANTS, variant, overrides), name=name, dtype=dtype)
    model.build()
    return model
