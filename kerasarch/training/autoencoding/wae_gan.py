"""The Wasserstein autoencoder whose latent vectors a discriminator holds to the prior."""

import math
from typing import Any

import keras
from keras import ops

from kerasarch.errors import ShapeError
from kerasarch.models import Network
from kerasarch.training.autoencoding.parts import PartsModel
from kerasarch.training.autoencoding.wae import squared_error, to_pixels
from kerasarch.training.health import DiscriminatorLogs
from kerasarch.training.learner import Learner


@keras.saving.register_keras_serializable(package="kerasarch")
class Autoencoder(PartsModel):
    """An encoder and a decoder as one network with one optimizer.

    Args:
        encoder: Pictures to latent vectors.
        decoder: Latent vectors to pictures.
        **kwargs: Passed to ``keras.Model``.
    """

    PARTS = ("encoder", "decoder")

    def __init__(self, encoder: keras.Model, decoder: keras.Model, **kwargs: Any):
        super().__init__(**kwargs)
        self.encoder, self.decoder = encoder, decoder
        self.built = True

    def call(self, x: Any, training: bool | None = None) -> Any:
        """Return what the decoder makes of the encoded pictures."""
        return self.decoder(self.encoder(x, training=training), training=training)


def latent_critic(latent: int, *, width: int = 512, depth: int = 4, name: str = "critic") -> Network:
    """Build a discriminator of latent vectors: dense layers with ReLU, as in the paper's appendix.

    Args:
        latent: Length of the vectors.
        width: Units of each hidden layer.
        depth: Hidden layers.
        name: Name of the model.

    Returns:
        ``(B, latent) -> (B, 1)``, logits.
    """
    inputs = x = keras.Input((latent,), name="latent")
    for level in range(1, depth + 1):
        x = keras.layers.Dense(width, activation="relu", name=f"stage{level}_dense")(x)
    return Network(inputs, keras.layers.Dense(1, name="head_dense")(x), name=name)


@keras.saving.register_keras_serializable(package="kerasarch")
class WAEGAN(Learner):
    """WAE-GAN: reconstruction, while a discriminator tells encoded vectors from the prior's.

    The critic descends ``-(log D(z) + log(1 - D(Q(x))))``, encoder and decoder ``|x - G(Q(x))|^2 - penalty * log
    D(Q(x))``: Tolstikhin et al., 2017, algorithm 1 (https://arxiv.org/abs/1711.01558). Compile it with an optimizer for
    each of ``autoencoder`` and ``critic``.

    Args:
        autoencoder: An ``Autoencoder``.
        critic: Latent vectors to logits ``(B, 1)``; ``latent_critic`` builds one.
        penalty: Weight of the adversarial term, the paper's lambda.
        activation: ``"sigmoid"`` or ``"tanh"`` where the decoder gives logits; None where it gives pixels.
        seed: Seed of the prior's draws.
        **kwargs: Passed to ``keras.Model``.

    Raises:
        ShapeError: Autoencoder and critic have latent vectors of different lengths.
    """

    def __init__(
        self,
        autoencoder: Autoencoder,
        critic: keras.Model,
        *,
        penalty: float = 10.0,
        activation: str | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        lengths = (
            autoencoder.encoder.output_shape[-1],
            autoencoder.decoder.input_shape[-1],
            critic.input_shape[-1],
        )
        if len(set(lengths)) > 1:
            raise ShapeError(
                f"{self.name}: encoder, decoder and critic must have latent vectors of one length. Received {lengths}."
            )
        self.autoencoder, self.critic = autoencoder, critic
        self.penalty, self.activation, self.seed = penalty, activation, seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    @property
    def discriminator_logs(self) -> DiscriminatorLogs:
        """What monitoring looks at to tell that the critic is too strong."""
        return DiscriminatorLogs("critic_loss", chance=2 * math.log(2))

    def step(self, batch: Any) -> dict[str, Any]:
        """Train critic, then encoder and decoder, on a batch."""
        x = batch[0] if isinstance(batch, (tuple, list)) else batch
        encoder, decoder = self.autoencoder.encoder, self.autoencoder.decoder
        z = ops.stop_gradient(encoder(x, training=True))
        prior = keras.random.normal(ops.shape(z), dtype=z.dtype, seed=self.seed_generator)

        def critic_loss() -> Any:
            real, fake = self.critic(prior, training=True), self.critic(z, training=True)
            return _mean(ops.softplus(-real)) + _mean(ops.softplus(fake))

        def autoencoder_loss() -> Any:
            z = encoder(x, training=True)
            error = ops.mean(squared_error(x, to_pixels(decoder(z, training=True), self.activation)))
            fooled = _mean(ops.softplus(-self.critic(z, training=True)))
            return error + self.penalty * fooled, (error, fooled)

        critic = self.minimize("critic", critic_loss)
        _, (error, fooled) = self.minimize("autoencoder", autoencoder_loss, has_aux=True)
        return {"critic_loss": critic, "reconstruction": error, "adversarial": fooled}

    def evaluation_step(self, batch: Any) -> dict[str, Any]:
        """Return the reconstruction error of a batch."""
        x = batch[0] if isinstance(batch, (tuple, list)) else batch
        decoded = self.autoencoder(x, training=False)
        return {"reconstruction": ops.mean(squared_error(x, to_pixels(decoded, self.activation)))}

    def call(self, x: Any, training: bool | None = None) -> Any:
        """Return reconstructions."""
        return to_pixels(self.autoencoder(x, training=training), self.activation)


def _mean(values: Any) -> Any:
    return ops.mean(ops.cast(values, "float32"))
