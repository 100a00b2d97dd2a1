"""Strategies of transfer learning, side by side, on the same images."""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal

import keras

from kerasarch.backends.seeding import set_random_seed
from kerasarch.training.classification import balanced_weights
from kerasarch.training.optimizers import OPTIMIZERS
from kerasarch.training.strategies import Strategy
from kerasarch.training.transfer_options import SCRATCH, TransferOptions
from kerasarch.training.unfreezing import GradualUnfreezing
from kerasarch.training.weight_averages import ValidateAverages


def train_strategies(
    run: Any,
    make: Callable[[bool, int], keras.Model],
    train: Any,
    validation: Any,
    options: TransferOptions,
    *,
    rate: float = 1e-3,
    scratch_rate: float = 3e-3,
    batch_norm: Literal["open", "frozen"] = "frozen",
    seeds: Sequence[int] = (),
) -> Iterator[tuple[str, list[keras.Model], float]]:
    """Train a fresh model by each strategy.

    Args:
        run: The run, whose ``fit`` makes every stage resumable.
        make: Makes a model with a new head: with trained weights below it (True) or fresh ones (False), and from a
            seed.
        train: Batches to learn from; every strategy sees the same ones in the same order.
        validation: Batches to watch, or None.
        options: The options.
        rate: Learning rate of the head, unless the options name one.
        scratch_rate: Learning rate where all weights are fresh.
        batch_norm: Whether BatchNormalization learns, unless the options say. Fresh weights always have it learn.
        seeds: Seeds of further models by the chosen strategy, each of which sees the images in an order of its own.

    Yields:
        The strategy's name, its trained models and the seconds that training took.
    """
    start = train.state()
    epochs, budget = options.epochs_for(train.steps), 0
    averaged = {"use_ema": True, "ema_momentum": options.average}
    for name in options.chosen:
        fresh = name == SCRATCH
        plan: Strategy = "full" if fresh else name  # type: ignore[assignment]
        staged = plan in ("gradual", "bottom-up")
        models: list[keras.Model] = []
        seconds = 0.0
        for seed in (run.seed, *(seeds if name == options.strategy else ())):
            # No order of the images comes twice; the first model of every strategy has the same one.
            train.restore({**start, "epoch": start["epoch"] + len(models) * budget})
            budget = budget or epochs * _stages(make(False, seed), options)
            set_random_seed(seed)  # every strategy starts alike
            trainer = GradualUnfreezing(
                make(not fresh, seed),
                strategy=plan,
                patterns=options.open if plan == "selective" else (),
                epochs=epochs if staged else budget,
                max_stages=options.max_stages,
                optimizer=OPTIMIZERS[options.optimizer](**averaged) if options.average else options.optimizer,
                learning_rate=scratch_rate if fresh else options.learning_rate or rate,
                decay=1.0 if fresh else options.decay,
                weight_decay=options.weight_decay,
                warmup_epochs=options.warmup_epochs,
                label_smoothing=options.label_smoothing,
                class_weights=_class_weights(train, options),
                patience=options.patience,
                batch_norm="open" if fresh else options.batch_norm or batch_norm,
                cache=options.cache_gb > 0,
                cache_gb=options.cache_gb,
                views=options.views,
            )
            part = f"{name}/network{len(models) + 1}" if models else name
            began = time.monotonic()

            def fit(stage: str, *arguments: Any, part: str = part, **keywords: Any) -> dict[str, list[float]]:
                return run.fit(f"{part}/{stage}", *arguments, **keywords)

            trainer.fit(train, validation, fit=fit, callbacks=[ValidateAverages()] if options.average else ())
            seconds += time.monotonic() - began
            models.append(trainer.model)
        yield name, models, seconds


def _class_weights(train: Any, options: TransferOptions) -> list[float] | None:
    if options.class_weights == "none":
        return None
    return balanced_weights(train.labels, len(train.source.classes))


def _stages(model: keras.Model, options: TransferOptions) -> int:
    return len(GradualUnfreezing(model, strategy="gradual", max_stages=options.max_stages).stages)
