"""What the recipes share that train image classifiers from scratch: train, evaluate, compare, report, save."""

import dataclasses
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from kerasarch.data import Batches, ImageSource, ImageSplits
from kerasarch.data.folds import stratified_folds
from kerasarch.data.joined import join
from kerasarch.data.splits import stratified
from kerasarch.models.mean_classifier import mean_classifier
from kerasarch.recipe import Run
from kerasarch.runs.classification_report import report_classifier
from kerasarch.runs.classifier_scores import mean_accuracy, network_rows, rounded, scores_of, show_networks
from kerasarch.runs.classifier_training import ClassifierTraining, Make
from kerasarch.runs.predictions import predict_probabilities
from kerasarch.runs.state import seed_of
from kerasarch.training.classification_options import ClassificationOptions

WATCHED = 0.1
"""Part of a fold's training images that early stopping watches: the fold's own would flatter the result."""

Result = dict[str, float]


@dataclasses.dataclass(frozen=True)
class Trained:
    """What training came to.

    Attributes:
        networks: One, or those of an ensemble or of all folds.
        test: The images that it was judged by, in the order of their source.
        probabilities: What the networks say of them; with folds, those that had not seen the image.
        result: Scores by name; with folds their means and deviations.
        tables: Rows for the report by the name of a table: ``networks``, ``folds``.
        choice: Accuracy to choose among networks by: on the validation images, or over the folds.
    """

    networks: Sequence[Any]
    test: Batches
    probabilities: np.ndarray
    result: Result
    tables: Mapping[str, list[dict[str, Any]]]
    choice: float


def train_classifier(run: Run, make: Make, images: ImageSplits, options: ClassificationOptions) -> Result:
    """Train a classifier (several where the options say so), judge it, write the report and save it.

    Args:
        run: The run.
        make: Makes a network with fresh weights that takes raw pixels, for pictures of the shape it is given (height,
            width, channels; the first two None where training uses several sizes), and gives logits.
        images: The pictures. Without a test part the validation part is the test.
        options: The options.

    Returns:
        ``accuracy``, ``macro_f1``, ``calibration_error`` and, where it is defined, ``roc_auc``; for an ensemble also
        ``network_accuracy``, the mean of its networks; for folds they are means over the folds, and there are
        ``accuracy_deviation`` and ``macro_f1_deviation``.
    """
    trained = _train(run, make, images, options, "")
    run.say(f"accuracy {trained.result['accuracy']:.2%} on {len(trained.test.labels)} test images")
    _finish(run, trained)
    return trained.result


def compare_classifiers(
    run: Run, makes: Mapping[str, Make], images: ImageSplits, options: ClassificationOptions
) -> dict[str, Result]:
    """Train several classifiers on the same images, tabulate them, report and save the best one.

    The best one has the best accuracy on the validation images (or over the folds), not on the test images.

    Args:
        run: The run.
        makes: What makes each of them, by name, as in `train_classifier`.
        images: The pictures.
        options: The options, the same for all.

    Returns:
        The result of each, with ``parameters``, ``seconds`` of training and ``choice``, the accuracy that it was chosen
        by.
    """
    results: dict[str, Result] = {}
    best: Trained | None = None
    for name, make in makes.items():
        began = time.monotonic()
        trained = _train(run, make, images, options, f"{name}/")
        seconds = round(time.monotonic() - began, 1)
        parameters = float(trained.networks[0].count_params())
        results[name] = trained.result | {"parameters": parameters, "seconds": seconds, "choice": trained.choice}
        run.say(f"{name}: accuracy {trained.result['accuracy']:.2%} with {parameters:,.0f} parameters")
        if best is None or trained.choice > best.choice:
            best = trained
    rows = [
        {"network": name, **{score.replace("_", " "): value for score, value in result.items() if score != "choice"}}
        for name, result in results.items()
    ]
    run.table("comparison", rounded(rows), caption=f"The same {len(images.train)} training images for each")
    if best is not None:
        _finish(run, best)
    return results


