"""Training autoencoders: VAE, beta-VAE, WAE, VQ-VAE, VAE-GAN.

The names are imported on first use, so that a recipe's module can share options without importing Keras.
"""

from typing import TYPE_CHECKING

from kerasarch.lazy import lazy_names

if TYPE_CHECKING:
    from kerasarch.training.autoencoding.activity import ActiveUnits, PosteriorCollapse
    from kerasarch.training.autoencoding.discrepancy import imq_discrepancy
    from kerasarch.training.autoencoding.latent_autoencoder import LatentAutoencoder
    from kerasarch.training.autoencoding.likelihoods import Bernoulli, Gaussian
    from kerasarch.training.autoencoding.perplexity import CodebookPerplexity
    from kerasarch.training.autoencoding.vae import VAE
    from kerasarch.training.autoencoding.vae_gan import VAEGAN, with_features
    from kerasarch.training.autoencoding.vq_vae import VQVAE
    from kerasarch.training.autoencoding.wae import WAE
    from kerasarch.training.autoencoding.wae_gan import WAEGAN, Autoencoder, latent_critic

_HOMES = {
    "ActiveUnits": "activity",
    "Autoencoder": "wae_gan",
    "Bernoulli": "likelihoods",
    "CodebookPerplexity": "perplexity",
    "Gaussian": "likelihoods",
    "LatentAutoencoder": "latent_autoencoder",
    "PosteriorCollapse": "activity",
    "VAE": "vae",
    "VAEGAN": "vae_gan",
    "VQVAE": "vq_vae",
    "WAE": "wae",
    "WAEGAN": "wae_gan",
    "imq_discrepancy": "discrepancy",
    "latent_critic": "wae_gan",
    "with_features": "vae_gan",
}

__all__ = [
    "VAE",
    "VAEGAN",
    "VQVAE",
    "WAE",
    "WAEGAN",
    "ActiveUnits",
    "Autoencoder",
    "Bernoulli",
    "CodebookPerplexity",
    "Gaussian",
    "LatentAutoencoder",
    "PosteriorCollapse",
    "imq_discrepancy",
    "latent_critic",
    "with_features",
]

__getattr__, __dir__ = lazy_names(__name__, _HOMES)
