"""Gradients of stateful Keras code on JAX.

The code runs as a pure function: a scope of its own holds the values of the variables, and what it assigns (BatchNorm
statistics, seed generators, metrics) leaves the differentiated function beside the loss and is assigned outside.
"""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import keras

from kerasarch.backends.scope import Scope, current_scope, value_in


def differentiate(
    fn: Callable[[list[Any]], tuple[Any, Any]], variables: Sequence[keras.Variable], tensors: Sequence[Any]
) -> tuple[Any, Any, list[Any] | None]:
    """Run ``fn(tensors)`` and differentiate the loss it returns.

    Args:
        fn: Returns a scalar loss and anything else.
        variables: Variables to differentiate with respect to.
        tensors: Tensors to differentiate with respect to.

    Returns:
        The loss, what else ``fn`` returned, and the gradients of the variables and then of the tensors; None in place
        of all the gradients where the loss depends on none of them.
    """
    outer = current_scope()
    values = [value_in(outer, variable) for variable in variables]
    assigned: list[keras.Variable] = []
    connected = False

    def pure(inputs: list[Any]) -> tuple[Any, Any]:
        nonlocal connected
        scope = Scope(outer, zip(variables, inputs, strict=False))
        with scope:
            loss, aux = fn(inputs[len(variables) :])
        # A result that depends on no input with a derivative is no tracer of this differentiation.
        connected = getattr(loss, "_trace", None) is inputs[0]._trace
        assigned.extend(scope.assigned.values())
        return loss, (aux, [scope.get_current_value(variable) for variable in assigned])

    (loss, (aux, updates)), gradients = jax.value_and_grad(pure, has_aux=True)([*values, *tensors])
    for variable, value in zip(assigned, updates, strict=True):
        variable.assign(value)
    return loss, aux, gradients if connected else None
