"""From the latent maps that a diffusion model draws to pictures."""

from typing import Any

import keras

from kerasarch.models.autoencoder_kl import AutoencoderKL


@keras.saving.register_keras_serializable(package="kerasarch")
class LatentDecoder(keras.Model):
    """The second half of an autoencoder, for normalised latents: ``decode(denormalise(latents))``.

    Args:
        autoencoder: A built autoencoder.
        **kwargs: Passed to ``keras.Model``.

    Shapes:
        ``(B, h, w, latent) -> (B, H, W, C)``.
    """

    def __init__(self, autoencoder: AutoencoderKL, **kwargs: Any):
        super().__init__(**kwargs)
        self.autoencoder = autoencoder
        self.built = True

    def call(self, latents: Any, training: bool | None = None) -> Any:
        """Return the pictures of normalised latent maps."""
        return self.autoencoder.decode(self.autoencoder.denormalise(latents))

    def get_config(self) -> dict[str, Any]:
        """Return the autoencoder as plain values."""
        return {
            "name": self.name,
            "dtype": keras.dtype_policies.serialize(self.dtype_policy),
            "autoencoder": keras.saving.serialize_keras_object(self.autoencoder),
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> "LatentDecoder":
        """Build the autoencoder and the model around it."""
        made = keras.saving.deserialize_keras_object(config["autoencoder"], custom_objects=custom_objects)
        return cls(**{**config, "autoencoder": made})
