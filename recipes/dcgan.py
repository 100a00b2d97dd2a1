"""Draw pictures with a generator of transposed convolutions that learned against a convolutional discriminator.

Paper: Radford et al., 2015, section 3 (https://arxiv.org/abs/1511.06434); the game is that of Goodfellow et al., 2014,
algorithm 1 (https://arxiv.org/abs/1406.2661).
"""

from typing import Literal

from kerasarch.recipe import Run, recipe
from kerasarch.training import AdversarialAdamOptions


@recipe(
    task="image-generation",
    data="digits (bundled)",
    expect={"frechet_distance": "<=15", "classes_covered": ">=10", "smallest_class_share": ">=0.03"},
)
def dcgan(
    run: Run,
    *,
    loss: Literal["non_saturating", "minimax", "hinge", "least_squares"] = "non_saturating",
    norm: Literal["batch", "layer", "instance", "none"] = "batch",
    spectral_norm: bool = False,
    conditional: bool = False,
    generation: AdversarialAdamOptions = AdversarialAdamOptions(  # noqa: B008 - frozen
        epochs=120, average=5000, generator_rate=5e-4, discriminator_rate=1e-4
    ),
) -> dict[str, float]:
    """Train a DCGAN and draw pictures.

    A generator turns random vectors into pictures, a discriminator tells them from real ones, and each learns from the
    other's mistakes. The report shows samples over the course of training, walks between random vectors, how far the
    pictures are from real ones (Frechet and kernel distance, precision, recall), and how many of each class there are.

    Use it for a first try on pictures up to 64 pixels: it is fast, but its two players must stay in balance. Where it
    collapses to few kinds of pictures, take wgan-gp; where pictures are few, add --augment.

    Args:
        loss: What the two players want: non_saturating and minimax are the original game's two forms.
        norm: Normalisation in the discriminator; the generator's is batch normalisation.
        spectral_norm: Divide the discriminator's kernels by their spectral norms.
        conditional: Learn from the labels too, so that samples of a class can be asked for.
    """
    from kerasarch import models
    from kerasarch.runs.adversarial import adams, helpers, train_generator
    from kerasarch.runs.drawing import load_pictures
    from kerasarch.training import adversarial

    pictures = load_pictures(run, generation)
    classes = pictures.asked_classes(conditional)
    shape = (pictures.size, pictures.channels)
    generator = models.dcgan_generator(*shape, generation.latent, generation.width, classes=classes)
    discriminator = models.dcgan_discriminator(
        *shape, generation.width, classes=classes, norm=norm, spectral_norm=spectral_norm
    )
    learner = adversarial.GAN(
        generator, discriminator, objective=loss, **helpers(run, generator, generation, conditional)
    )
    return train_generator(run, learner, pictures, generation, optimizers=adams(generation))
