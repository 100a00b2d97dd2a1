"""The monitor sees the true gradients and leaves no trace in what is computed."""

import keras
import numpy as np
import pytest
from keras import ops

from kerasarch.training.adversarial.lazy import Lazily
from kerasarch.training.learner import Learner
from kerasarch.training.monitor import Monitor


def model_of(optimizer, seed=0):
    keras.utils.set_random_seed(seed)
    layers = [keras.Input((5,)), keras.layers.Dense(7, "tanh", name="first"), keras.layers.Dense(3, name="second")]
    model = keras.Sequential(layers)
    model.compile(optimizer, "mse")
    return model


def data():
    numbers = np.random.default_rng(1)
    return numbers.normal(size=(8, 5)).astype("float32"), numbers.normal(size=(8, 3)).astype("float32")


def native_norms(model, x, y, backend):
    """Norm of each layer's gradient of the mean squared error, by the backend's own differentiation."""
    values = [ops.convert_to_numpy(variable.value) for variable in model.trainable_variables]

    def loss(numpy, a, b, c, d):
        return numpy.mean((numpy.tanh(x @ a + b) @ c + d - y) ** 2)

    if backend == "jax":
        import jax

        found = jax.grad(lambda parts: loss(jax.numpy, *parts))(values)
    elif backend == "tensorflow":
        import tensorflow as tf

        parts = [tf.Variable(value) for value in values]
        with tf.GradientTape() as tape:
            a, b, c, d = parts
            value = tf.reduce_mean((tf.matmul(tf.tanh(tf.matmul(x, a) + b), c) + d - y) ** 2)
        found = tape.gradient(value, parts)
    else:
        import torch

        parts = [torch.tensor(value, requires_grad=True) for value in values]
        x, y = torch.tensor(x), torch.tensor(y)
        loss(torch, *parts).backward()
        found = [part.grad for part in parts]
    squares = [float(np.sum(np.asarray(gradient, "float64") ** 2)) for gradient in found]
    return {"first": (squares[0] + squares[1]) ** 0.5, "second": (squares[2] + squares[3]) ** 0.5}


class Look(keras.callbacks.Callback):
    """Looks at every step."""

    def __init__(self):
        super().__init__()
        self.seen, self.logs, self.changes = [], [], []

    def on_train_begin(self, logs=None):
        self.monitor = Monitor.on(self.model)

    def on_train_batch_begin(self, batch, logs=None):
        self.monitor.armed = self.monitor.weights = True

    def on_train_batch_end(self, batch, logs=None):
        self.seen.append(self.monitor.seen())
        self.logs.append(dict(logs))
        self.changes.append([b - a for a, b in zip(self.monitor.before, self.monitor.after, strict=True)])


@pytest.mark.parametrize(
    "optimizer",
    [
        lambda: keras.optimizers.SGD(0.1, global_clipnorm=0.01),
        lambda: keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.1), initial_scale=1024.0),
    ],
    ids=["clipped", "scaled"],
)
def test_norms_are_those_of_native_gradients_before_clipping(optimizer, backend):
    model, (x, y) = model_of(optimizer()), data()
    expected = native_norms(model, x, y, backend)
    before = [np.array(ops.convert_to_numpy(variable.value)) for variable in model.trainable_variables]
    look = Look()
    model.fit(x, y, batch_size=8, epochs=1, verbose=0, callbacks=[look])
    assert look.seen[0].keys() == {""}
    assert look.seen[0][""] == pytest.approx(expected, rel=1e-5)
    after = [ops.convert_to_numpy(variable.value) for variable in model.trainable_variables]
    for change, old, new in zip(look.changes[0], before, after, strict=True):
        np.testing.assert_array_equal(change, new - old)
    assert look.logs[0].keys() == {"loss"}  # nobody else sees the norms


