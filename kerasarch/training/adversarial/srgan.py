"""SRGAN: super-resolution with a content loss on features and a discriminator."""

from typing import Any

import keras
from keras import ops

from kerasarch.training.adversarial.image_quality import PeakSignalToNoise, StructuralSimilarity
from kerasarch.training.adversarial.losses import AdversarialLoss, adversarial_loss
from kerasarch.training.adversarial.pix2pix import pair
from kerasarch.training.health import DiscriminatorLogs
from kerasarch.training.learner import Learner


@keras.saving.register_keras_serializable(package="kerasarch")
class SRGAN(Learner):
    """Trains a generator for what looks like a photograph, after it was trained for the squared error.

    ``L_G = content * E (f(G(low)) - f(high))^2 + adversarial * E -log D(G(low))``: Ledig et al., 2017, eq. 3 to 6
    (https://arxiv.org/abs/1609.04802), with features ``f`` of a classifier, or the pictures themselves. The pretraining
    of section 3.2 (SRResNet) needs no step: ``generator.compile("adam", "mse", metrics=[PeakSignalToNoise()])`` and
    ``fit`` on the same batches.

    Batches are ``(low, high)``. Logs: ``generator_loss`` (the sum), ``content_loss`` and ``adversarial_loss`` (not
    weighted), ``discriminator_loss``, ``real_score``, ``fake_score``, ``psnr`` and ``ssim``. ``evaluate`` gives the
    content loss, PSNR and SSIM of held-out pairs.

    Args:
        generator: Low-resolution pictures to high-resolution ones.
        discriminator: High-resolution pictures to scores.
        features: Pictures to features, frozen, see `kerasarch.models.perceptual_features`; None to compare pixels.
        content: Weight of the content loss. (The paper's 0.006 is in the scale of its features.)
        adversarial: Weight of the adversarial loss.
        objective: Name of the adversarial loss, see `adversarial_loss`.
        border: Pixels left out at each side for PSNR and SSIM, 4 in the paper.
        **kwargs: Passed to ``keras.Model``.

    Raises:
        UsageError: The objective is unknown.
    """

    def __init__(
        self,
        generator: keras.Model,
        discriminator: keras.Model,
        *,
        features: keras.Model | None = None,
        content: float = 1.0,
        adversarial: float = 1e-3,
        objective: str | AdversarialLoss = "non_saturating",
        border: int = 0,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.generator, self.discriminator, self.features = generator, discriminator, features
        if features is not None:
            features.trainable = False
        self.content, self.adversarial, self.border = content, adversarial, border
        self.objective, self.loss_pair = objective, adversarial_loss(objective)
        self.psnr, self.ssim = PeakSignalToNoise(border=border), StructuralSimilarity(border=border)

    @property
    def discriminator_logs(self) -> DiscriminatorLogs | None:
        """What monitoring looks at to tell that the discriminator is too strong."""
        return self.loss_pair.watched()

    def step(self, batch: Any) -> dict[str, Any]:
        """Train the discriminator, then the generator, on a batch of pairs."""
        low, high = pair(self, batch)
        fake = self.generator(low, training=True)
        _, logs = self.minimize("discriminator", self.discriminator_loss, high, fake, has_aux=True)
        _, (more, fake) = self.minimize("generator", self.generator_loss, low, high, has_aux=True)
        self._judge(high, fake)
        return logs | more

    def discriminator_loss(self, high: Any, fake: Any) -> tuple[Any, dict[str, Any]]:
        """Loss of the discriminator, and its logs."""
        real_scores = self.discriminator(high, training=True)
        fake_scores = self.discriminator(fake, training=True)
        loss = self.loss_pair.discriminator(real_scores, fake_scores)
        return loss, {
            "discriminator_loss": loss,
            "real_score": ops.mean(ops.cast(real_scores, "float32")),
            "fake_score": ops.mean(ops.cast(fake_scores, "float32")),
        }

    def generator_loss(self, low: Any, high: Any) -> tuple[Any, Any]:
        """Loss of the generator; its logs, and the pictures."""
        fake = self.generator(low, training=True)
        content = self.content_loss(high, fake)
        adversarial = self.loss_pair.generator(self.discriminator(fake, training=True))
        loss = self.content * content + self.adversarial * adversarial
        return loss, ({"generator_loss": loss, "content_loss": content, "adversarial_loss": adversarial}, fake)

    def content_loss(self, high: Any, fake: Any) -> Any:
        """Mean squared distance of the features: Ledig et al., 2017, eq. 5; of the pixels: eq. 4."""
        if self.features is not None:
            high, fake = self.features(high, training=False), self.features(fake, training=False)
        return ops.mean(ops.square(ops.cast(high, "float32") - ops.cast(fake, "float32")))

    def evaluation_step(self, batch: Any) -> dict[str, Any]:
        """Restore held-out pictures."""
        low, high = pair(self, batch)
        fake = self.generator(low, training=False)
        self._judge(high, fake)
        return {"content_loss": self.content_loss(high, fake)}

    def _judge(self, high: Any, fake: Any) -> None:
        self.psnr.update_state(high, fake)
        self.ssim.update_state(high, fake)

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Give high-resolution pictures of low-resolution ones."""
        return self.generator(inputs, training=training)
