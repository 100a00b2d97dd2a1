"""What the transfer recipes share: train by every strategy, hold them against each other, report."""

import contextlib
import dataclasses
from collections.abc import Callable
from typing import Any

from kerasarch.errors import UsageError, WeightsError
from kerasarch.models import IMAGENET, Preprocessing
from kerasarch.recipe import Run
from kerasarch.training.transfer_options import SCRATCH, TransferOptions


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
    make: Callable[[bool], Any],
    train: Any,
    validation: Any,
    test: Any,
    options: TransferOptions,
    **defaults: Any,
) -> dict[str, float]:
    """Train by each strategy, evaluate on the test images, write the report's parts and save the chosen model.

    Args:
        run: The run.
        make: Makes a model with a new head: with trained weights below it (True) or fresh ones (False).
        train: `kerasarch.data.Batches` to learn from.
        validation: Batches to watch, or None.
        test: Batches to judge by, in the order of their source.
        options: The options.
        **defaults: What holds where the options leave it open, as `kerasarch.training.train_strategies` takes it.

    Returns:
        ``accuracy`` and ``macro_f1`` of the chosen strategy, ``<strategy>_accuracy`` of the others, and
        ``gain_over_scratch``, all between 0 and 1.
    """
    from kerasarch import training
    from kerasarch.metrics import classification_summary
    from kerasarch.runs.classification_report import report_classifier
    from kerasarch.runs.predictions import predict_probabilities

    classes = test.source.classes
    rows: list[dict[str, Any]] = []
    result: dict[str, float] = {}
    for name, model, seconds in training.train_strategies(run, make, train, validation, options, **defaults):
        probabilities = predict_probabilities(model, test)
        scores = classification_summary(test.labels, probabilities, classes)
        rows.append(
            {
                "strategy": name,
                "accuracy": scores.accuracy,
                "macro F1": scores.macro_f1,
                "seconds": round(seconds, 1),
            }
        )
        run.say(f"{name}: accuracy {scores.accuracy:.1%} on {len(test.labels)} test images")
        if name == options.strategy:
            result |= {"accuracy": scores.accuracy, "macro_f1": scores.macro_f1}
            run.save(model)
            report_classifier(run, test, probabilities)
        else:
            result[f"{name}_accuracy"] = scores.accuracy
    run.table("strategies", rows, caption=f"Strategies on the same {len(train.labels)} training images")
    if SCRATCH in options.chosen:
        result["gain_over_scratch"] = result["accuracy"] - result[f"{SCRATCH}_accuracy"]
    return result
