"""Transfer learning in stages on any Keras model."""

import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import keras

from kerasarch.errors import UsageError
from kerasarch.training.arrays import ArrayBatches
from kerasarch.training.boundary import cut, nodes_restored
from kerasarch.training.cache import BoundaryCache, FillCache, changes, refusal
from kerasarch.training.early_stopping import EarlyStopping
from kerasarch.training.freezing import Freezer
from kerasarch.training.group_optimizer import GroupOptimizer
from kerasarch.training.groups import layer_groups
from kerasarch.training.objective import Accuracy, SmoothedCrossentropy, gives_logits
from kerasarch.training.rates import GroupRates
from kerasarch.training.strategies import Stage, Strategy, plan
from kerasarch.training.timeline import Timeline

History = dict[str, list[float]]

log = logging.getLogger(__name__)


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
        class_weights: For the default loss: factor of the loss of each class's examples, one a class; None for 1.
        cache: Whether the activations below the lowest open layer are kept for a stage, so that frozen layers run
            once and not in every epoch: True in memory, a folder in memory-mapped files there, False not at all.
            For graphs of layers (functional, sequential) only.
        cache_gb: Limit of what is kept, in GB; a stage that needs more runs without, and says so in the log.
        views: With augmented data: how many augmented versions of each image a cached stage goes round.
        batch: Examples a batch where arrays are given.
        keep_frozen: Shell patterns of layer names that stay frozen when their group opens.
        batch_norm: ``"open"``: BatchNormalization learns with its group; ``"frozen"``: never.
        patience: End a stage after so many epochs without a better `monitor`, and keep its best weights; None: never.
        monitor: Metric that early stopping looks at; default: ``val_loss``, without validation data ``loss``.
        restore_trainable: Whether the original ``trainable`` flags come back at the end. Compile the model anew before
            training on if they differ from those of the last stage.
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
        class_weights: Sequence[float] | None = None,
        cache: bool | str | Path = True,
        cache_gb: float = 4.0,
        views: int = 4,
        batch: int = 32,
        keep_frozen: Sequence[str] = (),
        batch_norm: Literal["open", "frozen"] = "open",
        patience: int | None = None,
        monitor: str | None = None,
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
        if loss is not None and (label_smoothing or class_weights is not None):
            raise UsageError(
                f"Received loss={loss!r} and label_smoothing={label_smoothing}, class_weights={class_weights}. "
                "Expected weights of classes and label smoothing with the default loss only; set them on your loss."
            )
        self._loss = loss or SmoothedCrossentropy(
            label_smoothing, from_logits=gives_logits(model), class_weights=class_weights
        )
        self._metrics = list(metrics) if metrics is not None else [Accuracy()]
        self._cache, self._cache_gb, self._views, self._batch = cache, cache_gb, views, batch
        self._compile_options = dict(compile_options or {})
        self._restore_trainable = restore_trainable
        self._patience, self._monitor = patience, monitor
        self._verbose = verbose
        self._augmented: bool | None = None

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
            train: ``kerasarch.data.batches(...)``, any ``keras.utils.PyDataset``, or a pair of arrays ``(x, y)``.
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
        train = self._data(train, shuffle=True)
        validation_data = None if validation_data is None else self._data(validation_data, shuffle=False)
        epoch = getattr(train, "epoch", 0)
        self._augmented = None
        histories: dict[str, History] = {}
        previous = None
        try:
            for stage in self.stages:
                # Where the plan has it, whatever early stopping left over: the same after a resume.
                _go_to(train, epoch)
                self._freezer.open(stage.open)
                with nodes_restored(self.model):
                    histories[stage.name], previous = self._stage(
                        stage, train, validation_data, previous, fit, callbacks
                    )
                epoch += stage.epochs
        finally:
            self._freezer.restore_noise()
        _go_to(train, epoch)
        self._finish(previous)
        return histories

    def _stage(
        self, stage: Any, train: Any, validation: Any, previous: Any, fit: Callable[..., Any], callbacks: Any
    ) -> Any:
        """Trains one stage, on the open part alone where what lies below can be kept."""
        optimizer = self._rates.optimizer(stage, getattr(train, "steps", None) or train.num_batches)
        extra: list[keras.callbacks.Callback] = [Timeline([group.name for group in self.groups], stage.open)]
        if self._patience is not None:
            monitor = self._monitor or ("loss" if validation is None else "val_loss")
            extra.append(EarlyStopping(monitor, patience=self._patience))
        model, cache = self._cached(stage, train, validation)
        if cache is not None:
            train, validation = cache.train, cache.validation
            extra.append(FillCache(cache))
        try:
            self._compile(model, optimizer, previous)
            history = fit(
                stage.name,
                model,
                train,
                epochs=stage.epochs,
                validation_data=validation,
                callbacks=[*extra, *callbacks],
            )
        finally:
            if cache is not None:
                cache.close()
        return history, model.optimizer

    def _cached(self, stage: Stage, train: Any, validation: Any) -> tuple[keras.Model, BoundaryCache | None]:
        """The model to train in a stage and its cache; the whole model and None where nothing is kept."""
        if not self._cache:
            return self.model, None
        folder = None if self._cache is True else Path(self._cache)
        if not hasattr(train, "batch"):
            reason = "the data does not say which batch an epoch serves (kerasarch.data.batches does)"
        else:
            parts = cut(self.model)
            reason = parts.refusal
            if not reason:
                cache = BoundaryCache(
                    parts.base,
                    train,
                    validation,
                    epochs=stage.epochs,
                    augmented=self._is_augmented(train),
                    views=self._views,
                    folder=folder,
                    name=stage.name,
                )
                reason = refusal(cache.size(), self._cache_gb, folder)
        if reason:
            log.warning("%s: activations are not kept, frozen layers run in every epoch: %s.", stage.name, reason)
            return self.model, None
        return parts.top, cache

    def _is_augmented(self, train: Any) -> bool:
        if self._augmented is None:  # looked at once: it may take an epoch of loading
            self._augmented = changes(train)
        return self._augmented

    def _data(self, data: Any, *, shuffle: bool) -> Any:
        if isinstance(data, keras.utils.PyDataset):
            return data
        if isinstance(data, tuple | list) and len(data) == 2:
            return ArrayBatches(*data, batch=self._batch, shuffle=shuffle)
        raise UsageError(
            f"Received data of {type(data).__name__}. Expected kerasarch.data.batches(...), a keras.utils.PyDataset or "
            "a pair of arrays (x, y)."
        )

    def _plain_fit(
        self, name: str, model: Any, data: Any, *, epochs: int, validation_data: Any = None, callbacks: Any = ()
    ) -> Any:
        history = model.fit(
            data,
            epochs=epochs,
            validation_data=validation_data,
            callbacks=list(callbacks),
            verbose=self._verbose,
            shuffle=False,  # the order belongs to the data
        )
        return history.history

    def _compile(self, model: keras.Model, optimizer: GroupOptimizer, previous: Any) -> None:
        """Compiles and builds, so that the state of the optimizer exists before anybody restores it."""
        # Keras would judge by the part's dtype policy, which is the one in force now, not the model's.
        scaled = self.model.dtype_policy.name == "mixed_float16"
        model.compile(
            optimizer=keras.optimizers.LossScaleOptimizer(optimizer) if scaled else optimizer,
            loss=self._loss,
            metrics=[_fresh(metric) for metric in self._metrics],
            auto_scale_loss=False,
            **self._compile_options,
        )
        model.optimizer.build([v for v in model.trainable_variables if v.path in optimizer.home])
        if previous is not None:
            # State that is no group's own and that Keras would start anew: the count of all steps, the loss scale.
            _carry(previous, model.optimizer, "_iterations", "step_counter", "dynamic_scale")
            _carry(_inner(previous), optimizer, "_iterations")

    def _finish(self, previous: keras.optimizers.Optimizer) -> None:
        """Compiles the whole model with the last stage's state."""
        if self._restore_trainable:
            self._freezer.restore()
        last = _inner(previous)
        whole = GroupOptimizer(
            last.group_optimizers,
            last.group_paths,
            global_clipnorm=last.all_groups_clipnorm,
            loss_scale_factor=last.loss_scale_factor,
        )
        self._compile(self.model, whole, previous)


def _go_to(data: Any, epoch: int) -> None:
    if hasattr(data, "restore"):
        data.restore({"epoch": epoch, "start": 0, "steps": data.steps})


def _carry(source: Any, target: Any, *names: str) -> None:
    for name in names:
        if hasattr(source, name) and hasattr(target, name):
            getattr(target, name).assign(getattr(source, name))


def _inner(optimizer: keras.optimizers.Optimizer) -> GroupOptimizer:
    return getattr(optimizer, "inner_optimizer", optimizer)


def _fresh(metric: Any) -> Any:
    return type(metric).from_config(metric.get_config()) if isinstance(metric, keras.metrics.Metric) else metric