def _finish(run: Run, trained: Trained) -> None:
    if networks := trained.tables.get("networks"):
        show_networks(run, networks)
    if folds := trained.tables.get("folds"):
        run.table("folds", rounded(folds), caption="Each fold, judged by networks that were trained on the others")
    report_classifier(run, trained.test, trained.probabilities)
    run.save(trained.networks[0] if len(trained.networks) == 1 else mean_classifier(trained.networks))


def _train(run: Run, make: Make, images: ImageSplits, options: ClassificationOptions, part: str) -> Trained:
    shape = images.train.shape
    channels = 1 if shape and shape[2] == 1 else 3
    training = ClassifierTraining(run, make, options, size=options.size_for(shape), channels=channels)
    if options.folds:
        return _cross_validate(run, training, images, part)
    networks = _ensemble(training, images.train, images.validation, part, run.seed)
    test = training.batches(images.test or images.validation)
    each = [_ask(training, network, test) for network in networks]
    probabilities = np.mean(each, axis=0)
    result, tables = scores_of(test.labels, probabilities), {}
    choice = result["accuracy"]
    if images.test is not None:
        watched = training.batches(images.validation)
        known = np.mean([_ask(training, network, watched) for network in networks], axis=0)
        choice = scores_of(watched.labels, known)["accuracy"]
    if len(networks) > 1:
        tables["networks"] = network_rows(test.labels, each)
        result["network_accuracy"] = mean_accuracy(tables["networks"])
    return Trained(networks, test, probabilities, result, tables, choice)


def _ensemble(
    training: ClassifierTraining, train: ImageSource, validation: ImageSource | None, part: str, seed: int
) -> list[Any]:
    """Train the networks of the ensemble, or the one."""
    count = training.options.ensemble
    if count == 1:
        return [training.train(train, validation, phase=f"{part}training", seed=seed)]
    return [
        training.train(train, validation, phase=f"{part}network{number}", seed=seed_of(seed, "network", number))
        for number in range(1, count + 1)
    ]


def _ask(training: ClassifierTraining, network: Any, test: Batches) -> np.ndarray:
    return predict_probabilities(network, test, tta=training.options.tta, mirror=training.options.mirror)


def _cross_validate(run: Run, training: ClassifierTraining, images: ImageSplits, part: str) -> Trained:
    """Train on all folds but one, in turn, and judge by that one."""
    options = training.options
    everything = join(*(part for part in (images.train, images.validation, images.test) if part is not None))
    folds = stratified_folds(
        everything.labels, options.folds, seed=run.seed, identity=everything.identity(), classes=everything.classes
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
        trained = _ensemble(training, train, validation, f"{part}fold{number}/", seed_of(run.seed, "fold", number))
        probabilities[held] = np.mean([_ask(training, network, test) for network in trained], axis=0)
        networks += trained
        results.append(scores_of(test.labels, probabilities[held]))
        run.say(f"{part}fold {number}: accuracy {results[-1]['accuracy']:.2%} on {len(held)} images")
    result, rows = summarize_folds(results)
    return Trained(networks, training.batches(everything), probabilities, result, {"folds": rows}, result["accuracy"])


def summarize_folds(results: Sequence[Result]) -> tuple[Result, list[dict[str, Any]]]:
    """Mean and deviation over folds.

    Args:
        results: The scores of each fold by name; a score that some fold lacks is left out.

    Returns:
        The means by name with ``accuracy_deviation`` and ``macro_f1_deviation`` (of a sample: divided by folds - 1),
        and the rows of a table.
    """
    shared = [name for name in results[0] if all(name in result for result in results)]
    values = {name: np.array([result[name] for result in results]) for name in shared}
    means = {name: float(column.mean()) for name, column in values.items()}
    deviations = {name: float(column.std(ddof=1)) for name, column in values.items()}
    rows: list[dict[str, Any]] = [
        {"fold": str(number), **{name: result[name] for name in shared}}
        for number, result in enumerate(results, start=1)
    ]
    rows += [{"fold": "mean", **means}, {"fold": "deviation", **deviations}]
    return means | {f"{name}_deviation": deviations[name] for name in ("accuracy", "macro_f1")}, rows
