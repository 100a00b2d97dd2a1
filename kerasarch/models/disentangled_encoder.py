"""What the versions of DeBERTa share: distances between tokens as vectors, and blocks that look at them."""

import dataclasses
import math
from typing import Any

import keras
import numpy as np
from keras import ops

from kerasarch.errors import ShapeError
from kerasarch.layers.disentangled_block import DisentangledBlock
from kerasarch.models.text_encoder import TextEncoder, TextEncoderConfig


@dataclasses.dataclass(frozen=True)
class DisentangledConfig(TextEncoderConfig):
    """Sizes and details; the other fields are those of ``TextEncoderConfig``.

    Attributes:
        embedding: Channels of the tables of tokens, positions and types (``embedding_size``); None for the width.
        absolute: Whether positions are added to the tokens (``position_biased_input``).
        relative: Whether scores depend on distances (``relative_attention``).
        terms: Terms of the scores with distances, ``"c2p"`` and ``"p2c"`` (``pos_att_type``).
        furthest: Distance from which on all are alike (``max_relative_positions``); None for ``positions``.
        pooler: There is none without a head.
        pooler_activation: Of the vector that a classification reads (``pooler_hidden_act``).
        legacy: Under which of transformers' names the head that guesses tokens is stored; the head is the same.
    """

    types: int = 0
    epsilon: float = 1e-7
    pooler: bool = False
    embedding: int | None = None
    absolute: bool = True
    relative: bool = False
    terms: tuple[str, ...] = ()
    furthest: int | None = None
    pooler_activation: str = "gelu"
    legacy: bool = True


class DisentangledEncoder(TextEncoder):
    """A text encoder of DeBERTa's blocks.

    Distances are counted from the query back to the key: He et al., 2021, eq. 3 (https://arxiv.org/abs/2006.03654).

    Args:
        config: The family's config.
        **kwargs: Passed to ``keras.Model``.

    Shapes:
        As [`TextEncoder`][kerasarch.models.TextEncoder]; there is no ``pooler_output``. States are zeros where the mask
        is, before the first block.
    """

    POOLED_BARE = False

    def __init__(self, config: Any, **kwargs: Any):
        super().__init__(config, **kwargs)
        width = config.width
        self.projection = None if self.embedding_width == width else self.linear(width, "projection", bias=False)
        self.span, self.buckets = self.distance_rows()
        self.distance_embedding = None
        if config.relative:
            self.distance_embedding = keras.layers.Embedding(
                2 * self.span, width, self.start(), dtype=self.dtype_policy, name="distance_embedding"
            )
        self.blocks = [
            DisentangledBlock(
                config.heads,
                hidden=config.hidden,
                activation=config.activation,
                terms=config.terms,
                relative=config.relative,
                initializer=self.start(),
                dropout=config.dropout,
                epsilon=config.epsilon,
                dtype=self.dtype_policy,
                name=f"block{index}",
                **self.block_options(),
            )
            for index in range(config.depth)
        ]

    def block_options(self) -> dict[str, Any]:
        """Return the arguments of a block in which the versions differ."""
        return {}

    def distance_rows(self) -> tuple[int, np.ndarray]:
        """Return half of the rows of the table of distances, and for each distance the row counted from the middle."""
        span = self.config.furthest or self.config.positions
        return span, np.arange(span + 1, dtype="int32")

    @property
    def embedding_width(self) -> int:
        """Channels of the tables of tokens, positions and types."""
        return self.config.embedding or self.config.width

    @property
    def has_positions(self) -> bool:
        """Whether there is a table of positions."""
        return self.config.absolute

    @property
    def longest(self) -> int | None:
        """The longest text in tokens, None where any length will do."""
        return self.config.positions if self.config.absolute else None

    @property
    def pooler_activation(self) -> str:  # type: ignore[override]
        """Activation of the vector that a classification reads."""
        return self.config.pooler_activation

    def build_embedding(self) -> None:
        """Build what is behind the tables and before the blocks."""
        self.embedding_norm.build((None, None, self.config.width))
        if self.projection is not None:
            self.projection.build((None, None, self.embedding_width))
        if self.distance_embedding is not None:
            self.distance_embedding.build((None,))

    def embed(self, ids: Any, mask: Any, types: Any, training: bool | None = None) -> Any:
        """Return the vectors that go into the first block, zeros where the mask is: ``(B, T, D)``."""
        x = self.sum_embeddings(ids, types)
        x = self.embedding_norm(x if self.projection is None else self.projection(x))
        if mask is not None:
            x = x * ops.expand_dims(ops.cast(mask, x.dtype), -1)
        return self.drop(x, training=training)

    def distances(self, tokens: Any) -> Any:
        """Return the vectors of the distances ``T - 1`` down to ``1 - T``, None where scores do not depend on them.

        Args:
            tokens: T.

        Returns:
            ``(2 T - 1, D)``.
        """
        if self.distance_embedding is None:
            return None
        distance = tokens - 1 - ops.arange(2 * tokens - 1, dtype="int32")
        rows = ops.take(self.buckets, ops.minimum(ops.absolute(distance), len(self.buckets) - 1))
        rows = ops.clip(ops.sign(distance) * rows + self.span, 0, 2 * self.span - 1)
        return self.distance_embedding(rows)

    def encode(self, x: Any, mask: Any, training: bool | None = None) -> list[Any]:
        """Return what goes into the first block and comes out of each: ``(B, T, D)``."""
        distances = self.distances(ops.shape(x)[1])
        states = [x]
        for index, block in enumerate(self.blocks):
            y = block(states[-1], mask=mask, training=training, distances=distances)
            states.append(self.behind(index, states[-1], y, mask, training))
        return states

    def behind(self, index: int, x: Any, y: Any, mask: Any, training: bool | None) -> Any:
        """Return what goes on behind a block, given what went into it and came out: ``(B, T, D)``."""
        return y


def logarithmic_buckets(buckets: int, furthest: int) -> np.ndarray:
    """Return the bucket of each distance, up to one that is beyond all: near ones one by one, far ones by logarithms.

    With ``m = buckets / 2``, a distance d up to m is its own bucket; beyond, it is ``m + ceil((m - 1) log(d / m) /
    log((furthest - 1) / m))``: the public code of DeBERTa-v2 (https://github.com/microsoft/DeBERTa).

    Args:
        buckets: Buckets of the distances of one sign.
        furthest: Distance that falls into the last.

    Raises:
        ShapeError: There are more buckets than distances.
    """
    middle = buckets // 2
    if not 1 <= middle < furthest - 1:
        raise ShapeError(
            f"Buckets must be at least 2, and half of them below the furthest distance less 1. Received "
            f"buckets={buckets}, furthest={furthest}."
        )
    # Behind this distance buckets are beyond the last row, to which they are clipped
    steps = (buckets - middle - 1) / max(middle - 1, 1)
    limit = math.ceil(middle * ((furthest - 1) / middle) ** steps) + 1
    distance = np.arange(limit + 1)
    far = np.float32(np.maximum(distance, middle)) / np.float32(middle)
    # In float32, as there: what is a whole number must not be rounded up
    share = np.log(far) / np.log(np.float32((furthest - 1) / middle))
    return np.where(distance <= middle, distance, np.ceil(share * (middle - 1)) + middle).astype("int32")
