"""What Keras' JAX trainer asks of a model, for a step that is written statefully."""

from collections.abc import Callable
from typing import Any

import keras

from kerasarch.backends.scope import Scope, current_scope
from kerasarch.errors import UsageError


def training_step(learner: Any, run: Callable[[Any], Any], *arguments: Any) -> Any:
    """Run a stateful training step as the pure function that Keras compiles.

    Args:
        learner: The model.
        run: Takes a batch, assigns variables, returns the logs.
        arguments: Values of the trainable, the other, the optimizer's and the metrics' variables; the batch.

    Returns:
        The logs and the new state.
    """
    groups = (
        learner.trainable_variables,
        learner.non_trainable_variables,
        learner.optimizer.variables,
        learner.metrics_variables,
    )
    return _pure(learner, run, groups, *arguments)


def evaluation_step(learner: Any, run: Callable[[Any], Any], *arguments: Any) -> Any:
    """Run a stateful evaluation step as a pure function; see `training_step`. The state has no optimizer."""
    groups = (learner.trainable_variables, learner.non_trainable_variables, learner.metrics_variables)
    return _pure(learner, run, groups, *arguments)


def _pure(learner: Any, run: Any, groups: Any, state: Any, data: Any) -> tuple[Any, Any]:
    pairs = [pair for group, values in zip(groups, state, strict=True) for pair in zip(group, values, strict=True)]
    scope = Scope(None, pairs)
    with scope:
        logs = run(data)
    lost = scope.assigned.keys() - {id(variable) for variable, _ in pairs}
    if lost:
        paths = sorted(scope.assigned[key].path for key in lost)
        raise UsageError(
            f"{learner.name}: the step assigned {paths[0]!r}, which the learner does not hold. Expected variables of "
            "its layers, metrics and seed generators; make their owner an attribute of the learner in __init__."
        )
    return logs, tuple([scope.get_current_value(variable) for variable in group] for group in groups)


def apply_gradients(optimizer: Any, gradients: list[Any], variables: list[Any]) -> None:
    """Let an optimizer apply gradients; it assigns the variables, inside a scope as well."""
    if not isinstance(optimizer, keras.optimizers.LossScaleOptimizer) or current_scope() is None:
        optimizer.apply(gradients, variables)
        return
    # Its `apply` assigns inside a condition, whose tracers would leak. The stateless form wants all its variables.
    given = {id(variable): gradient for variable, gradient in zip(variables, gradients, strict=True)}
    everything, own = optimizer._trainable_variables, optimizer.variables
    new_values, new_own = optimizer.stateless_apply(
        [variable.value for variable in own],
        [given.get(id(variable)) for variable in everything],
        [variable.value for variable in everything],
    )
    for variable, value in zip([*everything, *own], [*new_values, *new_own], strict=True):
        variable.assign(value)
