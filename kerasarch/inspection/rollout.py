"""Attention rollout: which tokens a transformer's tokens are made of, through all of its blocks."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from kerasarch.errors import ShapeError


def attention_rollout(attentions: Sequence[Any], *, residual: float = 0.5) -> np.ndarray:
    """Return how much of each token is in each token of the last block.

    ``R_l = A_l R_(l-1)`` with ``A = 0.5 W + 0.5 I`` for the residual connection, its rows summing to one, and W the
    attention averaged over the heads: Abnar and Zuidema, 2020, eq. 1 (https://arxiv.org/abs/2005.00928).

    Args:
        attentions: The attention probabilities of each block from the input on, ``(B, heads, T, T)``, rows the queries.
        residual: Share of the residual connection.

    Returns:
        float32 ``(B, T, T)``; row t holds the shares in token t, which sum to 1.

    Raises:
        ShapeError: The blocks' shapes differ, or are none of attention.
    """
    arrays = [np.asarray(attention, "float64") for attention in attentions]
    shapes = {array.shape for array in arrays}
    if len(shapes) != 1 or any(array.ndim != 4 or array.shape[2] != array.shape[3] for array in arrays):
        raise ShapeError(
            "attention_rollout: expected one (batch, heads, tokens, tokens) a block, all alike. Received "
            f"{[array.shape for array in arrays]}."
        )
    tokens = arrays[0].shape[-1]
    rolled = np.eye(tokens)[None]
    for array in arrays:
        mixed = (1 - residual) * array.mean(axis=1) + residual * np.eye(tokens)
        rolled = mixed / mixed.sum(axis=-1, keepdims=True) @ rolled
    return rolled.astype("float32")
