"""The pictures of training's health: curves of each group over the steps, histograms of weights over time."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from kerasarch.runs.plots import COLOURS, count_on, png_of

_COLUMNS, _LEGEND, _RIDGES = 4, 12, 40


def groups_of(looks: Mapping[str, Sequence[Mapping[str, Any]]], figure: str) -> dict[str, list[str]]:
    """Sort the parts that a figure was logged of by network: ``generator/dense`` belongs to ``generator``."""
    parts = dict.fromkeys(part for rows in looks.values() for row in rows for part in row.get(figure) or {})
    networks = {part.partition("/")[0] for part in parts if "/" in part}
    found: dict[str, list[str]] = {}
    for part in parts:
        network = part.partition("/")[0]
        found.setdefault(network if network in networks else "", []).append(part)
    return found


def curves(looks: Mapping[str, Sequence[Mapping[str, Any]]], figure: str, parts: Sequence[str], whole: str) -> str:
    """Draw a figure of several parts over the steps of all phases, on a logarithmic scale.

    Args:
        looks: For each phase its looks.
        figure: Name of the figure, ``gradient_norm`` for instance.
        parts: The parts.
        whole: The part that stands for the others together, drawn in black.

    Returns:
        A PNG as base64.
    """
    from matplotlib.figure import Figure

    drawing = Figure(figsize=(7.2, 3.2), layout="constrained")
    axes = drawing.subplots()
    groups = [part for part in parts if part != whole]
    styles = dict(zip(groups, itertools.product(("-", "--", ":"), COLOURS), strict=False))
    for part in [*groups, *(part for part in parts if part == whole)]:
        style, colour = styles.get(part, ("-", "#222"))
        x: list[float] = []
        y: list[float] = []
        for rows in looks.values():
            seen = [row for row in rows if (row.get(figure) or {}).get(part)]
            x += [*(row["step"] for row in seen), rows[-1]["step"]]
            y += [*(row[figure][part] for row in seen), float("nan")]  # phases are not joined
        marker = "o" if len(x) <= 60 else ""
        name = part.removeprefix(f"{whole}/") if part != whole else f"{whole} together" if whole != "all" else "all"
        axes.plot(
            x,
            y,
            style,
            color=colour,
            label=name,
            linewidth=1.9 if part == whole else 1.2,
            marker=marker,
            markersize=2.5,
        )
    for rows in list(looks.values())[:-1]:
        axes.axvline(rows[-1]["step"], color="#8886", linewidth=0.8)
    axes.set_yscale("log")
    axes.set_xlabel("step, all phases")
    count_on(axes.xaxis)
    axes.set_ylabel(figure.replace("_", " "))
    axes.spines[["top", "right"]].set_visible(False)
    if len(parts) <= 2 * _LEGEND:
        drawing.legend(loc="outside right upper", frameon=False, fontsize=7, ncols=1 + (len(parts) > _LEGEND))
    return png_of(drawing)


def ridgelines(weights: Mapping[str, Sequence[Mapping[str, Any]]], parts: Sequence[str]) -> str:
    """Draw each part's histograms over time as ridges, the first at the back (above), the last in front.

    Args:
        weights: For each phase its lines with histograms.
        parts: The parts, one small picture each.

    Returns:
        A PNG as base64.
    """
    import numpy as np
    from matplotlib.figure import Figure

    columns = min(_COLUMNS, len(parts))
    rows_of = -(-len(parts) // columns)
    drawing = Figure(figsize=(1.85 * columns + 0.2, 2.1 * rows_of + 0.2), layout="constrained")
    grid = drawing.subplots(rows_of, columns, squeeze=False).reshape(-1)
    lines = [row for rows in weights.values() for row in rows]
    for axes, part in zip(grid, parts, strict=False):
        ridges = [(row["step"], row["parts"][part]) for row in lines if part in row["parts"]]
        ridges = [*ridges[: -1 : max(-(-len(ridges) // _RIDGES), 1)], *ridges[-1:]]
        for number, (_, counted) in enumerate(ridges):
            low, high, counts = counted["low"], counted["high"], np.asarray(counted["counts"], float)
            width = max(high - low, 1e-12)
            x = low + width * (np.arange(len(counts)) + 0.5) / len(counts)
            height = 3.0 * counts / counts.max()  # each ridge has its own scale: shapes are compared, not counts
            base = float(len(ridges) - 1 - number)
            shade = number / max(len(ridges) - 1, 1)
            colour = (0.72 - 0.49 * shade, 0.80 - 0.34 * shade, 0.90 - 0.08 * shade)
            axes.fill_between(x, base, base + height, facecolor=colour, edgecolor="white", linewidth=0.5, zorder=number)
        axes.set_title(part, fontsize=7)
        axes.tick_params(labelsize=6)
        axes.locator_params(axis="x", nbins=4)
        steps = [step for step, _ in ridges]
        axes.set_yticks(
            [len(ridges) - 1.0, 0.0] if len(ridges) > 1 else [0.0], [f"{steps[0]}", f"{steps[-1]}"][: len(steps)]
        )
        axes.spines[["top", "right", "left"]].set_visible(False)
    for axes in grid[len(parts) :]:
        axes.set_visible(False)
    drawing.supylabel("step", fontsize=7)
    return png_of(drawing)
