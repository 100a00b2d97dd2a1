"""Gradient norms, weights and their changes during a plain ``model.fit``, without changing what it computes.

A step is compiled on JAX and TensorFlow, so what is to be seen has to come out of it. `Monitor` wraps three functions
of the model and its optimizer objects: the optimizer's ``apply`` hands over the gradients it receives, ``train_step``
puts their squared norms beside its logs, and ``train_function`` takes them out again before anyone sees the logs. No
variable is added, so checkpoints have the same form with and without.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from kerasarch import backends
from kerasarch.backends.conditional import inside_condition
from kerasarch.errors import UsageError
from kerasarch.training.groups import layer_groups, merge
from kerasarch.training.optimizer_set import OptimizerSet

GROUPS = 24
"""Groups of a network at most; neighbours of a deeper one are joined."""
_KEY = "kerasarch/squared_gradient_norms"


class Monitor:
    """Sees the training steps of a model that it is asked to see.

    The norms are those of the gradients before clipping, of a mixed-precision loss after taking its scale out, of
    accumulated gradients each micro-batch's; of several in one step the root mean square is taken.

    Args:
        model: A compiled model.

    Attributes:
        armed: Whether the next step's gradient norms are to be seen.
        weights: Whether its weights before and after are to be seen too.
        norms: Squared gradient norms of the last step that was seen, on their device, in the order of `layout`.
        before: Weights before that step, by network and group, or None.
        after: Weights after it, or None.
    """

    def __init__(self, model: keras.Model):
        self.model = model
        self.armed = self.weights = False
        self.layout: list[tuple[str, str]] = []
        self.sizes: dict[str, dict[str, int]] = {}
        self.norms: Any = None
        self.before: list[np.ndarray] | None = None
        self.after: list[np.ndarray] | None = None
        self.variables: list[keras.Variable] = []
        self._homes: dict[int, tuple[str, str]] = {}
        self._collected: list[list[tuple[tuple[str, str], Any]]] | None = None
        self._inside = False
        self._optimizer = model.optimizer

    @classmethod
    def on(cls, model: keras.Model) -> "Monitor":
        """Return the model's monitor; call it when ``fit`` begins.

        One that was compiled into the model's step serves on, and nothing is compiled again.
        """
        earlier = getattr(model.train_function, "kerasarch_monitor", None)
        if isinstance(earlier, Monitor) and earlier._serves(model):
            earlier.forget()
            return earlier
        monitor = cls(model)
        for optimizer in _optimizers(model):
            _wrap_optimizer(optimizer, monitor)
        step = _original(model.train_step)
        model.train_step = _marked(functools.partial(monitor._step, step), step)
        model.train_function = None
        model.make_train_function()
        run = functools.partial(monitor._run, model.train_function)
        run.kerasarch_monitor = monitor  # type: ignore[attr-defined]
        model.train_function = run
        return monitor

    def forget(self) -> None:
        """Forget what was seen last."""
        self.armed = self.weights = False
        self.norms = self.before = self.after = None

    def _serves(self, model: keras.Model) -> bool:
        """Whether what was compiled is still right."""
        same = [id(variable) for variable in model.trainable_variables] == [id(v) for v in self.variables]
        return self.model is model and self._optimizer is model.optimizer and same

    # What the wrapped functions call.

    def _run(self, run: Callable, *arguments: Any) -> Any:
        """Stand for ``train_function``: JAX gives and gets the state of all variables, the others hold them."""
        weights = self.armed and self.weights
        stateless = len(arguments) == 2
        if weights and (stateless or self.model.built):
            self._find_homes()
            self.before = _copies(arguments[0][0] if stateless else self.variables)
        result = run(*arguments)
        logs = result[0] if stateless else result
        norms = logs.pop(_KEY, None)
        if self.armed:
            self.norms = norms
            if self.before is not None:
                self.after = _copies(result[1][0] if stateless else self.variables)
        return result

    def _step(self, step: Callable, *arguments: Any) -> Any:
        """Stand for ``train_step``."""
        eager = backends.name() == "torch" or self.model.run_eagerly
        if eager and not self.armed:
            return step(*arguments)
        self._collected = []
        try:
            result = step(*arguments)
        finally:
            collected, self._collected = self._collected, None
        if not collected:
            return result
        sums: dict[tuple[str, str], list[Any]] = {}
        for applied in collected:
            for home, square in applied:
                sums.setdefault(home, []).append(square)
        self.layout = list(sums)
        norms = ops.stack([sum(squares[1:], squares[0]) / len(squares) for squares in sums.values()])
        if isinstance(result, tuple):
            return ({**result[0], _KEY: norms}, *result[1:])
        return {**result, _KEY: norms}

    def collect(self, gradients: Sequence[Any], variables: Sequence[Any], scale: Any) -> None:
        """Take the gradients that an optimizer was given; those of steps that are taken only sometimes are left out."""
        if self._collected is None or inside_condition():
            return
        self._find_homes()
        squares: dict[tuple[str, str], Any] = {}
        for gradient, variable in zip(gradients, variables, strict=True):
            if gradient is None:
                continue
            home = self._homes.get(id(variable), ("", "other"))
            gradient = ops.cast(ops.convert_to_tensor(gradient), "float32")
            if scale is not None:
                gradient = gradient / scale  # before squaring, which overflows
            square = ops.sum(ops.square(gradient))
            squares[home] = squares[home] + square if home in squares else square
        self._collected.append(list(squares.items()))

    def _find_homes(self) -> None:
        if self._homes:
            return
        self.variables = list(self.model.trainable_variables)
        for network, owner in _networks(self.model).items():
            open_ids = {id(variable) for variable in owner.trainable_variables}
            for name, members in _groups(owner):
                for variable in members:
                    if id(variable) in open_ids and id(variable) not in self._homes:
                        self._homes[id(variable)] = network, name
                        sizes = self.sizes.setdefault(network, {})
                        sizes[name] = sizes.get(name, 0) + int(np.prod(variable.shape))

    def optimizers(self) -> list[Any]:
        """The optimizers that are handed gradients."""
        return _optimizers(self.model)

    def homes(self) -> list[tuple[str, str]]:
        """Network and group of each of `variables`."""
        return [self._homes.get(id(variable), ("", "other")) for variable in self.variables]

    def seen(self) -> dict[str, dict[str, float]]:
        """The gradient norms that were seen last, by network and group; empty where there are none."""
        found: dict[str, dict[str, float]] = {}
        if self.norms is None:
            return found
        values = np.sqrt(np.asarray(ops.convert_to_numpy(self.norms), "float64"))
        for (network, group), value in zip(self.layout, values, strict=True):
            found.setdefault(network, {})[group] = float(value)
        return found


def _optimizer_names(model: keras.Model) -> list[str]:
    """Names of a learner's networks, where its optimizer is one for each; none for an optimizer of all variables."""
    optimizer = model.optimizer
    return optimizer.names if isinstance(optimizer, OptimizerSet) else []


