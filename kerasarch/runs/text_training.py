"""Training text encoders in stages: group by group from the top down, or all at once."""

from typing import Any

from kerasarch import backends
from kerasarch.recipe import Run
from kerasarch.training import GradualUnfreezing
from kerasarch.training.optimizers import OPTIMIZERS
from kerasarch.training.text_options import EncoderOptions
from kerasarch.training.weight_averages import ValidateAverages


def train_in_stages(
    run: Run, model: Any, train: Any, validation: Any, options: EncoderOptions, **objective: Any
) -> None:
    """Train a model in the stages that its options ask for, each a phase of the run.

    Gradual unfreezing and rates that fall from group to group: Howard and Ruder, 2018, sections 3.2 and 3.3
    (https://arxiv.org/abs/1801.06146).

    Args:
        run: The run.
        model: The model, with its new head.
        train: Batches to learn from.
        validation: Batches to watch.
        options: Settled options.
        **objective: ``loss`` and ``metrics``, or ``label_smoothing`` and ``class_weights``, as
            `kerasarch.training.GradualUnfreezing` takes them.
    """
    kind, more = OPTIMIZERS[options.optimizer], {}
    if options.average:
        more = {"use_ema": True, "ema_momentum": options.average}
    trainer = GradualUnfreezing(
        model,
        strategy=options.strategy,  # type: ignore[arg-type]
        patterns=options.open,
        epochs=options.epochs or 1,
        max_stages=options.max_stages,
        optimizer=kind(**more),
        learning_rate=options.learning_rate or 1e-3,
        decay=options.decay or 1.0,
        weight_decay=options.weight_decay,
        global_clipnorm=options.clip or None,
        warmup_epochs=options.warmup_epochs,
        patience=options.patience,
        cache=False,  # encoders are no graphs of layers
        compile_options={"jit_compile": backends.jit_long_training()},
        **objective,
    )

    def fit(stage: str, *arguments: Any, **keywords: Any) -> dict[str, list[float]]:
        return run.fit(f"training/{stage}", *arguments, **keywords)

    trainer.fit(train, validation, fit=fit, callbacks=[ValidateAverages()] if options.average else ())
