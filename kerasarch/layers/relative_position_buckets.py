"""Learned biases of attention by the distance of two tokens, of which long ones share a bucket."""

from typing import Any

import keras
import numpy as np
from keras import ops

from kerasarch.errors import UsageError


@keras.saving.register_keras_serializable(package="kerasarch")
class RelativePositionBuckets(keras.layers.Layer):
    """What is added to the score of a query and a key: a learned number for each bucket of distances and each head.

    Half of the buckets stand for one distance each, from 0 on. The others get wider as the logarithm, up to
    ``furthest``; the last one holds all that is further: Raffel et al., 2020, section 2.1
    (https://arxiv.org/abs/1910.10683). In both directions half of all buckets are for keys that come later.

    Args:
        heads: Heads of the attention.
        buckets: Buckets of both directions together.
        furthest: The distance from which all share a bucket.
        causal: Whether there is one direction, and keys that come later share the bucket of the distance 0.
        initializer: Of the numbers.
        **kwargs: Passed to ``keras.layers.Layer``.

    Shapes:
        B batch, T places of queries and S of keys: ``(B, T)`` and ``(B, S)`` -> ``(B, heads, T, S)``; B is 1 where
        all texts have the same places.

    Raises:
        UsageError: There are too few buckets, or the furthest distance is within those of one distance each.
    """

    def __init__(
        self,
        heads: int,
        *,
        buckets: int = 32,
        furthest: int = 128,
        causal: bool = False,
        initializer: Any = "glorot_uniform",
        **kwargs: Any,
    ):
        super().__init__(autocast=False, **kwargs)
        single = buckets // (2 if causal else 4)
        if single < 1 or furthest <= single:
            raise UsageError(
                f"{self.name}: needs {2 if causal else 4} buckets at least, and furthest above {max(single, 1)}, the "
                f"distances with a bucket of their own. Received buckets={buckets}, furthest={furthest}."
            )
        self.heads = heads
        self.buckets = buckets
        self.furthest = furthest
        self.causal = causal
        self.initializer = keras.initializers.get(initializer)

    def build(self, queries_shape: tuple[int | None, ...], keys_shape: tuple[int | None, ...]) -> None:
        """Build the table."""
        self.embeddings = self.add_weight(
            shape=(self.buckets, self.heads), initializer=self.initializer, name="embeddings"
        )

    def call(self, queries: Any, keys: Any) -> Any:  # (B, T), (B, S)
        """Apply the layer."""
        distances = ops.cast(keys, "int32")[:, None, :] - ops.cast(queries, "int32")[:, :, None]
        values = ops.take(self.embeddings, self.bucket(distances), axis=0)  # (B, T, S, heads)
        return ops.cast(ops.transpose(values, (0, 3, 1, 2)), self.compute_dtype)

    def bucket(self, distances: Any) -> Any:
        """Return the buckets of distances, place of the key less that of the query: whole numbers of any shape."""
        first: Any = 0
        count = self.buckets
        if self.causal:
            distances = ops.maximum(-distances, 0)
        else:
            count //= 2
            first = ops.cast(distances > 0, "int32") * count
            distances = ops.abs(distances)
        # Where buckets begin, as whole numbers: logarithms of floats differ from machine to machine at the borders.
        found = ops.searchsorted(
            ops.convert_to_tensor(borders(count, self.furthest)), ops.reshape(distances, (-1,)), side="right"
        )
        return first + ops.reshape(ops.cast(found, "int32"), ops.shape(distances))

    def compute_output_shape(
        self, queries_shape: tuple[int | None, ...], keys_shape: tuple[int | None, ...]
    ) -> tuple[int | None, ...]:
        """Return the shape of the biases."""
        return (queries_shape[0], self.heads, queries_shape[1], keys_shape[1])

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the layer again."""
        names = ("heads", "buckets", "furthest", "causal")
        return {
            **super().get_config(),
            **{name: getattr(self, name) for name in names},
            "initializer": keras.initializers.serialize(self.initializer),
        }


def borders(count: int, furthest: int) -> np.ndarray:
    """Return the distances at which the buckets 1, 2, ... of one direction begin: ``(count - 1,)``, int32.

    Bucket ``e + k`` begins at ``e (furthest / e)^(k / (count - e))``, ``e = count / 2`` of one distance each.

    Args:
        count: Buckets of the direction.
        furthest: The distance from which all share a bucket.
    """
    single = count // 2
    wide = single * (furthest / single) ** (np.arange(1, count - single) / (count - single))
    # What is whole but for the rounding of a power begins there.
    return np.concatenate([np.arange(1, single + 1), np.ceil(wide - 1e-6)]).astype("int32")
