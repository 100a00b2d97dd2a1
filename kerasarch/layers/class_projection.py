"""The head of the projection discriminator: how well features fit a class."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from kerasarch.layers.spectral_normalization import SpectralNormalization


@keras.saving.register_keras_serializable(package="kerasarch")
class ClassProjection(keras.layers.Layer):
    """Adds the inner product of the features with the embedding of the class to logits.

    ``f(x, y) = logits + V_y . features``: Miyato & Koyama, 2018, eq. 3 (https://arxiv.org/abs/1802.05637).

    Args:
        classes: Number of classes.
        spectral_norm: Whether the embedding matrix is divided by its spectral norm.
        **kwargs: Passed to ``keras.layers.Layer``.

    Shapes:
        logits ``(B, 1)``, features ``(B, D)``, labels ``(B,)`` of integers, in a list: ``-> (B, 1)``.
    """

    def __init__(self, classes: int, *, spectral_norm: bool = False, **kwargs: Any):
        super().__init__(**kwargs)
        self.classes = classes
        self.spectral_norm = spectral_norm

    def build(self, input_shape: Sequence[tuple[int | None, ...]]) -> None:
        """Build the embedding as wide as the features."""
        embedding: keras.layers.Layer = keras.layers.Embedding(
            self.classes,
            input_shape[1][-1],
            embeddings_initializer="glorot_uniform",
            dtype=self.dtype_policy,
            name="embedding",
        )
        if self.spectral_norm:
            embedding = SpectralNormalization(embedding, dtype=self.dtype_policy, name="embedding_spectral")
        self.embedding = embedding
        self.embedding.build(input_shape[2])

    def call(self, inputs: Sequence[Any], training: bool | None = None) -> Any:
        """Apply the layer."""
        logits, features, labels = inputs
        arguments = {"training": training} if self.spectral_norm else {}
        embedded = self.embedding(labels, **arguments)  # (B, D)
        return logits + ops.sum(embedded * features, axis=-1, keepdims=True)  # (B, 1)

    def compute_output_shape(self, input_shape: Sequence[tuple[int | None, ...]]) -> tuple[int | None, ...]:
        """Return the shape of the logits."""
        return tuple(input_shape[0])

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the layer again."""
        return {**super().get_config(), "classes": self.classes, "spectral_norm": self.spectral_norm}
