"""Metrics that hold a recipe against its figure."""

from kerasarch.metrics.bleu import Bleu, bleu
from kerasarch.metrics.calibration import Calibration, calibration
from kerasarch.metrics.classification import (
    ClassificationSummary,
    ClassScores,
    classification_summary,
    confusion_matrix,
    top_k_accuracy,
)
from kerasarch.metrics.error_rate import edit_distance, error_rate
from kerasarch.metrics.generative_distances import (
    KernelDistance,
    frechet_distance,
    gaussian_distance,
    kernel_distance,
)
from kerasarch.metrics.generative_manifolds import DensityCoverage, PrecisionRecall, density_coverage, precision_recall
from kerasarch.metrics.image_quality import psnr, ssim
from kerasarch.metrics.mode_coverage import ModeCoverage, collapse_warning, mode_coverage
from kerasarch.metrics.question_answering import exact_match, token_f1
from kerasarch.metrics.rouge import Overlap, rouge, rouge_l, rouge_n
from kerasarch.metrics.spans import Span, SpanScores, SpanSummary, span_scores, spans_of

__all__ = [
    "Bleu",
    "Calibration",
    "ClassScores",
    "ClassificationSummary",
    "DensityCoverage",
    "KernelDistance",
    "ModeCoverage",
    "Overlap",
    "PrecisionRecall",
    "Span",
    "SpanScores",
    "SpanSummary",
    "bleu",
    "calibration",
    "classification_summary",
    "collapse_warning",
    "confusion_matrix",
    "density_coverage",
    "edit_distance",
    "error_rate",
    "exact_match",
    "frechet_distance",
    "gaussian_distance",
    "kernel_distance",
    "mode_coverage",
    "precision_recall",
    "psnr",
    "rouge",
    "rouge_l",
    "rouge_n",
    "span_scores",
    "spans_of",
    "ssim",
    "token_f1",
    "top_k_accuracy",
]
