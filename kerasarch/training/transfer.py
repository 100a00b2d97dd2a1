"""Strategies of transfer learning, side by side, on the same images."""

import time
from collections.abc import Callable, Iterator
from typing import Any, Literal

import keras

from kerasarch.backends.seeding import set_random_seed
from kerasarch.training.strategies import Strategy
from kerasarch.training.transfer_options import SCRATCH, TransferOptions
from kerasarch.training.unfreezing import GradualUnfreezing


def train_strategies(
    run: Any,
    make: Callable[[bool], keras.Model],
    train: Any,
    validation: Any,
    options: TransferOptions,
    *,
    rate: float = 1e-3,
    scratch_rate: float = 3e-3,
    batch_norm: Literal["open", "frozen"] = "frozen",
) -> Iterator[tuple[str, keras.Model, float]]:
    """Train a fresh model by each strategy.

    Args:
        run: The run, whose ``fit`` makes every stage resumable.
        make: Makes a model with a new head: with trained weights below it (True) or fresh ones (False).
        train: Batches to learn from; every strategy sees the same ones in the same order.
        validation: Batches to watch, or None.
        options: The options.
        rate: Learning rate of the head, unless the options name one.
        scratch_rate: Learning rate where all weights are fresh.
        batch_norm: Whether BatchNormalization learns, unless the options say. Fresh weights always have it learn.

    Yields:
        The strategy's name, its trained model and the seconds that training took.
    """
    start = train.state()
    epochs, budget = options.epochs_for(train.steps), 0
    for name in options.chosen:
        fresh = name == SCRATCH
        plan: Strategy = "full" if fresh else name  # type: ignore[assignment]
        train.restore(start)
        staged = plan in ("gradual", "bottom-up")
        budget = budget or epochs * _stages(make(False), options)
        set_random_seed(run.seed)  # every strategy starts alike
        trainer = GradualUnfreezing(
            make(not fresh),
            strategy=plan,
            patterns=options.open if plan == "selective" else (),
            epochs=epochs if staged else budget,
            max_stages=options.max_stages,
            optimizer=options.optimizer,
            learning_rate=scratch_rate if fresh else options.learning_rate or rate,
            decay=1.0 if fresh else options.decay,
            weight_decay=options.weight_decay,
            warmup_epochs=options.warmup_epochs,
            label_smoothing=options.label_smoothing,
            patience=options.patience,
            batch_norm="open" if fresh else options.batch_norm or batch_norm,
            cache=options.cache_gb > 0,
            cache_gb=options.cache_gb,
            views=options.views,
        )
        began = time.monotonic()

        def fit(stage: str, *arguments: Any, strategy: str = name, **keywords: Any) -> dict[str, list[float]]:
            return run.fit(f"{strategy}/{stage}", *arguments, **keywords)

        trainer.fit(train, validation, fit=fit)
        yield name, trainer.model, time.monotonic() - began


def _stages(model: keras.Model, options: TransferOptions) -> int:
    return len(GradualUnfreezing(model, strategy="gradual", max_stages=options.max_stages).stages)
