"""Between pictures and the latent maps that a diffusion model works on: the two halves of an autoencoder."""

from typing import Any, Self

import keras

from kerasarch.models.autoencoder_kl import AutoencoderKL


class _Half(keras.Model):
    """One direction of an autoencoder.

    Args:
        autoencoder: A built autoencoder.
        **kwargs: Passed to ``keras.Model``.
    """

    def __init__(self, autoencoder: AutoencoderKL, **kwargs: Any):
        super().__init__(**kwargs)
        self.autoencoder = autoencoder
        self.built = True

    def get_config(self) -> dict[str, Any]:
        """Return the autoencoder as plain values."""
        return {
            "name": self.name,
            "dtype": keras.dtype_policies.serialize(self.dtype_policy),
            "autoencoder": keras.saving.serialize_keras_object(self.autoencoder),
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Self:
        """Build the autoencoder and the model around it."""
        made = keras.saving.deserialize_keras_object(config["autoencoder"], custom_objects=custom_objects)
        return cls(**{**config, "autoencoder": made})


@keras.saving.register_keras_serializable(package="kerasarch")
class LatentEncoder(_Half):
    """The first half of an autoencoder, to normalised latents: ``normalise(encode(pictures).mode())``.

    Args:
        autoencoder: A built autoencoder.
        **kwargs: Passed to ``keras.Model``.

    Shapes:
        ``(B, H, W, C) -> (B, h, w, latent)``.
    """

    def call(self, pictures: Any, training: bool | None = None) -> Any:
        """Return the normalised latent maps of pictures."""
        return self.autoencoder.normalise(self.autoencoder.encode(pictures).mode())


@keras.saving.register_keras_serializable(package="kerasarch")
class LatentDecoder(_Half):
    """The second half of an autoencoder, for normalised latents: ``decode(denormalise(latents))``.

    Args:
        autoencoder: A built autoencoder.
        **kwargs: Passed to ``keras.Model``.

    Shapes:
        ``(B, h, w, latent) -> (B, H, W, C)``.
    """

    def call(self, latents: Any, training: bool | None = None) -> Any:
        """Return the pictures of normalised latent maps."""
        return self.autoencoder.decode(self.autoencoder.denormalise(latents))
