"""Transfer learning in stages on any Keras model."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import keras

from kerasarch.errors import UsageError
from kerasarch.training.freezing import Freezer
from kerasarch.training.group_optimizer import GroupOptimizer
from kerasarch.training.groups import layer_groups
from kerasarch.training.objective import Accuracy, SmoothedCrossentropy, gives_logits
from kerasarch.training.rates import GroupRates
from kerasarch.training.strategies import Strategy, plan
from kerasarch.training.timeline import Timeline

History = dict[str, list[float]]


class GradualUnfreezing:
    """Trains a model in stages that open its layers group by group, on every backend alike.

    Each group of layers has an optimizer of its own that lives as long as this object: moments and step counts survive
    when another group opens, and a newly opened group starts with fresh ones, as Adam's bias correction expects. Frozen
    layers get no gradient, BatchNormalization in them uses its moving statistics, their dropout is off.

    Args:
        model: A built functional, sequential or subclassed model, with its new head.
        strategy: ``"extract"``, ``"full"``, ``"gradual"``, ``"bottom-up"`` or ``"selective"``
            (:func:`kerasarch.training.plan`).
        groups: Groups by shell patterns of layer names, from the input upward; default: by the names' first parts.
        patterns: For ``"selective"``: what is open besides the head.
        epochs: Epochs of each stage: one number, or one a stage.
        max_stages: At most so many stages; neighbouring groups then open together.
        optimizer: Name, instance or configured template of a Keras optimizer; each group gets a copy.
        learning_rate: Rate of the head; or rates by group name (every group must be named then).
        decay: Each group below learns so many times slower than the one above it (Howard and Ruder, 2018: 2.6).
        weight_decay: Decoupled weight decay of kernels (not of biases and normalization); None: the optimizer's own.
        global_clipnorm: Largest norm of the gradient over all open groups.
        warmup_epochs: Length of each group's warm-up after it opens, in epochs (fractions are allowed).
        cosine: ``"training"``: each group's rate falls to the end of the last stage; ``"stage"``: to the end of each
            stage, and the next starts anew with a warm-up; None: it stays.
        final: Rate at the end of the cosine, as a fraction of the group's rate.
        loss: Loss of the model; default: cross-entropy for class numbers or probabilities.
        metrics: Metrics of the model; default: accuracy.
        label_smoothing: For the default loss.
        keep_frozen: Shell patterns of layer names that stay frozen when their group opens.
        batch_norm: ``"open"``: BatchNormalization learns with its group; ``"frozen"``: never.
        restore_trainable: Whether the original ``trainable`` flags come back at the end.
        compile_options: More arguments for ``model.compile``, such as ``jit_compile``.
        verbose: As in ``model.fit``.

    Raises:
        UsageError: An argument is wrong or the model has no weights.
    """

    def __init__(
        self,
        model: keras.Model,
        *,
        strategy: Strategy = "gradual",
        groups: Mapping[str, str | Sequence[str]] | None = None,
        patterns: Sequence[str] = (),
        epochs: int | Sequence[int] = 1,
        max_stages: int = 6,
        optimizer: str | keras.optimizers.Optimizer = "adam",
        learning_rate: float | Mapping[str, float] = 1e-3,
        decay: float = 2.6,
        weight_decay: float | None = None,
        global_clipnorm: float | None = None,
        warmup_epochs: float = 0.0,
        cosine: Literal["training", "stage"] | None = "training",
        final: float = 0.0,
        loss: Any = None,
        metrics: Sequence[Any] | None = None,
        label_smoothing: float = 0.0,
        keep_frozen: Sequence[str] = (),
        batch_norm: Literal["open", "frozen"] = "open",
        restore_trainable: bool = False,
        compile_options: Mapping[str, Any] | None = None,
        verbose: Any = "auto",
    ):
        self.model = model
        self.groups, self.stages = plan(
            strategy, layer_groups(model, groups), epochs=epochs, patterns=patterns, max_stages=max_stages
        )
        self._freezer = Freezer(model, self.groups, keep_frozen=keep_frozen, batch_norm=batch_norm)
        self._rates = GroupRates(
            self.groups,
            self.stages,
            optimizer=optimizer,
            learning_rate=learning_rate,
            decay=decay,
            weight_decay=weight_decay,
            global_clipnorm=global_clipnorm,
            warmup_epochs=warmup_epochs,
            cosine=cosine,
            final=final,
        )
        if loss is not None and label_smoothing:
            raise UsageError(
                f"Received loss={loss!r} and label_smoothing={label_smoothing}. Expected label smoothing with the "
                "default loss only; set it on your loss."
            )
        self._loss = loss or SmoothedCrossentropy(label_smoothing, from_logits=gives_logits(model))
        self._metrics = list(metrics) if metrics is not None else [Accuracy()]
        self._compile_options = dict(compile_options or {})
        self._restore_trainable = restore_trainable
        self._verbose = verbose

    def fit(
        self,
        train: Any,
        validation_data: Any = None,
        *,
        fit: Callable[..., History] | None = None,
        callbacks: Sequence[keras.callbacks.Callback] = (),
    ) -> dict[str, History]:
        """Trains all stages.

        Args:
            train: A ``keras.utils.PyDataset``, such as ``kerasarch.data.Batches``.
            validation_data: The same, or None.
            fit: Trains one stage: ``fit(name, model, data, *, epochs, validation_data, callbacks) -> history``. The
                default is ``model.fit``; a run passes its resumable ``run.fit``.
            callbacks: Callbacks for every stage.

        Returns:
            History of each stage by its name. The model then holds the trained weights and is compiled.

        Raises:
            UsageError: The data is of no use here.
        """
        fit = fit or self._plain_fit
        histories: dict[str, History] = {}
        previous = None
        steps = getattr(train, "steps", None) or train.num_batches
        try:
            for stage in self.stages:
                self._freezer.open(stage.open)
                optimizer = self._rates.optimizer(stage, steps)
                self._compile(self.model, optimizer, previous)
                timeline = Timeline([group.name for group in self.groups], stage.open)
                histories[stage.name] = fit(
                    stage.name,
                    self.model,
                    train,
                    epochs=stage.epochs,
                    validation_data=validation_data,
                    callbacks=[timeline, *callbacks],
                )
                previous = self.model.optimizer
        finally:
            self._freezer.restore_noise()
        self._finish(previous)
        return histories

    def _plain_fit(self, name, model, data, *, epochs, validation_data=None, callbacks=()):
        history = model.fit(
            data, epochs=epochs, validation_data=validation_data, callbacks=list(callbacks), verbose=self._verbose
        )
        return history.history

    def _compile(self, model: keras.Model, optimizer: GroupOptimizer, previous: keras.optimizers.Optimizer | None):
        """Compiles and builds, so that the state of the optimizer exists before anybody restores it."""
        metrics = [
            keras.metrics.get(keras.metrics.serialize(m)) if isinstance(m, keras.metrics.Metric) else m
            for m in self._metrics
        ]
        model.compile(optimizer=optimizer, loss=self._loss, metrics=metrics, **self._compile_options)
        model.optimizer.build(model.trainable_variables)
        if previous is None:
            return
        # Counts of the whole training that are no group's own: Keras would start them anew.
        _carry(previous, model.optimizer, "_iterations", "step_counter", "dynamic_scale")
        _carry(
            getattr(previous, "inner_optimizer", previous),
            getattr(model.optimizer, "inner_optimizer", model.optimizer),
            "_iterations",
        )

    def _finish(self, optimizer: keras.optimizers.Optimizer) -> None:
        if self._restore_trainable:
            self._freezer.restore()
        inner = getattr(optimizer, "inner_optimizer", optimizer)
        self._compile(self.model, inner, None)


def _carry(source, target, *names: str) -> None:
    for name in names:
        if hasattr(source, name) and hasattr(target, name):
            getattr(target, name).assign(getattr(source, name))
