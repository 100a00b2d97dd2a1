"""Learn an autoencoder whose errors are measured in the features of a discriminator.

Paper: Larsen et al., 2015 (https://arxiv.org/abs/1512.09300).
"""

from typing import Annotated

from annotated_types import Gt

from kerasarch.recipe import Ge, Run, recipe
from kerasarch.training import GenerativeOptions


@recipe(task="image-generation", data="digits (bundled)", expect={"frechet_distance": "<=30"})
def vae_gan(
    run: Run,
    *,
    latent: Annotated[int, Ge(1)] = 16,
    width: Annotated[int, Ge(1)] = 32,
    gamma: Annotated[float, Ge(0)] = 1e-2,
    learning_rate: Annotated[float, Gt(0)] = 3e-4,
    generation: GenerativeOptions = GenerativeOptions(),  # noqa: B008 - frozen
) -> dict[str, float]:
    """Train a VAE-GAN and draw pictures.

    A variational autoencoder whose decoder is also a GAN's generator: the discriminator tells its pictures from real
    ones, and the likeness of a reconstruction is judged by the discriminator's features instead of by pixels. Samples
    are sharper than a vae's, and pictures can be encoded, which a GAN cannot.

    Args:
        latent: Length of the latent vectors.
        width: Channels of the widest maps' layers.
        gamma: Weight of the likeness in the decoder's loss, beside fooling the discriminator.
        learning_rate: Adam's learning rate of the three networks.
    """
    import keras

    from kerasarch import models
    from kerasarch.runs.autoencoding import train_autoencoder
    from kerasarch.runs.drawing import load_pictures
    from kerasarch.training import autoencoding

    pictures = load_pictures(run, generation)
    size, channels = pictures.size, pictures.channels
    encoder = models.vae_encoder((size, size, channels), latent, kind="convolutional", width=width)
    decoder = models.dcgan_generator(size, channels, latent, width, name="decoder")
    discriminator = models.dcgan_discriminator(size, channels, width)
    deepest = [layer.name for layer in discriminator.layers if layer.name.endswith("_activation")][-1]
    model = autoencoding.VAEGAN(
        encoder, decoder, autoencoding.with_features(discriminator, deepest), gamma=gamma, seed=run.seed
    )
    optimizers = {
        name: keras.optimizers.Adam(learning_rate, beta_1=0.5) for name in ("encoder", "decoder", "discriminator")
    }
    sampler = models.LatentSampler(decoder, latent)
    return train_autoencoder(run, model, sampler, pictures, optimizers, model, pixels=(-1.0, 1.0))
