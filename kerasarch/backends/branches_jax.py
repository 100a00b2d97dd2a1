"""Stateful Keras code that a compiled step runs only sometimes, on JAX."""

from collections.abc import Callable
from typing import Any

import jax
import keras

from kerasarch.backends.conditional import conditional
from kerasarch.backends.scope import Scope, current_scope, value_in


def when(predicate: Any, fn: Callable[[], None]) -> None:
    """Run ``fn`` if the predicate holds.

    Args:
        predicate: A boolean scalar, known only when the compiled step runs.
        fn: Stateful Keras code; what it assigns is assigned.
    """
    outer = current_scope()
    if outer is None or not isinstance(predicate, jax.core.Tracer):
        if bool(predicate):
            with conditional():
                fn()
        return
    assigned: list[keras.Variable] = []

    def taken() -> list[Any]:
        scope = Scope(outer)
        with scope, conditional():
            fn()
        assigned[:] = scope.assigned.values()
        return [scope.get_current_value(variable) for variable in assigned]

    def skipped() -> list[Any]:  # JAX traces it after the other
        return [value_in(outer, variable) for variable in assigned]

    values = jax.lax.cond(predicate, taken, skipped)
    for variable, value in zip(assigned, values, strict=True):
        variable.assign(value)
