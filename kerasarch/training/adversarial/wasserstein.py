"""Wasserstein GANs: a critic kept smooth by clipped weights, or by a penalty on its gradient."""

from typing import Any

import keras

from kerasarch.errors import UsageError
from kerasarch.training.adversarial.gan import GAN
from kerasarch.training.adversarial.penalties import clip_weights
from kerasarch.training.adversarial.regularizers import GradientPenalty, Penalty


@keras.saving.register_keras_serializable(package="kerasarch")
class WGAN(GAN):
    """Wasserstein GAN whose critic's weights are clipped after each of its steps.

    Arjovsky et al., 2017, algorithm 1 (https://arxiv.org/abs/1701.07875), there with RMSprop at a rate of 5e-5 for both
    networks. ``wasserstein_distance`` in the logs is ``E D(x) - E D(G(z))``, the paper's estimate up to a factor: it
    falls as the pictures get better.

    Batches are divided among the critic's steps, see `GAN`: for the paper's 64 pictures give batches of 320.

    Args:
        generator: Latents to pictures.
        discriminator: The critic: pictures to scores.
        clip: Largest absolute value of the critic's weights.
        discriminator_steps: Steps of the critic for each of the generator, n_critic in the paper.
        **kwargs: As for `GAN`.

    Raises:
        UsageError: The limit is not positive.
    """

    def __init__(
        self,
        generator: keras.Model,
        discriminator: keras.Model,
        *,
        clip: float = 0.01,
        discriminator_steps: int = 5,
        **kwargs: Any,
    ):
        if clip <= 0:
            raise UsageError(f"Received clip={clip}. Expected a positive limit, 0.01 in the paper.")
        kwargs = {"objective": "wasserstein", **kwargs}
        super().__init__(generator, discriminator, discriminator_steps=discriminator_steps, **kwargs)
        self.clip = clip

    def discriminator_step(self, images: Any, labels: Any) -> dict[str, Any]:
        """Train the critic on one part of a batch, then clip its weights."""
        logs = super().discriminator_step(images, labels)
        clip_weights(self.discriminator, self.clip)
        return _with_distance(logs)


@keras.saving.register_keras_serializable(package="kerasarch")
class WGANGP(GAN):
    """Wasserstein GAN with gradient penalty.

    Gulrajani et al., 2017, algorithm 1 (https://arxiv.org/abs/1704.00028), there with Adam at a rate of 1e-4, beta_1 0
    and beta_2 0.9 for both networks. The critic has no batch normalization: it would make each score depend on the
    whole batch, and the penalty is on the gradient of single scores.

    Batches are divided among the critic's steps, see `GAN`: for the paper's 64 pictures give batches of 320.

    Args:
        generator: Latents to pictures.
        discriminator: The critic: pictures to scores.
        penalty: The penalty; None for `GradientPenalty` with weight 10.
        discriminator_steps: Steps of the critic for each of the generator, n_critic in the paper.
        **kwargs: As for `GAN`.
    """

    def __init__(
        self,
        generator: keras.Model,
        discriminator: keras.Model,
        *,
        penalty: Penalty | None = None,
        discriminator_steps: int = 5,
        **kwargs: Any,
    ):
        kwargs = {"objective": "wasserstein", **kwargs}
        super().__init__(
            generator,
            discriminator,
            penalty=GradientPenalty() if penalty is None else penalty,
            discriminator_steps=discriminator_steps,
            **kwargs,
        )

    def discriminator_step(self, images: Any, labels: Any) -> dict[str, Any]:
        """Train the critic on one part of a batch."""
        return _with_distance(super().discriminator_step(images, labels))


def _with_distance(logs: dict[str, Any]) -> dict[str, Any]:
    return {**logs, "wasserstein_distance": logs["real_score"] - logs["fake_score"]}
