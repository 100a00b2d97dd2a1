"""T5 and mT5: an encoder and a decoder that know distances of tokens by learned biases.

Papers: Raffel et al., 2020, "Exploring the Limits of Transfer Learning with a Unified Text-to-Text Transformer",
section 2.1 (https://arxiv.org/abs/1910.10683); gated networks of version 1.1: Shazeer, 2020
(https://arxiv.org/abs/2002.05202); Xue et al., 2021, "mT5: A Massively Multilingual Pre-trained Text-to-Text
Transformer" (https://arxiv.org/abs/2010.11934). Weights: folders of transformers, see ``kerasarch.weights``.

Where we differ from the public code: there is no dropout on the weights of the attention.
"""

import dataclasses
from typing import Any

import keras
from keras import ops

from kerasarch.layers.relative_position_buckets import RelativePositionBuckets
from kerasarch.models.configured import as_config
from kerasarch.models.encoder_decoder import EncoderDecoder
from kerasarch.models.encoder_decoder_config import EncoderDecoderConfig
from kerasarch.models.family import choose


@dataclasses.dataclass(frozen=True)
class T5Config(EncoderDecoderConfig):
    """Sizes and details, with the defaults of t5-small: the fields of ``EncoderDecoderConfig``, and these.

    Attributes:
        positions: Places of a cache where nobody says how many; distances have no longest text.
        head_width: Channels of a head.
        buckets: Buckets of distances, see [`RelativePositionBuckets`][kerasarch.layers.RelativePositionBuckets].
        furthest: The distance from which all share a bucket.
        scaled_output: Whether what goes into the head is divided by the root of the width, as in version 1.0.
    """

    vocabulary: int = 32128
    positions: int = 512
    head_width: int = 64
    epsilon: float = 1e-6
    hidden_dropout: float = 0.1
    start: int = 0
    end: int | tuple[int, ...] | None = 1
    buckets: int = 32
    furthest: int = 128
    scaled_output: bool = True


_BASE = T5Config(width=768, depth=12, heads=12, hidden=3072)
_LARGE = T5Config(width=1024, depth=24, heads=16, hidden=4096)
_SMALL_1_1 = T5Config(depth=8, heads=6, hidden=1024, activation="geglu-tanh", tied=False, scaled_output=False)
_SIZES: dict[str, dict[str, Any]] = {
    "small": {},
    "base": {"width": 768, "depth": 12, "heads": 12, "hidden": 2048},
    "large": {"width": 1024, "depth": 24, "heads": 16, "hidden": 2816},
    "xl": {"width": 2048, "depth": 24, "heads": 32, "hidden": 5120},
    "xxl": {"width": 4096, "depth": 24, "heads": 64, "hidden": 10240},
}
VARIANTS = {
    # Raffel et al., 2020, section 3.7.2, "Scaling"; the public repositories
    "t5_small": T5Config(),
    "t5_base": _BASE,
    "t5_large": _LARGE,
    "t5_3b": dataclasses.replace(_LARGE, head_width=128, heads=32, hidden=16384),
    "t5_11b": dataclasses.replace(_LARGE, head_width=128, heads=128, hidden=65536),
    # Version 1.1 and mT5: the public repositories; Xue et al., 2021, section 3.2
    **{f"t5_1.1_{size}": dataclasses.replace(_SMALL_1_1, **sizes) for size, sizes in _SIZES.items()},
    **{f"mt5_{size}": dataclasses.replace(_SMALL_1_1, vocabulary=250112, **sizes) for size, sizes in _SIZES.items()},
}