def _networks(model: keras.Model) -> dict[str, Any]:
    """The networks of a learner with an optimizer for each, by name; another model is one network without a name."""
    names = _optimizer_names(model)
    if names:
        return {name: getattr(model, name) for name in names}
    return {"": model}


def _optimizers(model: keras.Model) -> list[Any]:
    """The optimizers that are handed gradients."""
    optimizer, names = model.optimizer, _optimizer_names(model)
    if names:
        return [optimizer[name] for name in names]
    return [] if optimizer is None else [optimizer]


def _groups(owner: Any) -> list[tuple[str, list[Any]]]:
    if not isinstance(owner, keras.Model):  # a layer that holds networks: a group each
        inner = owner._flatten_layers(include_self=False, recursive=False)
        found = [(layer.name, list(layer.trainable_variables)) for layer in inner]
        known = {id(variable) for _, members in found for variable in members}
        rest = [variable for variable in owner.trainable_variables if id(variable) not in known]
        return [*found, ("other", rest)] if rest else found
    try:
        groups = layer_groups(owner)
    except UsageError:  # variables of its own, or none in layers
        return [("weights", list(owner.trainable_variables))]
    joined = merge(groups, GROUPS)
    if len(groups) > GROUPS:
        named = [(row[0].name if len(row) == 1 else f"{row[0].name}-{row[-1].name}", row) for row in joined]
    else:
        named = [(group.name, [group]) for group in groups]
    found = [(name, [variable for group in row for variable in group.variables]) for name, row in named]
    known = {id(variable) for _, members in found for variable in members}
    rest = [variable for variable in owner.trainable_variables if id(variable) not in known]
    return [*found, ("other", rest)] if rest else found


def _wrap_optimizer(optimizer: Any, monitor: Monitor) -> None:
    apply, stateless_apply = _original(optimizer.apply), _original(optimizer.stateless_apply)

    def see(gradients: Sequence[Any], variables: Any, state: Sequence[Any] | None) -> None:
        variables = optimizer._trainable_variables if variables is None else variables
        if state is None:
            scale = _scale(optimizer)
        else:
            with keras.StatelessScope(state_mapping=list(zip(optimizer.variables, state, strict=True))):
                scale = _scale(optimizer)
        monitor.collect(gradients, list(variables), scale)

    def watched_apply(grads: Any, trainable_variables: Any = None) -> Any:
        grads = list(grads)
        variables = None if trainable_variables is None else list(trainable_variables)
        if not monitor._inside:
            see(grads, variables, None)
        return apply(grads, variables)

    def watched_stateless_apply(optimizer_variables: Any, grads: Any, trainable_variables: Any) -> Any:
        see(grads, None, optimizer_variables)
        monitor._inside = True  # it calls `apply` with the same gradients
        try:
            return stateless_apply(optimizer_variables, grads, trainable_variables)
        finally:
            monitor._inside = False

    optimizer.apply = _marked(watched_apply, apply)
    optimizer.stateless_apply = _marked(watched_stateless_apply, stateless_apply)


def _scale(optimizer: Any) -> Any:
    """The factor on the loss, or None."""
    if isinstance(optimizer, keras.optimizers.LossScaleOptimizer) or optimizer.loss_scale_factor is not None:
        return ops.cast(optimizer.scale_loss(ops.ones((), "float32")), "float32")
    return None


def _marked(function: Callable, original: Callable) -> Callable:
    function.kerasarch_original = original  # type: ignore[attr-defined]
    return function


def _original(function: Callable) -> Callable:
    return getattr(function, "kerasarch_original", function)


def _copies(values: Sequence[Any]) -> list[np.ndarray]:
    found = []
    for value in values:
        array = np.asarray(ops.convert_to_numpy(getattr(value, "value", value)))
        found.append(np.array(array, "float32"))
    return found
