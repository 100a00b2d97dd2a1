"""The variational autoencoder whose errors are measured in the features of a discriminator."""

import math
from typing import Any

import keras
from keras import ops

from kerasarch.errors import ShapeError, UsageError
from kerasarch.models import DiagonalGaussian, Network
from kerasarch.training.health import DiscriminatorLogs
from kerasarch.training.learner import Learner


def with_features(discriminator: keras.Model, layer: str) -> Network:
    """Return a discriminator that gives the output of one of its layers before its logits.

    Args:
        discriminator: A functional discriminator, such as ``models.dcgan_discriminator``.
        layer: Name of the layer.

    Returns:
        Pictures to ``[features, logits]``, with the variables of the given model.

    Raises:
        UsageError: There is no such layer.
    """
    names = [child.name for child in discriminator.layers]
    if layer not in names:
        raise UsageError(f"{discriminator.name} has no layer {layer!r}. There are: {', '.join(names)}.")
    features = discriminator.get_layer(layer).output
    return Network(discriminator.inputs[0], [features, discriminator.outputs[0]], name=discriminator.name)


@keras.saving.register_keras_serializable(package="kerasarch")
class VAEGAN(Learner):
    """VAE-GAN: a variational autoencoder, a discriminator, and errors in the discriminator's features.

    With ``p(D_l(x) | z) = N(D_l(x) | D_l(decoder(z)), I)`` and ``L_gan = log D(x) + log(1 - D(decoder(z))) + log(1 -
    D(decoder(z_p)))``, z encoded and z_p from the prior, the encoder descends ``KL - log p``, the decoder ``-gamma *
    log p`` and against ``L_gan``, the discriminator ``-L_gan``: Larsen et al., 2015, algorithm 1
    (https://arxiv.org/abs/1512.09300). The decoder fights in the non-saturating form, ``-log D`` of both of its
    pictures (Goodfellow et al., 2014, section 3, https://arxiv.org/abs/1406.2661). Compile it with an optimizer for
    each of ``encoder``, ``decoder`` and ``discriminator``.

    Args:
        encoder: Pictures to ``(B, 2 * latent)``: means and log-variances.
        decoder: ``(B, latent)`` to pictures in the range of the data.
        discriminator: Pictures to ``[features, logits]``; see ``with_features``.
        gamma: Weight of the features in the decoder's loss. The features' error is summed over a picture, as in a
            likelihood, hence a small number.
        seed: Seed of the draws.
        **kwargs: Passed to ``keras.Model``.

    Raises:
        ShapeError: The networks do not fit.
    """

    def __init__(
        self,
        encoder: keras.Model,
        decoder: keras.Model,
        discriminator: keras.Model,
        *,
        gamma: float = 1e-2,
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        latent = decoder.input_shape[-1]
        if encoder.output_shape[-1] != 2 * latent:
            raise ShapeError(
                f"{self.name}: the encoder must end in 2 * latent = {2 * latent} numbers. Received "
                f"{encoder.output_shape[-1]}."
            )
        if len(discriminator.outputs) != 2:
            raise ShapeError(
                f"{self.name}: the discriminator must give features and logits. Received {len(discriminator.outputs)} "
                f"outputs; see with_features."
            )
        self.encoder, self.decoder, self.discriminator = encoder, decoder, discriminator
        self.gamma, self.seed = gamma, seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    @property
    def discriminator_logs(self) -> DiscriminatorLogs:
        """What monitoring looks at to tell that the discriminator is too strong; it judges three kinds of pictures."""
        return DiscriminatorLogs(chance=3 * math.log(2))

    def step(self, batch: Any) -> dict[str, Any]:
        """Train discriminator, decoder and encoder on a batch, each with the gradients of its own loss."""
        x = batch[0] if isinstance(batch, (tuple, list)) else batch
        posterior = self.encode(x, training=True)
        shape = ops.shape(posterior.mean)
        noise = keras.random.normal(shape, seed=self.seed_generator)
        prior = keras.random.normal(shape, seed=self.seed_generator)
        z = ops.stop_gradient(posterior.mean + posterior.std * noise)
        fakes = [ops.stop_gradient(self.decoder(code, training=True)) for code in (z, prior)]

        def discriminator_loss() -> Any:
            _, real = self.discriminator(x, training=True)
            wrong = sum(_mean(ops.softplus(self.discriminator(fake, training=True)[1])) for fake in fakes)
            return _mean(ops.softplus(-real)) + wrong

        def decoder_loss() -> Any:
            features, _ = self.discriminator(x, training=True)
            again, logits = self.discriminator(self.decoder(z, training=True), training=True)
            _, drawn = self.discriminator(self.decoder(prior, training=True), training=True)
            fooled = _mean(ops.softplus(-logits)) + _mean(ops.softplus(-drawn))
            return self.gamma * _apart(features, again) + fooled, fooled

        def encoder_loss() -> Any:
            posterior = self.encode(x, training=True)
            features, _ = self.discriminator(x, training=True)
            decoded = self.decoder(posterior.mean + posterior.std * noise, training=True)
            likeness = _apart(features, self.discriminator(decoded, training=True)[0])
            kl = ops.mean(posterior.kl())
            return kl + likeness, (kl, likeness)

        critic = self.minimize("discriminator", discriminator_loss)
        _, fooled = self.minimize("decoder", decoder_loss, has_aux=True)
        _, (kl, likeness) = self.minimize("encoder", encoder_loss, has_aux=True)
        return {"discriminator_loss": critic, "adversarial": fooled, "kl": kl, "features": likeness}

    def evaluation_step(self, batch: Any) -> dict[str, Any]:
        """Return KL divergence and reconstruction error of a batch."""
        x = batch[0] if isinstance(batch, (tuple, list)) else batch
        posterior = self.encode(x)
        decoded = ops.cast(self.decoder(posterior.mode(), training=False), "float32")
        return {"kl": ops.mean(posterior.kl()), "reconstruction": 2 * _apart(x, decoded)}

    def encode(self, x: Any, training: bool = False) -> DiagonalGaussian:
        """Return the Gaussian over the latent vectors of pictures."""
        return DiagonalGaussian(ops.cast(self.encoder(x, training=training), "float32"))

    def call(self, x: Any, training: bool | None = None) -> Any:
        """Return reconstructions through the most probable latent vectors."""
        return self.decoder(self.encode(x, training=bool(training)).mode(), training=training)


def _mean(values: Any) -> Any:
    return ops.mean(ops.cast(values, "float32"))


def _apart(first: Any, second: Any) -> Any:
    """Half the squared distance of each example, the mean over the batch: -log of a unit Gaussian, but a constant."""
    apart = ops.square(ops.cast(first, "float32") - ops.cast(second, "float32"))
    return 0.5 * ops.mean(ops.sum(apart, axis=tuple(range(1, len(apart.shape)))))
