"""What models of text are called with: tensors by name, in order, or one alone."""

from collections.abc import Mapping, Sequence
from typing import Any

from kerasarch.errors import UsageError


def named_inputs(model: str, inputs: Any, names: Sequence[str]) -> tuple[Any, ...]:
    """Return the inputs of a model in the order of their names, None for what is not given.

    Args:
        model: Name of the model, for the message.
        inputs: A dictionary, a list in the order of the names, or the first alone.
        names: Names of the inputs, of which the first is always needed.

    Returns:
        As many as there are names.

    Raises:
        UsageError: An input has another name, there are too many, or the first is missing.
    """
    expected = f"{model} takes {', '.join(names)}, the first always."
    if isinstance(inputs, Mapping):
        if set(inputs) - set(names) or names[0] not in inputs:
            raise UsageError(f"{expected} Received {', '.join(inputs)}.")
        return tuple(inputs.get(name) for name in names)
    given = list(inputs) if isinstance(inputs, list | tuple) else [inputs]
    if not 1 <= len(given) <= len(names):
        raise UsageError(f"{expected} Received {len(given)} tensors.")
    return (*given, *(None for _ in names[len(given) :]))


def shape_of_first(shapes: Any, name: str) -> tuple[int | None, ...]:
    """Return the shape of the first input, given the shapes of all: a dictionary, a list, or that shape alone."""
    if isinstance(shapes, Mapping):
        return tuple(shapes[name])
    alone = all(part is None or isinstance(part, int) for part in shapes)
    return tuple(shapes if alone else shapes[0])
