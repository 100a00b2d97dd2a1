"""What the recipes of diffusion models share: training, drawing, scores, and what sampler and guidance change."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

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


@dataclasses.dataclass(frozen=True)
class Captions:
    """Captions as a network reads them.

    Attributes:
        tokenizer: A `kerasarch.models.CLIPTokenizer`.
        ids: Token numbers of the caption of each class, ``(classes, T)``.
    """

    tokenizer: Any
    ids: Any

    @property
    def none(self) -> list[int]:
        """Token numbers of the empty caption, which stands for none."""
        return self.tokenizer("")["input_ids"][0].tolist()


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
    captions: Captions | None = None,
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
        captions: What the network reads in place of labels.

    Returns:
        The scores and ``held_out_loss``; ``asked_class_share``, None without labels; for pictures under a noise
        schedule ``bits_per_dimension``.

    Raises:
        UsageError: The network predicts what the sampler has no use for.
    """
    import keras

    from kerasarch.generation import CaptionSampler, DiffusionSampler, NoiseSchedule
    from kerasarch.runs.diffusion_report import held_out_bits, show_choices, show_denoising
    from kerasarch.runs.sample_grids import SampleGrids
    from kerasarch.training import Diffusion, WarmupCosine, WeightAverage

    space = space or pixels_of(pictures)
    conditional = conditional or captions is not None
    null: Any = None
    if conditional:
        null = len(pictures.classes) if captions is None else captions.none
        _build(network, space, np.shape(null))
    else:
        _build(network, space, None)
    learner = Diffusion(
        network, process, prediction=prediction, gamma=gamma, null=null,
        drop=options.drop if conditional else 0.0, seed=run.seed,
        average=WeightAverage(network, half_life=options.average, rampup=0.05) if options.average else None,
    )  # fmt: skip
    total = space.train.steps * options.epochs
    learner.compile(keras.optimizers.Adam(WarmupCosine(options.learning_rate, warmup=int(WARMUP * total), total=total)))
    steps = min(options.sample_steps, SMOKE_STEPS) if run.smoke else options.sample_steps
    how: dict[str, Any] = {
        "prediction": prediction, "method": method, "steps": steps, "limit": space.limit, "decoder": space.decoder,
        "guidance": options.guidance if conditional else 1.0, "classes": pictures.shown if conditional else None,
    }  # fmt: skip
    given = (learner.drawing_network, space.shape, process)
    sampler: DiffusionSampler
    if captions is None:
        sampler = DiffusionSampler(*given, null=null if options.drop else None, **how)
    else:
        sampler = CaptionSampler(*given, tokenizer=captions.tokenizer, hidden=options.drop > 0, **how)
    untrained = sampler.sample(SMOKE_SCORED if run.smoke else SCORED_BEFORE, run.seed)
    count = min(2 * len(pictures.shown), 40) if conditional else 25
    grids = SampleGrids(run, lambda: sampler.sample(count, seed=0))
    run.fit("diffusion", learner, space.train, epochs=options.epochs, callbacks=[grids])
    found = {"held_out_loss": float(learner.evaluate(space.held_out, verbose=0, return_dict=True)["loss"])}
    if space.decoder is None and isinstance(process, NoiseSchedule):
        found["bits_per_dimension"] = held_out_bits(run, sampler, pictures)
    show_denoising(run, sampler)
    run.ready()
    judge = pictures.judge(run) if pictures.judged else None
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

    widths, down = _levels(options, size, "attention")
    return models.unet_2d(
        models.UNet2DConfig(
            channels, channels, sample_size=size, depth=options.depth,
            widths=widths, down=down, up=down[::-1], middle_attention="attention" in down, groups=8,
            head_width=options.width, dropout=options.dropout,
            classes=len(classes) + 1 if options.conditional else None,
        )
    )  # fmt: skip


def captioned_unet_of(options: UNetDiffusionOptions, size: int, channels: int, encoder: Any) -> Any:
    """Return the same U-Net with a text encoder in front, to whose tokens every place of its attention levels attends.

    Args:
        options: Its sizes.
        size: Height and width.
        channels: Of what it denoises.
        encoder: A `kerasarch.models.CLIPTextModel`.
    """
    from kerasarch import models

    widths, down = _levels(options, size, "cross")
    unet = models.unet_2d_condition(
        models.UNet2DConditionConfig(
            channels, channels, sample_size=size, depth=options.depth, widths=widths, down=down, up=down[::-1],
            middle="cross", groups=8, heads=tuple(max(width // options.width, 1) for width in widths),
            context_width=encoder.config.width, dropout=options.dropout,
        )
    )  # fmt: skip
    return models.CaptionedUNet(unet, encoder)


def _levels(options: UNetDiffusionOptions, size: int, attending: str) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """Return widths and kinds of the levels, with this kind for those at which places attend."""
    levels = 1
    while levels < 4 and size % 2**levels == 0 and size >> levels >= 4:
        levels += 1
    widths = tuple(options.width * factor for factor in (1, 2, 4, 4)[:levels])
    return widths, tuple(attending if size >> level <= options.attention else "plain" for level in range(levels))


def _build(network: Any, space: Space, condition: tuple[int, ...] | None) -> None:
    """Make the network's variables. Symbolically: operation by operation JAX would compile each for a batch of one."""
    import keras

    given = [keras.Input(space.shape), keras.Input(())]
    network(given if condition is None else [*given, keras.Input(condition, dtype="int32")])
