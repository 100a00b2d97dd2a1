"""How probable given spellings are, for a network trained with connectionist temporal classification."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from keras import ops

from kerasarch.errors import UsageError


def ctc_scores(
    logits: Any, spellings: Sequence[Sequence[int]], lengths: Sequence[int] | np.ndarray | None = None, blank: int = 0
) -> np.ndarray:
    """Return the logarithmic probability of each spelling, over all its alignments with the frames.

    The forward variables of Graves et al., 2006, eq. 5 to 8 (https://doi.org/10.1145/1143844.1143891). Where only some
    words can be meant, the one with the highest score is the most probable. It runs on the host, in float64.

    Args:
        logits: ``(B, T, V)``.
        spellings: Labels of each word, without blanks.
        lengths: Frames of each; None for all.
        blank: The label that stands for none.

    Returns:
        ``(B, words)``; minus infinity where there are too few frames.

    Raises:
        UsageError: A label is the blank, or unknown.
    """
    numbers = ops.convert_to_numpy(ops.cast(logits, "float32")).astype("float64")  # (B, T, V)
    shares = numbers - np.logaddexp.reduce(numbers, axis=-1, keepdims=True)
    batch, count, width = shares.shape
    frames = np.full(batch, count) if lengths is None else np.asarray(lengths)
    known = set(range(width)) - {blank}
    if any(set(spelling) - known for spelling in spellings):
        raise UsageError(
            f"Labels must be from 0 to {width - 1} and other than the blank, {blank}. Received {spellings}."
        )
    counts = np.array([len(spelling) for spelling in spellings])
    states = np.full((len(spellings), 2 * max(counts, default=0) + 1), blank)  # blanks between labels
    for row, spelling in zip(states, spellings, strict=True):
        row[1 : 2 * len(spelling) : 2] = spelling
    skips = np.zeros(states.shape, bool)
    skips[:, 2:] = (states[:, 2:] != blank) & (states[:, 2:] != states[:, :-2])
    forward = np.full((batch, *states.shape), -np.inf)
    forward[:, :, :2] = shares[:, 0][:, states[:, :2]]
    for frame in range(1, count):
        moved = np.pad(forward, ((0, 0), (0, 0), (2, 0)), constant_values=-np.inf)
        total = np.logaddexp(forward, moved[:, :, 1:-1])
        total = np.where(skips, np.logaddexp(total, moved[:, :, :-2]), total) + shares[:, frame][:, states]
        forward = np.where((frame < frames)[:, None, None], total, forward)
    words = np.arange(len(spellings))
    last = forward[:, words, 2 * counts]
    return np.where(counts > 0, np.logaddexp(last, forward[:, words, np.maximum(2 * counts - 1, 0)]), last)
