"""StyleGAN2 and BigGAN: lazy regularisation, mixed styles, orthogonal regularisation."""

import keras
import numpy as np
import pytest
from keras import ops

from kerasarch.errors import UsageError
from kerasarch.training import WeightAverage
from kerasarch.training.adversarial import BigGAN, Lazily, StyleGAN2, lazy_adam
from kerasarch.training.learner import Learner
from tests.training.adversarial.linear import (
    SHAPE,
    Draws,
    apply_linear,
    linear_discriminator,
    linear_generator,
    matrix_of,
    train_once,
    who_changes,
)


class LinearStyleGenerator(keras.Model):
    """Mapping and synthesis of one matrix each, with the interface of `StyleGAN2Generator`."""

    def __init__(self, **keywords):
        super().__init__(**keywords)
        self.mapping = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)], name="mapping")
        styles = keras.Input((4, 2))
        x = keras.layers.Dense(int(np.prod(SHAPE)))(keras.layers.Flatten()(styles))
        self.synthesis = keras.Model(styles, keras.layers.Reshape(SHAPE)(x), name="synthesis")
        self.styles, self.built = 4, True
        self.average = self.add_weight(name="average", shape=(2,), initializer="zeros", trainable=False)

    def broadcast(self, w):
        return ops.repeat(w[:, None], 4, axis=1)

    def mix(self, first, second, crossover):
        layer = ops.arange(4, dtype="int32")[None, :, None]
        return ops.where(layer < ops.cast(crossover, "int32")[:, None, None], first[:, None], second[:, None])

    def track(self, w):
        self.average.assign(ops.mean(w, axis=0))

    def call(self, latents, training=False):
        return self.synthesis(self.broadcast(self.mapping(latents)))


def style_learner(**options):
    return StyleGAN2(LinearStyleGenerator(), linear_discriminator(), latent=3, seed=5, **options)


def test_lazy_regularisation_by_hand_compiled(pictures):
    """Batches of 4, so two steps: R1 in the first alone, whose weight counts twice; no loss but R1 for the kernel."""
    learner = style_learner(r1_weight=2.0, r1_interval=2, path_weight=0.0, objective="wasserstein")
    kernel, _ = matrix_of(learner.discriminator)
    frozen = keras.optimizers.SGD(0.0)
    learner.compile({"generator": frozen, "discriminator": keras.optimizers.SGD(0.1)})
    draws = Draws(5)
    expected, squares = kernel, []
    for step, part in enumerate((pictures[:4], pictures[4:])):
        fake = apply_linear(learner.generator.synthesis, mixed_styles(learner, draws))
        draws.uniform(4)
        expected = expected + 0.1 * (part.reshape(4, -1).mean(0) - fake.mean(0))[:, None]
        if step == 0:
            squares.append((expected**2).sum())
            expected = expected - 0.1 * 2 * (2 * expected)  # the gradient of gamma / 2 |kernel|^2, twice
        mixed_styles(learner, draws)
    history = learner.fit(pictures, batch_size=4, epochs=1, shuffle=False, verbose=0).history
    np.testing.assert_allclose(matrix_of(learner.discriminator)[0], expected, rtol=1e-3, atol=1e-5)
    assert history["r1_penalty"][0] == pytest.approx(squares[0], rel=1e-3)


def mixed_styles(learner, draws):
    """The styles that the learner makes of its next draws."""
    first = apply_linear(learner.generator.mapping, draws.normal(4, 3))
    second = apply_linear(learner.generator.mapping, draws.normal(4, 3))
    crossover, mixed = draws.integers(1, 4, 4), draws.uniform(4) < 0.9
    crossover = np.where(mixed, crossover, 4)
    return np.where((np.arange(4)[None] < crossover[:, None])[..., None], first[:, None], second[:, None])


def test_path_lengths_by_hand(pictures):
    learner, draws = style_learner(r1_weight=0.0, path_weight=1.0, path_interval=1, mixing=0.0), Draws(5)
    draws.normal(8, 3), draws.uniform(8), draws.normal(8, 3), draws.normal(4, 3)
    noise = draws.normal(4, *SHAPE).reshape(4, -1) / 4
    jacobian = matrix_of(learner.generator.synthesis)[0].reshape(4, 2, -1)  # of the styles
    lengths = np.sqrt((np.einsum("lsp,bp->bls", jacobian, noise) ** 2).sum(-1).mean(-1))
    target = 0.01 * lengths.mean()
    logs = train_once(learner, pictures, {"generator": 0.0, "discriminator": 0.0})
    assert logs["path_length"] == pytest.approx(lengths.mean(), rel=1e-4)
    assert logs["path_penalty"] == pytest.approx(((lengths - target) ** 2).mean(), rel=1e-4)
    assert "r1_penalty" not in logs


