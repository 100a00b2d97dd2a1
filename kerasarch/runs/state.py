"""The state of training as arrays and JSON values, and back: variables, callbacks, Python's and NumPy's generators."""

import random
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from kerasarch.errors import CheckpointError

_SKIPPED = frozenset({"_model", "model", "params", "validation_data"})


def variables_of(model: Any, loaded: Iterable[Any] = ()) -> dict[str, list[Any]]:
    """Gather the variables of a compiled model.

    Args:
        model: The model.
        loaded: Variables that are made again from a file at every start, to be left out.

    Returns:
        ``model`` (weights, BatchNorm statistics, seed generators), ``optimizer`` and ``metrics``.
    """
    optimizer = getattr(model, "optimizer", None)
    own = {id(variable) for variable in (*model.metrics_variables, *loaded)}
    return {
        "model": [variable for variable in model.variables if id(variable) not in own],
        "optimizer": list(optimizer.variables) if optimizer is not None else [],
        "metrics": list(model.metrics_variables),
    }


def arrays_of(group: str, variables: Iterable[Any]) -> dict[str, np.ndarray]:
    """Copy variables into arrays named ``group/number/path``: the order and the path both find them again."""
    from keras import ops

    return {f"{group}/{i:05d}/{v.path}": np.array(ops.convert_to_numpy(v.value)) for i, v in enumerate(variables)}


def assign(group: str, variables: Sequence[Any], arrays: Mapping[str, np.ndarray], where: str) -> None:
    """Put saved arrays into variables, by path where all paths agree, else by order.

    Args:
        group: The group's name, as it was saved.
        variables: The variables.
        arrays: Arrays by name; those of other groups are left alone.
        where: What is restored, for the message.

    Raises:
        CheckpointError: Number or shapes differ.
    """
    saved = [(name.split("/", 2)[2], arrays[name]) for name in sorted(arrays) if name.startswith(f"{group}/")]
    if len(saved) != len(variables):
        raise CheckpointError(
            f"{where}: the checkpoint has {len(saved)} variables of the {group}, the {group} now has {len(variables)}. "
            "Resume with the same recipe and options."
        )
    paths = [variable.path for variable in variables]
    if len(set(paths)) == len(paths) and set(paths) == {path for path, _ in saved}:
        by_path = dict(saved)
        saved = [(path, by_path[path]) for path in paths]
    for variable, (path, array) in zip(variables, saved, strict=True):
        if tuple(variable.shape) != array.shape:
            raise CheckpointError(
                f"{where}: {path} has shape {array.shape} in the checkpoint, {variable.path} now has "
                f"{tuple(variable.shape)}. Resume with the same recipe and options."
            )
    for variable, (_, array) in zip(variables, saved, strict=True):
        variable.assign(array)


def separate_averages(model: Any) -> None:
    """Give weights that became their optimizer's averages at the end of ``fit`` memory of their own again.

    Keras 3.15 lets both share it, and on JAX the next ``fit`` of the model fails: it donates a buffer twice.
    """
    from keras import ops

    optimizer = getattr(model, "optimizer", None)
    if getattr(getattr(optimizer, "inner_optimizer", optimizer), "use_ema", False):
        for variable in model.trainable_variables:
            variable.assign(np.array(ops.convert_to_numpy(variable.value)))


def random_state() -> dict[str, Any]:
    """Return the state of Python's and NumPy's global generators as JSON values."""
    version, numbers, gauss = random.getstate()
    name, keys, position, has_gauss, cached = np.random.get_state(legacy=True)
    return {
        "python": [version, list(numbers), gauss],
        "numpy": [str(name), np.asarray(keys).tolist(), int(position), int(has_gauss), float(cached)],
    }


def set_random_state(state: Mapping[str, Any]) -> None:
    """Put back what `random_state` returned."""
    version, numbers, gauss = state["python"]
    random.setstate((version, tuple(numbers), gauss))
    name, keys, position, has_gauss, cached = state["numpy"]
    np.random.set_state((name, np.array(keys, np.uint32), position, has_gauss, cached))


def set_random_states(state: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
    """Put back what a checkpoint has of all generators.

    Args:
        state: What `random_state` returned.
        arrays: The checkpoint's arrays; those called ``generator/...`` are Keras' and the backend's.
    """
    from kerasarch.backends.seeding import set_random_arrays

    set_random_state(state)
    prefix = "generator/"
    set_random_arrays({name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)})


def seed_of(seed: int, *words: Any) -> int:
    """Derive a seed of 31 bits from a seed and words, the same on every machine."""
    import hashlib

    digest = hashlib.sha256("\0".join(str(word) for word in (seed, *words)).encode()).digest()
    return int.from_bytes(digest[:4], "little") >> 1


def pack(prefix: str, value: Any, arrays: dict[str, np.ndarray]) -> Any:
    """Turn a value into JSON, putting NumPy arrays aside.

    Args:
        prefix: Beginning of the arrays' names.
        value: Numbers, text, lists, tuples, dicts with text as keys, and arrays.
        arrays: Takes the arrays.

    Returns:
        JSON values.

    Raises:
        TypeError: The value is of another kind.
    """
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if np.isfinite(value) else {"float": repr(value)}
    if isinstance(value, (np.ndarray, np.generic)):
        name = f"{prefix}/{len(arrays):05d}"
        arrays[name] = np.asarray(value)
        return {"scalar" if isinstance(value, np.generic) else "array": name}
    if isinstance(value, (list, tuple)):
        return {type(value).__name__: [pack(prefix, item, arrays) for item in value]}
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return {"dict": {key: pack(prefix, item, arrays) for key, item in value.items()}}
    raise TypeError(f"a checkpoint cannot hold a {type(value).__name__}")


def unpack(value: Any, arrays: Mapping[str, np.ndarray]) -> Any:
    """Turn back what `pack` returned."""
    if not isinstance(value, dict):
        return value
    ((kind, content),) = value.items()
    if kind == "float":
        return float(content)
    if kind == "array":
        return arrays[content]
    if kind == "scalar":
        return arrays[content][()]
    if kind == "dict":
        return {key: unpack(item, arrays) for key, item in content.items()}
    return (list if kind == "list" else tuple)(unpack(item, arrays) for item in content)


def callback_state(callbacks: Sequence[Any], arrays: dict[str, np.ndarray]) -> list[dict[str, Any]]:
    """Return the plain attributes of callbacks, such as ``best`` and ``wait``; arrays are put aside.

    What is neither number, text, array nor a list or dict of these (functions, files, models) is the callback's own to
    make again.
    """
    states: list[dict[str, Any]] = []
    for callback in callbacks:
        fields = {}
        for name, value in vars(callback).items():
            if name in _SKIPPED:
                continue
            taken: dict[str, np.ndarray] = {}
            try:
                fields[name] = pack(f"callback/{len(states):03d}/{name}", value, taken)
            except TypeError:
                continue
            arrays |= taken
        states.append({"class": type(callback).__name__, "fields": fields})
    return states


def set_callback_state(
    callbacks: Sequence[Any], states: Sequence[Mapping[str, Any]], arrays: Mapping[str, np.ndarray], where: str
) -> None:
    """Put back what `callback_state` returned.

    Raises:
        CheckpointError: They are other callbacks.
    """
    now, then = [type(callback).__name__ for callback in callbacks], [state["class"] for state in states]
    if now != then:
        raise CheckpointError(f"{where}: the callbacks were {then} and are {now} now. Resume with the same recipe.")
    for callback, state in zip(callbacks, states, strict=True):
        for name, value in state["fields"].items():
            setattr(callback, name, unpack(value, arrays))
