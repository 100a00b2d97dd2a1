"""The pictures of a report: learning curves, rates and open groups, confusion matrix, example predictions."""

import base64
import io
from collections.abc import Mapping, Sequence
from typing import Any

COLOURS = ("#3b76d1", "#d1603b", "#3a9d6e", "#8f5fc4", "#c2952f", "#c4497c", "#4aa3b5", "#7a7f87")


def curves(runs: Mapping[str, Mapping[str, Sequence[Mapping[str, Any]]]], metric: str) -> str | None:
    """Draw a metric over the epochs of all phases: training dashed, validation solid.

    The phases of one run stand side by side. Where their names share what is before the slash, as ``gradual/head`` and
    ``gradual/stage3`` do, they make one part with that name above it.

    Args:
        runs: For each run its phases with their epochs.
        metric: The metric.

    Returns:
        A PNG as base64, or None where nothing was logged.
    """
    figure, axes = _figure(7.2, 3.2)
    drawn = False
    for number, (run, phases) in enumerate(runs.items()):
        colour = COLOURS[number % len(COLOURS)]
        other = COLOURS[1] if len(runs) == 1 else colour  # several runs: a colour each
        lines = ((metric, (0, (4, 1.5)), other, "training"), (f"val_{metric}", "-", colour, "validation"))
        for name, style, shade, word in lines:
            x: list[float] = []
            y: list[float] = []
            position = 0
            for rows in phases.values():
                for row in rows:
                    position += 1
                    if isinstance(row.get(name), (int, float)):
                        x.append(position)
                        y.append(row[name])
                x.append(position + 0.5)
                y.append(float("nan"))  # phases are not joined
            if any(value == value for value in y):
                drawn = True
                label = word if len(runs) == 1 else f"{run} {word}"
                dots = {"marker": "o", "markersize": 3} if position <= 60 else {}
                axes.plot(x, y, linestyle=style, color=shade, label=label, linewidth=1.6, **dots)
    if len(runs) == 1:
        _name_parts(axes, next(iter(runs.values())))
    axes.set_xlabel("epoch, all phases")
    count_on(axes.xaxis)
    axes.set_ylabel(metric)
    if drawn:
        figure.legend(
            *axes.get_legend_handles_labels(), loc="outside upper right", ncols=2, frameon=False, fontsize=8,
            handlelength=3.5,
        )  # fmt: skip
    return png_of(figure) if drawn else None


def _name_parts(axes: Any, phases: Mapping[str, Sequence[Any]]) -> None:
    """Draw a line between phases, a stronger one between parts, and each part's name above it."""
    parts: dict[str, list[float]] = {}
    edge = 0
    for name, rows in phases.items():
        part = name.partition("/")[0]
        begins = part not in parts
        if edge:
            axes.axvline(edge + 0.5, color="#667" if begins else "#8886", linewidth=1.0 if begins else 0.6)
        edge += len(rows)
        parts[part] = [parts[part][0] if not begins else edge - len(rows) + 0.5, edge + 0.5]
    axes.set_xlim(0.5, edge + 0.5)
    if len(parts) < 2:
        return
    for number, (part, (left, right)) in enumerate(parts.items()):
        # Narrow neighbours would write over each other: every other name a line higher.
        narrow = (right - left) / max(edge, 1) < 0.013 * len(part) + 0.01
        axes.annotate(
            part,
            ((left + right) / 2, 1.0),
            (0, 12 if narrow and number % 2 else 3),
            xycoords=("data", "axes fraction"),
            textcoords="offset points",
            ha="center",
            va="bottom",
            fontsize=8,
            color="#445",
        )


def rates(phases: Mapping[str, Sequence[Mapping[str, Any]]]) -> str | None:
    """Draw the learning rate of each group over the epochs and, below in the same colours, which groups were open."""
    rows = [row for epochs in phases.values() for row in epochs]
    groups = list(dict.fromkeys(name[5:] for row in rows for name in row if name.startswith("open/")))
    if not groups:
        return None
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.2, 2.4 + 0.22 * len(groups)), layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(2.2, max(0.22 * len(groups), 0.8)))
    x = range(1, len(rows) + 1)
    for number, group in enumerate(groups):
        colour = COLOURS[number % len(COLOURS)]
        position = 0
        for epochs in phases.values():  # phases are not joined
            values = [row.get(f"lr/{group}") or float("nan") for row in epochs]
            upper.plot(x[position : position + len(epochs)], values, color=colour, linewidth=1.6)
            position += len(epochs)
        opened = [at - 0.5 for at, row in zip(x, rows, strict=True) if row.get(f"open/{group}")]
        lower.broken_barh([(left, 1.0) for left in opened], (number - 0.4, 0.8), color=colour)
    _name_parts(upper, phases)
    upper.set_ylabel("learning rate")
    upper.set_yscale("log")
    highest = max((row.get(f"lr/{group}") or 0.0 for row in rows for group in groups), default=0.0)
    if highest:
        upper.set_ylim(bottom=highest * 1e-5)  # a cosine ends at nothing, of which a logarithm would show too much
    lower.set_yticks(range(len(groups)), groups, fontsize=7)
    lower.set_xlabel("epoch, all phases")
    count_on(lower.xaxis)
    for axes in (upper, lower):
        axes.spines[["top", "right"]].set_visible(False)
    return png_of(figure)


def confusion(matrix: Sequence[Sequence[int]], classes: Sequence[str]) -> str:
    """Draw a confusion matrix, its rows normalized to colours."""
    import numpy as np

    counts = np.asarray(matrix, float)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    side = min(max(3.0, 0.42 * len(classes) + 1.4), 9.0)
    figure, axes = _figure(side, side)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    if len(classes) <= 20:
        for row, column in np.ndindex(counts.shape):
            colour = "white" if shares[row, column] > 0.5 else "#345"
            if counts[row, column]:
                text = f"{counts[row, column]:g}"
                axes.text(column, row, text, ha="center", va="center", color=colour, fontsize=7)
    if len(classes) <= 60:
        axes.set_xticks(range(len(classes)), classes, rotation=90, fontsize=7)
        axes.set_yticks(range(len(classes)), classes, fontsize=7)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    return png_of(figure)


def picture(image: Any, pixels: int = 96) -> str:
    """Turn an image ``(H, W, C)`` of 8-bit pixels into a small PNG as base64."""
    from PIL import Image

    array = image[..., 0] if image.shape[-1] == 1 else image[..., :3]
    found = Image.fromarray(array)
    scale = pixels / max(found.size)
    size = (max(round(found.width * scale), 1), max(round(found.height * scale), 1))
    resized = found.resize(size, Image.Resampling.NEAREST if scale > 2 else Image.Resampling.BILINEAR)
    data = io.BytesIO()
    resized.save(data, format="png")
    return base64.b64encode(data.getvalue()).decode()


def _figure(width: float, height: float) -> tuple[Any, Any]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.subplots()
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def count_on(axis: Any) -> None:
    """Put whole numbers on an axis that counts."""
    from matplotlib.ticker import MaxNLocator

    axis.set_major_locator(MaxNLocator("auto", integer=True, min_n_ticks=1))


def png_of(figure: Any) -> str:
    """Return a matplotlib figure as a PNG in base64."""
    data = io.BytesIO()
    figure.savefig(data, format="png", dpi=140)
    return base64.b64encode(data.getvalue()).decode()
