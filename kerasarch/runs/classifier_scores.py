"""The few numbers that a classifier's result consists of, and tables of them."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from kerasarch.metrics import calibration, classification_summary
from kerasarch.recipe import Run


def scores_of(labels: np.ndarray, probabilities: np.ndarray) -> dict[str, float]:
    """Return ``accuracy``, ``macro_f1``, ``calibration_error`` and, where it is defined, ``roc_auc``.

    Args:
        labels: Class of each image, ``(N,)``.
        probabilities: What a classifier says of them, ``(N, classes)``.
    """
    scores = classification_summary(labels, probabilities)
    found = {"accuracy": scores.accuracy, "macro_f1": scores.macro_f1}
    if scores.roc_auc is not None:
        found["roc_auc"] = scores.roc_auc
    return found | {"calibration_error": calibration(labels, probabilities).error}


def network_rows(labels: np.ndarray, each: Sequence[np.ndarray]) -> list[dict[str, Any]]:
    """Return the scores of each network of an ensemble, and last those of their mean.

    Args:
        labels: Class of each image, ``(N,)``.
        each: What each network says of them, ``(N, classes)``.
    """
    named = [(f"network {number}", answers) for number, answers in enumerate(each, start=1)]
    named.append(("ensemble", np.mean(each, axis=0)))
    return [{"network": name, **scores_of(labels, answers)} for name, answers in named]


def mean_accuracy(rows: Sequence[Mapping[str, Any]]) -> float:
    """Return the mean accuracy of the networks in the rows of `network_rows`."""
    return float(np.mean([row["accuracy"] for row in rows[:-1]]))


def show_networks(run: Run, rows: Sequence[Mapping[str, Any]]) -> None:
    """Put the rows of `network_rows` into the report."""
    run.table("networks", rounded(rows), caption="The networks, and the mean of their probabilities")


def rounded(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Rows with spaces in the names of their columns, and numbers that a person can read."""
    return [
        {name.replace("_", " "): round(v, 4) if isinstance(v, float) else v for name, v in row.items()} for row in rows
    ]
