"""Calls in training: repeated from a record, they give the same numbers and gradients; what must not be, is not."""

import contextlib

import keras
import numpy as np
import pytest
from keras import ops

from kerasarch import backends
from kerasarch.training import value_and_grad

X = np.random.default_rng(0).normal(size=(4, 6)).astype("float32")


class Counted(keras.layers.Layer):
    """Counts how often Keras calls it; draws or assigns where it is told to."""

    def __init__(self, kind="plain"):
        super().__init__()
        self.kind, self.calls = kind, 0
        self.random = keras.random.SeedGenerator(0)
        self.scale = self.add_weight(shape=(), initializer="ones")
        self.total = self.add_weight(shape=(), initializer="zeros", trainable=False)

    def call(self, x):
        self.calls += 1
        if self.kind == "unseeded":
            return self.scale * keras.layers.Dropout(0.5)(x, training=True)
        if self.kind == "seeded":
            return self.scale * (x + keras.random.normal(ops.shape(x), seed=self.random))
        if self.kind == "assigning":
            self.total.assign_add(1.0)
        return self.scale * ops.where(x > 0, x, 0.1 * x)


def model_of(kind="plain"):
    layer = Counted(kind)
    return layer, keras.Sequential([keras.Input((6,)), keras.layers.Dense(5), layer, keras.layers.Dense(2)])


def as_in_a_step():
    """What a training step of ours runs in."""
    if keras.backend.backend() != "torch":
        return contextlib.nullcontext()
    import torch

    return torch.no_grad()


def loss_and_gradients(call, model, x):
    def loss(x):
        return ops.mean(call(ops.convert_to_tensor(x)) ** 2)

    with as_in_a_step():
        value, gradients = value_and_grad(loss, model.trainable_variables)(x)
    return [np.asarray(ops.convert_to_numpy(one)) for one in (value, *gradients)]


@pytest.mark.quick_on("torch")
def test_losses_and_gradients_are_those_of_the_model():
    layer, model = model_of()
    call = backends.training_call(model)
    for number in range(1, 9):
        for variable in model.trainable_variables:  # as an optimizer does
            variable.assign(variable * 0.9 + 0.05)
        found = loss_and_gradients(call, model, number * X)
        if number in (2, 3, 4, 8):
            wanted = loss_and_gradients(lambda x: model(x, training=True), model, number * X)
            for one, other in zip(found, wanted, strict=True):
                np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)
    own_calls = layer.calls
    loss_and_gradients(call, model, X)
    if keras.backend.backend() == "torch":
        assert layer.calls == own_calls
        model.layers[0].trainable = False  # Keras puts other tensors' gradients in question: called anew
        loss_and_gradients(call, model, X)
        assert layer.calls == own_calls + 1


@pytest.mark.quick_on("torch")
@pytest.mark.parametrize("kind", ["unseeded", "seeded", "assigning"])
def test_what_draws_or_assigns_does_so_every_time(kind):
    layer, model = model_of(kind)
    call = backends.training_call(model)
    keras.utils.set_random_seed(0)
    found = [loss_and_gradients(call, model, X)[0] for _ in range(6)]
    if kind == "assigning":
        assert float(layer.total.value) == 6
        assert len({float(one) for one in found}) == 1
        return
    _, model_again = model_of(kind)
    for one, other in zip(model_again.trainable_variables, model.trainable_variables, strict=True):
        one.assign(other)
    keras.utils.set_random_seed(0)
    plain = [loss_and_gradients(lambda x: model_again(x, training=True), model_again, X)[0] for _ in range(6)]
    np.testing.assert_array_equal(found, plain)
    assert len({float(one) for one in found}) == 6
    if keras.backend.backend() == "torch":  # only a generator of its own cannot be recorded
        before = layer.calls
        loss_and_gradients(call, model, X)
        assert layer.calls == before + (kind == "seeded")
