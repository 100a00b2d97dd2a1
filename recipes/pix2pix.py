"""Turn pictures of one kind into pictures of another, learned from pairs: edges into photos, maps into aerial views.

Paper: Isola et al., 2016 (https://arxiv.org/abs/1611.07004).
"""

from typing import Annotated, Literal

from kerasarch.recipe import Ge, Interval, Run, recipe
from kerasarch.training import TranslationOptions


@recipe(
    task="image-translation",
    data="digits (bundled), from their edges",
    expect={"psnr": ">=20", "ssim": ">=0.85"},
)
def pix2pix(
    run: Run,
    *,
    pairs: Literal["edges", "given"] | None = None,
    direction: Literal["a-to-b", "b-to-a"] = "a-to-b",
    distance_weight: Annotated[float, Ge(0)] = 100.0,
    receptive_field: Literal[1, 16, 34, 70, 142, 286] | None = None,
    objective: Literal["non_saturating", "least_squares", "hinge"] = "non_saturating",
    dropout: Annotated[float, Interval(ge=0, lt=1)] = 0.5,
    generation: TranslationOptions = TranslationOptions(  # noqa: B008 - frozen
        epochs=15, batch=64, width=16, generator_rate=1e-3
    ),
) -> dict[str, float]:
    """Train Pix2Pix on pairs of pictures.

    A U-Net draws the target from the source; a discriminator that sees both judges small patches of it, and the L1
    distance from the true target keeps the whole in place. The report shows held-out sources, what became of them and
    the true targets, with PSNR, SSIM and L1, beside those of the source as it is (copied).

    Choose it where you have pairs that are aligned pixel by pixel. Without --pairs, a folder is read as pairs: folders
    A and B with equal names of files (also trainA, trainB, testA, testB), or pictures with both halves side by side.
    Of other data, and of any folder of photos with --pairs edges, pairs of edges and pictures are made. Without pairs,
    take cyclegan.

    Args:
        pairs: edges makes pairs of a picture's edges (A) and the picture (B); given reads them from a folder. None is
            given for a folder, else edges.
        direction: What is the source and what the target.
        distance_weight: Weight of the L1 distance beside the adversarial loss.
        receptive_field: Pixels that a logit of the discriminator sees; none is the largest that fits, 70 at most.
        objective: What the two players want.
        dropout: Rate in the first stages of the decoder: the generator's only noise.
    """
    from kerasarch import data, models
    from kerasarch.data.pair_sources import Edges
    from kerasarch.runs import translation
    from kerasarch.runs.drawing import within_a_trial
    from kerasarch.runs.generative_figures import show_pairs
    from kerasarch.runs.translation_scores import keep_inputs, labelled, score_translations
    from kerasarch.training import adversarial

    generation, known, others = within_a_trial(run, generation), None, None
    folder = translation.is_folder(generation)
    if (pairs or ("given" if folder else "edges")) == "given":
        train, held_out = data.read_pairs(
            generation.data, seed=run.seed, held_out=generation.held_out, strict=generation.strict
        )
        shape = translation.shape_of(generation, max(train[0], key=lambda picture: picture.shape[-1]))
    else:
        known, others = translation.pictures_of(run, generation)
        shape = translation.shape_of(generation, known.image(0))
        train, held_out = (data.MadePairs(part, Edges(), shape.area, shape.channels) for part in (known, others))
    if direction == "b-to-a":
        train, held_out = data.SwappedPairs(train), data.SwappedPairs(held_out)

    sizes = (shape.size, shape.channels)
    generator = models.pix2pix_generator(*sizes, width=generation.width, dropout=dropout)
    field = translation.fitting_field(shape.size, receptive_field)
    discriminator = models.patchgan_discriminator(
        *sizes, condition=shape.channels, width=generation.width, receptive_field=field
    )
    learner = adversarial.Pix2Pix(generator, discriminator, weight=distance_weight, objective=objective)
    learner.compile(
        {
            "generator": translation.adam(generation.generator_rate, generation),
            "discriminator": translation.adam(generation.discriminator_rate, generation),
        }
    )
    translator = models.Translator(generator, channels=shape.channels, size=shape.area, domains=("source", "target"))
    sources, targets = translation.some_pairs(run, held_out, shape)
    losses = translation.fit_translator(
        run, learner, translation.paired_batches(train, generation, shape, run.seed), generation, translator, sources,
        validation_data=translation.held_out_batches(held_out, generation, shape),
    )  # fmt: skip

    run.save(translator)
    results = translation.translated(translator, sources)
    show_pairs(
        run, "translations", [("source", sources), ("result", results), ("target", targets)],
        caption="Held-out sources, what became of them, and the true targets",
    )  # fmt: skip
    keep_inputs(run, sources)
    real, true = (labelled(run, *given, shape) for given in ((train, known), (held_out, others)))
    true = true.subset(range(len(results)))
    scores = score_translations(run, {"source": sources, "translated": results}, real, true)
    copied = translation.prefixed(translation.agreement(sources, targets), "copied")
    return {**translation.agreement(results, targets), **copied, **scores, **losses}
