"""BigGAN: class-conditional generation with a hinge loss and orthogonal regularisation of the generator."""

from typing import Any

import keras

from kerasarch.training.adversarial.gan import GAN
from kerasarch.training.adversarial.penalties import kernels_of, orthogonal_penalty


@keras.saving.register_keras_serializable(package="kerasarch")
class BigGAN(GAN):
    """Hinge loss, two steps of the discriminator, orthogonal regularisation and averaged weights.

    Brock et al., 2018 (https://arxiv.org/abs/1809.11096): section 2 for the loss and the steps, eq. 3 for the
    regularisation of the generator, which makes truncation work (section 3.1). There with Adam, beta_1 0, beta_2 0.999
    and rates of 5e-5 for the generator and 2e-4 for the discriminator, and a `WeightAverage` with decay 0.9999 from
    step 20 000 on. Spectral normalization and self-attention are in the networks.

    Batches are divided among the discriminator's steps, see `GAN`. Where they differ: the paper draws the labels of
    generated pictures uniformly; here they are the batch's, which is the same for balanced data.

    Logs, besides those of `GAN`: ``orthogonal_penalty``, which is part of ``generator_loss``.

    Args:
        generator: Latents and labels to pictures.
        discriminator: Pictures and labels to scores.
        orthogonal: Weight of the orthogonal regularisation, beta in the paper; 0 for none.
        discriminator_steps: Steps of the discriminator for each of the generator.
        **kwargs: As for `GAN`.
    """

    def __init__(
        self,
        generator: keras.Model,
        discriminator: keras.Model,
        *,
        orthogonal: float = 1e-4,
        discriminator_steps: int = 2,
        **kwargs: Any,
    ):
        kwargs = {"objective": "hinge", "conditional": True, **kwargs}
        super().__init__(generator, discriminator, discriminator_steps=discriminator_steps, **kwargs)
        self.orthogonal = orthogonal

    def generator_loss(self, latents: Any, labels: Any) -> tuple[Any, Any]:
        """Loss of the generator with its regularisation, and its logs."""
        loss, logs = super().generator_loss(latents, labels)
        if not self.orthogonal:
            return loss, logs
        term = orthogonal_penalty(kernels_of(self.generator), self.orthogonal)
        return loss + term, {**logs, "generator_loss": loss + term, "orthogonal_penalty": term}
