"""Generative scores of recipes that turn pictures into pictures, and the pictures that a run keeps to translate."""

import dataclasses
from typing import Any

import numpy as np

from kerasarch import metrics
from kerasarch.data import ArrayImages
from kerasarch.data.pair_sources import PreparePair, stack_pairs
from kerasarch.recipe import Run
from kerasarch.runs.drawing import LEAST_SCORED, asked_inception
from kerasarch.runs.generative import score, train_judge
from kerasarch.runs.translation import Shape

KEPT = 64
"""Held-out pictures that `keep_inputs` writes, at most."""
KNOWN, SMOKE_KNOWN = 2000, 200
"""Real pictures of the wanted domain that translations are held against, at most; in a quick trial."""
INPUTS = "inputs.npz"
FORWARD, BACKWARD = "forward", "backward"


def keep_inputs(run: Run, forward: np.ndarray, backward: np.ndarray | None = None) -> None:
    """Write held-out pictures into the run's folder, which ``kerasarch sample RUN`` translates unless given others.

    Args:
        run: The run.
        forward: Of the first domain, uint8 ``(N, H, W, C)``.
        backward: Of the second, where there is a way back.
    """
    given = {FORWARD: forward[:KEPT]} | ({} if backward is None else {BACKWARD: backward[:KEPT]})
    np.savez_compressed(run.dir / INPUTS, **given)  # type: ignore[arg-type]


def unlabelled(images: np.ndarray) -> ArrayImages:
    """Return pictures without classes: of one class."""
    return ArrayImages(images, np.zeros(len(images), np.int64), ("pictures",))


def labelled(run: Run, pairs: Any, source: Any, shape: Shape, place: int = 1) -> ArrayImages:
    """Return one side of the first pairs in memory, with the classes of the pictures that they were made of.

    Args:
        run: The run; a quick trial gets few.
        pairs: The pairs.
        source: The pictures that they were made of, in the same order; None for pairs that were given.
        shape: Form of the pictures.
        place: 0 for the first pictures of the pairs, 1 for the second.
    """
    prepare = PreparePair((shape.area, shape.area), shape.channels)
    count = min(len(pairs), SMOKE_KNOWN if run.smoke else KNOWN)
    images = stack_pairs([prepare(pairs[index]) for index in range(count)])[place]
    return unlabelled(images) if source is None else ArrayImages(images, source.labels[:count], source.classes)


def score_translations(
    run: Run, kinds: dict[str, np.ndarray], real: ArrayImages, held_out: ArrayImages, *, name: str = "generative scores"
) -> dict[str, float]:
    """Hold translated pictures against real ones of the domain they should belong to.

    The features are those of a classifier that learns the real pictures' classes, as for all generative recipes, and
    Inception's where its weights are there.

    Args:
        run: The run.
        kinds: uint8 pictures ``(N, H, W, C)`` by name, made of the same held-out pictures; the result is the last one.
        real: Pictures of the wanted domain that were learned from.
        held_out: The true partners, with the classes of what was translated; a perfect translation would be these.
        name: Of the table.

    Returns:
        Of the last kind ``frechet_distance``, ``kernel_distance``, ``precision``, ``recall``, ``density``,
        ``coverage``; ``class_kept_share``, of the pictures that the classifier takes for the class of what they were
        made of; ``held_out_frechet_distance``; with Inception's weights in the cache ``inception_frechet_distance``,
        which alone is there where the pictures have no classes or are too few.
    """
    counts = np.bincount(np.concatenate([real.labels, held_out.labels]), minlength=len(real.classes))
    inception = asked_inception(run, "auto")
    if len(counts) < 2 or counts.min() < 2 or min(len(real), len(held_out)) < LEAST_SCORED:
        run.say("no scores by a classifier: there are no classes, or too few pictures, that one could learn")
        return {} if inception is None else _on_inception(run, kinds, real, held_out, inception, name)
    judge = train_judge(run, real, held_out)
    reference = judge(real.images)[0]
    known: Any = None if inception is None else inception(real.images)

    def scored(pictures: np.ndarray) -> dict[str, float]:
        features, chances = judge(pictures)
        found = dataclasses.asdict(score(reference, features, seed=run.seed))
        found["class_kept_share"] = float((chances.argmax(axis=1) == held_out.labels).mean())
        if inception is not None:
            found["inception_frechet_distance"] = metrics.frechet_distance(known, inception(pictures))
        return found

    found = {kind: scored(pictures) for kind, pictures in {**kinds, "real, held out": held_out.images}.items()}
    counted = {kind: one.pop("pictures") for kind, one in found.items()}
    rows = [
        {"pictures": kind, "count": counted[kind], **{key.replace("_", " "): value for key, value in one.items()}}
        for kind, one in found.items()
    ]
    run.table(
        name,
        rows,
        caption=f"Distances to {len(real):,} real pictures of the wanted domain, on 64 features of a classifier of "
        f"{judge.accuracy:.1%} accuracy. The Frechet distance of few pictures is larger than that of many.",
    )
    best = found["real, held out"]["frechet_distance"]
    return {**found[list(kinds)[-1]], "held_out_frechet_distance": best}


def _on_inception(
    run: Run, kinds: dict[str, np.ndarray], real: ArrayImages, held_out: ArrayImages, inception: Any, name: str
) -> dict[str, float]:
    """Hold pictures against real ones on Inception's features alone."""
    known = inception(real.images)
    found = {
        kind: metrics.frechet_distance(known, inception(pictures))
        for kind, pictures in {**kinds, "real, held out": held_out.images}.items()
    }
    rows = [{"pictures": kind, "Frechet distance": value} for kind, value in found.items()]
    run.table(name, rows, caption=f"To {len(real):,} real pictures of the wanted domain, on Inception's features")
    return {"inception_frechet_distance": found[list(kinds)[-1]]}
