"""What a network trained with connectionist temporal classification spells: one path, or all paths of a spelling."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from keras import ops

from kerasarch.errors import UsageError
from kerasarch.generation.beam_search import Hypothesis


def ctc_greedy(logits: Any, lengths: Sequence[int] | np.ndarray | None = None, blank: int = 0) -> list[list[int]]:
    """Return the labels of the most probable path: the best label of each frame, without repetitions, then blanks.

    Graves et al., 2006, section 3.2 (https://doi.org/10.1145/1143844.1143891). It need not be the most probable
    spelling, which has many paths: see `ctc_beam_search`.

    Args:
        logits: ``(B, T, V)``.
        lengths: Frames of each; None for all.
        blank: The label that stands for none.

    Raises:
        UsageError: The shapes do not fit.
    """
    best = np.asarray(ops.convert_to_numpy(ops.argmax(logits, axis=-1)))
    found = []
    for row, length in zip(best, _lengths(best.shape, lengths), strict=True):
        row = row[:length]
        changes = np.ones(len(row), bool)
        changes[1:] = row[1:] != row[:-1]
        found.append(row[changes & (row != blank)].tolist())
    return found


def ctc_beam_search(
    logits: Any,
    lengths: Sequence[int] | np.ndarray | None = None,
    *,
    beams: int = 16,
    best: int = 1,
    blank: int = 0,
) -> list[list[Hypothesis]]:
    """Return the most probable spellings that are found when some prefixes are followed from frame to frame.

    Each prefix has the probability of all its paths so far, those that end in a blank apart from the others: Hannun et
    al., 2014, algorithm 1 (https://arxiv.org/abs/1408.2873), without a language model. With as many beams as there are
    prefixes it is exact. It runs on the host, in float64.

    Args:
        logits: ``(B, T, V)``.
        lengths: Frames of each; None for all.
        beams: Prefixes to follow.
        best: Spellings to return, at most ``beams``.
        blank: The label that stands for none.

    Returns:
        For each row its spellings, the best one first, with their logarithmic probabilities.

    Raises:
        UsageError: The shapes do not fit, or an argument is out of its range.
    """
    if not 1 <= best <= beams:
        raise UsageError(f"best must be from 1 to beams. Received best={best}, beams={beams}.")
    numbers = np.asarray(ops.convert_to_numpy(ops.cast(logits, "float32"))).astype("float64")
    shares = numbers - np.logaddexp.reduce(numbers, axis=-1, keepdims=True)
    return [
        [Hypothesis(list(prefix), float(score)) for prefix, score in _prefixes(row[:length], beams, blank)[:best]]
        for row, length in zip(shares, _lengths(numbers.shape, lengths), strict=True)
    ]


def _prefixes(shares: np.ndarray, beams: int, blank: int) -> list[tuple[tuple[int, ...], float]]:
    """Return prefixes and their logarithmic probabilities after all frames ``(T, V)``, the best one first."""
    prefixes: list[tuple[int, ...]] = [()]
    in_blank, in_label = np.zeros(1), np.full(1, -np.inf)  # the shares of paths that end in a blank, and in a label
    for frame in shares:
        last = np.array([prefix[-1] if prefix else blank for prefix in prefixes])
        both = np.logaddexp(in_blank, in_label)
        longer = both[:, None] + frame
        rows = np.arange(len(prefixes))
        # A label again, without a blank between, is the same one.
        longer[rows, last] = in_blank + frame[last]
        longer[:, blank] = -np.inf
        same_label = np.where([bool(prefix) for prefix in prefixes], in_label + frame[last], -np.inf)
        known = {prefix: row for row, prefix in enumerate(prefixes)}
        for row, prefix in enumerate(prefixes):
            parent = known.get(prefix[:-1]) if prefix else None
            if parent is not None:  # one prefix by two ways
                same_label[row] = np.logaddexp(same_label[row], longer[parent, prefix[-1]])
                longer[parent, prefix[-1]] = -np.inf
        same_blank = both + frame[blank]
        scores = np.concatenate([np.logaddexp(same_blank, same_label), longer.ravel()])
        chosen = np.argsort(-scores, kind="stable")[:beams]
        chosen = chosen[scores[chosen] > -np.inf]
        old, count = chosen < len(prefixes), len(prefixes)
        prefixes = [
            prefixes[place]
            if place < count
            else (*prefixes[(place - count) // longer.shape[1]], int((place - count) % longer.shape[1]))
            for place in chosen
        ]
        kept = np.where(old, chosen, 0)
        in_blank = np.where(old, same_blank[kept], -np.inf)
        in_label = np.where(old, same_label[kept], scores[chosen])
    totals = np.logaddexp(in_blank, in_label)
    order = np.argsort(-totals, kind="stable")
    return [(prefixes[place], totals[place]) for place in order]


def _lengths(shape: tuple[int, ...], lengths: Sequence[int] | np.ndarray | None) -> np.ndarray:
    """Return the frames of each row, checked."""
    frames = np.full(shape[0], shape[1]) if lengths is None else np.asarray(lengths)
    if frames.shape != (shape[0],) or frames.min(initial=0) < 0 or frames.max(initial=0) > shape[1]:
        raise UsageError(f"lengths must be one a row, 0 to {shape[1]}. Received {frames.tolist()} for {shape[0]} rows.")
    return frames
