"""A scope in which variables have values of their own, inside another or in none."""

from typing import Any

import keras
from keras.src.backend.common.stateless_scope import get_stateless_scope  # Keras 3.15 has no public name for it

from kerasarch.errors import UsageError

current_scope = get_stateless_scope


class Scope(keras.StatelessScope):
    """A stateless scope that sees the values of the scope around it and remembers what was assigned.

    Args:
        outer: The scope around it, or None.
        values: Pairs of a variable and its value in this scope.
    """

    def __init__(self, outer: keras.StatelessScope | None, values: Any = ()):
        super().__init__(collect_losses=True)
        if outer is not None:
            self.state_mapping.update(outer.state_mapping)
        # Not by the constructor: it would convert values that are of the right type already, at every call.
        self.state_mapping.update((id(variable), value) for variable, value in values)
        self.assigned: dict[int, keras.Variable] = {}

    def add_loss(self, loss: Any) -> None:
        """Refuse: what a layer adds would be lost on JAX, and counted on the other backends."""
        raise UsageError(
            "A layer added a loss (add_loss, activity_regularizer) in a training step or a differentiation. Expected "
            "its loss to be computed there from the output; regularizers of weights are in network.losses."
        )

    def add_update(self, update: tuple[keras.Variable, Any]) -> None:
        """Remember the variable and its new value."""
        self.assigned[id(update[0])] = update[0]
        super().add_update(update)


def value_in(scope: keras.StatelessScope | None, variable: keras.Variable) -> Any:
    """Value of a variable in a scope; unlike ``variable.value`` never cast for mixed precision."""
    value = None if scope is None else scope.get_current_value(variable)
    return variable._value if value is None else value
