"""Draw pictures with a generator that learned against a critic whose gradient is kept near one.

Paper: Gulrajani et al., 2017, algorithm 1 (https://arxiv.org/abs/1704.00028).
"""

from typing import Annotated

from kerasarch.recipe import Ge, Run, recipe
from kerasarch.training import AdversarialAdamOptions


@recipe(
    task="image-generation",
    data="digits (bundled)",
    expect={"frechet_distance": "<=10", "classes_covered": ">=10", "smallest_class_share": ">=0.03"},
)
def wgan_gp(
    run: Run,
    *,
    critic_steps: Annotated[int, Ge(1)] = 5,
    penalty: Annotated[float, Ge(0)] = 10.0,
    conditional: bool = False,
    generation: AdversarialAdamOptions = AdversarialAdamOptions(  # noqa: B008 - frozen
        epochs=100, batch=32, average=5000, generator_rate=5e-4, discriminator_rate=5e-4, beta_1=0.0, beta_2=0.9
    ),
) -> dict[str, float]:
    """Train a Wasserstein GAN with gradient penalty and draw pictures.

    The critic estimates how far the generated pictures are from the real ones (the Wasserstein distance), and a penalty
    on its gradient keeps that estimate honest. The critic learns several times for each step of the generator, which
    makes training slower than dcgan's, and steadier: wgan-gp seldom collapses. wasserstein_distance in the report falls
    as the pictures get better.

    Args:
        critic_steps: Steps of the critic for each of the generator; a batch of that many times --batch serves both.
        penalty: Weight of the gradient penalty.
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
    # Batch normalisation would make a score depend on the whole batch, and the penalty is on single scores.
    critic = models.dcgan_discriminator(*shape, generation.width, classes=classes, norm="layer")
    learner = adversarial.WGANGP(
        generator,
        critic,
        penalty=adversarial.GradientPenalty(penalty),
        discriminator_steps=critic_steps,
        **helpers(run, generator, generation, conditional),
    )
    return train_generator(run, learner, pictures, generation, optimizers=adams(generation))
