"""The Wasserstein autoencoder whose latent vectors are held to the prior by maximum mean discrepancy."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from kerasarch.errors import ShapeError, UsageError
from kerasarch.training.autoencoding.discrepancy import imq_discrepancy, pairs
from kerasarch.training.autoencoding.parts import PartsModel, weighted_mean

ACTIVATIONS = (None, "sigmoid", "tanh")


@keras.saving.register_keras_serializable(package="kerasarch")
class WAE(PartsModel):
    """WAE-MMD: reconstruction, and the distance of the encoded batch from a batch of the prior.

    ``mean |x - G(Q(x))|^2 + penalty * MMD(Q(x), z), z ~ N(0, I)``: Tolstikhin et al., 2017, algorithm 2
    (https://arxiv.org/abs/1711.01558). Unlike in a VAE, all the codes of a batch together have to look like the prior,
    not each by itself: encoders may be deterministic, and reconstructions are sharper.

    Args:
        encoder: Pictures to latent vectors ``(B, latent)``.
        decoder: ``(B, latent)`` to pictures.
        penalty: Weight of the discrepancy, the paper's lambda; theirs are 10 (MNIST) and 100 (CelebA).
        scales: Factors of the kernel's constant; see ``imq_discrepancy``.
        activation: ``"sigmoid"`` or ``"tanh"`` where the decoder gives logits; None where it gives pixels.
        seed: Seed of the prior's draws.
        **kwargs: Passed to ``keras.Model``.

    Raises:
        ShapeError: Encoder and decoder do not fit.
        UsageError: The activation is unknown.
    """

    PARTS = ("encoder", "decoder")
    NUMBERS = ("penalty", "scales", "activation", "seed")

    def __init__(
        self,
        encoder: keras.Model,
        decoder: keras.Model,
        *,
        penalty: float = 10.0,
        scales: Sequence[float] = (1.0,),
        activation: str | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        latent = decoder.input_shape[-1]
        if encoder.output_shape[-1] != latent:
            raise ShapeError(
                f"{self.name}: encoder and decoder must have latent vectors of one length. Received "
                f"{encoder.output_shape[-1]} and {latent}; make the encoder with parameters=1."
            )
        if activation not in ACTIVATIONS:
            raise UsageError(f"{self.name}: activation must be one of {ACTIVATIONS}. Received {activation!r}.")
        self.encoder, self.decoder = encoder, decoder
        self.latent = latent
        self.penalty, self.scales, self.activation, self.seed = penalty, tuple(scales), activation, seed
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.trackers = [keras.metrics.Mean(name=name) for name in ("reconstruction", "discrepancy")]
        self.built = True

    def encode(self, x: Any) -> Any:
        """Return the latent vectors of pictures."""
        return self.encoder(x, training=False)

    def decode(self, z: Any) -> Any:
        """Return the pictures of latent vectors."""
        return to_pixels(self.decoder(z, training=False), self.activation)

    def reconstruct(self, x: Any) -> Any:
        """Return pictures through their latent vectors."""
        return self.decode(self.encode(x))

    def call(self, x: Any, training: bool | None = None) -> dict[str, Any]:
        """Return latent vectors and reconstructions."""
        z = self.encoder(x, training=training)
        return {"latent": z, "reconstruction": to_pixels(self.decoder(z, training=training), self.activation)}

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
    ) -> Any:
        """Return the loss of a batch, and keep the metrics; labels are not used."""
        errors = squared_error(x, y_pred["reconstruction"])
        z = ops.cast(y_pred["latent"], "float32")
        prior = keras.random.normal(ops.shape(z), seed=self.seed_generator)
        discrepancy = imq_discrepancy(z, prior, self.scales)
        for tracker, value, weight in zip(self.trackers, (errors, discrepancy), (None, pairs(z)), strict=True):
            tracker.update_state(value, weight)
        return weighted_mean(errors, sample_weight) + self.penalty * discrepancy + sum(self.losses)


def to_pixels(decoded: Any, activation: str | None) -> Any:
    """Return pixels, given what a decoder made, as float32."""
    decoded = ops.cast(decoded, "float32")
    return decoded if activation is None else keras.activations.get(activation)(decoded)


def squared_error(x: Any, reconstruction: Any) -> Any:
    """Return the sum of squared differences of each example: ``(B,)``."""
    apart = ops.square(ops.cast(x, "float32") - reconstruction)
    return ops.sum(apart, axis=tuple(range(1, len(apart.shape))))
