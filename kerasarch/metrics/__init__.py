"""Metrics that hold a recipe against its figure."""

from kerasarch.metrics.calibration import Calibration, calibration
from kerasarch.metrics.classification import (
    ClassificationSummary,
    ClassScores,
    classification_summary,
    confusion_matrix,
    top_k_accuracy,
)
from kerasarch.metrics.generative_distances import (
    KernelDistance,
    frechet_distance,
    gaussian_distance,
    kernel_distance,
)
from kerasarch.metrics.generative_manifolds import DensityCoverage, PrecisionRecall, density_coverage, precision_recall
from kerasarch.metrics.image_quality import psnr, ssim
from kerasarch.metrics.mode_coverage import ModeCoverage, collapse_warning, mode_coverage

__all__ = [
    "Calibration",
    "ClassScores",
    "ClassificationSummary",
    "DensityCoverage",
    "KernelDistance",
    "ModeCoverage",
    "PrecisionRecall",
    "calibration",
    "classification_summary",
    "collapse_warning",
    "confusion_matrix",
    "density_coverage",
    "frechet_distance",
    "gaussian_distance",
    "kernel_distance",
    "mode_coverage",
    "precision_recall",
    "psnr",
    "ssim",
    "top_k_accuracy",
]
