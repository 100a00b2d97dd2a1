"""Learn an autoencoder whose codes, taken together, look like the prior.

Paper: Tolstikhin et al., 2017 (https://arxiv.org/abs/1711.01558).
"""

from typing import Annotated, Any, Literal

from kerasarch.recipe import Ge, Run, recipe
from kerasarch.training import AutoencoderOptions


@recipe(task="image-generation", data="digits (bundled)", expect={"frechet_distance": "<=20"})
def wae(
    run: Run,
    *,
    divergence: Literal["mmd", "gan"] = "mmd",
    penalty: Annotated[float, Ge(0)] = 10.0,
    generation: AutoencoderOptions = AutoencoderOptions(latent=8),  # noqa: B008 - frozen
) -> dict[str, float]:
    """Train a Wasserstein autoencoder and draw pictures.

    Unlike in a vae, not each picture's code has to look like the prior, but all the codes together: measured by the
    maximum mean discrepancy of a batch (mmd), or by a discriminator of codes (gan). Encoder and decoder are
    deterministic, and reconstructions sharper than a vae's.

    Args:
        divergence: How codes and prior are compared.
        penalty: Weight of that comparison beside the squared error of a picture.
    """
    import keras

    from kerasarch import models
    from kerasarch.runs.autoencoding import UNIT, train_autoencoder
    from kerasarch.runs.drawing import load_pictures
    from kerasarch.training import autoencoding

    pictures = load_pictures(run, generation)
    shape, latent = (pictures.size, pictures.size, pictures.channels), generation.latent
    sizes: dict[str, Any] = {"kind": generation.network, "width": generation.width, "depth": generation.depth}
    encoder = models.vae_encoder(shape, latent, parameters=1, **sizes)
    decoder = models.vae_decoder(shape, latent, **sizes)
    common: dict[str, Any] = {"penalty": penalty, "activation": "sigmoid", "seed": run.seed}
    optimizer = keras.optimizers.Adam(generation.learning_rate)
    if divergence == "mmd":
        model = autoencoding.WAE(encoder, decoder, **common)
        reconstruct = model.reconstruct
    else:
        model = autoencoding.WAEGAN(
            autoencoding.Autoencoder(encoder, decoder), autoencoding.latent_critic(latent), **common
        )
        critic = keras.optimizers.Adam(generation.learning_rate / 2, beta_1=0.5)
        optimizer, reconstruct = {"autoencoder": optimizer, "critic": critic}, model
    sampler = models.LatentSampler(decoder, latent, pixels=UNIT, activation="sigmoid")
    return train_autoencoder(run, model, sampler, pictures, optimizer, reconstruct)
