"""What the recipes of diffusion models share: training, drawing, scores, and what sampler and guidance change."""

import dataclasses
from collections.abc import Sequence
from typing import Any

from kerasarch.recipe import Run
from kerasarch.runs.drawing import Pictures, finish_generator
from kerasarch.training.diffusion_options import DiffusionOptions, UNetDiffusionOptions

WARMUP = 0.05
"""Share of the steps over which the learning rate rises."""
SCORED_BEFORE, SMOKE_SCORED = 256, 64
"""Pictures of the untrained network that are scored beside the trained one's; in a quick trial."""
SMOKE_STEPS = 4
"""Questions to the network when a quick trial draws."""


@dataclasses.dataclass(frozen=True)
class Space:
    """Where a diffusion model works.

    Attributes:
        shape: Of one example, as the network gets it.
        train: Batches of examples and labels.
        held_out: The same of pictures that are not learned from.
        limit: No example goes beyond plus and minus this; None where there is no such limit.
        decoder: From examples to pictures; None where these are the pictures.
    """

    shape: tuple[int, ...]
    train: Any
    held_out: Any
    limit: float | None = 1.0
    decoder: Any = None


def pixels_of(pictures: Pictures) -> Space:
    """The pictures themselves, from -1 to 1."""
    import keras

    size, channels = pictures.size, pictures.channels
    first = keras.config.image_data_format() == "channels_first"
    shape = (channels, size, size) if first else (size, size, channels)
    return Space(shape, pictures.batches(), pictures.held_out_batches())


def train_diffusion(
    run: Run,
    network: Any,
    pictures: Pictures,
    options: DiffusionOptions,
    *,
    process: Any,
    prediction: str,
    method: str,
    gamma: float | None = None,
    conditional: bool = True,
    space: Space | None = None,
) -> dict[str, float | None]:
    """Train a network that takes noise away, draw with it, save and score.

    Args:
        run: The run.
        network: Called as ``network([x, times])``, with labels ``network([x, times, labels])``; the number after the
            last class stands for none.
        pictures: What it learns from.
        options: The options.
        process: A `kerasarch.generation.NoiseSchedule` or `kerasarch.generation.Flow`.
        prediction: What the network predicts.
        method: Sampler to draw with.
        gamma: Cap of the min-SNR weights.
        conditional: Whether the network takes labels.
        space: Where it works; None for the pictures themselves.

    Returns:
        The scores and ``held_out_loss``; ``asked_class_share``, None without labels; for pictures under a noise
        schedule ``bits_per_dimension``.
    """
    import keras

    from kerasarch.generation import DiffusionSampler, NoiseSchedule
    from kerasarch.runs.diffusion_report import held_out_bits, show_choices, show_denoising
    from kerasarch.runs.sample_grids import SampleGrids
    from kerasarch.training import Diffusion, WarmupCosine, WeightAverage

    space = space or pixels_of(pictures)
    _build(network, space, conditional)
    null = len(pictures.classes) if conditional else None
    learner = Diffusion(
        network, process, prediction=prediction, gamma=gamma, null=null,
        drop=options.drop if conditional else 0.0, seed=run.seed,
        average=WeightAverage(network, half_life=options.average, rampup=0.05) if options.average else None,
    )  # fmt: skip
    total = space.train.steps * options.epochs
    learner.compile(keras.optimizers.Adam(WarmupCosine(options.learning_rate, warmup=int(WARMUP * total), total=total)))
    steps = min(options.sample_steps, SMOKE_STEPS) if run.smoke else options.sample_steps
    sampler = DiffusionSampler(
        learner.drawing_network, space.shape, process, prediction=prediction, method=method, steps=steps,
        limit=space.limit, decoder=space.decoder, null=null,
        guidance=options.guidance if conditional else 1.0,
        classes=pictures.classes if conditional else None,
    )  # fmt: skip
    untrained = sampler.sample(SMOKE_SCORED if run.smoke else SCORED_BEFORE, run.seed)
    count = min(2 * len(pictures.classes), 40) if conditional else 25
    grids = SampleGrids(run, lambda: sampler.sample(count, seed=0))
    run.fit("diffusion", learner, space.train, epochs=options.epochs, callbacks=[grids])
    found = {"held_out_loss": float(learner.evaluate(space.held_out, verbose=0, return_dict=True)["loss"])}
    if space.decoder is None and isinstance(process, NoiseSchedule):
        found["bits_per_dimension"] = held_out_bits(run, sampler, pictures)
    show_denoising(run, sampler)
    run.ready()
    judge = pictures.judge(run)
    scores = finish_generator(run, sampler, pictures, untrained, judge=judge)
    if options.compare:
        show_choices(run, sampler, pictures, judge)
    return {"asked_class_share": None, **scores, **found}


def unet_of(options: UNetDiffusionOptions, size: int, channels: int, classes: Sequence[str]) -> Any:
    """Return a U-Net for maps of a size, which is halved down to 4 and no further than three times.

    Args:
        options: Its sizes.
        size: Height and width.
        channels: Of what it denoises.
        classes: Names of the classes; the network has a number more, for none.
    """
    from kerasarch import models

    levels = 1
    while levels < 4 and size % 2**levels == 0 and size >> levels >= 4:
        levels += 1
    down = tuple("attention" if size >> level <= options.attention else "plain" for level in range(levels))
    return models.unet_2d(
        models.UNet2DConfig(
            channels, channels, sample_size=size, depth=options.depth,
            widths=tuple(options.width * factor for factor in (1, 2, 4, 4)[:levels]),
            down=down, up=down[::-1], middle_attention="attention" in down, groups=8,
            head_width=options.width, dropout=options.dropout,
            classes=len(classes) + 1 if options.conditional else None,
        )
    )  # fmt: skip


def _build(network: Any, space: Space, conditional: bool) -> None:
    """Make the network's variables. Symbolically: operation by operation JAX would compile each for a batch of one."""
    import keras

    given = [keras.Input(space.shape), keras.Input(())]
    network([*given, keras.Input((), dtype="int32")] if conditional else given)
