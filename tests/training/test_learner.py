"""Learner: what Keras does with an ordinary model, it does with this one."""

import subprocess
import sys

import keras
import numpy as np
import pytest
from keras import ops

from kerasarch.errors import ShapeError, UsageError
from kerasarch.training import Learner, OptimizerSet


@keras.saving.register_keras_serializable(package="test_learner")
class Pair(Learner):
    """Two networks of one layer that follow targets of their own."""

    def __init__(self, left, right, strength=1.0, **keywords):
        super().__init__(**keywords)
        self.left, self.right, self.strength = left, right, strength
        self.seeds = keras.random.SeedGenerator(5)
        self.error = keras.metrics.MeanAbsoluteError(name="error")

    def step(self, batch):
        x, y = batch
        self.error.update_state(y, self.right(x))
        noise = self.strength * keras.random.normal((), seed=self.seeds)
        left = self.minimize("left", self.loss_of, self.left, x, y)
        right, aux = self.minimize("right", lambda: (self.loss_of(self.right, x, y), noise), has_aux=True)
        return {"left_loss": left, "right_loss": right, "noise": aux}

    def loss_of(self, network, x, y):
        return ops.mean(ops.square(ops.cast(network(x, training=True), "float32") - y))

    def evaluation_step(self, batch):
        x, y = batch
        return {"left_loss": self.loss_of(self.left, x, y)}

    def call(self, x):
        return self.left(x)


@pytest.fixture(autouse=True)
def seeded():
    keras.utils.set_random_seed(0)


def dense(name, built=True, **keywords):
    start = [keras.Input((2,))] if built else []
    return keras.Sequential([*start, keras.layers.Dense(1, **keywords)], name=name)


def data(count=8):
    x = np.random.default_rng(0).normal(size=(count, 2)).astype("float32")
    return x, x @ np.array([[1.0], [-2.0]], "float32")


def arrays(variables):
    return [ops.convert_to_numpy(variable.value) for variable in variables]


def squares(w, b, x, y):
    """Gradient of the mean square error of a dense layer, by hand."""
    error = 2 * (x @ w + b - y) / len(x)
    return x.T @ error, error.sum(0)


def compiled(rates=None, built=True, **keywords):
    learner = Pair(dense("l", built), dense("r", built))
    learner.compile(rates or {"left": keras.optimizers.SGD(0.1), "right": keras.optimizers.Adam(0.01)}, **keywords)
    return learner


