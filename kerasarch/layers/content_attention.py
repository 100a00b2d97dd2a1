"""What attention between a decoder's state and what an encoder read shares: masked shares, and what they add up to."""

from typing import Any

import keras
from keras import ops

from kerasarch.errors import ShapeError


class ContentAttention(keras.layers.Layer):
    """A mean of vectors, weighted by scores between each of them and a query.

    ``a_j = softmax_j(score(query, h_j))``, ``c = sum_j a_j h_j``: Bahdanau et al., 2015, eq. 5 and 6
    (https://arxiv.org/abs/1409.0473). The subclasses say what the score is; a part of it that needs no query, ``keys``,
    is computed once for all steps of a decoder.

    Args:
        **kwargs: Passed to ``keras.layers.Layer``.

    Shapes:
        B batch, T queries, S vectors: ``query (B, T, D)`` or ``(B, D)``, ``context (B, S, E)`` -> ``(B, T, E)`` or
        ``(B, E)``. ``context_mask (B, S)`` is true where a vector may be attended to.

    Raises:
        ShapeError: A width is unknown or does not fit.
    """

    def __init__(self, **kwargs: Any):
        super().__init__(**kwargs)
        self.supports_masking = True

    def build(self, query_shape: tuple[int | None, ...], context_shape: tuple[int | None, ...]) -> None:
        """Check the widths and build the parts of the score."""
        if query_shape[-1] is None or context_shape[-1] is None:
            raise ShapeError(f"{self.name}: widths must be known. Received {query_shape} and {context_shape}.")
        self.build_score(query_shape[-1], context_shape[-1])

    def build_score(self, width: int, context_width: int) -> None:
        """Build the parts of the score.

        Args:
            width: Of the queries.
            context_width: Of the vectors.
        """
        raise NotImplementedError

    def keys(self, context: Any) -> Any:
        """Return what the score takes of the vectors: ``(B, S, E) -> (B, S, K)``."""
        raise NotImplementedError

    def scores(self, query: Any, keys: Any) -> Any:
        """Return a score of each query and each vector: ``(B, T, D)``, ``(B, S, K)`` -> ``(B, T, S)``."""
        raise NotImplementedError

    def call(self, query: Any, context: Any, context_mask: Any = None) -> Any:  # (B, T, D) or (B, D), (B, S, E), (B, S)
        """Return the weighted means."""
        return self.read(query, self.keys(context), context, context_mask)[0]

    def attention_weights(self, query: Any, context: Any, context_mask: Any = None) -> Any:
        """Return the weights: ``(B, T, S)`` or ``(B, S)``, float32, rows that sum to 1."""
        return self.read(query, self.keys(context), context, context_mask)[1]

    def read(self, query: Any, keys: Any, context: Any, context_mask: Any = None) -> tuple[Any, Any]:
        """Return the weighted means and the weights, given the keys.

        Args:
            query: ``(B, T, D)`` or ``(B, D)``.
            keys: ``(B, S, K)``, of ``keys``.
            context: ``(B, S, E)``.
            context_mask: ``(B, S)``; where nothing is true, all vectors weigh the same.
        """
        single = len(query.shape) == 2
        scores = ops.cast(self.scores(query[:, None] if single else query, keys), "float32")
        if context_mask is not None:
            scores = ops.where(ops.cast(context_mask, "bool")[:, None], scores, -1e30)
        weights = ops.softmax(scores, axis=-1)
        mixed = ops.matmul(ops.cast(weights, context.dtype), context)
        return (mixed[:, 0], weights[:, 0]) if single else (mixed, weights)

    def compute_output_shape(
        self, query_shape: tuple[int | None, ...], context_shape: tuple[int | None, ...]
    ) -> tuple[int | None, ...]:
        """Return the shape of the means."""
        return (*query_shape[:-1], context_shape[-1])


def additive_scores(query: Any, keys: Any, vector: Any) -> Any:
    """Return ``v . tanh(query + key)``: ``(B, T, K)``, ``(B, S, K)``, ``(K,)`` -> ``(B, T, S)``."""
    return ops.sum(ops.tanh(query[:, :, None] + keys[:, None]) * vector, axis=-1)
