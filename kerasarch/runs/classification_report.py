"""What a report says of a classifier: scores, classes, confusion, calibration, examples."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from kerasarch.metrics import Calibration, ClassificationSummary, calibration, classification_summary
from kerasarch.recipe import Run
from kerasarch.runs.figures import INK
from kerasarch.runs.plots import COLOURS
from kerasarch.runs.predictions import pixels_of


def report_classifier(run: Run, test: Any, probabilities: np.ndarray) -> ClassificationSummary:
    """Write a classifier's scores on the test images, by class and over all, and pictures of both kinds.

    Args:
        run: The run.
        test: Batches that are not shuffled.
        probabilities: What the classifier says of them, ``(images, classes)``.

    Returns:
        The scores.
    """
    scores = report_scores(run, test.labels, probabilities, test.source.classes)
    show_examples(run, test, probabilities)
    return scores


def report_scores(
    run: Run, labels: np.ndarray, probabilities: np.ndarray, classes: Sequence[str], *, kind: str = "image"
) -> ClassificationSummary:
    """Write a classifier's scores by class and over all, its confusion and how well it knows what it knows.

    Args:
        run: The run.
        labels: Class of each example, ``(N,)``.
        probabilities: What the classifier says of them, ``(N, classes)``.
        classes: Names of the classes.
        kind: What an example is, in the singular.

    Returns:
        The scores.
    """
    scores = classification_summary(labels, probabilities, classes)
    reliability = calibration(labels, probabilities)
    run.table(
        "scores",
        [{"score": name, "value": round(value, 4)} for name, value in all_scores(scores, reliability).items()],
        caption=f"Scores on {len(labels)} test {kind}s; macro counts every class alike, micro every {kind}",
    )
    run.table(
        "classes",
        [
            {
                "class": found.name,
                "precision": round(found.precision, 4),
                "recall": round(found.recall, 4),
                "F1": round(found.f1, 4),
                f"{kind}s": found.count,
            }
            for found in scores.classes
        ],
        caption="Scores of each class",
    )
    run.confusion(scores.confusion, classes)
    caption = f"Accuracy by confidence; expected calibration error {reliability.error:.1%}"
    with run.figure("calibration", caption=caption) as figure:
        draw_reliability(figure, reliability, kind=kind)
    return scores


def all_scores(scores: ClassificationSummary, reliability: Calibration) -> dict[str, float]:
    """The single numbers of a report by name, in words."""
    named = {name.replace("_", " "): value for name, value in scores.metrics().items()}
    named = {name.replace("f1", "F1").replace("roc auc", "ROC AUC"): value for name, value in named.items()}
    return named | {
        "expected calibration error": reliability.error,
        "maximum calibration error": reliability.maximum,
    }


def draw_reliability(figure: Any, found: Calibration, *, kind: str = "image") -> None:
    """Draw a reliability diagram: accuracy in each bin of confidence, and how many predictions a bin has.

    Guo et al., 2017, fig. 1 (https://arxiv.org/abs/1706.04599).

    Args:
        figure: A matplotlib figure.
        found: What to draw.
        kind: What an example is, in the singular.
    """
    figure.set_size_inches(4.2, 4.2)
    figure.patch.set_alpha(0)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    places, width = found.edges[:-1], np.diff(found.edges)
    upper.bar(places, np.nan_to_num(found.accuracy), width, align="edge", color=COLOURS[0], label="accuracy")
    filled = found.counts > 0
    upper.plot(
        found.confidence[filled], found.accuracy[filled], "o", color=COLOURS[1], markersize=3, label="bin's mean"
    )
    upper.plot([0, 1], [0, 1], "--", color=INK, linewidth=1, label="calibrated")
    upper.set_ylabel("accuracy", color=INK, fontsize=8)
    upper.set_xlim(0, 1)
    upper.set_ylim(0, 1)
    lower.bar(places, found.counts, width, align="edge", color=COLOURS[7])
    lower.set_ylabel(f"{kind}s", color=INK, fontsize=8)
    lower.set_xlabel("confidence", color=INK, fontsize=8)
    for axes in (upper, lower):
        axes.patch.set_alpha(0)
        axes.tick_params(colors=INK, labelsize=8)
        axes.spines[["top", "right"]].set_visible(False)
        axes.spines[["left", "bottom"]].set_color(INK)
    figure.legend(loc="outside upper right", ncols=3, frameon=False, fontsize=8, labelcolor=INK)


def show_examples(run: Run, test: Any, probabilities: np.ndarray, count: int = 24) -> None:
    """Show the most confident mistakes, then pictures that were recognised, spread over the test images.

    Args:
        run: The run.
        test: Batches that are not shuffled.
        probabilities: ``(images, classes)``.
        count: Pictures at most.
    """
    predicted = probabilities.argmax(axis=1)
    order = np.argsort(-probabilities.max(axis=1), kind="stable")
    wrong = [int(i) for i in order if predicted[i] != test.labels[i]][: count // 2]
    right = np.flatnonzero(predicted == test.labels)
    spread = np.unique(np.linspace(0, len(right) - 1, min(len(right), count - len(wrong))).astype(int))
    chosen = wrong + [int(i) for i in right[spread]] if len(right) else wrong
    size = len(test.batch(0, 0)[0])
    batches = {number: test.batch(0, number)[0] for number in {i // size for i in chosen}}
    images = np.stack([batches[i // size][i % size] for i in chosen])
    run.examples(pixels_of(images), test.labels[chosen], probabilities[chosen], test.source.classes)
