"""What every layer and model must do; one row in a table of the test files buys all of it."""

import dataclasses
import functools
import os
import re
from collections.abc import Callable

import keras
import numpy as np
import pytest

from kerasarch import backends

# PyTorch 2.13 with NumPy 2.5 warns whenever Keras turns a tensor into an array.
QUIET = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning")

# JAX compiles in the training check too; a second compilation of every row would take minutes of the default run.
JIT = pytest.mark.quick_on("tensorflow", "torch")


@dataclasses.dataclass(frozen=True, eq=False)
class Row:
    """One layer or model under test.

    Attributes:
        name: Shown by pytest.
        make: Makes the layer; takes ``dtype``.
        shape: Of one example, without the batch; a list for a layer of several inputs, where a whole number stands for
            labels below it.
        blind: Regular expression for the variables that cannot matter in training, because a normalisation follows that
            subtracts what they add.
        spread: Whether several inputs are arguments of their own, not one list.
    """

    name: str
    make: Callable[..., keras.layers.Layer]
    shape: tuple[int, ...] | list
    blind: str = r"(?!)"
    spread: bool = False

    def inputs(self, count: int = 3):
        rng = np.random.default_rng(0)

        def draw(shape):
            if isinstance(shape, int):
                return rng.integers(0, shape, count).astype("int32")
            return rng.normal(size=(count, *shape)).astype("float32")

        return [draw(shape) for shape in self.shape] if isinstance(self.shape, list) else draw(self.shape)

    def symbols(self):
        def symbol(shape):
            return keras.Input((), dtype="int32") if isinstance(shape, int) else keras.Input(shape)

        return [symbol(shape) for shape in self.shape] if isinstance(self.shape, list) else symbol(self.shape)


def to_numpy(tensor) -> np.ndarray:
    return keras.ops.convert_to_numpy(keras.ops.cast(tensor, "float32"))


def outputs(model: keras.Model, x: np.ndarray) -> np.ndarray:
    """Inference, in the way that is quick on each backend: JAX compiles every operation of an eager call by itself."""
    if os.environ["KERAS_BACKEND"] == "jax":
        return model.predict_on_batch(x).astype("float32")
    return to_numpy(model(x))


def randomise(model: keras.Model, seed: int = 0) -> None:
    """Give every variable random values of a healthy size; variances are positive, fresh statistics hide mistakes."""
    rng = np.random.default_rng(seed)
    for variable in model.weights:
        name = variable.path.rsplit("/", 1)[-1]
        if name in ("gamma", "moving_variance"):
            value = rng.uniform(0.5, 1.5, variable.shape)
        elif name == "kernel":
            value = rng.normal(size=variable.shape) * np.sqrt(1.5 / max(1, np.prod(variable.shape[:-1])))
        else:
            value = rng.normal(size=variable.shape) * 0.1
        variable.assign(value.astype("float32"))


@backends.drawn_on_host()  # all of it is overwritten
def as_model(row: Row, **kwargs) -> keras.Model:
    keras.utils.set_random_seed(0)
    layer = row.make(**kwargs)
    if isinstance(layer, keras.Model):
        return layer
    inputs = row.symbols()
    return keras.Model(inputs, layer(*inputs) if row.spread else layer(inputs))


@functools.lru_cache(maxsize=64)
def known(row: Row):
    """A model of the row with healthy weights, inputs and its outputs: computed once for all the checks, which look."""
    model = as_model(row)
    # Keras runs a model of which a part is not built operation by operation, before it compiles it.
    assert [layer.name for layer in model._flatten_layers() if not layer.built] == []
    randomise(model)
    x = row.inputs()
    return model, x, outputs(model, x)


def check_shapes_and_batches(row: Row) -> None:
    """The symbolic shape is the actual one, for an unknown batch too, and examples do not see each other."""
    model, x, y = known(row)
    assert (None, *y.shape[1:]) == tuple(model.output.shape)
    several = isinstance(x, list)
    assert y.shape == tuple(model.compute_output_shape([part.shape for part in x] if several else x.shape))
    if not isinstance(row.make(), keras.Model):
        symbols = row.symbols()
        shapes = [tuple(part.shape) for part in symbols] if several else tuple(symbols.shape)
        symbolic = row.make().compute_output_shape(*shapes if row.spread else (shapes,))
        assert tuple(symbolic) == (None, *y.shape[1:])
    shuffled = [part[[2, 0, 1]] for part in x] if several else x[[2, 0, 1]]
    np.testing.assert_allclose(outputs(model, shuffled)[1], y[0], atol=1e-5, rtol=1e-4)
    assert np.isfinite(y).all()


def check_saving(row: Row, folder) -> None:
    """A ``.keras`` file brings back the same outputs, and the config the same layer."""
    model, x, y = known(row)
    model.save(folder / "model.keras")
    with backends.drawn_on_host():
        again = keras.saving.load_model(folder / "model.keras")
    np.testing.assert_allclose(outputs(again, x), y, atol=1e-6, rtol=1e-6)
    assert [variable.path for variable in again.weights] == [variable.path for variable in model.weights]
    layer = row.make()
    if not isinstance(layer, keras.Model):
        assert type(layer).from_config(layer.get_config()).get_config() == layer.get_config()


def check_policy(row: Row, policy: str) -> None:
    """The dtype policy reaches every child: results are in half precision, near the others."""
    _, x, reference = known(row)
    half = as_model(row, dtype=policy)
    randomise(half)
    compute = keras.dtype_policies.get(policy).compute_dtype
    for layer in half._flatten_layers(include_self=False):
        if not isinstance(layer, keras.layers.InputLayer):
            assert layer.dtype_policy.name == policy, layer.path
    y = outputs(half, x)
    assert half.output.dtype == compute
    assert np.abs(y - reference).max() < 0.1 * max(1.0, np.abs(reference).max())


def check_training(row: Row) -> None:
    """One step moves every trainable variable and, where there is normalisation, its statistics."""
    model = as_model(row)
    randomise(model)
    before = {variable.path: to_numpy(variable).copy() for variable in model.weights}
    model.compile(keras.optimizers.SGD(0.1), "mse")
    x = row.inputs(4)
    target = np.random.default_rng(1).normal(size=(4, *model.output.shape[1:])).astype("float32")
    if not model.trainable_weights:
        pytest.skip("nothing to train")
    model.train_on_batch(x, target)
    after = {variable.path: to_numpy(variable) for variable in model.weights}
    same = [path for path, value in before.items() if np.array_equal(value, after[path])]
    assert [path for path in same if not re.search(row.blind, path)] == []


def check_jit(row: Row) -> None:
    """Compiled and eager outputs agree."""
    if os.environ["KERAS_BACKEND"] == "torch":
        pytest.skip("torch.compile needs a C++ compiler and minutes")
    model = as_model(row)
    randomise(model)
    model.compile(jit_compile=True)
    x = row.inputs()
    np.testing.assert_allclose(model.predict(x, verbose=0), to_numpy(model(x)), atol=1e-5, rtol=1e-4)
