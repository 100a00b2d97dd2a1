"""Draw pictures of a class with a large class-conditional GAN, trading variety for fidelity by truncation.

Paper: Brock et al., 2018 (https://arxiv.org/abs/1809.11096).
"""

from typing import Annotated

from kerasarch.recipe import Ge, Interval, Run, recipe
from kerasarch.training import AdversarialAdamOptions

Truncation = Annotated[float, Interval(gt=0, lt=1)]


@recipe(
    task="image-generation",
    data="digits (bundled)",
    expect={"frechet_distance": "<=20", "classes_covered": ">=10"},
)
def biggan(
    run: Run,
    *,
    discriminator_steps: Annotated[int, Ge(1)] = 2,
    orthogonal: Annotated[float, Ge(0)] = 1e-4,
    attention: Annotated[int, Ge(0)] = 8,
    embedding: Annotated[int, Ge(1)] = 32,
    truncation: tuple[Truncation, ...] = (0.5,),
    generation: AdversarialAdamOptions = AdversarialAdamOptions(  # noqa: B008 - frozen
        epochs=120,
        batch=32,
        width=16,
        latent=60,
        generator_rate=2e-4,
        discriminator_rate=4e-4,
        beta_1=0.0,
        average=4000,
    ),
) -> dict[str, float]:
    """Train a BigGAN and draw pictures of each class.

    Residual networks with class-conditional batch normalisation, spectral normalisation, self-attention and a
    projection discriminator, trained with the hinge loss. Samples are taken from averaged weights; orthogonal
    regularisation keeps truncated latent vectors (--truncation, and kerasarch sample RUN --truncation 0.5) within what
    the generator knows.

    Choose it for labelled pictures, many of them, and a GPU; the rates here are for small data and batches.

    Args:
        discriminator_steps: Steps of the discriminator for each of the generator; a batch of that many times --batch
            serves both.
        orthogonal: Weight of the orthogonal regularisation of the generator.
        attention: Size in pixels of the maps after which there is self-attention; 0 for none.
        embedding: Length of the class embedding that all blocks share.
        truncation: Truncations below 1 that the report shows samples for, beside those without.
    """
    from kerasarch import models
    from kerasarch.runs.adversarial import adams, helpers, train_generator
    from kerasarch.runs.drawing import load_pictures
    from kerasarch.training import adversarial

    pictures = load_pictures(run, generation)
    shape, classes = (pictures.size, pictures.channels), pictures.asked_classes(conditional=True) or 0
    generator = models.biggan_generator(
        *shape, generation.latent, generation.width, classes=classes, embedding=embedding, attention=attention or None
    )
    discriminator = models.biggan_discriminator(*shape, generation.width, classes=classes, attention=attention or None)
    learner = adversarial.BigGAN(
        generator,
        discriminator,
        orthogonal=orthogonal,
        discriminator_steps=discriminator_steps,
        **helpers(run, generator, generation, conditional=True),
    )
    return train_generator(run, learner, pictures, generation, optimizers=adams(generation), truncations=truncation)
