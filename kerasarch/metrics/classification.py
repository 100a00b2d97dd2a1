"""How well a classifier did: summary, table by class and confusion matrix, on NumPy arrays."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from kerasarch.errors import DataError, ShapeError, UsageError


@dataclasses.dataclass(frozen=True)
class ClassScores:
    """How well one class was recognised.

    Attributes:
        name: Of the class.
        precision: Of the images given this class, the part that is of it; 0 if there are none.
        recall: Of the images of this class, the part that was given it; 0 if there are none.
        f1: Harmonic mean of the two.
        count: Images of this class.
    """

    name: str
    precision: float
    recall: float
    f1: float
    count: int


@dataclasses.dataclass(frozen=True)
class ClassificationSummary:
    """How well a classifier did.

    Macro averages count every class alike and leave out classes that occur neither as a label nor as a prediction;
    micro averages count every image alike. Where each image has one class, micro precision, recall and F1 all equal the
    accuracy.

    Attributes:
        accuracy: Part of the images whose class has the highest score.
        macro_precision: Mean over the classes.
        macro_recall: Mean over the classes, also called balanced accuracy.
        macro_f1: Mean over the classes.
        micro_precision: Over all images.
        micro_recall: Over all images.
        micro_f1: Over all images.
        roc_auc: Area under the ROC curve; over more than two classes the mean of one class against the rest. None where
            it is not defined: no scores, or a class without images.
        classes: The scores of each class.
        confusion: ``confusion[i, j]`` images of class i were given class j.
    """

    accuracy: float
    macro_precision: float
    macro_recall: float
    macro_f1: float
    micro_precision: float
    micro_recall: float
    micro_f1: float
    roc_auc: float | None
    classes: tuple[ClassScores, ...]
    confusion: np.ndarray

    def metrics(self) -> dict[str, float]:
        """The single numbers by name, without those that are not defined."""
        values = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return {name: value for name, value in values.items() if isinstance(value, float)}

    def to_json(self) -> dict[str, Any]:
        """Everything as JSON values."""
        table = [dataclasses.asdict(scores) for scores in self.classes]
        return {**self.metrics(), "roc_auc": self.roc_auc, "classes": table, "confusion": self.confusion.tolist()}


def classification_summary(
    labels: np.ndarray, predictions: np.ndarray, classes: Sequence[str] | None = None
) -> ClassificationSummary:
    """Compare predictions with the truth.

    Args:
        labels: Class index of each image, ``(images,)``.
        predictions: A score for each class, ``(images, classes)``, probabilities or logits; or class indices,
            ``(images,)``. The ROC curves are those of the scores as they are given.
        classes: Names of the classes; numbers unless given.

    Returns:
        Averages, scores by class and the confusion matrix.

    Raises:
        ShapeError: The arrays do not fit each other.
        DataError: There are no images, a label is outside the classes, or a score is not a number.
    """
    from sklearn.metrics import precision_recall_fscore_support

    labels = np.asarray(labels)
    predictions = np.asarray(predictions)
    scores = predictions if predictions.ndim == 2 else None
    if labels.ndim != 1 or predictions.ndim not in (1, 2) or len(labels) != len(predictions):
        raise ShapeError(
            "Labels must be (images,), predictions (images, classes) or (images,). "
            f"Received {labels.shape} and {predictions.shape}."
        )
    if not len(labels):
        raise DataError("There are no images to compare. Evaluate on at least one.")
    if scores is not None and not np.isfinite(scores).all():
        raise DataError("The predictions hold values that are not finite: training has probably diverged.")
    given = predictions if scores is None else scores.argmax(axis=1)
    count = len(classes) if classes is not None else int(max(labels.max(), given.max())) + 1
    if scores is not None:
        if classes is not None and scores.shape[1] != count:
            raise ShapeError(f"{count} classes are named, the predictions have {scores.shape[1]}.")
        count = scores.shape[1]
    confusion = confusion_matrix(labels, given, count)
    everything = list(range(count))
    precision, recall, f1, counts = precision_recall_fscore_support(
        labels, given, labels=everything, average=None, zero_division=0
    )
    occurring = confusion.sum(axis=0) + confusion.sum(axis=1) > 0
    accuracy = float(np.trace(confusion) / confusion.sum())
    names = [str(name) for name in (everything if classes is None else classes)]
    return ClassificationSummary(
        accuracy=accuracy,
        macro_precision=float(precision[occurring].mean()),
        macro_recall=float(recall[occurring].mean()),
        macro_f1=float(f1[occurring].mean()),
        micro_precision=accuracy,  # one class an image: a false positive of one is a false negative of another
        micro_recall=accuracy,
        micro_f1=accuracy,
        roc_auc=_roc_auc(labels, scores, count),
        classes=tuple(
            ClassScores(name, float(p), float(r), float(f), int(n))
            for name, p, r, f, n in zip(names, precision, recall, f1, counts, strict=True)
        ),
        confusion=confusion,
    )


def confusion_matrix(labels: np.ndarray, predictions: np.ndarray, classes: int) -> np.ndarray:
    """Count how often each class was given which.

    Args:
        labels: Class index of each image, ``(images,)``.
        predictions: Class index given to each image, ``(images,)``.
        classes: Number of classes.

    Returns:
        int64, ``(classes, classes)``: rows are labels, columns predictions.

    Raises:
        DataError: An index is outside the classes.
    """
    from sklearn import metrics

    for name, values in (("label", labels), ("prediction", predictions)):
        if values.min() < 0 or values.max() >= classes:
            raise DataError(
                f"Every {name} must be a class index from 0 to {classes - 1}. "
                f"Received values from {values.min()} to {values.max()}."
            )
    return metrics.confusion_matrix(labels, predictions, labels=list(range(classes))).astype(np.int64)


def top_k_accuracy(labels: np.ndarray, scores: np.ndarray, k: int) -> float:
    """Part of the images whose class is among the k highest scores.

    Equal scores are taken in the order of the classes.

    Args:
        labels: Class index of each image, ``(images,)``.
        scores: ``(images, classes)``.
        k: From 1 to the number of classes.

    Raises:
        UsageError: ``k`` is out of range.
    """
    if not 1 <= k <= scores.shape[1]:
        raise UsageError(f"k must be from 1 to the number of classes, {scores.shape[1]}. Received {k}.")
    best = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    return float((best == labels[:, np.newaxis]).any(axis=1).mean())


def _roc_auc(labels: np.ndarray, scores: np.ndarray | None, count: int) -> float | None:
    if scores is None or len(np.unique(labels)) < count or count < 2:
        return None
    from sklearn.metrics import roc_auc_score

    if count == 2:
        return float(roc_auc_score(labels, scores[:, 1] - scores[:, 0]))
    # One class against the rest needs no probabilities, only an order within each column.
    return float(np.mean([roc_auc_score(labels == label, scores[:, label]) for label in range(count)]))
