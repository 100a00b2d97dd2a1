"""The properties that every layer and every model has, one function a property; `layers` and `models` choose."""

import inspect
import json
import tempfile
import warnings
from pathlib import Path

import keras
import numpy as np

from kerasarch.testing.findings import NotApplicable, Violation
from kerasarch.testing.probe import Probe, require_close, to_numpy

POLICIES = ("mixed_float16", "mixed_bfloat16")
STEPS = 3
ATTEMPTS = 5


def construction(probe: Probe) -> str:
    """It is constructed and called; its outputs are finite."""
    outputs = probe.call(probe.shared)
    if not all(np.isfinite(array).all() for array in outputs):
        raise Violation("the outputs hold NaN or infinity for standard normal inputs.")
    return f"{' '.join(str(array.shape) for array in outputs)}"


def registration(probe: Probe) -> str:
    """Each class that is not Keras' own is registered under a package's name."""
    own = {type(layer) for layer in _with_children(probe.shared) if not type(layer).__module__.startswith("keras.")}
    bare = sorted(kind.__name__ for kind in own if ">" not in keras.saving.get_registered_name(kind))
    if bare:
        raise Violation(f"not registered: {', '.join(bare)}.")
    custom = sorted(kind.__name__ for kind in own if keras.saving.get_registered_name(kind).startswith("Custom>"))
    if custom:
        raise Violation(f"registered under Keras' catch-all package 'Custom': {', '.join(custom)}.")
    return ", ".join(sorted(keras.saving.get_registered_name(kind) for kind in own))


def config(probe: Probe) -> None:
    """``get_config`` holds every argument, is JSON, and ``from_config`` gives the same layer back."""
    made = probe.shared
    received = made.get_config()
    try:
        text = json.dumps(keras.saving.serialize_keras_object(made), sort_keys=True)
    except TypeError as error:
        raise Violation(f"the config is not JSON: {error}.") from error
    if probe.layer:
        missing = sorted(_arguments_of(type(made)) - set(received))
        if missing:
            raise Violation(f"get_config lacks arguments of __init__: {', '.join(missing)}.")
    clone = type(made).from_config(received)
    again = json.dumps(keras.saving.serialize_keras_object(clone), sort_keys=True)
    if probe.layer and _without_build(again) != _without_build(text):
        raise Violation("from_config(get_config()) has another config.")
    expected = probe.call(made)
    probe.call(clone)
    clone.set_weights(made.get_weights())
    require_close(probe.call(clone), expected, probe.example.tolerance, "the copy computes something else")


def saving(probe: Probe) -> str:
    """A ``.keras`` file brings it back, without custom_objects, computing the same."""
    made = probe.shared
    model = probe.functional(made) if probe.layer else made
    arrays = probe.feed() if probe.layer else probe.example.arrays()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.keras"
        model.save(file)
        loaded = keras.saving.load_model(file)
    if len(loaded.weights) != len(model.weights):
        raise Violation(f"{len(model.weights)} variables were saved, {len(loaded.weights)} came back.")
    if probe.layer:
        received, expected = to_numpy(loaded(arrays, training=False)), to_numpy(model(arrays, training=False))
    else:
        received, expected = probe.call(loaded), probe.call(made)
    return require_close(received, expected, probe.example.tolerance, "the loaded model computes something else")


def shapes(probe: Probe) -> str:
    """The symbolic shape equals the actual one, for any batch."""
    made = probe.shared
    outputs = probe.call(made)
    symbolic = keras.tree.flatten(probe.functional(probe.make()).outputs)
    for tensor, array in zip(symbolic, outputs, strict=True):
        if not _fits(tensor.shape, array.shape):
            raise Violation(f"the symbolic shape is {tensor.shape}, the actual one {array.shape}.")
    unknown = [tensor.shape for tensor in symbolic if tensor.shape and tensor.shape[0] is not None]
    if unknown:
        raise Violation(f"for an unknown batch the output's shape is {unknown[0]}, expected None in front.")
    if probe.layer and probe.example.single:
        arrays = probe.example.arrays()
        declared = made.compute_output_shape(arrays[0].shape)
        actual = [array.shape for array in outputs]
        flat = [tuple(declared)] if len(outputs) == 1 and _is_shape(declared) else [tuple(shape) for shape in declared]
        if flat != actual:
            raise Violation(f"compute_output_shape says {flat}, the outputs have {actual}.")
    return " ".join(str(tensor.shape) for tensor in symbolic)


def policies(probe: Probe) -> str:
    """Under each dtype policy the children have it too, and the outputs are finite."""
    for policy in POLICIES:
        made = probe.ready(policy)
        strays = [
            f"{layer.name} ({type(layer).__name__}) has {layer.dtype_policy.name}"
            for layer in _with_children(made)
            if layer.dtype_policy.name != policy and not isinstance(layer, keras.layers.InputLayer)
        ]
        if strays:
            raise Violation(f"under {policy}, {strays[0]}.")
        if any(variable.dtype != "float32" for variable in made.trainable_variables):
            raise Violation(f"under {policy} a trainable variable is not float32.")
        if not all(np.isfinite(array).all() for array in probe.call(made)):
            raise Violation(f"under {policy} the outputs hold NaN or infinity.")
    return ", ".join(POLICIES)


