"""Draw pictures with a generator that learned against a critic whose weights are clipped.

Paper: Arjovsky et al., 2017, algorithm 1 (https://arxiv.org/abs/1701.07875).
"""

from typing import Annotated

from annotated_types import Gt

from kerasarch.recipe import Ge, Run, recipe
from kerasarch.training import AdversarialOptions


@recipe(
    task="image-generation",
    data="digits (bundled)",
    expect={"frechet_distance": "<=40"},
)
def wgan(
    run: Run,
    *,
    critic_steps: Annotated[int, Ge(1)] = 5,
    clip: Annotated[float, Gt(0)] = 0.03,
    conditional: bool = False,
    generation: AdversarialOptions = AdversarialOptions(  # noqa: B008 - frozen
        epochs=300, batch=32, generator_rate=3e-4, discriminator_rate=3e-4
    ),
) -> dict[str, float]:
    """Train a Wasserstein GAN with clipped weights and draw pictures.

    The critic estimates the Wasserstein distance between generated and real pictures; that its weights stay in a small
    box keeps the estimate bounded, crudely. It is the predecessor of wgan-gp, which learns faster and better; here to
    be compared with. Both networks are trained with RMSprop, as in the paper; its rate there is 5e-5.

    Args:
        critic_steps: Steps of the critic for each of the generator; a batch of that many times --batch serves both.
        clip: Largest absolute value of the critic's weights; 0.01 in the paper, for larger networks.
        conditional: Learn from the labels too, so that samples of a class can be asked for.
    """
    import keras

    from kerasarch import models
    from kerasarch.runs.adversarial import helpers, train_generator
    from kerasarch.runs.drawing import load_pictures
    from kerasarch.training import adversarial

    pictures = load_pictures(run, generation)
    classes = pictures.asked_classes(conditional)
    shape = (pictures.size, pictures.channels)
    generator = models.dcgan_generator(*shape, generation.latent, generation.width, classes=classes)
    critic = models.dcgan_discriminator(*shape, generation.width, classes=classes)
    learner = adversarial.WGAN(
        generator,
        critic,
        clip=clip,
        discriminator_steps=critic_steps,
        **helpers(run, generator, generation, conditional),
    )
    optimizers = {
        "generator": keras.optimizers.RMSprop(generation.generator_rate),
        "discriminator": keras.optimizers.RMSprop(generation.discriminator_rate),
    }
    return train_generator(run, learner, pictures, generation, optimizers=optimizers)
