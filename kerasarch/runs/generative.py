"""What the generative recipes share at their end: scores against real pictures and counts of classes."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from kerasarch import metrics
from kerasarch.data import ArrayImages, ImageSource, ImageSplits
from kerasarch.recipe import Run
from kerasarch.runs.figures import draw_shares

LEAST, MOST, SMOKE = 1000, 10_000, 200
"""Pictures drawn for the scores: as many as there are real ones, within these bounds; in a quick trial."""
MOST_REAL = 20_000
"""Real pictures that are held in memory."""
SCORED = 5000
"""Pictures of each kind that neighbours are looked for among: the cost grows with the square."""


@dataclasses.dataclass(frozen=True)
class Scores:
    """How far a set of pictures is from real ones.

    Attributes:
        pictures: How many were compared.
        frechet_distance: See `kerasarch.metrics.frechet_distance`.
        kernel_distance: See `kerasarch.metrics.kernel_distance`.
        precision: Fidelity.
        recall: Variety.
        density: Fidelity, less disturbed by outliers.
        coverage: Variety, less disturbed by outliers.
    """

    pictures: int
    frechet_distance: float
    kernel_distance: float
    precision: float
    recall: float
    density: float
    coverage: float


def score(real: np.ndarray, generated: np.ndarray, *, seed: int = 0) -> Scores:
    """Compare features of generated pictures with those of real ones.

    Args:
        real: ``(N, D)``.
        generated: ``(M, D)``.
        seed: Of the random choices.

    Raises:
        DataError: There are fewer than six pictures of a kind.
    """
    rng = np.random.default_rng(seed)
    count = min(len(real), len(generated), SCORED)
    # Neighbours are further apart among fewer pictures: both kinds get the same number.
    some, others = (rows[rng.choice(len(rows), count, replace=False)] for rows in (real, generated))
    precision, recall = metrics.precision_recall(some, others)
    density, coverage = metrics.density_coverage(some, others)
    return Scores(
        len(generated),
        metrics.frechet_distance(real, generated),
        metrics.kernel_distance(real, generated, seed=seed).mean,
        precision,
        recall,
        density,
        coverage,
    )


def pictures_of(sources: Sequence[ImageSource], shape: tuple[int, ...]) -> ArrayImages:
    """Decode the pictures of some sources into one array, at most 20,000 of them, spread evenly.

    Args:
        sources: The pictures, of the same classes.
        shape: Height, width and channels that they are brought to.
    """
    from kerasarch.data.pipeline import Prepare

    prepare = Prepare((int(shape[0]), int(shape[1])), int(shape[2]))
    places = [(source, index) for source in sources for index in range(len(source))]
    if len(places) > MOST_REAL:
        places = [places[int(place)] for place in np.linspace(0, len(places) - 1, MOST_REAL)]
    found = [prepare(source[index]) for source, index in places]
    return ArrayImages(
        np.stack([image for image, _ in found]), np.array([label for _, label in found]), sources[0].classes
    )


def train_judge(run: Run, real: ArrayImages, held_out: ArrayImages) -> Any:
    """Return the `kerasarch.training.FeatureClassifier` of some data, trained on all of it or found in the cache.

    Args:
        run: The run.
        real: The pictures that a generator learns from.
        held_out: The others.
    """
    from kerasarch.training import train_feature_classifier

    return train_feature_classifier(
        np.concatenate([real.images, held_out.images]),
        np.concatenate([real.labels, held_out.labels]),
        real.classes,
        steps=run.max_steps,
        cache=not run.smoke,
        say=run.say,
    )


def evaluate_generator(
    run: Run,
    sampler: Any,
    data: ImageSplits,
    *,
    untrained: Any = None,
    count: int | None = None,
    least_share: float | None = None,
    inception: Callable[[np.ndarray], np.ndarray] | None = None,
    judge: Any = None,
) -> dict[str, float]:
    """Draw pictures, hold them against real ones, and put figures, tables and warnings into the report.

    The features and classes are those of `kerasarch.training.train_feature_classifier`, which learns from all parts of
    the data: the same network for every run on the same data, whatever its seed and split.

    Args:
        run: The run; its seed is that of the drawn pictures.
        sampler: A `kerasarch.models.Sampler`.
        data: The generator has learned from the training part, which it is held against. The others, which it has not
            seen, show how near a perfect generator could come.
        untrained: A sampler with fresh weights, or pictures that were drawn before training (uint8, ``(N, H, W, C)``):
            how far off one begins. Or None.
        count: Pictures to draw; None for as many as there are real ones, 1,000 to 10,000.
        least_share: Share of a class that counts as covered; None for three tenths of an even share.
        inception: `kerasarch.training.inception_features(...)`, for a second Frechet distance.
        judge: The classifier, as `train_judge` returns it, where the recipe has asked for it already.

    Returns:
        ``frechet_distance``, ``kernel_distance``, ``precision``, ``recall``, ``density``, ``coverage``,
        ``frechet_distance_to_held_out``, ``classes_covered``, ``smallest_class_share``, ``held_out_frechet_distance``;
        with a reference ``untrained_frechet_distance``; where classes can be asked for ``asked_class_share``, of the
        pictures that the classifier takes for what was asked; with Inception ``inception_frechet_distance``.

    Raises:
        DataError: The data have fewer than two classes, or are too few.
    """
    run.ready()
    count = count or (SMOKE if run.smoke else min(max(len(data.train), LEAST), MOST))
    drawn = np.asarray(sampler.sample(count, run.seed))
    rest = [part for part in (data.validation, data.test) if part is not None]
    real, held_out = pictures_of([data.train], drawn.shape[1:]), pictures_of(rest, drawn.shape[1:])
    classifier = judge or train_judge(run, real, held_out)
    features, chances = classifier(drawn)
    reference, unseen = classifier(real.images)[0], classifier(held_out.images)[0]
    scores, best = score(reference, features, seed=run.seed), score(reference, unseen, seed=run.seed)
    result = {name: value for name, value in dataclasses.asdict(scores).items() if name != "pictures"}
    result["frechet_distance_to_held_out"] = metrics.frechet_distance(unseen, features)
    rows = [
        {"pictures": "generated", **_row(scores), "to held out": result["frechet_distance_to_held_out"]},
        {"pictures": "real, held out", **_row(best)},
    ]
    compared = {"generated": drawn, "real, held out": held_out.images}
    if untrained is not None:
        fresh = untrained if isinstance(untrained, np.ndarray) else np.asarray(untrained.sample(count, run.seed))
        described = classifier(fresh)[0]
        worst = score(reference, described, seed=run.seed)
        to_held_out = metrics.frechet_distance(unseen, described)
        rows.append({"pictures": "untrained generator", **_row(worst), "to held out": to_held_out})
        result["untrained_frechet_distance"] = worst.frechet_distance
        compared["untrained generator"] = fresh
    result["held_out_frechet_distance"] = best.frechet_distance
    modes = metrics.mode_coverage(chances.argmax(axis=1), real.labels, real.classes, least=least_share)
    result["classes_covered"] = modes.covered
    result["smallest_class_share"] = modes.smallest_share
    if sampler.class_names is not None:
        result["asked_class_share"] = float((chances.argmax(axis=1) == sampler.labels_for(count, None)).mean())
    if inception is not None:
        known = inception(real.images)
        for row in rows:
            row["inception"] = metrics.frechet_distance(known, inception(compared[row["pictures"]]))
        result["inception_frechet_distance"] = rows[0]["inception"]
    run.table(
        "generative scores",
        rows,
        caption=f"Distances to {len(real):,} real pictures, on 64 features of a classifier of "
        f"{classifier.accuracy:.1%} accuracy; in the column 'to held out' the Frechet distance to the "
        f"{len(held_out):,} that were not learned from. That of few pictures is larger than that of many."
        + (" 'inception': the Frechet distance to the first on Inception's features." if inception else ""),
    )
    _show_counts(run, modes, chances)
    # Few held-out pictures reach less than many generated ones would: variety is compared at equal counts.
    variety = score(reference, features[: len(held_out)], seed=run.seed).recall
    warning = metrics.collapse_warning(modes, variety=variety, real_variety=best.recall)
    if warning:
        run.event("warning", text=warning)
        run.say(f"warning: {warning}")
        run.table("warnings", [{"warning": warning}])
    run.say(
        f"Frechet distance {scores.frechet_distance:.3g}, {modes.covered} of {len(modes.classes)} classes, the rarest "
        f"with {modes.smallest_share:.1%} of {count:,} pictures"
    )
    return result


def _row(scores: Scores) -> dict[str, Any]:
    named = dataclasses.asdict(scores)
    return {"count": named.pop("pictures"), **{name.replace("_", " "): value for name, value in named.items()}}


def _show_counts(run: Run, modes: metrics.ModeCoverage, chances: np.ndarray) -> None:
    """A table and bars of the classes that the classifier found among the generated pictures."""
    given, sure = chances.argmax(axis=1), chances.max(axis=1)
    rows = []
    for number, name in enumerate(modes.classes):
        of_class = sure[given == number]
        rows.append(
            {
                "class": name,
                "generated": modes.counts[number],
                "share": f"{modes.shares[number]:.1%}",
                "share of real": f"{modes.real_shares[number]:.1%}",
                "mean confidence": float(of_class.mean()) if len(of_class) else None,
                "covered": "yes" if modes.shares[number] >= modes.least else "NO",
            }
        )
    caption = (
        f"Generated pictures by the class that the classifier gives them: {modes.covered} of {len(modes.classes)} "
        f"with a share of {modes.least:.1%} or more; divergence from the real shares {modes.divergence:.3f} nats"
    )
    run.table("generated classes", rows, caption=caption)
    with run.figure("generated classes", caption="Shares of the classes, generated and real") as figure:
        draw_shares(figure, modes.classes, modes.shares, modes.real_shares, modes.least)
