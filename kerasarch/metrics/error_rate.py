"""How many words or letters are wrong in what was heard."""

from collections.abc import Hashable, Sequence

import numpy as np

from kerasarch.errors import UsageError


def edit_distance(first: Sequence[Hashable], second: Sequence[Hashable]) -> int:
    """Return how many parts must be put in, left out or exchanged to make one row of another: Levenshtein, 1966.

    Args:
        first: A row of parts, such as a text or a list of words.
        second: Another.
    """
    row = np.arange(len(second) + 1)
    for place, part in enumerate(first, 1):
        differ = np.array([part != other for other in second], int)
        steps = np.concatenate([[place], np.minimum(row[1:] + 1, row[:-1] + differ)])
        # From the left each further part costs one
        row = np.minimum.accumulate(steps - np.arange(len(steps))) + np.arange(len(steps))
    return int(row[-1])


def error_rate(truths: Sequence[Sequence[Hashable]], found: Sequence[Sequence[Hashable]]) -> float:
    """Return the edit distances of all rows over the number of parts in the true ones: the word error rate for words.

    Args:
        truths: The true rows.
        found: What was found instead of each.

    Raises:
        UsageError: There are not as many of each, or the true rows have no parts.
    """
    total = sum(len(row) for row in truths)
    if len(truths) != len(found) or not total:
        raise UsageError(
            f"As many rows are needed of each, with parts in them. Received {len(truths)} and {len(found)} rows, "
            f"{total} parts."
        )
    return sum(edit_distance(one, other) for one, other in zip(truths, found, strict=True)) / total
