"""What the transfer recipes share: train by every strategy, hold them against each other, report."""

from collections.abc import Callable
from typing import Any

from kerasarch.recipe import Run
from kerasarch.training.transfer_options import SCRATCH, TransferOptions


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
