"""Learn latent vectors whose components mean different things, by a heavier KL term.

Paper: Higgins et al., 2017 (https://openreview.net/forum?id=Sy2fzU9gl).
"""

from typing import Annotated, Literal

from kerasarch.recipe import Ge, Run, recipe
from kerasarch.training import AutoencoderOptions


@recipe(task="image-generation", data="digits (bundled)", expect={"frechet_distance": "<=30"})
def beta_vae(
    run: Run,
    *,
    beta: Annotated[float, Ge(0)] = 4.0,
    likelihood: Literal["bernoulli", "gaussian"] = "bernoulli",
    warmup_epochs: Annotated[int, Ge(0)] = 0,
    generation: AutoencoderOptions = AutoencoderOptions(),  # noqa: B008 - frozen
) -> dict[str, float]:
    """Train a beta-VAE, look at its latent components, and draw pictures.

    The same model as vae, with the KL term weighted by beta: above 1, fewer components are used and each tends to one
    property of the pictures, at the cost of blurred reconstructions. The report shows what each active component does.

    Args:
        beta: Weight of the KL term; 1 is the vae recipe.
        likelihood: bernoulli for pixels that are on or off, gaussian (with a learned variance) for colours.
        warmup_epochs: Epochs over which the weight of the KL term rises from 0.
    """
    from kerasarch.runs.autoencoding import train_variational
    from kerasarch.runs.drawing import load_pictures

    pictures = load_pictures(run, generation)
    return train_variational(
        run, pictures, generation, likelihood=likelihood, warmup_epochs=warmup_epochs, beta=beta, traverse=True
    )
