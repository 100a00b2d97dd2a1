"""From pictures to the latent maps that a diffusion model works on."""

from typing import Any

import keras

from kerasarch.models.autoencoder_kl import AutoencoderKL


@keras.saving.register_keras_serializable(package="kerasarch")
class LatentEncoder(keras.Model):
    """The first half of an autoencoder, to normalised latents: ``normalise(encode(pictures).mode())``.

    Args:
        autoencoder: A built autoencoder.
        **kwargs: Passed to ``keras.Model``.

    Shapes:
        ``(B, H, W, C) -> (B, h, w, latent)``.
    """

    def __init__(self, autoencoder: AutoencoderKL, **kwargs: Any):
        super().__init__(**kwargs)
        self.autoencoder = autoencoder
        self.built = True

    def call(self, pictures: Any, training: bool | None = None) -> Any:
        """Return the normalised latent maps of pictures."""
        return self.autoencoder.normalise(self.autoencoder.encode(pictures).mode())

    def get_config(self) -> dict[str, Any]:
        """Return the autoencoder as plain values."""
        return {
            "name": self.name,
            "dtype": keras.dtype_policies.serialize(self.dtype_policy),
            "autoencoder": keras.saving.serialize_keras_object(self.autoencoder),
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> "LatentEncoder":
        """Build the autoencoder and the model around it."""
        made = keras.saving.deserialize_keras_object(config["autoencoder"], custom_objects=custom_objects)
        return cls(**{**config, "autoencoder": made})
