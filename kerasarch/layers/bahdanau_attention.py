"""Additive attention, the first of its kind."""

from typing import Any

import keras

from kerasarch.layers.content_attention import ContentAttention, additive_scores


@keras.saving.register_keras_serializable(package="kerasarch")
class BahdanauAttention(ContentAttention):
    """Attention whose score is a small network.

    ``score(s, h) = v . tanh(W s + U h)``: Bahdanau, Cho & Bengio, 2015, section A.1.2
    (https://arxiv.org/abs/1409.0473). No biases, as there. ``keys`` are ``U h``. The hidden units of all pairs are in
    memory at once: ``B T S units`` numbers.

    Args:
        units: Hidden units.
        **kwargs: Passed to ``keras.layers.Layer``.

    Shapes:
        B batch, T queries, S vectors: ``query (B, T, D)`` or ``(B, D)``, ``context (B, S, E)`` -> ``(B, T, E)`` or
        ``(B, E)``. ``context_mask (B, S)`` is true where a vector may be attended to.
    """

    def __init__(self, units: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.units = units
        self.query = keras.layers.Dense(units, use_bias=False, dtype=self.dtype_policy, name="query")
        self.key = keras.layers.Dense(units, use_bias=False, dtype=self.dtype_policy, name="key")

    def build_score(self, width: int, context_width: int) -> None:
        """Build both matrices and the vector."""
        self.query.build((None, None, width))
        self.key.build((None, None, context_width))
        self.vector = self.add_weight(shape=(self.units, 1), initializer="glorot_uniform", name="vector")

    def keys(self, context: Any) -> Any:
        """Return ``U h``: ``(B, S, E) -> (B, S, units)``."""
        return self.key(context)

    def scores(self, query: Any, keys: Any) -> Any:
        """Return the scores: ``(B, T, D)``, ``(B, S, units)`` -> ``(B, T, S)``."""
        return additive_scores(self.query(query), keys, self.vector[:, 0])

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the layer again."""
        return {**super().get_config(), "units": self.units}
