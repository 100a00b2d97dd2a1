"""Whether a classifier is right as often as it says: calibration, on NumPy arrays."""

import dataclasses

import numpy as np

from kerasarch.errors import DataError, ShapeError, UsageError


@dataclasses.dataclass(frozen=True)
class Calibration:
    """How far a classifier's confidence is from its accuracy.

    The confidence of a prediction is the probability of the predicted class. Predictions are gathered in bins of equal
    width by their confidence; in a bin without any, confidence and accuracy are not a number.

    Attributes:
        error: Expected calibration error: the bins' gaps between accuracy and confidence, weighed by their images. Guo
            et al., 2017, eq. 3 (https://arxiv.org/abs/1706.04599).
        maximum: Maximum calibration error: the largest gap (eq. 5).
        edges: Confidences between the bins, ``(bins + 1,)``.
        confidence: Mean confidence in each bin, ``(bins,)``.
        accuracy: Part of each bin's predictions that are right, ``(bins,)``.
        counts: Predictions in each bin, ``(bins,)``.
    """

    error: float
    maximum: float
    edges: np.ndarray
    confidence: np.ndarray
    accuracy: np.ndarray
    counts: np.ndarray


def calibration(labels: np.ndarray, probabilities: np.ndarray, *, bins: int = 15) -> Calibration:
    """Compare how sure a classifier is with how often it is right.

    Args:
        labels: Class index of each image, ``(images,)``.
        probabilities: Of each class, ``(images, classes)``; each row sums to 1.
        bins: Bins of equal width, ``((m - 1) / bins, m / bins]`` each; 15 in the paper's tables.

    Raises:
        ShapeError: The arrays do not fit each other.
        DataError: There are no images, or what was given are no probabilities.
        UsageError: There are no bins.
    """
    labels, probabilities = np.asarray(labels), np.asarray(probabilities, dtype=np.float64)
    if labels.ndim != 1 or probabilities.ndim != 2 or len(labels) != len(probabilities):
        raise ShapeError(
            f"Labels must be (images,), probabilities (images, classes). Received {labels.shape} and "
            f"{probabilities.shape}."
        )
    if bins < 1:
        raise UsageError(f"calibration needs at least one bin. Received bins={bins}.")
    if not len(labels):
        raise DataError("There are no images to compare. Evaluate on at least one.")
    sums = probabilities.sum(axis=1)
    if not (probabilities >= 0).all() or not np.allclose(sums, 1, atol=1e-3):
        raise DataError(
            f"Probabilities must not be negative and sum to 1. Received a least one of {probabilities.min():g} and "
            f"sums from {sums.min():g} to {sums.max():g}; apply a softmax to logits."
        )
    sure = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == labels
    edges = np.linspace(0, 1, bins + 1)
    places = np.clip(np.searchsorted(edges, sure, side="left") - 1, 0, bins - 1)  # a bin holds its upper edge
    counts = np.bincount(places, minlength=bins)
    filled = np.where(counts, counts, np.nan)
    confidence = np.bincount(places, sure, bins) / filled
    accuracy = np.bincount(places, right, bins) / filled
    gaps = np.abs(accuracy - confidence)
    return Calibration(
        error=float(np.nansum(gaps * counts) / len(labels)),
        maximum=float(np.nanmax(gaps)),
        edges=edges,
        confidence=confidence,
        accuracy=accuracy,
        counts=counts,
    )
