"""What a loop of one's own puts into a checkpoint: JSON values, arrays, Keras models and optimizers, by name.

This file imports Keras; it is imported when a recipe saves.
"""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from kerasarch.errors import CheckpointError, UsageError
from kerasarch.runs.state import arrays_of, assign, pack, unpack


def pack_loop(state: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Turn the state into JSON values and arrays.

    Raises:
        UsageError: A checkpoint cannot hold one of the values.
    """
    arrays: dict[str, np.ndarray] = {}
    values: dict[str, Any] = {}
    for name, value in state.items():
        if (variables := _variables(value)) is not None:
            arrays |= arrays_of(f"state:{name.replace('/', ':')}", variables)
            values[name] = {"variables": len(variables)}
            continue
        taken: dict[str, np.ndarray] = {}
        try:
            values[name] = pack(f"value:{name}", value, taken)
        except TypeError as error:
            raise UsageError(
                f"checkpoint: {name!r}: {error}. Expected JSON values, NumPy arrays, Keras models or optimizers."
            ) from error
        arrays |= taken
    return values, arrays


def unpack_loop(
    state: Mapping[str, Any], values: Mapping[str, Any], arrays: Mapping[str, np.ndarray]
) -> dict[str, Any]:
    """Fill models and optimizers, and return the other values by name.

    Raises:
        CheckpointError: The checkpoint lacks something, or it does not fit.
    """
    rest: dict[str, Any] = {}
    for name, value in values.items():
        if not (isinstance(value, dict) and "variables" in value):
            rest[name] = unpack(value, arrays)
    for name, value in state.items():
        if isinstance(value, keras.optimizers.Optimizer) and not value.built:
            _build(name, value, state)
        variables = _variables(value)
        if variables is None:
            continue
        if name not in values or name in rest:
            raise CheckpointError(f"the checkpoint holds no variables called {name!r}. It has: {', '.join(values)}.")
        assign(f"state:{name.replace('/', ':')}", variables, arrays, name)
    return rest


def _build(name: str, optimizer: Any, state: Mapping[str, Any]) -> None:
    """Make the variables of an optimizer that has not stepped yet: those of the model that is compiled with it."""
    for model in state.values():
        owned = isinstance(model, keras.Model) and getattr(model, "optimizer", None) is optimizer
        if owned and model.built:
            optimizer.build(model.trainable_variables)
            return
    raise UsageError(
        f"restore: the optimizer {name!r} has no variables yet. Call optimizer.build(model.trainable_variables) first."
    )


def _variables(value: Any) -> list[Any] | None:
    if isinstance(value, (keras.optimizers.Optimizer, keras.layers.Layer)):
        return list(value.variables)
    if isinstance(value, keras.Variable):
        return [value]
    return None
