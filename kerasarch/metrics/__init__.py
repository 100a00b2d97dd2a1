"""Metrics that hold a recipe against its figure."""

from kerasarch.metrics.classification import (
    ClassificationSummary,
    ClassScores,
    classification_summary,
    confusion_matrix,
    top_k_accuracy,
)

__all__ = [
    "ClassScores",
    "ClassificationSummary",
    "classification_summary",
    "confusion_matrix",
    "top_k_accuracy",
]
