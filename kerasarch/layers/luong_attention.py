"""Multiplicative attention, and its additive variant."""

from typing import Any, Literal, get_args

import keras
from keras import ops

from kerasarch.errors import ShapeError, UsageError
from kerasarch.layers.content_attention import ContentAttention, additive_scores

Score = Literal["dot", "general", "concat"]
SCORES = get_args(Score)


@keras.saving.register_keras_serializable(package="kerasarch")
class LuongAttention(ContentAttention):
    """Global attention with one of three scores.

    ``"dot"``: ``s . h``; ``"general"``: ``s . W h``; ``"concat"``: ``v . tanh(W [s; h])``: Luong, Pham & Manning, 2015,
    section 3.1 (https://arxiv.org/abs/1508.04025). No biases, and no scaling of the products, as there. ``keys`` are
    ``h``, ``W h``, or the part of the product that h has in it, with as many units as queries are wide.

    Args:
        score: ``"dot"``, ``"general"`` or ``"concat"``.
        **kwargs: Passed to ``keras.layers.Layer``.

    Shapes:
        B batch, T queries, S vectors: ``query (B, T, D)`` or ``(B, D)``, ``context (B, S, E)`` -> ``(B, T, E)`` or
        ``(B, E)``; for ``"dot"`` D and E are the same. ``context_mask (B, S)`` is true where a vector may be attended
        to.

    Raises:
        UsageError: There is no such score.
        ShapeError: A width is unknown or does not fit.
    """

    def __init__(self, score: Score = "general", **kwargs: Any):
        super().__init__(**kwargs)
        if score not in SCORES:
            raise UsageError(f"{self.name}: score must be one of {', '.join(SCORES)}. Received {score!r}.")
        self.score = score

    def build_score(self, width: int, context_width: int) -> None:
        """Build the matrices that the score needs."""
        if self.score == "dot":
            if width != context_width:
                raise ShapeError(
                    f"{self.name}: the score 'dot' needs queries and vectors of one width. Received {width} and "
                    f"{context_width}; 'general' takes any."
                )
            return
        # One matrix over [s; h], so that its initial values know both widths
        rows = width if self.score == "concat" else 0
        self.kernel = self.add_weight(shape=(rows + context_width, width), name="kernel")
        self.query_rows = rows
        if self.score == "concat":
            self.vector = self.add_weight(shape=(width, 1), name="vector")

    def keys(self, context: Any) -> Any:
        """Return what the score takes of the vectors: ``(B, S, E) -> (B, S, D)``."""
        if self.score == "dot":
            return context
        return ops.matmul(context, ops.convert_to_tensor(self.kernel)[self.query_rows :])

    def scores(self, query: Any, keys: Any) -> Any:
        """Return the scores: ``(B, T, D)``, ``(B, S, D)`` -> ``(B, T, S)``."""
        if self.score != "concat":
            return ops.matmul(query, ops.swapaxes(keys, 1, 2))
        query = ops.matmul(query, ops.convert_to_tensor(self.kernel)[: self.query_rows])
        return additive_scores(query, keys, self.vector[:, 0])

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the layer again."""
        return {**super().get_config(), "score": self.score}