@keras.saving.register_keras_serializable(package="kerasarch")
class T5(EncoderDecoder):
    """Tokens of one text, and those of another so far, to the logits of its next token.

    Blocks are ``x + branch(rms(x))``, scores of self-attention ``q k + bias(distance)``, with the biases of a side for
    all its blocks; ``logits = E rms(h) / sqrt(width)``, of version 1.1 ``W rms(h)``: Raffel et al., 2020, section 2.1
    (https://arxiv.org/abs/1910.10683). Kernels begin normal with the deviation of the public code, 1 over the root of
    their inputs, those of queries smaller by the root of the width of a head; embeddings with a deviation of 1.

    Args:
        config: The config, or its fields as a dictionary.
        **kwargs: Passed to ``keras.Model``.

    Shapes:
        As [`EncoderDecoder`][kerasarch.models.EncoderDecoder].
    """

    family = "t5"

    def __init__(self, config: T5Config | dict[str, Any], **kwargs: Any):
        config = as_config(T5Config, config)
        super().__init__(config, **kwargs)
        heads = {"source": config.source_sizes()["heads"], "target": config.heads}
        self.source_buckets, self.target_buckets = (
            RelativePositionBuckets(
                heads[side],
                buckets=config.buckets,
                furthest=config.furthest,
                causal=side == "target",
                initializer=keras.initializers.RandomNormal(stddev=config.width**-0.5),
                dtype=self.dtype_policy,
                name=f"{side}_buckets",
            )
            for side in heads
        )

    def block_details(self) -> dict[str, Any]:
        """Return the arguments that the blocks of both sides have."""
        return {
            **super().block_details(),
            "head_width": self.config.head_width,
            "norm": "rms",
            "norm_first": True,
            "attention_bias": False,
            "bias": False,
            "relative": True,
            "scale": 1.0,
            "query_initializer": keras.initializers.VarianceScaling(
                1.0 / self.config.head_width, "fan_in", "untruncated_normal"
            ),
        }

    def kernels(self) -> Any:
        """Return how kernels begin."""
        return keras.initializers.VarianceScaling(1.0, "fan_in", "untruncated_normal")

    def tables(self) -> Any:
        """Return how embeddings begin."""
        return keras.initializers.RandomNormal(stddev=1.0)

    def build(self, input_shape: Any = None) -> None:
        """Build the children; their sizes do not depend on the inputs."""
        super().build(input_shape)
        for buckets in (self.source_buckets, self.target_buckets):
            buckets.build((None, None), (None, None))

    def embed_source(self, ids: Any, training: bool | None = None) -> Any:
        """Return the vectors that go into the encoder: ``(B, S) -> (B, S, D)``."""
        return self.drop(self.source_table(ids), training=training)

    def embed_target(self, ids: Any, positions: Any, training: bool | None = None) -> Any:
        """Return the vectors that go into the decoder, whatever the positions: ``(B, T) -> (B, T, D)``."""
        return self.drop(self.token_embedding(ids), training=training)

    def source_bias(self, length: Any) -> Any:
        """Return what the encoder's blocks add to the scores of pairs of tokens: ``(1, heads, S, S)``."""
        places = ops.arange(length, dtype="int32")[None]
        return self.source_buckets(places, places)

    def target_bias(self, start: Any, tokens: Any, places: Any) -> Any:
        """Return what the decoder's blocks add to the scores: ``(1, heads, T, C)``."""
        queries, keys = (ops.arange(count, dtype="int32")[None] for count in (tokens, places))
        return self.target_buckets(start + queries, keys)

    def finish(self, x: Any, norm: Any, training: bool | None = None) -> Any:
        """Return what a stack of blocks gives: ``(B, T, D)``."""
        return self.drop(norm(x), training=training)

    def logits(self, x: Any) -> Any:
        """Return the logits of the next token: ``(B, T, D) -> (B, T, V)``."""
        return super().logits(x * self.config.width**-0.5 if self.config.scaled_output else x)


def t5(variant: str | T5Config = "t5_small", *, name: str = "t5", dtype: Any = None, **overrides: Any) -> T5:
    """Build a T5 or an mT5 with fresh weights; ``kerasarch.from_pretrained`` builds one with public weights.

    Args:
        variant: A name in the table, or a config.
        name: Name of the model.
        dtype: Dtype policy; None for the global one.
        **overrides: Fields of the config to replace.

    Raises:
        UsageError: No such variant or field.
    """
    model = T5(choose(VARIANTS, variant, overrides), name=name, dtype=dtype)
    model.build()
    return model
