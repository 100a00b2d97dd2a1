"""Adversarial losses against their definitions by way of the discriminator's probability."""

import numpy as np
import pytest
from keras import ops

from kerasarch.errors import UsageError
from kerasarch.training.adversarial import AdversarialLoss, adversarial_loss

REAL = np.random.default_rng(0).normal(size=(5, 2, 2, 1)).astype("float32") * 3
FAKE = np.random.default_rng(1).normal(size=(5, 2, 2, 1)).astype("float32") * 3
P, Q = 1 / (1 + np.exp(-REAL.astype("float64"))), 1 / (1 + np.exp(-FAKE.astype("float64")))

DEFINITIONS = {
    "non_saturating": (-np.log(P).mean() - np.log(1 - Q).mean(), -np.log(Q).mean()),
    "minimax": (-np.log(P).mean() - np.log(1 - Q).mean(), np.log(1 - Q).mean()),
    "hinge": (-np.minimum(0, REAL - 1).mean() - np.minimum(0, -FAKE - 1).mean(), -FAKE.mean()),
    "least_squares": (((REAL - 1) ** 2).mean() / 2 + (FAKE**2).mean() / 2, ((FAKE - 1) ** 2).mean() / 2),
    "wasserstein": (FAKE.mean() - REAL.mean(), -FAKE.mean()),
}


@pytest.mark.parametrize("name", DEFINITIONS)
def test_both_sides(name):
    loss = adversarial_loss(name)
    discriminator, generator = DEFINITIONS[name]
    np.testing.assert_allclose(ops.convert_to_numpy(loss.discriminator(REAL, FAKE)), discriminator, rtol=1e-5)
    np.testing.assert_allclose(ops.convert_to_numpy(loss.generator(FAKE)), generator, rtol=1e-5)


def test_sure_discriminators_do_not_overflow():
    sure = ops.convert_to_tensor(np.array([[200.0]], "float32"))
    loss = adversarial_loss("non_saturating")
    assert float(loss.discriminator(-sure, sure)) == 400
    assert float(loss.generator(-sure)) == 200
    half = ops.cast(ops.convert_to_tensor(np.full((4, 1), 300.0, "float32")), "float16")
    assert float(adversarial_loss("least_squares").generator(half)) == pytest.approx(299**2 / 2)


def test_losses_of_ones_own_and_unknown_ones():
    own = AdversarialLoss("own", lambda real, fake: real, lambda fake: fake)
    assert adversarial_loss(own) is own
    with pytest.raises(UsageError, match="one of non_saturating, minimax, hinge"):
        adversarial_loss("hinges")


@pytest.mark.parametrize(
    ("name", "score"), [("non_saturating", 0.0), ("minimax", 0.0), ("hinge", 0.0), ("least_squares", 0.5)]
)
def test_the_loss_at_chance_is_what_is_watched(name, score):
    """The same score for every picture, the best one where the two kinds cannot be told apart."""
    loss, scores = adversarial_loss(name), ops.full((4, 1), score)
    assert loss.undecided == score
    assert loss.watched().chance == pytest.approx(float(ops.convert_to_numpy(loss.discriminator(scores, scores))))
    assert loss.watched(0.5).chance == loss.watched().chance / 2
    for other in (-1.0, 1.0):
        apart = ops.full((4, 1), score + other)
        assert float(ops.convert_to_numpy(loss.discriminator(apart, apart))) >= loss.watched().chance


def test_a_critic_should_win():
    assert adversarial_loss("wasserstein").watched() is None
    assert adversarial_loss("wasserstein").undecided is None
