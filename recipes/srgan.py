"""Make pictures two, four or eight times larger, with details that look real.

Paper: Ledig et al., 2016 (https://arxiv.org/abs/1609.04802).
"""

from typing import Annotated, Literal

from kerasarch.recipe import Ge, Gt, Run, recipe
from kerasarch.training import TranslationOptions


@recipe(
    task="super-resolution",
    data="digits (bundled), shrunken",
    expect={"gain_over_bicubic": ">=5", "srgan_ssim": ">=0.88"},
)
def srgan(
    run: Run,
    *,
    factor: Literal[2, 4, 8] = 4,
    blocks: Annotated[int, Ge(0)] = 4,
    pretrain_epochs: Annotated[int, Ge(1)] = 20,
    pretrain_rate: Annotated[float, Gt(0)] = 1e-3,
    perceptual: str | None = None,
    content_weight: Annotated[float, Ge(0)] = 1.0,
    adversarial_weight: Annotated[float, Ge(0)] = 1e-3,
    border: Annotated[int, Ge(0)] = 0,
    generation: TranslationOptions = TranslationOptions(  # noqa: B008 - frozen
        epochs=6, batch=64, width=16, beta_1=0.9
    ),
) -> dict[str, float]:
    """Train an SRGAN on pictures and their shrunken copies.

    A residual network first learns to enlarge with the least squared error (SRResNet, the paper's pretraining); then a
    discriminator, which tells its pictures from real ones, teaches it to draw sharp details. The report shows held-out
    pictures: shrunken, enlarged by bicubic interpolation, by the network after each phase, and the true ones, with PSNR
    and SSIM of all. The second phase is meant to look better; where it outweighs the squared error,
    PSNR falls.

    The data are any pictures; the shrunken copies are made by antialiased bicubic reduction.

    Args:
        factor: How many times larger the pictures become.
        blocks: Residual blocks; the paper has 16.
        pretrain_epochs: Epochs of training for the squared error.
        pretrain_rate: Adam's learning rate there.
        perceptual: Compare features instead of pixels in the second phase: classifier for those of a small one that
            learns the pictures' classes, imagenet or a file of weights for keras.applications' VGG19 without its head.
        content_weight: Weight of that comparison.
        adversarial_weight: Weight of the discriminator's word.
        border: Pixels at each side that PSNR and SSIM over training leave out, fewer than half of the size; 4 in the
            paper.
    """
    import keras

    from kerasarch import data, models
    from kerasarch.data.pair_sources import Shrunken
    from kerasarch.errors import UsageError
    from kerasarch.runs import translation
    from kerasarch.runs.drawing import within_a_trial
    from kerasarch.runs.generative import train_judge
    from kerasarch.runs.generative_figures import show_pairs
    from kerasarch.runs.translation_scores import keep_inputs, labelled, score_translations
    from kerasarch.training import adversarial

    generation = within_a_trial(run, generation)
    known, others = translation.pictures_of(run, generation)
    if perceptual == "classifier" and len(known.classes) < 2:
        raise UsageError("--perceptual classifier needs pictures with classes. Give imagenet, a file, or none.")
    shape = translation.shape_of(generation, known.image(0))
    small = translation.divided(shape.size, factor)
    train, held_out = (data.MadePairs(part, Shrunken(factor), shape.area, shape.channels) for part in (known, others))
    batches = translation.paired_batches(train, generation, shape, run.seed, small)
    validation = translation.held_out_batches(held_out, generation, shape, small)

    generator = models.srgan_generator(None, shape.channels, generation.width, factor=factor, blocks=blocks)
    translator = models.Translator(generator, channels=shape.channels, domains=("small", "large"))
    lows, highs = translation.some_pairs(run, held_out, shape, small)

    quality = [kind(border=border) for kind in (adversarial.PeakSignalToNoise, adversarial.StructuralSimilarity)]
    generator.compile(keras.optimizers.Adam(pretrain_rate), "mse", metrics=quality)
    run.fit("pretraining", generator, batches, epochs=pretrain_epochs, validation_data=validation)
    pretrained = translation.translated(translator, lows)

    real, true = (labelled(run, *given, shape) for given in ((train, known), (held_out, others)))
    features = None
    if perceptual == "classifier":
        features = models.perceptual_features(
            train_judge(run, real, true).model,
            channels=shape.channels,
            preprocessing=models.Preprocessing(mean=(0.0,), std=(1.0,), scale=1.0),
        )
    elif perceptual is not None:
        features = models.perceptual_features(weights=perceptual, channels=shape.channels)
    discriminator = models.srgan_discriminator(
        shape.size, shape.channels, generation.width, stages=min(4, shape.size.bit_length() - 2), hidden=256
    )
    learner = adversarial.SRGAN(
        generator, discriminator, features=features, content=content_weight, adversarial=adversarial_weight,
        border=border,
    )  # fmt: skip
    learner.compile(
        {
            "generator": translation.adam(generation.generator_rate, generation),
            "discriminator": translation.adam(generation.discriminator_rate, generation),
        }
    )
    losses = translation.fit_translator(run, learner, batches, generation, translator, lows, validation_data=validation)

    run.save(translator)
    results, plain = translation.translated(translator, lows), translation.enlarged(lows, shape)
    show_pairs(
        run, "enlargements",
        [("shrunken", lows), ("bicubic", plain), ("pretrained", pretrained), ("result", results), ("true", highs)],
        caption="Held-out pictures, shrunken, enlarged, and as they are",
    )  # fmt: skip
    keep_inputs(run, lows)
    kinds = {"bicubic": plain, "pretrained": pretrained, "srgan": results}
    figures = translation.compare(run, kinds, highs)
    figures |= score_translations(run, kinds, real, true.subset(range(len(results))))
    return {**figures, "gain_over_bicubic": figures["srgan_psnr"] - figures["bicubic_psnr"], **losses}
