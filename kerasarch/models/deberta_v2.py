"""DeBERTa-v2 and v3: distances in logarithmic buckets, and perhaps a convolution behind the first block.

Papers: He et al., 2021, "DeBERTa: Decoding-enhanced BERT with Disentangled Attention" (https://arxiv.org/abs/2006.03654),
and its code for version 2 (https://github.com/microsoft/DeBERTa); He et al., 2023, "DeBERTaV3"
(https://arxiv.org/abs/2111.09543), which changes the training alone. Weights: folders of transformers, see
``kerasarch.weights``.

Where we differ: the enhanced mask decoder and the discriminator of version 3 are left out, as in transformers; there is
no dropout on the weights of the attention or on the vectors of distances.
"""

import dataclasses
from typing import Any

import keras
import numpy as np

from kerasarch.layers.token_convolution import TokenConvolution
from kerasarch.models.configured import as_config
from kerasarch.models.disentangled_encoder import DisentangledConfig, DisentangledEncoder, logarithmic_buckets
from kerasarch.models.family import choose


@dataclasses.dataclass(frozen=True)
class DebertaV2Config(DisentangledConfig):
    """Sizes and details, with transformers' defaults; the other fields are those of ``DisentangledConfig``.

    Attributes:
        buckets: Buckets of the distances of one sign (``position_buckets``); None for a row for each distance.
        shared: Whether distances go through the maps of keys and queries (``share_att_key``).
        distance_norm: Whether the vectors of distances are normalised (``norm_rel_ebd``).
        convolution: Tokens that the convolution behind the first block spans (``conv_kernel_size``); 0 for none.
        convolution_groups: Its groups of channels that do not mix (``conv_groups``).
        convolution_activation: Its activation (``conv_act``).
    """

    vocabulary: int = 128100
    width: int = 1536
    depth: int = 24
    heads: int = 24
    hidden: int = 6144
    buckets: int | None = None
    shared: bool = False
    distance_norm: bool = False
    convolution: int = 0
    convolution_groups: int = 1
    convolution_activation: str = "tanh"


_V2 = DebertaV2Config(
    absolute=False,
    relative=True,
    terms=("p2c", "c2p"),
    buckets=256,
    shared=True,
    distance_norm=True,
    convolution=3,
    convolution_activation="gelu",
)
_V3 = dataclasses.replace(_V2, convolution=0, convolution_activation="tanh", width=768, depth=12, heads=12, hidden=3072)
# The config.json of the public repositories
VARIANTS = {
    "deberta_v2_xlarge": _V2,
    "deberta_v2_xxlarge": dataclasses.replace(_V2, depth=48),
    "deberta_v3_xsmall": dataclasses.replace(_V3, width=384, heads=6, hidden=1536),
    "deberta_v3_small": dataclasses.replace(_V3, depth=6),
    "deberta_v3_base": _V3,
    "deberta_v3_large": dataclasses.replace(_V3, width=1024, depth=24, heads=16, hidden=4096),
    "mdeberta_v3_base": dataclasses.replace(_V3, vocabulary=251000),
}


@keras.saving.register_keras_serializable(package="kerasarch")
class DebertaV2(DisentangledEncoder):
    """Token numbers to vectors or to what a head makes of them.

    Blocks of disentangled attention: He et al., 2021, eq. 4 (https://arxiv.org/abs/2006.03654), with distances in
    buckets and the changes of ``DebertaV2Config``. A classification reads ``f(W h_0)``.

    Args:
        config: The config, or its fields as a dictionary.
        **kwargs: Passed to ``keras.Model``.

    Shapes:
        As [`TextEncoder`][kerasarch.models.TextEncoder]; there is no ``pooler_output``.

    Raises:
        ShapeError: There are more buckets than distances.
    """

    family = "deberta_v2"

    def __init__(self, config: DebertaV2Config | dict[str, Any], **kwargs: Any):
        config = as_config(DebertaV2Config, config)
        super().__init__(config, **kwargs)
        normed = config.relative and config.distance_norm
        self.distance_norm = self.normalization("distance_norm") if normed else None
        self.convolution = None
        if config.convolution:
            self.convolution = TokenConvolution(
                config.convolution,
                groups=config.convolution_groups,
                activation=config.convolution_activation,
                dropout=config.dropout,
                epsilon=config.epsilon,
                dtype=self.dtype_policy,
                name="convolution",
            )

    def block_options(self) -> dict[str, Any]:
        """Return the arguments of a block in which the versions differ."""
        return {"shared": self.config.shared}

    def distance_rows(self) -> tuple[int, np.ndarray]:
        """Return half of the rows of the table of distances, and for each distance the row counted from the middle."""
        buckets = self.config.buckets
        if not buckets:
            return super().distance_rows()
        return buckets, logarithmic_buckets(buckets, self.config.furthest or self.config.positions)

    def build_embedding(self) -> None:
        """Build what is behind the tables and before the blocks."""
        super().build_embedding()
        shape = (None, None, self.config.width)
        if self.distance_norm is not None:
            self.distance_norm.build(shape[1:])
        if self.convolution is not None:
            self.convolution.build(shape)

    def distances(self, tokens: Any) -> Any:
        """Return the vectors of the distances ``T - 1`` down to ``1 - T``, or None: ``(2 T - 1, D)``."""
        vectors = super().distances(tokens)
        return vectors if self.distance_norm is None else self.distance_norm(vectors)

    def behind(self, index: int, x: Any, y: Any, mask: Any, training: bool | None) -> Any:
        """Return what goes on behind a block: ``(B, T, D)``."""
        if index or self.convolution is None:
            return y
        return self.convolution(x, y, mask=mask, training=training)


def deberta_v2(
    variant: str | DebertaV2Config = "deberta_v3_base",
    *,
    name: str = "deberta_v2",
    dtype: Any = None,
    **overrides: Any,
) -> DebertaV2:
    """Build a DeBERTa-v2 or v3 with fresh weights; ``kerasarch.from_pretrained`` builds one with public weights.

    Args:
        variant: A name in the table, or a config.
        name: Name of the model.
        dtype: Dtype policy; None for the global one.
        **overrides: Fields of the config to replace, such as ``head`` and ``labels``.

    Raises:
        UsageError: No such variant or field.
    """
    model = DebertaV2(choose(VARIANTS, variant, overrides), name=name, dtype=dtype)
    model.build()
    return model
