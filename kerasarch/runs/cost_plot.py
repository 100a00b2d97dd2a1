"""A picture of where a model's parameters, multiply-adds and memory are, and how far its layers see."""

import base64
from pathlib import Path
from typing import Any

from kerasarch.runs.pictures import write_png
from kerasarch.runs.plots import COLOURS, png_of

PANELS = (("parameters", "parameters"), ("multiply_adds", "multiply-adds"), ("activations", "bytes of outputs"))


def write_cost_plot(cost: Any, path: Path) -> None:
    """Draw three bars a layer, and a line for the receptive field where layers have one, into a PNG file.

    Args:
        cost: A `kerasarch.inspection.ModelCost`.
        path: The file.
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import EngFormatter

    rows = cost.layers
    sizes = [row.receptive_field for row in rows]
    placed = sum(seen is not None for seen in sizes) > 1  # tokens have no place
    count = len(PANELS) + placed
    figure = Figure(figsize=(max(7.2, 0.2 * len(rows)), 1.8 * count), layout="constrained", dpi=130)
    panels = figure.subplots(count, sharex=True)
    places = range(len(rows))
    for axes, (field, title), colour in zip(panels, PANELS, COLOURS, strict=False):
        axes.bar(places, [getattr(row, field) or 0 for row in rows], color=colour)
        axes.set_title(title, fontsize=9, loc="left")
        axes.yaxis.set_major_formatter(EngFormatter())
    axes = panels[-1]
    if placed:
        axes.plot(places, [max(s) if isinstance(s, tuple) else float("nan") for s in sizes], ".-", color=COLOURS[3])
        for place, seen in enumerate(sizes):
            if seen == "all":
                axes.axvspan(place - 0.5, place + 0.5, color=COLOURS[3], alpha=0.15, linewidth=0)
        axes.set_title("receptive field in pixels (shaded: the whole picture)", fontsize=9, loc="left")
        axes.set_ylim(bottom=0)
    axes.set_xticks(list(places), [row.name for row in rows], rotation=90, fontsize=6)
    for axes in panels:
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(axis="y", labelsize=7)
        axes.margins(x=0.01)
    figure.suptitle(f"{cost.name}: {cost.parameters:,} parameters, {cost.multiply_adds:,} multiply-adds", fontsize=10)
    write_png(path, base64.b64decode(png_of(figure)))
