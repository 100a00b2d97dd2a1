"""Matplotlib figures made of pictures, readable on light and dark pages."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

INK = "#7d8794"
"""A grey that can be read on white and on black: the ground of these figures is transparent."""


def draw_pictures(
    figure: Any,
    pictures: Sequence[np.ndarray],
    titles: Sequence[str],
    columns: int,
    *,
    rows: Sequence[str] = (),
    width: float = 7.2,
) -> None:
    """Draw pictures row by row, each below its title.

    Args:
        figure: A matplotlib figure.
        pictures: uint8, ``(H, W, C)``.
        titles: One each, or fewer: the rest have none.
        columns: Pictures a row.
        rows: What stands left of each row, or nothing.
        width: Of the figure, in inches.
    """
    count = math.ceil(len(pictures) / columns)
    height, breadth = (max(picture.shape[axis] for picture in pictures) for axis in range(2))
    cell = width / columns
    line = 0.2 * math.ceil(len([title for title in titles if title]) / columns) + 0.08 * count
    figure.set_size_inches(width, max(cell * height / breadth * count + line, 0.6))
    figure.patch.set_alpha(0)
    grid = figure.subplots(count, columns, squeeze=False)
    for number, axes in enumerate(grid.flat):
        axes.set_xticks([])
        axes.set_yticks([])
        axes.spines[:].set_visible(False)
        axes.patch.set_alpha(0)
        if number >= len(pictures):
            continue
        picture = pictures[number]
        shown = picture[..., 0] if picture.shape[-1] == 1 else picture
        axes.imshow(shown, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
        if number < len(titles) and titles[number]:
            axes.set_title(titles[number], fontsize=8, color=INK, pad=3)
        if number % columns == 0 and number // columns < len(rows):
            axes.set_ylabel(rows[number // columns], fontsize=8, color=INK, rotation=0, ha="right", va="center")


def draw_shares(
    figure: Any, names: Sequence[str], generated: Sequence[float], real: Sequence[float], least: float
) -> None:
    """Draw the share of each class among generated and real pictures as bars.

    Args:
        figure: A matplotlib figure.
        names: Of the classes.
        generated: Share of each.
        real: Share of each.
        least: Share below which a class counts as missing: a line.
    """
    from kerasarch.runs.plots import COLOURS

    figure.set_size_inches(7.2, 2.6)
    figure.patch.set_alpha(0)
    axes = figure.subplots()
    axes.patch.set_alpha(0)
    places = np.arange(len(names))
    axes.bar(places - 0.2, np.asarray(generated) * 100, 0.4, color=COLOURS[0], label="generated")
    axes.bar(places + 0.2, np.asarray(real) * 100, 0.4, color=COLOURS[7], label="real")
    axes.axhline(least * 100, color=COLOURS[1], linewidth=1, linestyle="--", label=f"least share, {least:.1%}")
    if len(names) <= 60:
        axes.set_xticks(places, names, rotation=0 if len(names) <= 12 else 90)
    axes.set_ylabel("share in %", color=INK, fontsize=8)
    axes.tick_params(colors=INK, labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(INK)
    figure.legend(loc="outside upper right", ncols=3, frameon=False, fontsize=8, labelcolor=INK)
