"""Figures that the generative recipes share: samples, interpolations, reconstructions, translations."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from kerasarch import metrics
from kerasarch.errors import UsageError
from kerasarch.recipe import Run
from kerasarch.runs.figures import draw_pictures
from kerasarch.runs.pictures import tile


def show_samples(run: Run, sampler: Any, *, per_class: int = 10, truncation: float = 1.0, seed: int = 0) -> None:
    """Put a grid of samples into the report: a row a class where the sampler takes labels.

    Args:
        run: The run.
        sampler: A `kerasarch.models.Sampler`.
        per_class: Pictures a row.
        truncation: As for the sampler.
        seed: Of the pictures.
    """
    names = (sampler.class_names or ())[:20]
    rows = len(names) or 6
    labels = list(range(len(names))) * per_class if names else None
    images = sampler.sample(rows * per_class, seed, labels, truncation)
    if names:  # drawn class by class in turn: a row a class
        images = images.reshape(per_class, rows, *images.shape[1:]).swapaxes(0, 1).reshape(images.shape)
    strips = [tile(list(images[row * per_class : (row + 1) * per_class]), per_class) for row in range(rows)]
    words = "Samples of each class" if names else "Samples"
    caption = words if truncation == 1 else f"{words}, truncation {truncation:g}"
    with run.figure("samples" if truncation == 1 else f"samples-truncated-{truncation:g}", caption=caption) as figure:
        draw_pictures(figure, strips, (), 1, rows=names)


def show_interpolations(run: Run, sampler: Any, *, rows: int = 6, steps: int = 10, seed: int = 0) -> None:
    """Put walks between latent vectors into the report.

    Args:
        run: The run.
        sampler: A `kerasarch.models.LatentSampler`.
        rows: Walks.
        steps: Pictures of a walk.
        seed: Of the ends.
    """
    walks = sampler.interpolate(rows, steps, seed)
    with run.figure("interpolations", caption="From one latent vector to another, along great circles") as figure:
        draw_pictures(figure, [tile([picture for walk in walks for picture in walk], steps)], (), 1)


def show_pairs(
    run: Run,
    name: str,
    kinds: Sequence[tuple[str, np.ndarray]],
    *,
    caption: str = "",
    count: int = 10,
) -> dict[str, float]:
    """Put pictures that belong together below each other: originals and reconstructions, inputs, results and targets.

    Where there are two kinds or more of one shape, the last is the truth that the one before it is held against.

    Args:
        run: The run.
        name: Of the figure.
        kinds: What each row shows, and its uint8 pictures ``(N, H, W, C)``.
        caption: Below the figure.
        count: Columns at most.

    Returns:
        ``psnr`` in decibels and ``ssim``, means over all pictures of the last two kinds where they are of one shape.

    Raises:
        UsageError: There are no kinds, or not as many pictures of each.
    """
    lengths = {len(images) for _, images in kinds}
    if len(lengths) != 1 or 0 in lengths:
        raise UsageError(f"show_pairs needs as many pictures of each kind, one at least. Received {sorted(lengths)}.")
    shown = min(count, lengths.pop())
    strips = [tile(list(images[:shown]), shown) for _, images in kinds]
    with run.figure(name, caption=caption) as figure:
        draw_pictures(figure, strips, (), 1, rows=[title for title, _ in kinds])
    if len(kinds) < 2 or kinds[-2][1].shape != kinds[-1][1].shape:
        return {}
    targets, pictures = kinds[-1][1], kinds[-2][1]
    ratios = np.minimum(metrics.psnr(targets, pictures), 100.0)  # a perfect picture would make the mean infinite
    return {"psnr": float(ratios.mean()), "ssim": float(metrics.ssim(targets, pictures).mean())}
