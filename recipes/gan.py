"""Draw pictures with a fully connected generator that learned against a fully connected discriminator.

Paper: Goodfellow et al., 2014, algorithm 1 (https://arxiv.org/abs/1406.2661).
"""

from typing import Annotated, Literal

from kerasarch.recipe import Ge, Run, recipe
from kerasarch.training import AdversarialAdamOptions


@recipe(
    task="image-generation",
    data="digits (bundled)",
    expect={"frechet_distance": "<=40"},
)
def gan(
    run: Run,
    *,
    loss: Literal["non_saturating", "minimax", "hinge", "least_squares"] = "non_saturating",
    layers: Annotated[int, Ge(1)] = 2,
    conditional: bool = False,
    generation: AdversarialAdamOptions = AdversarialAdamOptions(epochs=200, width=256),  # noqa: B008 - frozen
) -> dict[str, float]:
    """Train the first generative adversarial network and draw pictures.

    Both players are multilayer perceptrons: the generator of rectified units, the discriminator of maxout units with
    dropout, as in the paper. It is here to be looked at and compared with; for pictures, dcgan is better in every
    respect.

    Args:
        loss: What the two players want: non_saturating and minimax are the original game's two forms.
        layers: Hidden layers of the generator, --width units each; the discriminator has two of maxout units.
        conditional: Learn from the labels too, so that samples of a class can be asked for.
    """
    from kerasarch import models
    from kerasarch.runs.adversarial import adams, helpers, train_generator
    from kerasarch.runs.drawing import load_pictures
    from kerasarch.training import adversarial

    pictures = load_pictures(run, generation)
    classes = pictures.asked_classes(conditional)
    shape = (pictures.size, pictures.channels)
    widths = (generation.width,) * layers
    generator = models.gan_generator(*shape, generation.latent, widths=widths, classes=classes)
    discriminator = models.gan_discriminator(*shape, classes=classes)
    learner = adversarial.GAN(
        generator, discriminator, objective=loss, **helpers(run, generator, generation, conditional)
    )
    return train_generator(run, learner, pictures, generation, optimizers=adams(generation))
