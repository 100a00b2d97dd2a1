"""Pix2Pix: translation of pictures learned from pairs."""

from typing import Any

import keras
from keras import ops

from kerasarch.errors import DataError
from kerasarch.training.adversarial.losses import AdversarialLoss, adversarial_loss
from kerasarch.training.health import DiscriminatorLogs
from kerasarch.training.learner import Learner


@keras.saving.register_keras_serializable(package="kerasarch")
class Pix2Pix(Learner):
    """A conditional GAN whose generator is also held to the L1 distance from the target.

    ``G* = arg min_G max_D L_cGAN(G, D) + weight * E |y - G(x)|``: Isola et al., 2017, eq. 4
    (https://arxiv.org/abs/1611.07004). The discriminator sees the source picture beside the target or the generated
    one, and its loss is halved, which slows it down (section 3.3). There is no noise but the generator's dropout.

    Batches are ``(source, target)``. Logs: ``discriminator_loss``, ``generator_loss`` (the sum), its parts
    ``adversarial_loss`` and ``l1_distance`` (not weighted), ``real_score`` and ``fake_score``. ``evaluate`` gives the
    ``l1_distance`` of held-out pairs.

    Args:
        generator: Source pictures to target pictures.
        discriminator: ``[source, picture]`` to scores, of patches for instance.
        weight: Of the L1 distance, lambda in the paper.
        objective: Name of the adversarial loss, see `adversarial_loss`.
        **kwargs: Passed to ``keras.Model``.

    Raises:
        UsageError: The objective is unknown.
    """

    def __init__(
        self,
        generator: keras.Model,
        discriminator: keras.Model,
        *,
        weight: float = 100.0,
        objective: str | AdversarialLoss = "non_saturating",
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.generator, self.discriminator, self.weight = generator, discriminator, weight
        self.objective, self.adversarial = objective, adversarial_loss(objective)

    @property
    def discriminator_logs(self) -> DiscriminatorLogs | None:
        """What monitoring looks at to tell that the discriminator is too strong."""
        return self.adversarial.watched(0.5)

    def step(self, batch: Any) -> dict[str, Any]:
        """Train the discriminator, then the generator, on a batch of pairs."""
        source, target = pair(self, batch)
        fake = self.generator(source, training=True)
        _, logs = self.minimize("discriminator", self.discriminator_loss, source, target, fake, has_aux=True)
        _, more = self.minimize("generator", self.generator_loss, source, target, has_aux=True)
        return logs | more

    def discriminator_loss(self, source: Any, target: Any, fake: Any) -> tuple[Any, dict[str, Any]]:
        """Half the adversarial loss of the discriminator, and its logs."""
        real_scores = self.discriminator([source, target], training=True)
        fake_scores = self.discriminator([source, fake], training=True)
        loss = self.adversarial.discriminator(real_scores, fake_scores) / 2
        scores = {"real_score": _mean(real_scores), "fake_score": _mean(fake_scores)}
        return loss, {"discriminator_loss": loss, **scores}

    def generator_loss(self, source: Any, target: Any) -> tuple[Any, dict[str, Any]]:
        """Adversarial loss and weighted distance, and the logs."""
        fake = self.generator(source, training=True)
        adversarial = self.adversarial.generator(self.discriminator([source, fake], training=True))
        distance = _mean(ops.abs(ops.cast(target, fake.dtype) - fake))
        loss = adversarial + self.weight * distance
        return loss, {"generator_loss": loss, "adversarial_loss": adversarial, "l1_distance": distance}

    def evaluation_step(self, batch: Any) -> dict[str, Any]:
        """Compare translations of held-out pictures with their targets."""
        source, target = pair(self, batch)
        fake = self.generator(source, training=False)
        return {"l1_distance": _mean(ops.abs(ops.cast(target, fake.dtype) - fake))}

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Translate source pictures."""
        return self.generator(inputs, training=training)


def pair(learner: Learner, batch: Any) -> tuple[Any, Any]:
    """Take both pictures of a batch of pairs.

    Raises:
        DataError: It is no pair.
    """
    if not isinstance(batch, (tuple, list)) or len(batch) != 2:
        raise DataError(
            f"{learner.name}: received batches that are no pairs. Expected a pair of pictures for each example."
        )
    return batch[0], batch[1]


def _mean(values: Any) -> Any:
    return ops.mean(ops.cast(values, "float32"))
