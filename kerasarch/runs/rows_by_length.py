"""What a model says of rows of different lengths, in few shapes."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from kerasarch.data.padded_batches import width_of, widths_for

TOGETHER = 64
"""Rows that are looked at together."""


def run_by_length(
    model: Any, lengths: Sequence[int], inputs: Callable[[Sequence[int], int], dict[str, Any]]
) -> list[np.ndarray]:
    """Return a model's logits for rows, in their order.

    Rows of like length go together, and all batches have one size.

    Args:
        model: Gives ``{"logits": ...}``.
        lengths: Tokens of each row.
        inputs: Gives what the model is called with for the rows at some places, filled up to a width.

    Returns:
        For each row its logits; where there are some for each token, those of the row's width.
    """
    if not lengths:
        return []
    widths = widths_for(lengths, max(lengths))
    order = np.argsort(lengths, kind="stable")
    found: list[Any] = [None] * len(lengths)
    size = min(TOGETHER, len(lengths))
    for start in range(0, len(order), size):
        places = [int(place) for place in np.resize(order[start : start + size], size)]
        width = width_of(widths, max(lengths[place] for place in places))
        logits = np.asarray(model.predict_on_batch(inputs(places, width))["logits"], np.float32)
        for place, answer in zip(places, logits, strict=True):
            found[place] = answer
    return found
