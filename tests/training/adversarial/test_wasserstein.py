"""WGAN and WGAN-GP: critics' steps by hand, clipping, and the penalty."""

import numpy as np
import pytest

from kerasarch.errors import UsageError
from kerasarch.training.adversarial import WGAN, WGANGP
from tests.training.adversarial.linear import (
    Draws,
    apply_linear,
    linear_discriminator,
    linear_generator,
    matrix_of,
    train_once,
    who_changes,
)


def test_wgan_takes_the_critics_steps_and_clips(pictures):
    """A linear critic's gradient is the difference of means, whatever its weights are: five steps can be added up."""
    learner, draws = (
        WGAN(linear_generator(), linear_discriminator(), latent=3, clip=0.2, discriminator_steps=2, seed=5),
        Draws(5),
    )
    kernel, _ = matrix_of(learner.discriminator)
    distances = []
    for part in (pictures[:4], pictures[4:]):
        fake = apply_linear(learner.generator, draws.normal(4, 3))
        draws.uniform(4)
        difference = (part.reshape(4, -1).mean(0) - fake.mean(0))[:, None]
        distances.append((difference * kernel).sum())
        kernel = np.clip(kernel + 0.1 * difference, -0.2, 0.2)
    logs = train_once(learner, pictures, {"generator": 0.0, "discriminator": 0.1})
    np.testing.assert_allclose(matrix_of(learner.discriminator)[0], kernel, rtol=1e-4, atol=1e-6)
    assert logs["wasserstein_distance"] == pytest.approx(np.mean(distances), rel=1e-3)
    assert logs["discriminator_loss"] == pytest.approx(-np.mean(distances), rel=1e-3)
    generated = apply_linear(learner.generator, draws.normal(4, 3))
    assert logs["generator_loss"] == pytest.approx(-apply_linear(learner.discriminator, generated).mean(), rel=1e-3)


def test_wgan_gp_compiled(pictures):
    """The penalty of a linear critic is that of its kernel's norm, and so is its gradient."""
    learner, draws = (
        WGANGP(linear_generator(), linear_discriminator(), latent=3, discriminator_steps=1, seed=5),
        Draws(5),
    )
    kernel, _ = matrix_of(learner.discriminator)
    fake = apply_linear(learner.generator, draws.normal(8, 3))
    norm = np.sqrt((kernel**2).sum())
    gradient = (fake.mean(0) - pictures.reshape(8, -1).mean(0))[:, None] + 20 * (norm - 1) * kernel / norm
    logs = train_once(learner, pictures, {"generator": 0.0, "discriminator": 0.01}, run_eagerly=False)
    assert logs["gradient_penalty"] == pytest.approx(10 * (norm - 1) ** 2, rel=1e-3)
    np.testing.assert_allclose(matrix_of(learner.discriminator)[0], kernel - 0.01 * gradient, rtol=1e-3, atol=1e-5)


def test_each_step_trains_its_own_network(pictures):
    networks = ("generator", "discriminator")
    for name, other in (networks, networks[::-1]):
        learner = WGANGP(linear_generator(), linear_discriminator(), latent=3, discriminator_steps=2)
        assert who_changes(learner, pictures, {name: 0.1, other: 0.0}, networks) == {name}


def test_a_limit_must_be_positive():
    with pytest.raises(UsageError, match="positive limit"):
        WGAN(linear_generator(), linear_discriminator(), latent=3, clip=0)
