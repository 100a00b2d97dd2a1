"""Training the autoencoder of a latent diffusion model: one loss, one optimizer, hence no step of its own."""

from typing import Any

import keras
from keras import ops

from kerasarch.errors import UsageError
from kerasarch.models import AutoencoderKL
from kerasarch.training.autoencoding.parts import PartsModel, weighted_mean


@keras.saving.register_keras_serializable(package="kerasarch")
class LatentAutoencoder(PartsModel):
    """Trains an `AutoencoderKL` whose latent maps a diffusion model can learn.

    ``loss = |x - decode(z)| + kl_weight KL(q(z|x) || N(0, I)), z = mean + std * noise``, both summed over an example:
    Rombach et al., 2021, section 3.1 and appendix G (https://arxiv.org/abs/2112.10752), where the tiny weight keeps
    latents near the origin and no more. Their perceptual and adversarial terms, which keep large photos sharp, are not
    part of it.

    Args:
        autoencoder: A built autoencoder.
        kl_weight: Weight of the KL term.
        seed: Of the noise.
        **kwargs: Passed to ``keras.Model``.

    Raises:
        UsageError: The weight is negative.
    """

    PARTS = ("autoencoder",)
    NUMBERS = ("kl_weight", "seed")

    def __init__(self, autoencoder: AutoencoderKL, *, kl_weight: float = 1e-6, seed: int | None = None, **kwargs: Any):
        super().__init__(**kwargs)
        if kl_weight < 0:
            raise UsageError(f"{self.name}: received kl_weight={kl_weight}. Expected 0 or more.")
        self.autoencoder, self.kl_weight, self.seed = autoencoder, kl_weight, seed
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.trackers = [keras.metrics.Mean(name=name) for name in ("absolute_error", "kl")]
        self.built = True

    def call(self, x: Any, training: bool | None = None) -> dict[str, Any]:
        """Return the reconstruction of pictures through a drawn latent map, and the divergence of each."""
        posterior = self.autoencoder.encode(x)
        decoded = self.autoencoder.decode(posterior.sample(self.seed_generator) if training else posterior.mode())
        return {"decoded": ops.cast(decoded, "float32"), "kl": ops.cast(posterior.kl(), "float32")}

    def reconstruct(self, x: Any) -> Any:
        """Return pictures through their most probable latent maps."""
        return self.autoencoder(x)

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
    ) -> Any:
        """Return the loss of a batch, and keep the metrics; labels are not used."""
        apart = ops.abs(ops.cast(x, "float32") - y_pred["decoded"])
        axes = tuple(range(1, len(apart.shape)))
        self.trackers[0].update_state(ops.mean(apart, axis=axes))
        self.trackers[1].update_state(y_pred["kl"])
        return weighted_mean(ops.sum(apart, axis=axes) + self.kl_weight * y_pred["kl"], sample_weight)
