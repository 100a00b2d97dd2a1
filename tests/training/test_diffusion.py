"""Training of diffusion models and flows."""

import keras
import numpy as np
import pytest
from keras import ops

from kerasarch.backends.seeding import set_random_seed
from kerasarch.errors import DataError, UsageError
from kerasarch.generation import Flow, NoiseSchedule
from kerasarch.training import Diffusion, WeightAverage


def network(classes=None):
    """Tell noise from points of a plane."""
    x, times = keras.Input((2,)), keras.Input(())
    parts = [x, ops.expand_dims(times / 500 - 1, -1)]
    labels = []
    if classes:
        labels = [keras.Input((), dtype="int32")]
        parts.append(keras.layers.Embedding(classes + 1, 8, keras.initializers.RandomNormal(stddev=1.0))(labels[0]))
    h = keras.layers.Concatenate()(parts)
    for _ in range(2):
        h = keras.layers.Dense(64, "silu")(h)
    return keras.Model([x, times, *labels], keras.layers.Dense(2)(h))


@keras.saving.register_keras_serializable(package="tests")
class Told(keras.Model):
    """Gives back what it is told, so that the loss can be worked out by hand."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.scale = self.add_weight(shape=(), initializer="ones", name="scale")
        self.built = True

    def call(self, inputs, training=False):
        return inputs[0] * self.scale


@pytest.mark.parametrize("prediction", ["epsilon", "v", "x0"])
def test_loss_equals_the_definition(prediction):
    schedule = NoiseSchedule("cosine", steps=50)
    learner = Diffusion(Told(), schedule, prediction=prediction, gamma=5.0)
    rng = np.random.default_rng(0)
    x, noise = rng.standard_normal((2, 6, 3)).astype("float32")
    times = np.array([0, 3, 10, 25, 40, 48], "int32")
    alpha, sigma = np.sqrt(schedule.signal[times])[:, None], np.sqrt(1 - schedule.signal[times])[:, None]
    target = {"epsilon": noise, "x0": x, "v": alpha * noise - sigma * x}[prediction]
    snr = schedule.signal[times] / (1 - schedule.signal[times])
    weight = np.minimum(snr, 5.0) / {"epsilon": snr, "x0": 1.0, "v": snr + 1}[prediction]
    wanted = (weight * np.square(alpha * x + sigma * noise - target).mean(axis=1)).mean()
    found = learner.loss_of(x, noise, times, None, training=False)
    np.testing.assert_allclose(ops.convert_to_numpy(found), wanted, rtol=1e-4)


def test_loss_of_a_flow():
    learner = Diffusion(Told(), Flow(), prediction="flow")
    rng = np.random.default_rng(0)
    x, noise = rng.standard_normal((2, 4, 3)).astype("float32")
    times = np.array([0.1, 0.4, 0.7, 1.0], "float32")
    wanted = np.square((1 - times[:, None]) * x + times[:, None] * noise - (noise - x)).mean()
    found = learner.loss_of(x, noise, times, None, training=False)
    np.testing.assert_allclose(ops.convert_to_numpy(found), wanted, rtol=1e-5)
    with pytest.raises(UsageError, match="flow"):
        Diffusion(Told(), Flow(), prediction="v").loss_of(x, noise, times, None)


def test_times_cover_the_process():
    seeds = keras.random.SeedGenerator(0)
    times = ops.convert_to_numpy(NoiseSchedule(steps=5).draw_times(500, seeds))
    assert set(times.tolist()) == {0, 1, 2, 3, 4}
    uniform = ops.convert_to_numpy(Flow().draw_times(2000, seeds))
    middle = ops.convert_to_numpy(Flow("logit_normal").draw_times(2000, seeds))
    assert uniform.min() >= 0
    assert uniform.max() <= 1
    assert abs(uniform.std() - 12**-0.5) < 0.02
    assert abs(np.log(middle / (1 - middle)).std() - 1) < 0.06  # a standard normal behind the sigmoid


def test_learns_a_circle_and_its_halves():
    set_random_seed(0)
    rng = np.random.default_rng(0)
    angle = rng.uniform(0, 2 * np.pi, 1024)
    points = np.stack([np.cos(angle), np.sin(angle)], axis=1).astype("float32")
    labels = (points[:, 1] > 0).astype("int32")
    model = network(classes=2)
    learner = Diffusion(
        model, NoiseSchedule("cosine"), prediction="v", gamma=5.0, null=2, drop=0.2,
        average=WeightAverage(model, decay=0.95), seed=0,
    )  # fmt: skip
    learner.compile(keras.optimizers.Adam(5e-3))
    before = learner.evaluate(points, labels, batch_size=256, verbose=0, return_dict=True)["loss"]
    learner.fit(points, labels, batch_size=128, epochs=40, verbose=0)
    after = learner.evaluate(points, labels, batch_size=256, verbose=0, return_dict=True)["loss"]
    assert after < 0.8 * before  # the rest is noise that no network can tell
    from kerasarch.generation import denoise, dpm_solver

    plan = dpm_solver(NoiseSchedule("cosine"), 10, prediction="v")
    asked = np.arange(64, dtype="int32") % 2
    drawn = denoise(
        learner.drawing_network, plan, (64, 2), conditions=[asked], unconditional=[np.full(64, 2, "int32")],
        guidance=2.0,
    )  # fmt: skip
    assert ((drawn[:, 1] > 0) == asked).mean() > 0.85
    assert abs(np.linalg.norm(drawn, axis=1).mean() - 1) < 0.25


def test_config_makes_the_learner_again():
    learner = Diffusion(network(), NoiseSchedule("linear", steps=10), prediction="x0", seed=3)
    config = learner.get_config()
    assert config["prediction"] == "x0"
    assert config["seed"] == 3


def test_refuses():
    with pytest.raises(UsageError, match="drop"):
        Diffusion(network(), NoiseSchedule(), drop=0.1)
    learner = Diffusion(network(2), NoiseSchedule(), null=2)
    with pytest.raises(DataError, match="conditions"):
        learner.unpack(np.zeros((2, 2), "float32"))
    with pytest.raises(UsageError, match="gamma"):
        Flow().weights(np.zeros(2), gamma=5.0)
