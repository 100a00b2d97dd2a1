"""What recipes share that classify texts: train an encoder, judge it beside a linear model, report, save."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from kerasarch.data import TextSplits
from kerasarch.data.labelled_texts import LabelledTexts
from kerasarch.data.text_batches import TextBatches
from kerasarch.metrics.text_baselines import ngram_probabilities
from kerasarch.recipe import Run
from kerasarch.runs.classification_report import report_scores
from kerasarch.runs.classifier_scores import scores_of
from kerasarch.runs.encoders import Encoder
from kerasarch.runs.pretrained_folder import ENCODER, save_with_tokenizer
from kerasarch.runs.text_changes import training_change
from kerasarch.runs.text_classifier import TextClassifier
from kerasarch.runs.text_training import train_in_stages
from kerasarch.training.classification import balanced_weights
from kerasarch.training.text_options import TextClassificationOptions

SMOKE_TEXTS = 400
"""Texts of each part in a quick trial."""
SHOWN = 24
"""Texts in the report."""


def some_texts(run: Run, texts: TextSplits) -> TextSplits:
    """Return the texts, in a quick trial some of them."""
    if not run.smoke:
        return texts

    def few(part: LabelledTexts) -> LabelledTexts:
        return part.subset(np.random.default_rng(run.seed).permutation(len(part))[:SMOKE_TEXTS])

    return TextSplits(texts.name, texts.classes, few(texts.train), few(texts.validation), few(texts.test))


def train_text_classifier(
    run: Run, encoder: Encoder, texts: TextSplits, options: TextClassificationOptions
) -> dict[str, float]:
    """Train an encoder to tell classes, judge it on the test texts, write the report and save it with its tokenizer.

    Args:
        run: The run.
        encoder: With the head ``"classification"`` and the classes as labels.
        texts: The texts.
        options: Settled options.

    Returns:
        ``accuracy``, ``macro_f1``, ``calibration_error`` and, where it is defined, ``roc_auc``; ``baseline_accuracy``
        and ``baseline_macro_f1`` of a logistic regression on words and pairs of words, and ``gain_over_baseline``.
    """
    shape: dict[str, Any] = {"batch": options.batch, "length": encoder.length}
    change = training_change(run, options, texts.train.texts)
    train = TextBatches(texts.train, encoder.tokenizer, change=change, seed=run.seed, **shape)
    watched = TextBatches(texts.validation, encoder.tokenizer, shuffle=False, **shape)
    weights = balanced_weights(texts.train.labels, len(texts.classes)) if options.class_weights == "balanced" else None
    train_in_stages(
        run, encoder.model, train, watched, options, label_smoothing=options.label_smoothing, class_weights=weights
    )
    save_with_tokenizer(run, encoder.model, encoder.tokenizer, ENCODER)
    probabilities = TextClassifier(encoder.model, encoder.tokenizer).probabilities(texts.test.texts)
    return _report(run, encoder.name, texts, probabilities)


def _report(run: Run, name: str, texts: TextSplits, probabilities: np.ndarray) -> dict[str, float]:
    test, result = texts.test, scores_of(texts.test.labels, probabilities)
    linear = scores_of(
        test.labels,
        ngram_probabilities(
            texts.train.texts, texts.train.labels, texts.validation.texts, texts.validation.labels, test.texts,
            len(texts.classes),
        ),
    )  # fmt: skip
    counts = np.bincount(texts.train.labels, minlength=len(texts.classes))
    rows = {
        name: result,
        "logistic regression on words and pairs of words": linear,
        "the most frequent class": {"accuracy": float((test.labels == counts.argmax()).mean())},
    }
    run.table(
        "baselines",
        [
            {"what tells the class": what, **{key.replace("_", " "): round(value, 4) for key, value in scores.items()}}
            for what, scores in rows.items()
        ],
        caption=f"{texts.name}: {len(texts.train):,} texts to learn from, {len(test):,} test texts",
    )
    report_scores(run, test.labels, probabilities, texts.classes, kind="text")
    _show_examples(run, test, probabilities, texts.classes)
    run.say(
        f"accuracy {result['accuracy']:.2%} on {len(test):,} test texts; a linear model of n-grams has "
        f"{linear['accuracy']:.2%}"
    )
    return {
        **result,
        "baseline_accuracy": linear["accuracy"],
        "baseline_macro_f1": linear["macro_f1"],
        "gain_over_baseline": result["accuracy"] - linear["accuracy"],
    }


def _show_examples(run: Run, test: LabelledTexts, probabilities: np.ndarray, classes: Sequence[str]) -> None:
    """Show the most confident mistakes, then texts that were recognised, spread over the test texts."""
    predicted = probabilities.argmax(axis=1)
    order = np.argsort(-probabilities.max(axis=1), kind="stable")
    wrong = [int(place) for place in order if predicted[place] != test.labels[place]][: SHOWN // 2]
    right = np.flatnonzero(predicted == test.labels)
    spread = np.unique(np.linspace(0, len(right) - 1, min(len(right), SHOWN - len(wrong))).astype(int))
    rows = [
        {
            "text": test.texts[place],
            "class": classes[test.labels[place]],
            "taken for": classes[predicted[place]],
            "probability": round(float(probabilities[place].max()), 3),
        }
        for place in [*wrong, *(int(right[number]) for number in spread)]
    ]
    run.table("examples", rows, caption="The most confident mistakes, then texts that were recognised")