def gradients(probe: Probe) -> str:
    """A few steps of ``fit`` move every trainable variable, and leave it finite."""
    count = len(probe.shared.trainable_variables)
    if not count:
        raise NotApplicable("it has no trainable variables")
    still: set[int] = set()
    for seed in range(ATTEMPTS):
        # One draw may leave a unit of a ReLU dead for the few inputs there are; a variable without gradient stays still
        # in all of them.
        made = probe.ready(seed=seed)
        now = set(_unmoved(probe, made))
        still = now if seed == 0 else still & now
        if not still:
            return f"{count} variables"
    paths = ", ".join(made.trainable_variables[place].path for place in sorted(still))
    raise Violation(f"{STEPS} steps of fit did not move {paths}.")


def _unmoved(probe: Probe, made: keras.layers.Layer) -> list[int]:
    """Train, and list the places of the trainable variables that are as they were."""
    model = probe.functional(made, floating=True)
    model.compile(optimizer=keras.optimizers.SGD(0.1, clipnorm=1.0), loss="mse")
    arrays = probe.feed()
    random = np.random.default_rng(2)
    targets = [random.standard_normal(array.shape).astype("float32") for array in to_numpy(model(arrays))]
    before = [keras.ops.convert_to_numpy(variable.value) for variable in made.trainable_variables]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Gradients do not exist")  # the check says so itself, in its own words
        model.fit(arrays, targets, epochs=STEPS, batch_size=len(arrays[0]), verbose=0, shuffle=False)
    after = [keras.ops.convert_to_numpy(variable.value) for variable in made.trainable_variables]
    for variable, new in zip(made.trainable_variables, after, strict=True):
        if not np.isfinite(new).all():
            raise Violation(f"{variable.path} is NaN or infinite after {STEPS} steps.")
    return [
        place
        for place, variable in enumerate(made.trainable_variables)
        if np.array_equal(after[place], before[place]) and not variable.path.endswith(tuple(probe.example.still))
    ]


def batch_independence(probe: Probe) -> str:
    """Outside training a row's output does not depend on the other rows."""
    arrays = probe.example.arrays()
    rows = len(keras.tree.flatten(arrays)[0])
    if rows < 2:
        raise NotApplicable("the example's batch is 1")
    made = probe.shared
    whole = probe.call(made)
    for row in range(rows):
        alone = probe.call(made, keras.tree.map_structure(lambda array, row=row: array[row : row + 1], arrays))
        require_close(alone, [array[row : row + 1] for array in whole], probe.example.tolerance, f"row {row} alone")
    return f"{rows} rows"


def compiled(probe: Probe) -> str:
    """``predict``, compiled where the backend compiles, computes what the call does."""
    made = probe.shared
    received = keras.tree.flatten(probe.functional(made).predict(probe.feed(), verbose=0))
    # Fused kernels round in another order than single ones.
    return require_close(received, probe.call(made), 10 * probe.example.tolerance, "predict and call")


def composition(probe: Probe) -> str:
    """It works in a sequential and in a subclassed model."""
    made = probe.shared
    expected = probe.call(made)
    holder = _Holder(made)
    received = to_numpy(holder(*probe.example.arrays(), **probe._arguments_of_call(made)))
    require_close(received, expected, probe.example.tolerance, "in a subclassed model")
    if len(holder.weights) != len(made.weights):
        raise Violation(f"a subclassed model finds {len(holder.weights)} of its {len(made.weights)} variables.")
    if not probe.example.single or len(expected) != 1:
        return "subclassed"
    sequential = keras.Sequential([*probe.symbols(), made])
    received = to_numpy(sequential(probe.example.arrays()[0], training=False))
    require_close(received, expected, probe.example.tolerance, "in a sequential model")
    return "sequential, subclassed"


class _Holder(keras.Model):
    """The smallest subclassed model."""

    def __init__(self, held: keras.layers.Layer) -> None:
        super().__init__()
        self.held = held

    def call(self, *inputs: object, **arguments: object) -> object:
        return self.held(*inputs, **arguments)


def _with_children(made: keras.layers.Layer) -> list[keras.layers.Layer]:
    # Keras has no public way to list the layers inside a layer; `Model.layers` holds the direct children only.
    return list(made._flatten_layers())


def _arguments_of(kind: type) -> set[str]:
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    parameters = inspect.signature(kind.__init__).parameters  # type: ignore[misc]  # its own, not a subclass's
    return {name for name, parameter in parameters.items() if parameter.kind in kinds} - {"self", "dtype"}


def _without_build(text: str) -> object:
    loaded = json.loads(text)
    loaded.pop("build_config", None)
    return loaded


def _is_shape(declared: object) -> bool:
    return isinstance(declared, (tuple, list)) and all(size is None or isinstance(size, int) for size in declared)


def _fits(symbolic: tuple[int | None, ...], actual: tuple[int, ...]) -> bool:
    return len(symbolic) == len(actual) and all(one in (None, two) for one, two in zip(symbolic, actual, strict=True))


__all__ = [
    "batch_independence",
    "compiled",
    "composition",
    "config",
    "construction",
    "gradients",
    "policies",
    "registration",
    "saving",
    "shapes",
]
