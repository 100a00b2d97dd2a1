"""Pictures drawn from a prior over codes: what makes a VQ-VAE a generative model."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from kerasarch.errors import ShapeError, UsageError
from kerasarch.models.sampler import Sampler, check_draw


@keras.saving.register_keras_serializable(package="kerasarch")
class CodeDecoder(keras.Model):
    """Draws a grid of codes, one after the other, and decodes it.

    ``k_i = argmax(logits_i(k_<i) / temperature + g_i)`` with Gumbel noise ``g`` is a draw from the softmax (Maddison et
    al., 2014, https://arxiv.org/abs/1411.0030). The loop is one ``fori_loop``, compiled on JAX and TensorFlow, and the
    noise an input, so that the same noise gives the same picture on every backend.

    Args:
        prior: Codes ``(B, h, w)`` to logits ``(B, h, w, codes)``, each from the codes before alone.
        quantizer: A built [`VectorQuantizer`][kerasarch.layers.VectorQuantizer].
        decoder: Code vectors to pictures.
        **kwargs: Passed to ``keras.Model``.

    Raises:
        ShapeError: Prior and codebook have different numbers of codes.
    """

    def __init__(self, prior: keras.Model, quantizer: keras.layers.Layer, decoder: keras.Model, **kwargs: Any):
        super().__init__(**kwargs)
        if prior.output_shape[-1] != quantizer.codes:
            raise ShapeError(
                f"{self.name}: the prior has {prior.output_shape[-1]} codes, the codebook {quantizer.codes}. Train the "
                f"prior on the codes of this codebook."
            )
        self.prior, self.quantizer, self.decoder = prior, quantizer, decoder
        if not quantizer.built:  # in a file that is being loaded, where the decoder knows the shape
            quantizer.build(decoder.input_shape)
        self.built = True

    @property
    def grid(self) -> tuple[int, int]:
        """Height and width of the grid of codes."""
        return tuple(self.prior.input_shape[1:3])

    def draw(self, noise: Any, temperature: Any = 1.0) -> Any:  # (B, h * w, codes)
        """Return the codes that Gumbel noise leads to: ``(B, h, w)``, int32."""
        height, width = self.grid
        places = ops.reshape(ops.arange(height * width, dtype="int32"), (1, -1))
        noise = ops.cast(noise, "float32")

        def fill(place: Any, codes: Any) -> Any:
            logits = self.prior(ops.reshape(codes, (-1, height, width)), training=False)
            logits = ops.reshape(ops.cast(logits, "float32"), (-1, height * width, self.quantizer.codes))
            here = ops.take(logits, place, axis=1) / temperature + ops.take(noise, place, axis=1)  # (B, codes)
            chosen = ops.cast(ops.argmax(here, axis=-1), "int32")
            return ops.where(places == ops.cast(place, "int32"), ops.expand_dims(chosen, 1), codes)

        first = ops.cast(ops.zeros_like(noise[:, :, 0]), "int32")
        return ops.reshape(ops.fori_loop(0, height * width, fill, first), (-1, height, width))

    def call(self, inputs: dict[str, Any], training: bool = False) -> Any:
        """Return pictures for ``{"noise": (B, h * w, codes), "temperature": (B, 1)}``."""
        codes = self.draw(inputs["noise"], ops.cast(inputs["temperature"], "float32"))
        return self.decoder(self.quantizer.lookup(codes), training=training)

    def get_config(self) -> dict[str, Any]:
        """Return the three parts as plain values."""
        parts = {"prior": self.prior, "quantizer": self.quantizer, "decoder": self.decoder}
        return {
            "name": self.name,
            "dtype": keras.dtype_policies.serialize(self.dtype_policy),
            **{name: keras.saving.serialize_keras_object(part) for name, part in parts.items()},
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> "CodeDecoder":
        """Build the three parts and the model around them."""
        parts = {
            name: keras.saving.deserialize_keras_object(config[name], custom_objects=custom_objects)
            for name in ("prior", "quantizer", "decoder")
        }
        return cls(**{**config, **parts})


@keras.saving.register_keras_serializable(package="kerasarch")
class CodeSampler(Sampler):
    """Draws pictures with a [`CodeDecoder`][kerasarch.models.CodeDecoder]; truncation is the prior's temperature.

    Args:
        network: The code decoder.
        **kwargs: As for ``Sampler``; there are no classes.

    Raises:
        UsageError: An argument is not usable.
    """

    network: CodeDecoder

    def __init__(self, network: CodeDecoder, **kwargs: Any):
        super().__init__(network, **kwargs)
        if self.class_names is not None:
            raise UsageError("A CodeSampler draws without labels: its prior knows no classes. Leave classes out.")

    def sample(
        self, count: int, seed: int, labels: Sequence[int] | np.ndarray | None = None, truncation: float = 1.0
    ) -> np.ndarray:
        """Draw pictures; see ``Sampler.sample``."""
        check_draw(count, seed, truncation)
        self.labels_for(count, labels)
        shape = (self.network.grid[0] * self.network.grid[1], self.network.quantizer.codes)
        noise = np.stack([np.random.default_rng([seed, number]).gumbel(size=shape) for number in range(count)])
        temperature = np.full((count, 1), truncation, np.float32)
        return self.run_chunks({"noise": noise.astype(np.float32), "temperature": temperature}, seed)
