"""Predictions that are made many times over: recorded, they give the same numbers; what must not be, is not."""

import keras
import numpy as np
import pytest
from keras import ops

from kerasarch import backends

X = np.random.default_rng(0).normal(size=(4, 3)).astype("float32")


def network():
    x, y = keras.Input((3,), name="x"), keras.Input((3,), name="y")
    hidden = keras.layers.Dropout(0.5)(keras.layers.Dense(5, activation="tanh")(x + y))
    return keras.Model({"x": x, "y": y}, {"out": keras.layers.Dense(2)(hidden), "both": [x, y]})


def batch(scale=1.0, rows=4):
    return {"x": scale * X[:rows], "y": X[::-1][:rows]}


def agree(found, wanted):
    assert set(found) == set(wanted)
    for one, other in zip(keras.tree.flatten(found), keras.tree.flatten(wanted), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)
        assert isinstance(one, np.ndarray)


def test_every_call_gives_what_the_model_gives():
    model = network()
    ask = backends.predictor(model)
    for number in range(6):
        agree(ask(batch(number)), model.predict_on_batch(batch(number)))
    agree(ask(batch(rows=2)), model.predict_on_batch(batch(rows=2)))
    before = ask(batch())["out"]
    for variable in model.trainable_variables:
        variable.assign(variable + 1)
    agree(ask(batch()), model.predict_on_batch(batch()))
    assert np.abs(ask(batch())["out"] - before).max() > 0.1


class Layer(keras.layers.Layer):
    """Counts how often Keras calls it."""

    def __init__(self, function, **kwargs):
        super().__init__(**kwargs)
        self.function, self.calls = function, 0
        self.random = keras.random.SeedGenerator(0)

    def call(self, x):
        self.calls += 1
        return self.function(self, x)

    def compute_output_shape(self, shape):
        return shape


def model_of(function):
    layer = Layer(function)
    x = keras.Input((3,))
    return layer, keras.Model(x, layer(x))


@pytest.mark.quick_on("torch")
def test_a_layer_is_called_no_more_once_it_is_recorded():
    layer, model = model_of(lambda self, x: 2 * x)
    ask = backends.predictor(model)
    for _ in range(8):
        np.testing.assert_array_equal(ask(X), 2 * X)
    assert layer.calls <= 5


def test_random_numbers_are_drawn_anew():
    _, model = model_of(lambda self, x: x + keras.random.normal(ops.shape(x), seed=self.random))
    ask = backends.predictor(model)
    drawn = [np.asarray(ask(X)) for _ in range(6)]
    assert len({one.tobytes() for one in drawn}) == 6


def test_what_depends_on_values_is_not_recorded():
    def swap(self, x):
        return ops.cond(ops.sum(x) > 0, lambda: x, lambda: -10 * x)

    _, model = model_of(swap)
    ask = backends.predictor(model)
    for number in range(8):
        given = np.abs(X) * (-1) ** number
        np.testing.assert_allclose(ask(given), given if number % 2 == 0 else -10 * given, rtol=1e-6)


def test_numbers_that_leave_the_tensors_are_not_recorded():
    def scaled(self, x):
        return x * float(ops.convert_to_numpy(x).max()) if hasattr(x, "numpy") else x

    def unseeded(self, x):
        return x + keras.random.normal(ops.shape(x))

    if keras.backend.backend() == "torch":  # the others compile, and cannot look
        _, model = model_of(scaled)
        ask = backends.predictor(model)
        for number in range(1, 7):
            np.testing.assert_allclose(ask(number * X), number * X * (number * X).max(), rtol=1e-6)
    _, model = model_of(unseeded)
    ask = backends.predictor(model)
    if keras.backend.backend() != "jax":  # which refuses numbers without a seed
        assert len({np.asarray(ask(X)).tobytes() for _ in range(6)}) == 6


@pytest.mark.quick_on("torch")
def test_records_are_let_go():
    layer, model = model_of(lambda self, x: 2 * x)
    ask = backends.predictor(model)
    for rows in range(1, 12):
        for _ in range(4):
            assert ask(np.ones((rows, 3), "float32")).shape == (rows, 3)
    before = layer.calls
    ask(np.ones((1, 3), "float32"))  # forgotten: counted from the beginning
    assert layer.calls == before + 1
