"""DCGAN and WGAN-GP as `Learner`s, for `training_step.py`."""

import keras
from keras import ops

from kerasarch.training import Learner, grad


class DCGAN(Learner):
    """Non-saturating losses; one step each a batch."""

    def __init__(self, generator, discriminator):
        super().__init__()
        self.generator, self.discriminator = generator, discriminator
        self.seeds = keras.random.SeedGenerator(0)

    def noise(self, real):
        """Latent vectors for a batch."""
        return keras.random.normal((ops.shape(real)[0], *self.generator.input_shape[1:]), seed=self.seeds)

    def discriminator_loss(self, real, fake):
        """``softplus(-D(real)) + softplus(D(fake))``."""
        genuine, forged = self.discriminator(real, training=True), self.discriminator(fake, training=True)
        return ops.mean(ops.softplus(-genuine)) + ops.mean(ops.softplus(forged))

    def generator_loss(self, noise):
        """``softplus(-D(G(noise)))``."""
        return ops.mean(ops.softplus(-self.discriminator(self.generator(noise, training=True), training=True)))

    def step(self, batch):
        """Train both networks."""
        fake = self.generator(self.noise(batch), training=True)
        return {
            "discriminator_loss": self.minimize("discriminator", self.discriminator_loss, batch, fake),
            "generator_loss": self.minimize("generator", self.generator_loss, self.noise(batch)),
        }


class WGANGP(DCGAN):
    """Wasserstein losses and the penalty on the norm of the critic's gradient."""

    def discriminator_loss(self, real, fake):
        """``D(fake) - D(real) + 10 (|dD/dx| - 1)^2`` at random points between."""
        share = keras.random.uniform((ops.shape(real)[0], 1, 1, 1), seed=self.seeds)
        between = share * real + (1 - share) * fake
        slope = grad(lambda x: ops.sum(self.discriminator(x, training=True)))(between)
        norm = ops.sqrt(ops.sum(ops.square(slope), axis=(1, 2, 3)) + 1e-12)
        genuine, forged = self.discriminator(real, training=True), self.discriminator(fake, training=True)
        return ops.mean(forged) - ops.mean(genuine) + 10 * ops.mean(ops.square(norm - 1))

    def generator_loss(self, noise):
        """``-D(G(noise))``."""
        return -ops.mean(self.discriminator(self.generator(noise, training=True), training=True))
