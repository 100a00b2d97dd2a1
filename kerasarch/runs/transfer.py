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
    import keras

    from kerasarch import training
    from kerasarch.metrics import classification_summary

    classes = test.source.classes
    rows: list[dict[str, Any]] = []
    result: dict[str, float] = {}
    for name, model, seconds in training.train_strategies(run, make, train, validation, options, **defaults):
        probabilities = keras.ops.convert_to_numpy(keras.ops.softmax(model.predict(test, verbose=0)))
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
            run.confusion(scores.confusion, classes)
            _examples(run, test, probabilities)
        else:
            result[f"{name}_accuracy"] = scores.accuracy
    run.table("strategies", rows, caption=f"Strategies on the same {len(train.labels)} training images")
    if SCRATCH in options.chosen:
        result["gain_over_scratch"] = result["accuracy"] - result[f"{SCRATCH}_accuracy"]
    return result


def _examples(run: Run, test: Any, probabilities: Any, count: int = 24) -> None:
    """Show the most confident mistakes, then pictures that were recognised, spread over the test images."""
    import keras
    import numpy as np

    predicted = probabilities.argmax(axis=1)
    order = np.argsort(-probabilities.max(axis=1), kind="stable")
    wrong = [int(i) for i in order if predicted[i] != test.labels[i]][: count // 2]
    right = np.flatnonzero(predicted == test.labels)
    spread = np.unique(np.linspace(0, len(right) - 1, min(len(right), count - len(wrong))).astype(int))
    chosen = wrong + [int(i) for i in right[spread]] if len(right) else wrong
    batch = len(test.batch(0, 0)[0])
    images = np.stack([test.batch(0, i // batch)[0][i % batch] for i in chosen])
    if keras.config.image_data_format() == "channels_first":
        images = np.moveaxis(images, 1, -1)
    pixels = np.clip(np.rint(images), 0, 255).astype(np.uint8)  # (N, H, W, C)
    run.examples(pixels, test.labels[chosen], probabilities[chosen], test.source.classes)
