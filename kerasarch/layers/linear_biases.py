"""Attention with linear biases (ALiBi): scores fall with the distance, at another rate in each head."""

from typing import Any

import keras
import numpy as np
from keras import ops

from kerasarch.errors import ShapeError


def alibi_slopes(heads: int, most: float = 8.0) -> np.ndarray:
    """Return how fast the scores of each head fall with the distance: ``(heads,)``, float32.

    ``2 ** (-most * i / heads)`` for head i = 1, 2, ... of a power of two: Press et al., 2021, section 3
    (https://arxiv.org/abs/2108.12409). For n heads between two powers p and 2p, the slopes of p heads, and behind them
    the first, third, fifth ... of those of 2p heads, as in the authors' code.

    Args:
        heads: Heads of the attention.
        most: The exponent of the flattest head.

    Raises:
        ShapeError: There is no head.
    """
    if heads < 1:
        raise ShapeError(f"Linear biases need 1 head or more. Received {heads}.")
    power = 1 << (heads.bit_length() - 1)
    between = np.arange(1, 2 * (heads - power), 2) / (2 * power)
    exponents = np.concatenate([np.arange(1, power + 1) / power, between])
    return (2.0 ** (-most * exponents)).astype("float32")


@keras.saving.register_keras_serializable(package="kerasarch")
class LinearBiases(keras.layers.Layer):
    """What linear biases (ALiBi) add to the scores of causal attention, in place of embedded positions.

    The score of query i and key j gets ``-slope * (i - j)``: Press et al., 2021, section 3
    (https://arxiv.org/abs/2108.12409). The layer returns ``slope * j`` alone: the rest is one number for all keys of a
    query, which the softmax takes out. So there is a number for each key and none for pairs. The attribute ``slopes``
    holds those of the heads.

    Args:
        heads: Heads of the attention.
        most: The exponent of the flattest head's slope; 8 in the paper.
        skip_masked: Whether j counts only the keys that may be seen, as in BLOOM: what a mask takes out of the middle
            of a text makes no distance then. Otherwise it counts places.
        **kwargs: Passed to ``keras.layers.Layer``.

    Shapes:
        B batch, S keys: ``keys (B, S, ...)``, of which the shape alone counts, and ``seen (B, S)``, true where a key
        may be seen, to ``(1, heads, 1, S)``, with ``skip_masked`` and ``seen`` ``(B, heads, 1, S)``, float32.

    Raises:
        ShapeError: There is no head.
    """

    def __init__(self, heads: int, *, most: float = 8.0, skip_masked: bool = False, **kwargs: Any):
        super().__init__(**kwargs)
        self.heads = heads
        self.most = most
        self.skip_masked = skip_masked
        self.slopes = alibi_slopes(heads, most)

    def build(self, keys_shape: tuple[int | None, ...], seen_shape: Any = None) -> None:
        """Nothing is to be built: slopes are not learned."""

    def call(self, keys: Any, seen: Any = None) -> Any:  # (B, S, ...), (B, S)
        """Return the biases."""
        if seen is not None and self.skip_masked:
            ones = ops.cast(ops.cast(seen, "bool"), "int32")
            places = (ops.cumsum(ones, axis=-1) - 1) * ones  # (B, S)
        else:
            places = ops.arange(ops.shape(keys)[1], dtype="int32")[None]
        slopes = ops.convert_to_tensor(self.slopes[:, None, None], "float32")
        return slopes * ops.cast(places, "float32")[:, None, None]

    def compute_output_shape(
        self, keys_shape: tuple[int | None, ...], seen_shape: Any = None
    ) -> tuple[int | None, ...]:
        """Return the shape of the biases."""
        batch = keys_shape[0] if seen_shape is not None and self.skip_masked else 1
        return (batch, self.heads, 1, keys_shape[1])

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the layer again."""
        names = ("heads", "most", "skip_masked")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}
