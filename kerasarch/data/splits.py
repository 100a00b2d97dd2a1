"""Training, validation and test parts of a set of images, without leaks between them."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from kerasarch.data.source import ImageSource
from kerasarch.errors import DataError, UsageError


@dataclass(frozen=True)
class ImageSplits:
    """The parts of a set of labelled images.

    Attributes:
        name: What was loaded, for titles and reports.
        classes: Name of each class; a label is an index into it.
        train: Images to learn from.
        validation: Images to choose by.
        test: Images to report, or None when there is no such part.
        skipped: Files that were left out, each with its reason.
    """

    name: str
    classes: tuple[str, ...]
    train: ImageSource
    validation: ImageSource
    test: ImageSource | None = None
    skipped: tuple[str, ...] = ()


def check_fractions(validation: float, test: float | None) -> None:
    """Refuse parts that leave nothing to train on.

    Args:
        validation: Part of the images to hold out for validation.
        test: Part of the images to hold out for the test, or None.

    Raises:
        UsageError: A part is not between 0 and 1, or both together take everything.
    """
    if not 0 < validation < 1 or not 0 <= (test or 0) < 1 or validation + (test or 0) >= 1:
        raise UsageError(
            "validation and test must be parts between 0 and 1 that leave some images for training. "
            f"Received validation={validation}, test={test}."
        )


def stratified(
    labels: np.ndarray,
    fractions: Sequence[float],
    *,
    seed: int,
    identity: Sequence[Hashable] | None = None,
    classes: Sequence[str] | None = None,
) -> list[np.ndarray]:
    """Split positions class by class, keeping identical images together.

    A class gives every part the nearest whole number of its images, and at least one when it has enough of them. Images
    of equal identity count as one unit, so that no image of one part is also in another.

    Args:
        labels: Class of each image, ``(images,)``.
        fractions: The wanted part of the images for every split after the first; the first gets the rest.
        seed: Same seed, same split.
        identity: One hashable value an image; equal values mean equal images. None: all differ.
        classes: Names of the classes, for the message of an error.

    Returns:
        Sorted positions of the rest and of each fraction, ``1 + len(fractions)`` arrays.

    Raises:
        DataError: A class has too few different images to be in every part.
    """
    rng = np.random.default_rng([seed, 0x5317])
    groups: dict[Hashable, list[int]] = {}
    for position in range(len(labels)):
        groups.setdefault(position if identity is None else identity[position], []).append(position)
    # A picture filed under two classes belongs, as a unit, to the class of its first copy.
    units: dict[int, list[list[int]]] = {}
    for members in groups.values():
        units.setdefault(int(labels[members[0]]), []).append(members)

    parts: list[list[int]] = [[] for _ in range(1 + len(fractions))]
    for label in sorted(units):
        equal = units[label]  # lists of positions of one image
        wanted = [max(1, round(fraction * len(equal))) for fraction in fractions]
        if sum(wanted) >= len(equal):
            raise DataError(
                f"Class {classes[label] if classes else label} has {len(equal)} different images, too few for "
                f"{1 + len(wanted)} parts. Add images of this class, or give train and validation parts of your own."
            )
        order = rng.permutation(len(equal))
        start = 0
        for part, count in zip(parts[1:], wanted, strict=True):
            part.extend(position for unit in order[start : start + count] for position in equal[unit])
            start += count
        parts[0].extend(position for unit in order[start:] for position in equal[unit])
    return [np.array(sorted(part), dtype=np.int64) for part in parts]
