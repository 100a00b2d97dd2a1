"""A U-Net that reads captions itself: a text encoder in front, trained together with it."""

from collections.abc import Sequence
from typing import Any

import keras


@keras.saving.register_keras_serializable(package="kerasarch")
class CaptionedUNet(keras.Model):
    """Predicts noise from noisy samples and the token numbers of their captions.

    ``out = unet(x, times, encoder(ids))``: Rombach et al., 2021, section 3.3 and eq. 3
    (https://arxiv.org/abs/2112.10752), where encoder and U-Net learn together. Stable Diffusion, whose encoder is
    fixed, encodes a prompt once instead: ``kerasarch.models.StableDiffusion``.

    Args:
        unet: A `kerasarch.models.UNet2DConditionModel`.
        encoder: A `kerasarch.models.CLIPTextModel` as wide as the U-Net's ``context_width``.
        **kwargs: Passed to ``keras.Model``.

    Shapes:
        ``[x (B, H, W, C), times (B,), ids (B, T)]`` to ``(B, H, W, C)``.
    """

    def __init__(self, unet: keras.Model, encoder: keras.Model, **kwargs: Any):
        # Token numbers and times keep their precision; the networks cast what they take.
        super().__init__(**{"dtype": "float32", "name": "captioned_unet", **kwargs})
        self.unet, self.encoder = unet, encoder
        for part in (unet, encoder):
            if not part.built:
                part.build()
        self.built = True

    def call(self, inputs: Sequence[Any], training: bool | None = None) -> Any:
        """Ask the networks."""
        x, times, ids = inputs
        context = self.encoder(ids, training=training)["last_hidden_state"]
        return self.unet([x, times, context], training=training)

    def get_config(self) -> dict[str, Any]:
        """Return the networks as plain values."""
        return {
            "name": self.name,
            "dtype": keras.dtype_policies.serialize(self.dtype_policy),
            "unet": keras.saving.serialize_keras_object(self.unet),
            "encoder": keras.saving.serialize_keras_object(self.encoder),
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> "CaptionedUNet":
        """Build the networks and the model around them."""
        parts = {
            name: keras.saving.deserialize_keras_object(config[name], custom_objects=custom_objects)
            for name in ("unet", "encoder")
        }
        return cls(**{**config, **parts})
