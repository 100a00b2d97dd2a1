"""Draw pictures with a generator that is steered by styles at every scale.

Papers: Karras et al., 2020 (https://arxiv.org/abs/1912.04958); for --augment Karras et al., 2020, "Training generative
adversarial networks with limited data" (https://arxiv.org/abs/2006.06676).
"""

from typing import Annotated, Any

from kerasarch.recipe import Ge, Interval, Run, recipe
from kerasarch.training import AdversarialAdamOptions

Truncation = Annotated[float, Interval(gt=0, lt=1)]


@recipe(
    task="image-generation",
    data="digits (bundled)",
    expect={"frechet_distance": "<=20", "classes_covered": ">=10"},
)
def stylegan2(
    run: Run,
    *,
    style: Annotated[int, Ge(1)] = 64,
    mapping_depth: Annotated[int, Ge(1)] = 4,
    mapping_multiplier: Annotated[float, Interval(gt=0, le=1)] = 0.01,
    r1_weight: Annotated[float, Ge(0)] = 0.5,
    r1_interval: Annotated[int, Ge(0)] = 16,
    path_weight: Annotated[float, Ge(0)] = 2.0,
    path_interval: Annotated[int, Ge(0)] = 8,
    mixing: Annotated[float, Interval(ge=0, le=1)] = 0.9,
    truncation: tuple[Truncation, ...] = (0.7,),
    conditional: bool = False,
    generation: AdversarialAdamOptions = AdversarialAdamOptions(  # noqa: B008 - frozen
        epochs=80,
        batch=32,
        width=32,
        generator_rate=2e-3,
        discriminator_rate=2e-3,
        beta_1=0.0,
        beta_2=0.99,
        average=4000,
    ),
) -> dict[str, float]:
    """Train a StyleGAN2 and draw pictures.

    A mapping network turns a random vector into a style, which modulates the convolutions of a synthesis network at
    every scale. R1 keeps the discriminator smooth, path-length regularisation makes equal steps in style equal changes
    of the picture, style mixing keeps the scales apart. Samples are taken from averaged weights; truncation draws
    styles towards their mean (kerasarch sample RUN --truncation 0.7).

    Choose it for pictures of one kind (faces, cells, digits) and when latent directions matter; with few thousand
    pictures add --augment.

    Args:
        style: Length of the style vectors w.
        mapping_depth: Layers of the mapping network, 8 in the paper.
        mapping_multiplier: Of the mapping network's learning rate.
        r1_weight: Weight of R1, gamma.
        r1_interval: Steps from one R1 to the next; 0 for never.
        path_weight: Weight of the path-length regularisation.
        path_interval: Steps from one path-length regularisation to the next; 0 for never.
        mixing: Share of the pictures that have two styles in training.
        truncation: Truncations below 1 that the report shows samples for, beside those without.
        conditional: Learn from the labels too, so that samples of a class can be asked for.
    """
    from kerasarch import models
    from kerasarch.runs.adversarial import helpers, train_generator
    from kerasarch.runs.drawing import load_pictures
    from kerasarch.training import adversarial

    pictures = load_pictures(run, generation)
    shape, classes = (pictures.size, pictures.channels), pictures.asked_classes(conditional)
    # Channels times pixels is constant from map to map, until --width times 4 channels are reached.
    widths: dict[str, Any] = {"width_base": generation.width * pictures.size, "width_most": generation.width * 4}
    generator = models.stylegan2_generator(
        *shape, generation.latent, style=style, classes=classes, mapping_depth=mapping_depth,
        mapping_multiplier=mapping_multiplier, **widths,
    )  # fmt: skip
    discriminator = models.stylegan2_discriminator(*shape, classes=classes, **widths)
    learner = adversarial.StyleGAN2(
        generator, discriminator, r1_weight=r1_weight, r1_interval=r1_interval, path_weight=path_weight,
        path_interval=path_interval, mixing=mixing, **helpers(run, generator, generation, conditional),
    )  # fmt: skip
    optimizers = learner.lazy_adams(
        generation.generator_rate, generation.discriminator_rate, beta_1=generation.beta_1, beta_2=generation.beta_2
    )
    return train_generator(
        run, learner, pictures, generation, optimizers=optimizers, truncates="network", truncations=truncation
    )
