"""Stratified folds for cross-validation, without leaks between them."""

from collections.abc import Hashable, Sequence

import numpy as np

from kerasarch.errors import DataError, UsageError


def stratified_folds(
    labels: np.ndarray,
    count: int,
    *,
    seed: int,
    identity: Sequence[Hashable] | None = None,
    classes: Sequence[str] | None = None,
) -> list[np.ndarray]:
    """Deal positions into folds class by class, keeping identical images together.

    Where all images differ, the folds' numbers of images of a class, and of all images, differ by one at most.

    Args:
        labels: Class of each image, ``(images,)``.
        count: Folds, at least 2.
        seed: Same seed, same folds.
        identity: One hashable value an image; equal values mean equal images. None: all differ.
        classes: Names of the classes, for the message of an error.

    Returns:
        Sorted positions of each fold.

    Raises:
        UsageError: There are fewer than two folds.
        DataError: A class has fewer different images than there are folds.
    """
    if count < 2:
        raise UsageError(f"Cross-validation needs at least 2 folds. Received {count}.")
    rng = np.random.default_rng([seed, 0xF01D])
    groups: dict[Hashable, list[int]] = {}
    for position in range(len(labels)):
        groups.setdefault(position if identity is None else identity[position], []).append(position)
    # A picture filed under two classes belongs, as a unit, to the class of its first copy.
    units: dict[int, list[list[int]]] = {}
    for members in groups.values():
        units.setdefault(int(labels[members[0]]), []).append(members)
    folds: list[list[int]] = [[] for _ in range(count)]
    turn = 0
    for label in sorted(units):
        equal = units[label]
        if len(equal) < count:
            raise DataError(
                f"Class {classes[label] if classes else label} has {len(equal)} different images, too few for {count} "
                "folds. Add images of this class or ask for fewer folds."
            )
        for unit in rng.permutation(len(equal)):
            folds[turn % count].extend(equal[unit])
            turn += 1  # goes on with the next class, so that the folds stay equally large
    return [np.array(sorted(fold), dtype=np.int64) for fold in folds]