def test_stylegan2_trains_each_network_by_itself(pictures):
    networks = ("generator", "discriminator")
    for name, other in (networks, networks[::-1]):
        learner = style_learner()
        found = who_changes(learner, pictures, {name: 0.1, other: 0.0}, networks)
        tracked = [np.array(ops.convert_to_numpy(learner.generator.average.value))]
        assert np.abs(tracked[0]).max() > 0  # the average of w moves, though it is not trained
        assert found == {name, "generator"}  # its weights hold that average
    learner, before = style_learner(), None
    before = [np.array(ops.convert_to_numpy(v.value)) for v in learner.generator.trainable_variables]
    train_once(learner, pictures, {"generator": 0.0, "discriminator": 0.1})
    for old, variable in zip(before, learner.generator.trainable_variables, strict=True):
        np.testing.assert_array_equal(old, ops.convert_to_numpy(variable.value))


class Counting(Learner):
    """Counts how often its lazy part ran."""

    def __init__(self, interval):
        super().__init__()
        self.network = linear_discriminator()
        self.lazily = Lazily(interval, ["seen"])
        self.runs = self.add_weight(shape=(), initializer="zeros", trainable=False, name="runs")

    def step(self, batch):
        self.runs.assign_add(0.0)
        logs = self.lazily.run(lambda: self.part(batch))
        return {"loss": self.minimize("network", lambda: ops.mean(self.network(batch))), **logs}

    def part(self, batch):
        self.runs.assign_add(1.0)
        loss = self.minimize("network", lambda: ops.mean(self.network(batch) ** 2))
        return {"seen": loss * 0 + self.runs.value}


@pytest.mark.parametrize(("interval", "runs"), [(3, 3), (0, 0)])
def test_lazy_parts_run_every_few_steps(pictures, interval, runs):
    learner = Counting(interval)
    learner.compile({"network": keras.optimizers.Adam()})
    learner.monitoring = True
    history = learner.fit(np.tile(pictures, (1, 1, 1, 1)), batch_size=4, epochs=4, verbose=0).history  # 8 steps
    assert float(ops.convert_to_numpy(learner.runs.value)) == runs
    if interval:
        assert history["seen"] == [1.0, 1.5, 2.0, 3.0]  # steps 0, 3 and 6 ran it; between, the last value stands
        assert float(ops.convert_to_numpy(learner.optimizer["network"].iterations.value)) == 11
    assert "gradient_norm/network" in history


def test_lazy_adam():
    optimizer = lazy_adam(0.002, 4, beta_1=0.5, beta_2=0.99)
    found = float(optimizer.learning_rate), optimizer.beta_1, optimizer.beta_2
    assert found == pytest.approx((0.0016, 0.5**0.8, 0.99**0.8))


@pytest.mark.parametrize("off", [{"path_weight": 0.0}, {"path_interval": 0}])
def test_a_network_that_is_not_regularised_has_a_plain_adam(off):
    """The extra steps that appendix B makes up for are not taken there: c is 1."""
    optimizers = style_learner(r1_interval=4, **off).lazy_adams(0.002, 0.004, beta_1=0.5, beta_2=0.99)
    expected = {"generator": (0.002, 0.5, 0.99), "discriminator": (0.0032, 0.5**0.8, 0.99**0.8)}
    for name, values in expected.items():
        optimizer = optimizers[name]
        assert (float(optimizer.learning_rate), optimizer.beta_1, optimizer.beta_2) == pytest.approx(values)
    optimizers = style_learner(r1_weight=0.0, path_interval=4).lazy_adams(0.002, 0.004)
    assert float(optimizers["generator"].learning_rate) == pytest.approx(0.0016)
    assert float(optimizers["discriminator"].learning_rate) == pytest.approx(0.004)


def test_stylegan2_refuses_other_generators():
    with pytest.raises(UsageError, match="StyleGAN2Generator"):
        StyleGAN2(linear_generator(), linear_discriminator(), latent=3)
    with pytest.raises(UsageError, match="discriminator_steps"):
        style_learner(discriminator_steps=2)


def test_biggan_by_hand(pictures):
    generator = linear_generator()
    learner = BigGAN(
        generator,
        linear_discriminator(),
        latent=3,
        conditional=False,
        orthogonal=0.5,
        average=WeightAverage(generator, decay=0.5),
        seed=5,
    )
    draws = Draws(5)
    losses = []
    for part in (pictures[:4], pictures[4:]):
        real = apply_linear(learner.discriminator, part)
        fake = apply_linear(learner.discriminator, apply_linear(generator, draws.normal(4, 3)))
        draws.uniform(4)
        losses.append(np.maximum(0, 1 - real).mean() + np.maximum(0, 1 + fake).mean())
    products = matrix_of(generator)[0].T @ matrix_of(generator)[0]
    penalty = 0.5 * ((products - np.diag(np.diag(products))) ** 2).sum()
    fake = apply_linear(learner.discriminator, apply_linear(generator, draws.normal(4, 3)))
    logs = train_once(learner, pictures, {"generator": 0.0, "discriminator": 0.0})
    assert logs["orthogonal_penalty"] == pytest.approx(penalty, rel=1e-4)
    assert logs["generator_loss"] == pytest.approx(penalty - fake.mean(), rel=1e-4)
    assert logs["discriminator_loss"] == pytest.approx(np.mean(losses), rel=1e-4)
    assert float(ops.convert_to_numpy(learner.average.seen.value)) == 8
