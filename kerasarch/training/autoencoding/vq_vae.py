"""The vector-quantised autoencoder."""

from typing import Any

import keras
import numpy as np

from kerasarch.errors import ShapeError, UsageError
from kerasarch.layers import VectorQuantizer
from kerasarch.training.autoencoding.parts import PartsModel, weighted_mean
from kerasarch.training.autoencoding.perplexity import CodebookPerplexity
from kerasarch.training.autoencoding.wae import squared_error


@keras.saving.register_keras_serializable(package="kerasarch")
class VQVAE(PartsModel):
    """VQ-VAE: pictures to a grid of codes, and back.

    ``mean (x - y)^2 / variance + commitment * mean (z - sg(e))^2``, with the codebook following the vectors that choose
    it: van den Oord et al., 2017, eq. 3 and appendix A.1 (https://arxiv.org/abs/1711.00937). The division by the data's
    variance, from the authors' code, makes one ``commitment`` fit all data. The quantizer adds its own losses, also
    that of a codebook which learns from its gradient.

    The metric ``perplexity`` counts the codes over the epoch. For drawing pictures, train a prior on
    [`codes`][kerasarch.training.autoencoding.VQVAE.codes]: ``models.pixel_cnn`` and ``models.CodeSampler``.

    Args:
        encoder: Pictures to ``(B, h, w, D)``.
        quantizer: A [`VectorQuantizer`][kerasarch.layers.VectorQuantizer].
        decoder: ``(B, h, w, D)`` to pictures.
        variance: Variance of the data's pixels.
        **kwargs: Passed to ``keras.Model``.

    Raises:
        ShapeError: Encoder and decoder do not fit.
        UsageError: The variance is not positive.
    """

    PARTS = ("encoder", "quantizer", "decoder")
    NUMBERS = ("variance",)

    def __init__(
        self,
        encoder: keras.Model,
        quantizer: VectorQuantizer,
        decoder: keras.Model,
        *,
        variance: float = 1.0,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        if tuple(encoder.output_shape[1:]) != tuple(decoder.input_shape[1:]):
            raise ShapeError(
                f"{self.name}: the encoder ends in {tuple(encoder.output_shape[1:])}, the decoder begins with "
                f"{tuple(decoder.input_shape[1:])}. Make both with the same halvings and code_width."
            )
        if variance <= 0:
            raise UsageError(f"{self.name}: variance must be positive. Received {variance}; give that of the pixels.")
        self.encoder, self.quantizer, self.decoder = encoder, quantizer, decoder
        self.variance = float(variance)
        if not quantizer.built:
            quantizer.build(encoder.output_shape)
        self.reconstruction_tracker = keras.metrics.Mean(name="reconstruction")
        self.perplexity = CodebookPerplexity(quantizer.codes)
        self.built = True

    def encode(self, x: Any) -> Any:
        """Return the codes of pictures: ``(B, h, w)``, int32."""
        return self.quantizer.nearest(self.encoder(x, training=False))

    def decode(self, codes: Any) -> Any:
        """Return the pictures of codes."""
        return self.decoder(self.quantizer.lookup(codes), training=False)

    def reconstruct(self, x: Any) -> Any:
        """Return pictures through their codes."""
        return self.decode(self.encode(x))

    def codes(self, x: np.ndarray, batch: int = 256) -> np.ndarray:
        """Return the codes of any number of pictures as an array, the data that a prior is trained on.

        Args:
            x: Pictures.
            batch: Pictures at a time.
        """
        return np.asarray(self.predict(x, batch_size=batch, verbose=0)["codes"], "int32")

    def call(self, x: Any, training: bool | None = None) -> dict[str, Any]:
        """Return reconstructions and codes; in training the codebook moves."""
        z = self.encoder(x, training=training)
        codes = self.quantizer.nearest(z)  # before the codebook moves
        decoded = self.decoder(self.quantizer(z, training=training), training=training)
        return {"reconstruction": keras.ops.cast(decoded, "float32"), "codes": codes}

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
    ) -> Any:
        """Return the loss of a batch, and keep the metrics; labels are not used."""
        dimensions = float(np.prod(x.shape[1:]))
        errors = squared_error(x, y_pred["reconstruction"]) / (dimensions * self.variance)
        self.reconstruction_tracker.update_state(errors)
        self.perplexity.update_state(y_pred["codes"])
        return weighted_mean(errors, sample_weight) + sum(self.losses)
