"""A generator against a discriminator: GAN, DCGAN, and their class-conditional forms."""

import inspect
from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from kerasarch.errors import DataError, UsageError
from kerasarch.training.adversarial.augmentation import AdaptiveAugmentation
from kerasarch.training.adversarial.losses import AdversarialLoss, adversarial_loss
from kerasarch.training.adversarial.regularizers import Penalty
from kerasarch.training.average import WeightAverage, copy_of
from kerasarch.training.health import DiscriminatorLogs
from kerasarch.training.learner import Learner


@keras.saving.register_keras_serializable(package="kerasarch")
class GAN(Learner):
    """Trains a discriminator and a generator in turn, algorithm 1 of Goodfellow et al., 2014.

    https://arxiv.org/abs/1406.2661. A step divides its batch into ``discriminator_steps`` parts: the discriminator is
    trained on each with fresh noise, then the generator once, on as many pictures as a part has. Give batches
    ``discriminator_steps`` times as large as those that a paper speaks of.

    Conditional networks take ``[latents, labels]`` and ``[pictures, labels]`` (Mirza & Osindero, 2014,
    https://arxiv.org/abs/1411.1784); generated pictures have the labels of the batch, so that the discriminator cannot
    tell them by how frequent the classes are.

    Logs: ``discriminator_loss`` (with the penalty), ``generator_loss``, ``real_score`` and ``fake_score`` (means of
    what the discriminator says, before any sigmoid), the penalty by its name, and ``augmentation_probability`` and
    ``overfitting`` where there is an augmentation (with a critic the probability alone). ``evaluate`` gives the first
    and both scores for held-out pictures: real scores far below those in training mean that the discriminator has
    learned its data by heart.

    Args:
        generator: Latents ``(B, latent)`` to pictures.
        discriminator: Pictures to scores ``(B, 1)``, or ``(B, h, w, 1)`` for patches; without a sigmoid.
        latent: Length of the latent vectors, or the shape of a latent.
        objective: Name of the loss, see `adversarial_loss`.
        conditional: Whether the networks take labels; the batches are then ``(pictures, labels)``.
        discriminator_steps: Steps of the discriminator for each of the generator.
        penalty: A term of the discriminator's loss, such as `R1` or `GradientPenalty`.
        augmentation: What the discriminator's pictures pass through. One that adapts needs a loss that has an
            undecided score, which a critic's has not: there give it ``target=None`` and a probability.
        average: The averaged generator, from which samples are taken; None to take them from the generator itself.
        seed: Of the held seed generator.
        **kwargs: Passed to ``keras.Model``.

    Raises:
        UsageError: The objective is unknown, a count is not positive, or an augmentation is to adapt to a critic.
    """

    def __init__(
        self,
        generator: keras.Model,
        discriminator: keras.Model,
        *,
        latent: int | Sequence[int],
        objective: str | AdversarialLoss = "non_saturating",
        conditional: bool = False,
        discriminator_steps: int = 1,
        penalty: Penalty | None = None,
        augmentation: AdaptiveAugmentation | None = None,
        average: WeightAverage | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        if discriminator_steps < 1:
            raise UsageError(f"Received discriminator_steps={discriminator_steps}. Expected 1 or more.")
        self.generator, self.discriminator = generator, discriminator
        self.latent = latent if isinstance(latent, int) else tuple(latent)
        self.objective, self.adversarial = objective, adversarial_loss(objective)
        if augmentation is not None and augmentation.target is not None and self.adversarial.undecided is None:
            raise UsageError(
                f"{self.name}: received an augmentation that adapts (--augment) with the loss "
                f"{self.adversarial.name!r}, whose scores do not say which pictures the discriminator takes for real. "
                "Expected none, one with target=None and a probability, or another loss."
            )
        self.conditional, self.discriminator_steps = conditional, discriminator_steps
        self.penalty, self.augmentation, self.average, self.seed = penalty, augmentation, average, seed
        self.random = keras.random.SeedGenerator(seed)

    @property
    def discriminator_logs(self) -> DiscriminatorLogs | None:
        """What monitoring looks at to tell that the discriminator is too strong."""
        return self.adversarial.watched()

    # The step.

    def step(self, batch: Any) -> dict[str, Any]:
        """Train the discriminator on each part of a batch, then the generator."""
        images, labels = self.unpack(batch)
        parts = self.parts(images, labels)
        steps = [self.discriminator_step(*part) for part in parts]
        logs = {name: sum(step[name] for step in steps) / len(steps) for name in steps[0]}
        images, labels = parts[-1]
        logs |= self.generator_step(ops.shape(images)[0], labels)
        if self.augmentation is not None:
            logs["augmentation_probability"] = self.augmentation.probability.value
            if self.adversarial.undecided is not None:
                logs["overfitting"] = self.augmentation.overfitting.value
        return logs

    def discriminator_step(self, images: Any, labels: Any) -> dict[str, Any]:
        """Train the discriminator on one part of a batch."""
        count = ops.shape(images)[0]
        fake = self.generated(self.draw(count), labels)
        mix = keras.random.uniform((count,), seed=self.random)
        _, (logs, real_scores) = self.minimize(
            "discriminator", self.discriminator_loss, images, fake, labels, mix, has_aux=True
        )
        if self.augmentation is not None and self.adversarial.undecided is not None:
            self.augmentation.observe(real_scores, self.adversarial.undecided)
        return logs

    def generator_step(self, count: Any, labels: Any) -> dict[str, Any]:
        """Train the generator on ``count`` pictures."""
        _, logs = self.minimize("generator", self.generator_loss, self.draw(count), labels, has_aux=True)
        if self.average is not None:
            self.average.update(self.generator, count * self.discriminator_steps)
        return logs

    def discriminator_loss(self, images: Any, fake: Any, labels: Any, mix: Any) -> tuple[Any, Any]:
        """Loss of the discriminator with its penalty; its logs and the scores of the real pictures."""
        real_scores, fake_scores = self.scores(images, labels), self.scores(fake, labels)
        loss = self.adversarial.discriminator(real_scores, fake_scores)
        logs = {"real_score": _mean(real_scores), "fake_score": _mean(fake_scores)}
        if self.penalty is not None:
            term = self.penalty(lambda x: self.scores(x, labels), images, fake, mix)
            logs[self.penalty.name] = term
            loss = loss + term
        return loss, ({"discriminator_loss": loss, **logs}, real_scores)

    def generator_loss(self, latents: Any, labels: Any) -> tuple[Any, Any]:
        """Loss of the generator, and its logs."""
        loss = self.adversarial.generator(self.scores(self.generated(latents, labels), labels))
        return loss, {"generator_loss": loss}

    def evaluation_step(self, batch: Any) -> dict[str, Any]:
        """Judge held-out pictures beside generated ones, without training."""
        images, labels = self.unpack(batch)
        fake = self.generated(self.draw(ops.shape(images)[0]), labels, training=False)
        real_scores = self.scores(images, labels, training=False)
        fake_scores = self.scores(fake, labels, training=False)
        return {
            "discriminator_loss": self.adversarial.discriminator(real_scores, fake_scores),
            "real_score": _mean(real_scores),
            "fake_score": _mean(fake_scores),
        }

    # What the step is made of.

    def draw(self, count: Any) -> Any:
        """Draw latents ``(count, latent)`` from a standard normal distribution."""
        shape = (self.latent,) if isinstance(self.latent, int) else self.latent
        return keras.random.normal((count, *shape), seed=self.random)

    def generated(self, latents: Any, labels: Any, training: bool = True) -> Any:
        """Run the generator."""
        return self.generator([latents, labels] if self.conditional else latents, training=training)

    def scores(self, images: Any, labels: Any, training: bool = True) -> Any:
        """Run the discriminator on pictures, transformed where there is an augmentation."""
        if self.augmentation is not None:
            images = self.augmentation(images)
        return self.discriminator([images, labels] if self.conditional else images, training=training)

    def unpack(self, batch: Any) -> tuple[Any, Any]:
        """Take the pictures of a batch, and the labels ``(B,)`` where the networks are conditional."""
        images, labels = batch[:2] if isinstance(batch, (tuple, list)) else (batch, None)
        if not self.conditional:
            return images, None
        if labels is None:
            raise DataError(f"{self.name}: received batches without labels. Expected (pictures, labels).")
        return images, ops.reshape(ops.cast(labels, "int32"), (-1,))

    def parts(self, images: Any, labels: Any) -> list[tuple[Any, Any]]:
        """Divide a batch among the steps of the discriminator."""
        steps = self.discriminator_steps
        if steps == 1:
            return [(images, labels)]
        known = images.shape[0]
        if known is not None and known % steps:
            raise DataError(
                f"{self.name}: received a batch of {known} pictures for {steps} steps of the discriminator. Expected a "
                f"multiple of {steps}; drop the remainder of the data."
            )
        size = ops.shape(images)[0] // steps
        places = [slice(number * size, (number + 1) * size) for number in range(steps)]
        return [(images[place], None if labels is None else labels[place]) for place in places]

    # Sampling.

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Give pictures of latents, or of ``[latents, labels]``: from the average where one is kept."""
        if self.average is not None and not training:
            return self.average(inputs)
        return self.generator(inputs, training=training)

    def sampling_network(self) -> keras.Model:
        """The network that samples are taken from: a copy of the averaged generator, or the generator itself."""
        if self.average is None:
            return self.generator
        copy = copy_of(self.average.network)
        copy.trainable = True
        return copy

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the learner again, those that subclasses pass on included."""
        passed_on = {
            name: keras.saving.serialize_keras_object(getattr(self, name))
            for name in inspect.signature(GAN.__init__).parameters
            if name not in ("self", "kwargs")
        }
        return {**passed_on, **super().get_config()}


def _mean(scores: Any) -> Any:
    return ops.mean(ops.cast(scores, "float32"))
