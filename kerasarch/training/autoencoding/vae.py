"""The variational autoencoder and beta-VAE: one loss, one optimizer, hence no step of their own."""

import math
from typing import Any

import keras
from keras import ops

from kerasarch.errors import ShapeError, UsageError
from kerasarch.models import DiagonalGaussian
from kerasarch.training.autoencoding.activity import ActiveUnits
from kerasarch.training.autoencoding.likelihoods import Bernoulli
from kerasarch.training.autoencoding.parts import PartsModel, weighted_mean


@keras.saving.register_keras_serializable(package="kerasarch")
class VAE(PartsModel):
    """Variational autoencoder; with ``beta`` other than 1, beta-VAE.

    ``loss = beta * KL(q(z|x) || N(0, I)) - log p(x|z), z = mean + std * noise``: Kingma & Welling, 2013, eq. 10
    (https://arxiv.org/abs/1312.6114); beta is Higgins et al., 2017, eq. 4 (https://openreview.net/forum?id=Sy2fzU9gl).
    Train it on pictures alone, or on batches whose first part are pictures.

    ```python
    encoder = models.vae_encoder((8, 8, 1), latent=8)
    vae = autoencoding.VAE(encoder, models.vae_decoder((8, 8, 1), latent=8))
    vae.compile("adam")
    vae.fit(x, epochs=10, callbacks=[autoencoding.PosteriorCollapse(latent=8)])
    ```

    The metrics ``elbo`` (nats, with beta 1 whatever the loss has), ``bits_per_dim``, ``reconstruction`` (nats), ``kl``
    and ``active_units`` are means over the epoch. A bound drawn once for each example is an unbiased estimate.

    Args:
        encoder: Pictures to ``(B, 2 * latent)``: means and log-variances.
        decoder: ``(B, latent)`` to the numbers that the likelihood takes.
        likelihood: ``Bernoulli`` or ``Gaussian``; None for ``Bernoulli``.
        beta: Weight of the KL term.
        warmup_steps: Batches over which that weight rises linearly from 0 (Bowman et al., 2016, section 3.1,
            https://arxiv.org/abs/1511.06349).
        seed: Seed of the noise.
        **kwargs: Passed to ``keras.Model``.

    Raises:
        ShapeError: Encoder and decoder do not fit.
        UsageError: A number is negative.
    """

    PARTS = ("encoder", "decoder", "likelihood")
    NUMBERS = ("beta", "warmup_steps", "seed")

    def __init__(
        self,
        encoder: keras.Model,
        decoder: keras.Model,
        likelihood: Any = None,
        *,
        beta: float = 1.0,
        warmup_steps: int = 0,
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        latent = decoder.input_shape[-1]
        if encoder.output_shape[-1] != 2 * latent:
            raise ShapeError(
                f"{self.name}: the encoder must end in 2 * latent = {2 * latent} numbers, means and log-variances. "
                f"Received {encoder.output_shape[-1]}."
            )
        if beta < 0 or warmup_steps < 0:
            raise UsageError(f"{self.name}: received beta={beta}, warmup_steps={warmup_steps}. Expected 0 or more.")
        self.encoder, self.decoder = encoder, decoder
        self.likelihood = Bernoulli(name="likelihood") if likelihood is None else likelihood
        self.latent = latent
        self.beta, self.warmup_steps, self.seed = beta, warmup_steps, seed
        self.seed_generator = keras.random.SeedGenerator(seed)
        # Part of the state, so that a resumed run warms up where it left off
        self.steps = self.add_weight(name="steps", shape=(), initializer="zeros", trainable=False, autocast=False)
        names = ("elbo", "bits_per_dim", "reconstruction", "kl")
        self.trackers = [keras.metrics.Mean(name=name) for name in names]
        self.active_units = ActiveUnits(latent)
        self.built = True

    def encode(self, x: Any, training: bool = False) -> DiagonalGaussian:
        """Return the Gaussian over the latent vectors of pictures."""
        return DiagonalGaussian(ops.cast(self.encoder(x, training=training), "float32"))

    def decode(self, z: Any) -> Any:
        """Return the expected pictures of latent vectors."""
        return self.likelihood.mean(self.decoder(z, training=False))

    def reconstruct(self, x: Any) -> Any:
        """Return pictures through their most probable latent vectors, without noise."""
        return self.decode(self.encode(x).mode())

    def call(self, x: Any, training: bool | None = None) -> dict[str, Any]:
        """Return means and log-variances of the posterior, and what the decoder makes of a draw from it."""
        posterior = self.encode(x, training=bool(training))
        decoded = self.decoder(posterior.sample(self.seed_generator), training=training)
        return {"decoded": decoded, "mean": posterior.mean, "logvar": posterior.logvar}

    def bound(self, x: Any, outputs: dict[str, Any]) -> tuple[Any, Any]:
        """Return log-likelihood and KL divergence of each example in nats, given what ``call`` returned."""
        posterior = DiagonalGaussian(ops.concatenate([outputs["mean"], outputs["logvar"]], axis=-1))
        return self.likelihood(x, outputs["decoded"]), posterior.kl()

    def weight(self) -> Any:
        """Return the present weight of the KL term."""
        if not self.warmup_steps:
            return ops.cast(self.beta, "float32")
        return self.beta * ops.minimum(self.steps / self.warmup_steps, 1.0)

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
    ) -> Any:
        """Return the loss of a batch, and keep the metrics; labels are not used."""
        log_likelihood, kl = self.bound(x, y_pred)
        loss = weighted_mean(self.weight() * kl - log_likelihood, sample_weight)
        if training and self.warmup_steps:
            self.steps.assign(self.steps + 1)
        dimensions = math.prod(x.shape[1:])
        elbo = log_likelihood - kl
        bits = -(elbo / dimensions + math.log(self.likelihood.step)) / math.log(2)
        for tracker, value in zip(self.trackers, (elbo, bits, -log_likelihood, kl), strict=True):
            tracker.update_state(value)
        self.active_units.update_state(y_pred["mean"])
        return loss + sum(self.losses)
