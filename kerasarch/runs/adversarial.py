"""What the recipes with a generator and a discriminator share: optimizers, training, samples, scores."""

from typing import Any, Literal

from kerasarch.recipe import Run
from kerasarch.runs.drawing import Pictures, finish_generator
from kerasarch.training.generative_options import AdversarialAdamOptions, AdversarialOptions

SCORED_BEFORE = 1000
"""Pictures of the untrained generator that are scored beside the trained one's."""


def train_generator(
    run: Run,
    learner: Any,
    pictures: Pictures,
    options: AdversarialOptions,
    *,
    optimizers: dict[str, Any],
    truncates: Literal["latent", "network"] = "latent",
    truncations: tuple[float, ...] = (),
) -> dict[str, float]:
    """Train a generator against its discriminator, draw, save and score.

    Args:
        run: The run.
        learner: A `kerasarch.training.adversarial.GAN` or one of its kind, not compiled.
        pictures: What it learns from.
        options: The options.
        optimizers: By the network's name.
        truncates: As for `kerasarch.models.LatentSampler`.
        truncations: Further grids of samples with these truncations.

    Returns:
        The scores, the last epoch's losses among them.
    """
    from kerasarch import models
    from kerasarch.runs.sample_grids import SampleGrids

    learner.compile(optimizers)
    network = learner.generator if learner.average is None else learner.average.network
    sampler = models.LatentSampler(
        network, learner.latent, classes=pictures.classes if learner.conditional else None, truncates=truncates
    )
    untrained = sampler.sample(min(SCORED_BEFORE, max(len(pictures.train), 200)), run.seed)
    data = pictures.batches(times=learner.discriminator_steps)
    count = 2 * len(pictures.classes) if learner.conditional else 25
    grids = SampleGrids(run, lambda: sampler.sample(min(count, 40), seed=0))
    history = run.fit("adversarial", learner, data, epochs=options.epochs, callbacks=[grids])
    losses = {name: float(history[name][-1]) for name in ("discriminator_loss", "generator_loss") if history.get(name)}
    return {**finish_generator(run, sampler, pictures, untrained, truncations=truncations), **losses}


def adams(options: AdversarialAdamOptions) -> dict[str, Any]:
    """Return Adam for each of the two networks."""
    import keras

    rates = {"generator": options.generator_rate, "discriminator": options.discriminator_rate}
    return {
        name: keras.optimizers.Adam(rate, beta_1=options.beta_1, beta_2=options.beta_2) for name, rate in rates.items()
    }


def helpers(run: Run, generator: Any, options: AdversarialOptions, conditional: bool) -> dict[str, Any]:
    """Return what every adversarial learner may be given: labels, averaged weights, augmentation, a seed.

    Args:
        run: The run.
        generator: The generator that is averaged.
        options: The options.
        conditional: Whether the networks take labels.
    """
    from kerasarch.training import WeightAverage, adversarial

    average = WeightAverage(generator, half_life=options.average, rampup=0.05) if options.average else None
    return {
        "latent": options.latent,
        "conditional": conditional,
        "average": average,
        "augmentation": adversarial.AdaptiveAugmentation(seed=run.seed + 1) if options.augment else None,
        "seed": run.seed,
    }