def test_fit_evaluate_predict_save_and_load(tmp_path):
    x, y = data()
    learner = compiled(built=False)
    history = learner.fit(x, y, batch_size=4, epochs=3, verbose=0, validation_data=(x, y)).history
    assert set(history) == {"left_loss", "right_loss", "noise", "error", "val_left_loss", "val_error"}
    assert history["left_loss"][-1] < history["left_loss"][0]
    assert len(set(history["noise"])) == 3  # the seed generator went on
    assert history["val_left_loss"][-1] == pytest.approx(((learner.predict(x, verbose=0) - y) ** 2).mean(), rel=1e-4)
    assert [int(ops.convert_to_numpy(learner.optimizer[name].iterations)) for name in ("left", "right")] == [6, 6]
    learner.save(tmp_path / "pair.keras")
    loaded = keras.saving.load_model(tmp_path / "pair.keras")
    assert isinstance(loaded.optimizer, OptimizerSet)
    for one, other in zip(arrays(learner.optimizer.variables), arrays(loaded.optimizer.variables), strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(loaded.predict(x, verbose=0), learner.predict(x, verbose=0))
    assert loaded.strength == 1.0


def test_logs_are_means_over_examples():
    x, y = data(6)
    learner = compiled({"left": keras.optimizers.SGD(0.0), "right": keras.optimizers.SGD(0.0)})
    history = learner.fit(x, y, batch_size=4, verbose=0).history  # four examples, then two
    assert history["left_loss"][0] == pytest.approx(((learner.predict(x, verbose=0) - y) ** 2).mean(), rel=1e-4)
    assert history["error"][0] == pytest.approx(np.abs(ops.convert_to_numpy(learner.right(x)) - y).mean(), rel=1e-4)


def test_clipping_accumulation_and_averages_belong_to_their_network():
    x, y = data(4)
    learner = compiled(
        {
            "left": keras.optimizers.SGD(0.1, clipnorm=1e-3, use_ema=True, ema_momentum=0.5),
            "right": keras.optimizers.SGD(0.1, gradient_accumulation_steps=2),
        }
    )
    learner.monitoring = True
    starts = arrays(learner.left.variables), arrays(learner.right.variables)
    history = learner.fit(np.tile(x, (2, 1)), np.tile(y, (2, 1)), batch_size=4, shuffle=False, verbose=0).history
    (w, _), (w2, b2) = starts
    gradients = squares(w2, b2, x, y)
    np.testing.assert_allclose(arrays(learner.right.variables)[0], w2 - 0.1 * gradients[0], rtol=1e-4, atol=1e-5)
    norm = np.sqrt(sum((one**2).sum() for one in gradients))
    assert history["gradient_norm/right"][0] == pytest.approx(norm, rel=1e-4)
    # Each variable of the left network moves by 0.1 * 1e-3 a step; the average of steps one and two is kept at the end.
    moved = np.linalg.norm(arrays(learner.left.variables)[0] - w)
    assert moved == pytest.approx(1.5e-4, rel=1e-2)


def test_a_schedule_is_logged_and_one_optimizer_may_train_everything():
    x, y = data(4)
    schedule = keras.optimizers.schedules.PiecewiseConstantDecay([0], [0.5, 0.25])
    learner = compiled({"left": keras.optimizers.SGD(schedule), "right": keras.optimizers.SGD(0.1)})
    assert learner.fit(x, y, batch_size=2, verbose=0).history["learning_rate/left"] == [0.25]

    class Whole(Pair):
        def step(self, batch):
            x, y = batch
            both = lambda: self.loss_of(self.left, x, y) + self.loss_of(self.right, x, y)  # noqa: E731
            return {"loss": self.minimize(None, both)}

    whole = Whole(dense("l"), dense("r"))
    whole.compile(keras.optimizers.SGD(0.1))
    (w, b), (w2, b2) = arrays(whole.left.variables), arrays(whole.right.variables)
    whole.train_on_batch(x, y)
    for network, start in ((whole.left, (w, b)), (whole.right, (w2, b2))):
        for variable, before, slope in zip(network.variables, start, squares(*start, x, y), strict=True):
            np.testing.assert_allclose(arrays([variable])[0], before - 0.1 * slope, rtol=1e-4, atol=1e-5)


def test_mixed_precision_scales_each_loss():
    x, y = (0.25 * array for array in data(4))
    learner = Pair(dense("l", dtype="mixed_float16"), dense("r"))
    learner.compile({name: keras.optimizers.SGD(0.1) for name in ("left", "right")})
    assert isinstance(learner.optimizer["left"], keras.optimizers.LossScaleOptimizer)
    assert not isinstance(learner.optimizer["right"], keras.optimizers.LossScaleOptimizer)
    learner.monitoring = True
    w, b = arrays(learner.left.variables)
    logs = learner.train_on_batch(x, y, return_dict=True)
    slopes = squares(w, b, x, y)
    np.testing.assert_allclose(arrays(learner.left.variables)[0], w - 0.1 * slopes[0], rtol=1e-2, atol=1e-2)
    assert logs["gradient_norm/left"] == pytest.approx(np.sqrt(sum((s**2).sum() for s in slopes)), rel=2e-2)
    # A gradient that overflows changes no weight and halves the scale.
    before = arrays(learner.left.variables)
    learner.train_on_batch(x * 240000, y)
    for one, other in zip(before, arrays(learner.left.variables), strict=True):
        np.testing.assert_array_equal(one, other)
    assert float(ops.convert_to_numpy(learner.optimizer["left"].dynamic_scale)) == 2.0**14


@pytest.mark.slow
@pytest.mark.parametrize("keywords", [{"run_eagerly": True}, {"steps_per_execution": 2}])
def test_ways_to_run_the_step_give_the_same(keywords, backend):
    if backend == "torch" and "steps_per_execution" in keywords:
        pytest.skip("Keras refuses steps_per_execution on PyTorch")
    x, y = data()
    plain = compiled()
    other = compiled(**keywords)
    other.set_weights(plain.get_weights())
    for learner in (plain, other):
        learner.fit(x, y, batch_size=4, shuffle=False, verbose=0)
    for one, two in zip(arrays(plain.variables), arrays(other.variables), strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-5, atol=1e-6)


def test_wrong_use_is_told(backend):
    x, y = data(4)

    class Wrong(Pair):
        task = None

        def step(self, batch):
            return self.task(self, *batch)

    stranger = keras.Variable(1.0)
    cases = [
        (lambda self, x, y: {"left": self.left(x)}, ShapeError, "scalar"),
        (lambda self, x, y: ops.mean(x), UsageError, "a dict"),
        (lambda self, x, y: {"a": self.minimize("middle", lambda: ops.mean(x))}, UsageError, "'middle'"),
        (lambda self, x, y: {"a": self.minimize("left", ops.mean, x, variables=[stranger])}, UsageError, "among"),
    ]
    if backend == "jax":
        cases.append((lambda self, x, y: {"a": stranger.assign(ops.mean(x))}, UsageError, "does not hold"))
    for task, error, words in cases:
        learner = Wrong(dense("l"), dense("r"))
        learner.task = task
        learner.compile({"left": keras.optimizers.SGD(), "right": keras.optimizers.SGD()}, run_eagerly=True)
        with pytest.raises(error, match=words):
            learner.train_on_batch(x, y)
    shared = keras.optimizers.SGD()
    with pytest.raises(UsageError, match="make two"):
        compiled({"left": shared, "right": shared})
    with pytest.raises(UsageError, match=r"'wrong'.*left"):
        compiled({"wrong": keras.optimizers.SGD()})
    with pytest.raises(NotImplementedError, match="evaluation_step"):
        Learner().evaluation_step(None)


@pytest.mark.parametrize("policy", ["float32", "mixed_float16"])
@pytest.mark.parametrize("eagerly", [True, False])
def test_variables_of_another_network_are_told(policy, eagerly):
    class Crossed(Pair):
        def step(self, batch):
            x, y = batch
            return {
                "a": self.minimize("left", self.loss_of, self.right, x, y, variables=self.right.trainable_variables)
            }

    learner = Crossed(dense("l", dtype=policy), dense("r", dtype=policy))
    learner.compile({"left": keras.optimizers.SGD(), "right": keras.optimizers.SGD()}, run_eagerly=eagerly)
    with pytest.raises(UsageError, match=r"'r/.*kernel'.*network 'left'"):
        learner.train_on_batch(*data(4))


DISTRIBUTED = """
import keras, numpy as np
from test_learner import compiled, data, arrays
x, y = data()
results = []
for distributed in (False, True):
    if distributed:
        assert len(keras.distribution.list_devices()) == 2
        keras.distribution.set_distribution(keras.distribution.DataParallel())
    keras.utils.set_random_seed(0)
    learner = compiled()
    learner.fit(x, y, batch_size=8, epochs=2, shuffle=False, verbose=0)
    results.append(arrays(learner.left.variables + learner.right.variables))
assert len(learner.left.variables[0].value.sharding.device_set) == 2
for one, two in zip(*results, strict=True):
    np.testing.assert_allclose(one, two, rtol=1e-5, atol=1e-6)
"""


@pytest.mark.slow
def test_data_parallel_on_jax_gives_the_same(backend, monkeypatch, request):
    if backend != "jax":
        pytest.skip("keras.distribution runs on JAX")
    monkeypatch.setenv("XLA_FLAGS", "--xla_force_host_platform_device_count=2")
    monkeypatch.setenv("PYTHONPATH", str(request.path.parent))
    subprocess.run([sys.executable, "-c", DISTRIBUTED], check=True, timeout=300)
