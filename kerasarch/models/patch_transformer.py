"""Transformers that forecast series from patches of them.

Paper: Nie et al., 2023, "A Time Series is Worth 64 Words" (PatchTST, https://arxiv.org/abs/2211.14730). Where we
differ: layer normalisation before each branch in place of batch normalisation behind it, so that an example does not
hang on others, and no attention scores that are passed on from block to block.
"""

import dataclasses
from typing import Any

import keras
from keras import ops

from kerasarch.errors import UsageError
from kerasarch.layers.transformer_encoder_block import TransformerEncoderBlock
from kerasarch.models.configured import as_config
from kerasarch.models.family import choose
from kerasarch.models.forecaster import Forecaster, ForecasterConfig, Level


@dataclasses.dataclass(frozen=True)
class PatchTransformerConfig(ForecasterConfig):
    """Sizes and details; those of the paper for ETTh1.

    Attributes:
        look_back: Rows that are known.
        horizon: Rows to forecast.
        level: As for `ForecasterConfig`.
        patch: Rows of a patch.
        stride: Rows from a patch to the next; the last row is repeated so often behind the series.
        width: Width of a patch's vector.
        heads: Heads of the attention.
        hidden: Hidden units of the feed-forward networks.
        depth: Blocks.
        dropout: Rate in the blocks, and of the patches' vectors.
    """

    level: Level = "instance"
    patch: int = 16
    stride: int = 8
    width: int = 16
    heads: int = 4
    hidden: int = 128
    depth: int = 3
    dropout: float = 0.3

    def __post_init__(self) -> None:
        """Check the values."""
        super().__post_init__()
        if not 1 <= self.stride <= self.patch <= self.look_back or self.depth < 1:
            raise UsageError(
                "1 <= stride <= patch <= look_back and depth 1 or more were expected. Received "
                f"stride={self.stride}, patch={self.patch}, look_back={self.look_back}, depth={self.depth}."
            )
        if self.heads < 1 or self.width % self.heads:
            raise UsageError(f"width must be a multiple of heads. Received width={self.width}, heads={self.heads}.")

    @property
    def patches(self) -> int:
        """How many there are."""
        return (self.look_back - self.patch) // self.stride + 2


VARIANTS = {"patch_transformer": PatchTransformerConfig()}


@keras.saving.register_keras_serializable(package="kerasarch")
class PatchTransformer(Forecaster):
    """A transformer's encoder over patches of a series, and one linear map of all their vectors to the forecast.

    Nie et al., 2023, section 3.1 (https://arxiv.org/abs/2211.14730).

    Args:
        config: The config, or its fields as a dictionary.
        **kwargs: Passed to ``keras.Model``.

    Shapes:
        As for `Forecaster`.
    """

    family = "patch_transformer"
    kind = PatchTransformerConfig

    def __init__(self, config: PatchTransformerConfig | dict[str, Any], **kwargs: Any):
        super().__init__(config, **kwargs)
        config = as_config(PatchTransformerConfig, config)
        own: dict[str, Any] = {"dtype": self.dtype_policy}
        self.projection = keras.layers.Dense(config.width, name="projection", **own)
        self.drop = keras.layers.Dropout(config.dropout, name="drop", **own)
        self.blocks = [
            TransformerEncoderBlock(
                config.heads, hidden=config.hidden, dropout=config.dropout, name=f"block{index}", **own
            )
            for index in range(config.depth)
        ]
        self.norm = keras.layers.LayerNormalization(epsilon=1e-5, name="norm", **own)
        self.head = keras.layers.Dense(config.horizon, name="head", **own)

    def build(self, input_shape: Any = None) -> None:
        """Build the children."""
        config = self.config
        tokens = (None, config.patches, config.width)
        self.projection.build((None, config.patches, config.patch))
        for child in (*self.blocks, self.norm):
            child.build(tokens)
        self.head.build((None, config.patches * config.width))
        self.places = self.add_weight(
            name="places",
            shape=(config.patches, config.width),
            initializer=keras.initializers.RandomNormal(stddev=0.02),
        )

    def ahead(self, x: Any, columns: int, training: bool | None = None) -> Any:
        """Return what comes after: ``(B C, L) -> (B C, H)``."""
        config = self.config
        x = ops.concatenate([x, ops.repeat(x[:, -1:], config.stride, axis=1)], axis=1)
        first = config.stride * ops.arange(config.patches)[:, None]
        x = ops.take(x, first + ops.arange(config.patch)[None], axis=1)  # (B C, patches, patch)
        x = self.drop(self.projection(x) + ops.cast(self.places, self.compute_dtype), training=training)
        for block in self.blocks:
            x = block(x, training=training)
        return self.head(ops.reshape(self.norm(x), (-1, config.patches * config.width)))


def patch_transformer(
    variant: str | PatchTransformerConfig = "patch_transformer",
    *,
    name: str = "patch_transformer",
    dtype: Any = None,
    **overrides: Any,
) -> PatchTransformer:
    """Build a transformer that forecasts, with fresh weights.

    Args:
        variant: A name in the table, or a config.
        name: Name of the model.
        dtype: Dtype policy; None for the global one.
        **overrides: Fields of the config to replace.

    Raises:
        UsageError: No such variant or field.
    """
    model = PatchTransformer(choose(VARIANTS, variant, overrides), name=name, dtype=dtype)
    model.build()
    return model
