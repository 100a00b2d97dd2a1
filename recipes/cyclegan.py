"""Turn pictures of one domain into another and back, learned without pairs.

Paper: Zhu et al., 2017 (https://arxiv.org/abs/1703.10593).
"""

from typing import Annotated, Literal

from kerasarch.recipe import Ge, Run, recipe
from kerasarch.training import TranslationOptions


@recipe(
    task="image-translation",
    data="digits (bundled), half of them in chalk on a board",
    expect={"a_to_b_psnr": ">=20", "b_to_a_psnr": ">=18", "cycle_l1_a": "<=0.2"},
)
def cyclegan(
    run: Run,
    *,
    blocks: Annotated[int, Ge(1)] = 2,
    cycle_weight: Annotated[float, Ge(0)] = 10.0,
    identity_weight: Annotated[float, Ge(0)] = 0.5,
    pool: Annotated[int, Ge(0)] = 50,
    receptive_field: Literal[1, 16, 34, 70, 142, 286] | None = None,
    generation: TranslationOptions = TranslationOptions(  # noqa: B008 - frozen
        epochs=6, batch=32, width=16, generator_rate=1e-3, discriminator_rate=5e-4
    ),
) -> dict[str, float]:
    """Train a CycleGAN on two domains of pictures.

    Two generators, from A to B and from B to A, each learn against a discriminator of their domain, and are held to
    undo each other. The report shows held-out pictures, what became of them and what became of that, with the error
    of the way there and back. Sample the other direction with kerasarch sample RUN --input PATH --reverse.

    Choose it where you have two sets of pictures but no pairs; with pairs, pix2pix is faster and more exact. It changes
    colours and textures well and shapes badly.

    A folder is read as two domains: folders A and B, or trainA and trainB, with testA and testB where there are. Other
    data must be light on dark and become two domains: half of the pictures as they are (A), the other half in yellow
    chalk on a blue board (B). There the truth is known, and translations of held-out pictures are scored against it.

    Args:
        blocks: Residual blocks of a generator; the paper has 6 for 128 pixels and 9 for 256.
        cycle_weight: Weight of the way there and back.
        identity_weight: Weight, relative to that, of leaving pictures alone that are in the wanted domain already.
        pool: Generated pictures of each domain that the discriminators are shown again.
        receptive_field: Pixels that a logit of a discriminator sees; none is the largest that fits, 70 at most.
    """
    from kerasarch import data, models
    from kerasarch.data.pair_sources import Chalked
    from kerasarch.runs import translation
    from kerasarch.runs.drawing import within_a_trial
    from kerasarch.runs.translation_scores import keep_inputs, labelled, score_translations, unlabelled
    from kerasarch.training import adversarial

    generation, truth = within_a_trial(run, generation), None
    if translation.is_folder(generation):
        (a, b), held_out = data.read_domains(
            generation.data, seed=run.seed, held_out=generation.held_out, strict=generation.strict
        )
        shape = translation.shape_of(generation, max(a.image(0), b.image(0), key=lambda picture: picture.shape[-1]))
        pictures = [translation.some_pictures(run, part, shape) for part in held_out]
    else:
        known, others = translation.pictures_of(run, generation)
        shape = translation.shape_of(generation, known.image(0), channels=3)
        truth = data.MadePairs(others, Chalked(), shape.area, shape.channels)
        pairs = data.MadePairs(known, Chalked(), shape.area, shape.channels)
        a, b = translation.halves(pairs, run.seed)
        pictures = list(translation.some_pairs(run, truth, shape))

    sizes = (shape.size, shape.channels)
    forward, backward = (
        models.cyclegan_generator(*sizes, width=generation.width, blocks=blocks, name=name)
        for name in ("generator_ab", "generator_ba")
    )
    field = translation.fitting_field(shape.size, receptive_field)
    judges = [
        models.patchgan_discriminator(
            *sizes, width=2 * generation.width, receptive_field=field, norm="instance", name=name
        )
        for name in ("discriminator_a", "discriminator_b")
    ]
    learner = adversarial.CycleGAN(
        forward, backward, *judges, cycle=cycle_weight, identity=identity_weight, pool=pool, seed=run.seed
    )
    learner.compile(
        {
            "generators": translation.adam(generation.generator_rate, generation),
            "discriminators": translation.adam(generation.discriminator_rate, generation),
        }
    )
    translator = models.Translator(
        forward, backward=backward, channels=shape.channels, size=shape.area, domains=("A", "B")
    )
    losses = translation.fit_translator(
        run, learner, translation.unpaired(a, b, generation, shape, run.seed), generation, translator, pictures[0]
    )
    run.save(translator)
    keep_inputs(run, *pictures)
    figures = translation.show_cycles(run, translator, pictures, paired=truth is not None)
    for place, (here, there) in enumerate((("a", "b"), ("b", "a"))):
        given, wanted = pictures[place], 1 - place
        if truth is None:
            real, true = unlabelled(translation.some_pictures(run, (a, b)[wanted], shape)), unlabelled(pictures[wanted])
        else:
            real, true = (labelled(run, *part, shape, wanted) for part in ((pairs, known), (truth, others)))
            true = true.subset(range(len(given)))
        kinds = {"source": given, "translated": translation.translated(translator, given, reverse=bool(place))}
        scores = score_translations(run, kinds, real, true, name=f"generative scores, {here} to {there}")
        figures |= translation.prefixed(scores, f"{here}_to_{there}")
    return {**figures, **losses}
