"""What the transfer recipes share: train by every strategy, hold them against each other, report."""

import contextlib
import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from kerasarch.data import Augmentation, Batches, ImageSource, batches
from kerasarch.errors import UsageError, WeightsError
from kerasarch.models import IMAGENET, Preprocessing
from kerasarch.recipe import Run
from kerasarch.training.transfer_options import SCRATCH, TransferOptions

CHANGES = Augmentation(flip=True, rotation=10, crop=(0.6, 1.0), brightness=0.2, contrast=0.2)
"""What ``augment`` does to training pictures."""


def preprocessing_for(builder: Callable[..., Any], weights: str, image_size: int | None = None) -> Preprocessing:
    """Say how pictures are prepared for a model whose trained weights come from a source.

    Args:
        builder: The model's builder.
        weights: ``"imagenet"``, another source of weights, or ``"none"``.
        image_size: Height and width in pixels. None takes what the weights were trained at, for fresh ones what the
            builder builds for.

    Returns:
        The model's preprocessing, of that size.

    Raises:
        UsageError: The weights have no known form, or there is no such variant.
        WeightsError: They are missing, damaged or do not fit.
    """
    from kerasarch.weights import preprocessing_of

    said = None
    if weights not in ("none", "imagenet"):
        # The builder of a plugin may read more; one of ours says what is wrong.
        with contextlib.suppress(UsageError, WeightsError):
            said = preprocessing_of(weights)
    if said is None:
        sizes = {} if image_size is None else {"input_shape": (image_size, image_size, 3)}
        model = builder(weights=None if weights == "none" else weights, **sizes)
        said = getattr(model, "preprocessing", None) or IMAGENET
    return said if image_size is None else dataclasses.replace(said, size=(image_size, image_size))


def learning_batches(
    source: ImageSource, options: TransferOptions, augment: Augmentation | None, **shape: Any
) -> Batches:
    """Return batches to learn from.

    Args:
        source: The pictures.
        options: The options, which may ask for mirror images, Mixup and CutMix too.
        augment: How single pictures are changed, or None.
        **shape: The rest of what `kerasarch.data.batches` takes.
    """
    change = augment or Augmentation()
    change = dataclasses.replace(change, flip=change.flip or options.mirror, mixup=options.mixup, cutmix=options.cutmix)
    return batches(source, labels="one_hot" if change.mixes else "int", augment=change, **shape)


def check_strategy(make: Callable[[bool], Any], options: TransferOptions) -> None:
    """Refuse, before anything is trained, a strategy that does not fit the model.

    Args:
        make: As for `compare_transfer`.
        options: The options.

    Raises:
        UsageError: Patterns are missing, superfluous or fit no layer.
    """
    from kerasarch.training import layer_groups, plan

    if options.strategy == "selective" and options.open:
        groups = layer_groups(make(False))
    elif options.strategy == "selective" or options.open:
        raise UsageError(
            f"--open: received {', '.join(options.open) or 'nothing'} with --strategy {options.strategy}. Expected "
            "names of groups or layers with selective, and only there."
        )
    else:
        return
    plan(options.strategy, groups, epochs=1, patterns=options.open, max_stages=options.max_stages)


def compare_transfer(
    run: Run,
    make: Callable[..., Any],
    train: Any,
    validation: Any,
    test: Any,
    options: TransferOptions,
    **defaults: Any,
) -> dict[str, float]:
    """Train by each strategy, evaluate on the test images, write the report's parts and save the chosen model.

    Args:
        run: The run.
        make: Makes a model with a new head from a seed: with trained weights below it (True) or fresh ones (False).
        train: `kerasarch.data.Batches` to learn from.
        validation: Batches to watch, or None.
        test: Batches to judge by, in the order of their source.
        options: The options.
        **defaults: What holds where the options leave it open, as `kerasarch.training.train_strategies` takes it.

    Returns:
        ``accuracy``, ``macro_f1``, ``calibration_error`` and, where it is defined, ``roc_auc`` of the chosen strategy,
        ``<strategy>_accuracy`` of the others, ``gain_over_scratch``, and for an ensemble ``network_accuracy``, the mean
        of its networks, from which the gain is taken then.
    """
    from kerasarch import training
    from kerasarch.models.mean_classifier import mean_classifier
    from kerasarch.runs.classification_report import report_classifier
    from kerasarch.runs.classifier_scores import mean_accuracy, network_rows, scores_of, show_networks
    from kerasarch.runs.state import seed_of

    seeds = [seed_of(run.seed, "network", number) for number in range(2, options.ensemble + 1)]
    rows: list[dict[str, Any]] = []
    result: dict[str, float] = {}
    for name, models, seconds in training.train_strategies(
        run, make, train, validation, options, seeds=seeds, **defaults
    ):
        each = [_ask(model, test, options) for model in models]
        probabilities = np.mean(each, axis=0)
        scores = scores_of(test.labels, probabilities)
        rows.append(
            {
                "strategy": name,
                "accuracy": scores["accuracy"],
                "macro F1": scores["macro_f1"],
                "seconds": round(seconds, 1),
            }
        )
        run.say(f"{name}: accuracy {scores['accuracy']:.1%} on {len(test.labels)} test images")
        if name == options.strategy:
            result |= scores
            if len(models) > 1:
                networks = network_rows(test.labels, each)
                result["network_accuracy"] = mean_accuracy(networks)
                rows[-1] |= {"strategy": f"{name}, {len(models)} networks"}
                show_networks(run, networks)
            run.save(models[0] if len(models) == 1 else mean_classifier(models))
            report_classifier(run, test, probabilities)
        else:
            result[f"{name}_accuracy"] = scores["accuracy"]
    run.table("strategies", rows, caption=f"Strategies on the same {len(train.labels)} training images")
    if SCRATCH in options.chosen:
        one = result.get("network_accuracy", result["accuracy"])
        result["gain_over_scratch"] = one - result[f"{SCRATCH}_accuracy"]
    return result


def _ask(model: Any, test: Any, options: TransferOptions) -> np.ndarray:
    from kerasarch.runs.predictions import predict_probabilities

    said = getattr(model, "preprocessing", None) or Preprocessing()
    return predict_probabilities(model, test, tta=options.tta, mirror=options.mirror, interpolation=said.interpolation)
