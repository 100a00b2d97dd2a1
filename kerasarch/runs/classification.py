"""What the recipes share that train an image classifier from scratch: train, evaluate, report, save."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from kerasarch.data import ImageSource, ImageSplits
from kerasarch.data.folds import stratified_folds
from kerasarch.data.joined import join
from kerasarch.data.splits import stratified
from kerasarch.metrics import calibration, classification_summary
from kerasarch.models.mean_classifier import mean_classifier
from kerasarch.recipe import Run
from kerasarch.runs.classification_report import report_classifier
from kerasarch.runs.classifier_training import ClassifierTraining, Make
from kerasarch.runs.predictions import predict_probabilities
from kerasarch.runs.state import seed_of
from kerasarch.training.classification_options import ClassificationOptions

WATCHED = 0.1
"""Part of a fold's training images that early stopping watches: the fold's own would flatter the result."""


def train_classifier(run: Run, make: Make, images: ImageSplits, options: ClassificationOptions) -> dict[str, float]:
    """Train a classifier (several where the options say so), judge it, write the report and save it.

    Args:
        run: The run.
        make: Makes a network with fresh weights that takes raw pixels, for pictures of the shape it is given (height,
            width, channels; the first two None where training uses several sizes), and gives logits.
        images: The pictures. Without a test part the validation part is the test.
        options: The options.

    Returns:
        ``accuracy``, ``macro_f1``, ``calibration_error`` and, where it is defined, ``roc_auc``; for an ensemble also
        ``network_accuracy``, the mean of its networks; for folds ``accuracy`` and ``macro_f1`` are means over the
        folds, with ``accuracy_deviation`` and ``macro_f1_deviation``.
    """
    shape = images.train.shape
    training = ClassifierTraining(
        run, make, options, size=options.size_for(shape), channels=1 if shape and shape[2] == 1 else 3
    )
    if options.folds:
        return _cross_validate(run, training, images)
    networks = _train_all(training, images.train, images.validation, "", run.seed)
    test = training.batches(images.test or images.validation)
    each = [_ask(training, network, test) for network in networks]
    probabilities = np.mean(each, axis=0)
    result = _result(test.labels, probabilities)
    if len(networks) > 1:
        result["network_accuracy"] = _report_ensemble(run, test, each, probabilities)
    report_classifier(run, test, probabilities)
    run.save(networks[0] if len(networks) == 1 else mean_classifier(networks))
    run.say(f"accuracy {result['accuracy']:.2%} on {len(test.labels)} test images")
    return result


def _train_all(
    training: ClassifierTraining, train: ImageSource, validation: ImageSource | None, part: str, seed: int
) -> list[Any]:
    """Train the networks of the ensemble, or the one."""
    count = training.options.ensemble
    if count == 1:
        return [training.train(train, validation, phase=part or "training", seed=seed)]
    return [
        training.train(
            train,
            validation,
            phase=f"{part}-network{number}" if part else f"network{number}",
            seed=seed_of(seed, "network", number),
        )
        for number in range(1, count + 1)
    ]


def _ask(training: ClassifierTraining, network: Any, test: Any) -> np.ndarray:
    return predict_probabilities(network, test, tta=training.options.tta, mirror=training.options.mirror)


def _result(labels: np.ndarray, probabilities: np.ndarray) -> dict[str, float]:
    scores = classification_summary(labels, probabilities)
    found = {"accuracy": scores.accuracy, "macro_f1": scores.macro_f1}
    if scores.roc_auc is not None:
        found["roc_auc"] = scores.roc_auc
    return found | {"calibration_error": calibration(labels, probabilities).error}


def _report_ensemble(run: Run, test: Any, each: Sequence[np.ndarray], mean: np.ndarray) -> float:
    """Tabulate the networks beside the ensemble; return their mean accuracy."""
    rows = []
    for name, answers in [*((f"network {n}", found) for n, found in enumerate(each, start=1)), ("ensemble", mean)]:
        result = _result(test.labels, answers)
        rows.append({"network": name, **{score.replace("_", " "): value for score, value in result.items()}})
    accuracy = float(np.mean([row["accuracy"] for row in rows[:-1]]))
    run.table(
        "networks",
        _rounded(rows),
        caption=f"The networks, mean accuracy {accuracy:.2%}, and the average of their probabilities",
    )
    return accuracy


def _cross_validate(run: Run, training: ClassifierTraining, images: ImageSplits) -> dict[str, float]:
    """Train on all folds but one, in turn, and judge by that one."""
    options = training.options
    parts = [part for part in (images.train, images.validation, images.test) if part is not None]
    everything = join(*parts)
    identity = everything.identity()
    folds = stratified_folds(
        everything.labels, options.folds, seed=run.seed, identity=identity, classes=everything.classes
    )
    probabilities = np.zeros((len(everything), len(everything.classes)), np.float32)
    results, networks = [], []
    for number, held in enumerate(folds, start=1):
        train = everything.subset(np.setdiff1d(np.arange(len(everything)), held))
        validation: ImageSource = everything.subset(held)
        test = training.batches(validation)
        if options.patience:
            kept, watched = stratified(
                train.labels, (WATCHED,), seed=run.seed, identity=train.identity(), classes=train.classes
            )
            train, validation = train.subset(kept), train.subset(watched)
        trained = _train_all(training, train, validation, f"fold{number}", seed_of(run.seed, "fold", number))
        probabilities[held] = np.mean([_ask(training, network, test) for network in trained], axis=0)
        networks += trained
        results.append(_result(test.labels, probabilities[held]))
        run.say(f"fold {number}: accuracy {results[-1]['accuracy']:.2%} on {len(held)} images")
    summary = _tabulate_folds(run, results)
    report_classifier(run, training.batches(everything), probabilities)
    run.save(mean_classifier(networks))
    return summary


def _tabulate_folds(run: Run, results: Sequence[dict[str, float]]) -> dict[str, float]:
    shared = [name for name in results[0] if all(name in result for result in results)]
    columns = {name: np.array([result[name] for result in results]) for name in shared}
    rows = [
        {"fold": str(number), **{name.replace("_", " "): result[name] for name in shared}}
        for number, result in enumerate(results, start=1)
    ]
    means = {name: float(values.mean()) for name, values in columns.items()}
    deviations = {name: float(values.std(ddof=1)) for name, values in columns.items()}
    for label, values in (("mean", means), ("deviation", deviations)):
        rows.append({"fold": label, **{name.replace("_", " "): value for name, value in values.items()}})
    run.table("folds", _rounded(rows), caption="Each fold, judged by networks that were trained on the others")
    run.say(f"accuracy {means['accuracy']:.2%} ± {deviations['accuracy']:.2%} over {len(results)} folds")
    return means | {f"{name}_deviation": deviations[name] for name in ("accuracy", "macro_f1")}


def _rounded(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{name: round(v, 4) if isinstance(v, float) else v for name, v in row.items()} for row in rows]
