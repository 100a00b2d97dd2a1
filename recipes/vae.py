"""Learn a space of latent vectors in which pictures lie close together, and draw pictures from it.

Paper: Kingma & Welling, 2013 (https://arxiv.org/abs/1312.6114).
"""

from typing import Annotated, Literal

from kerasarch.recipe import Ge, Run, recipe
from kerasarch.training import AutoencoderOptions


@recipe(
    task="image-generation",
    data="digits (bundled)",
    expect={"frechet_distance": "<=15", "held_out_active_units": ">=4"},
)
def vae(
    run: Run,
    *,
    likelihood: Literal["bernoulli", "gaussian"] = "bernoulli",
    warmup_epochs: Annotated[int, Ge(0)] = 0,
    generation: AutoencoderOptions = AutoencoderOptions(),  # noqa: B008 - frozen
) -> dict[str, float]:
    """Train a variational autoencoder and draw pictures.

    An encoder gives each picture a Gaussian over latent vectors, a decoder turns a draw from it into a picture, and
    both maximise a bound of the likelihood (the ELBO, in nats). The report shows reconstructions, walks through the
    latent space, samples, and how many latent components are used; a warning says when hardly any is (posterior
    collapse).

    Choose it where you need latent vectors as much as pictures: training is fast and cannot collapse to one picture,
    but samples are softer than a GAN's.

    Args:
        likelihood: bernoulli for pixels that are on or off, gaussian (with a learned variance) for colours.
        warmup_epochs: Epochs over which the weight of the KL term rises from 0, against posterior collapse.
    """
    from kerasarch.runs.autoencoding import train_variational
    from kerasarch.runs.drawing import load_pictures

    pictures = load_pictures(run, generation)
    return train_variational(run, pictures, generation, likelihood=likelihood, warmup_epochs=warmup_epochs)