def test_weights_and_optimizer_are_bitwise_the_same_and_have_the_same_variables():
    numbers, layers, results = np.random.default_rng(2), keras.layers, []
    x, y = numbers.normal(size=(24, 5, 5, 1)).astype("float32"), numbers.integers(0, 3, 24)
    results = []
    for callbacks in ([], [Look()]):
        keras.utils.set_random_seed(0)
        parts = [layers.Conv2D(4, 3, kernel_regularizer="l2"), layers.BatchNormalization(), layers.ReLU()]
        model = keras.Sequential(
            [keras.Input((5, 5, 1)), *parts, layers.Flatten(), layers.Dropout(0.3), layers.Dense(3)]
        )
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(keras.optimizers.AdamW(1e-2, global_clipnorm=1.0, use_ema=True), loss, metrics=["accuracy"])
        history = model.fit(x, y, batch_size=8, epochs=2, verbose=0, callbacks=callbacks).history
        variables = [*model.variables, *model.optimizer.variables]
        results.append((history, [ops.convert_to_numpy(variable.value) for variable in variables]))
    (plain, weights), (watched, same) = results
    assert plain == watched
    assert len(weights) == len(same)
    for one, other in zip(weights, same, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_second_fit_compiles_nothing_again_and_a_new_compile_is_watched_too():
    model, look = model_of(keras.optimizers.SGD(0.1)), Look()
    for _ in range(2):
        model.fit(*data(), batch_size=8, verbose=0, callbacks=[look])
    first = look.monitor
    model.fit(*data(), batch_size=8, verbose=0, callbacks=[look])
    assert look.monitor is first
    model.compile(keras.optimizers.SGD(0.1), "mse")
    model.fit(*data(), batch_size=8, verbose=0, callbacks=[look])
    assert look.monitor is not first
    assert len(look.seen) == 4
    assert all(seen[""].keys() == {"first", "second"} for seen in look.seen)


def test_a_frozen_group_has_no_norm():
    model, look = model_of("sgd"), Look()
    model.get_layer("first").trainable = False
    model.compile("sgd", "mse")
    model.fit(*data(), batch_size=8, verbose=0, callbacks=[look])
    assert list(look.seen[-1][""]) == ["second"]


@keras.saving.register_keras_serializable(package="tests")
class Pair(Learner):
    """Two networks, one of them trained twice in a step."""

    def __init__(self, **keywords):
        super().__init__(**keywords)
        self.one = keras.Sequential([keras.Input((5,)), keras.layers.Dense(3, use_bias=False, name="dense")])
        self.two = keras.Sequential([keras.Input((5,)), keras.layers.Dense(3, use_bias=False, name="dense")])

    def step(self, batch):
        x, y = batch
        logs = {"one": self.minimize("one", lambda: ops.mean((self.one(x) - y) ** 2))}
        for factor in (1.0, 3.0):
            self.minimize("two", lambda factor=factor: factor * ops.sum(self.two(x)))
        return logs


def test_each_network_of_a_learner_has_its_own_norms():
    keras.utils.set_random_seed(0)
    learner, (x, y), look = Pair(), data(), Look()
    learner.compile({"one": keras.optimizers.SGD(0.1), "two": keras.optimizers.Adam()})
    kernel = np.array(ops.convert_to_numpy(learner.one.layers[0].kernel.value))
    learner.fit(x, y, batch_size=8, verbose=0, callbacks=[look])
    one = 2 * x.T @ (x @ kernel - y) / y.size
    two = np.repeat(x.sum(0)[:, None], 3, 1)  # three times that in the second step: root mean square of 1 and 3
    norms = {"one": {"dense": np.linalg.norm(one)}, "two": {"dense": np.linalg.norm(two) * 5**0.5}}
    assert look.seen[0].keys() == norms.keys()
    for name, groups in norms.items():
        assert look.seen[0][name] == pytest.approx(groups, rel=1e-5)
    assert look.logs[0].keys() == {"one"}


class Sometimes(Pair):
    """The second network is trained in every second step."""

    def __init__(self):
        super().__init__()
        self.lazy = Lazily(2, ["penalty"])

    def step(self, batch):
        x, y = batch
        logs = {"one": self.minimize("one", lambda: ops.mean((self.one(x) - y) ** 2))}
        return logs | self.lazy.run(lambda: {"penalty": self.minimize("two", lambda: ops.sum(self.two(x) ** 2))})


def test_steps_under_a_condition_are_taken_but_not_seen():
    learner, (x, y), look = Sometimes(), data(), Look()
    learner.compile({"one": keras.optimizers.SGD(0.1), "two": keras.optimizers.SGD(1e-3)})
    kernel = np.array(ops.convert_to_numpy(learner.two.layers[0].kernel.value))
    learner.fit(x, y, batch_size=8, epochs=3, verbose=0, callbacks=[look])  # steps 0 and 2 train the second network
    assert [list(seen) for seen in look.seen] == [["one"]] * 3
    for _ in range(2):
        kernel = kernel - 2e-3 * x.T @ (x @ kernel)
    np.testing.assert_allclose(ops.convert_to_numpy(learner.two.layers[0].kernel.value), kernel, rtol=1e-5, atol=1e-6)
