"""The report's section on training's health: warnings, gradient norms, changes of weights, histograms."""

from typing import Any

from kerasarch.runs import health_plots
from kerasarch.runs.page import escape, figure
from kerasarch.runs.record import Record


def health(record: Record) -> str:
    """Write the section's content; nothing where the run was not monitored and nobody has warned."""
    if not record.looks and not record.warnings:
        return ""
    drawn = [_warnings(record)]
    figures = (
        ("gradient_norm", "Norm of the gradient of each group of layers, before clipping"),
        ("update_ratio", "Norm of one step's change of the weights over the norm of the weights"),
    )
    for name, words in figures:
        for network, parts in health_plots.groups_of(record.looks, name).items():
            png = health_plots.curves(record.looks, name, parts, network or "all")
            drawn.append(
                figure(png, f"{name} over the steps" + (f", {network}" if network else ""), words + _of(network))
            )
    for network, parts in health_plots.groups_of(record.weights, "parts").items():
        png = health_plots.ridgelines(record.weights, parts)
        words = "Weights of each group over time: the first at the back, the last in front" + _of(network)
        drawn.append(figure(png, "histograms of weights" + (f", {network}" if network else ""), words))
    return "".join(drawn)


def _of(network: str) -> str:
    return f": {network}" if network else ""


def _warnings(record: Record) -> str:
    if not record.warnings:
        looks = sum(len(rows) for rows in record.looks.values())
        return f'<p><span class="good">No warnings</span> <span class="soft">from {looks} looks.</span></p>'
    return "<ul>" + "".join(_item(warning) for warning in record.warnings) + "</ul>"


def _item(warning: dict[str, Any]) -> str:
    where = f"{warning['phase']}, step {warning['step']}"
    return (
        f'<li><span class="bad">{escape(warning["name"].replace("-", " "))}</span> '
        f'<span class="soft">({escape(where)})</span> {escape(warning["text"])} {escape(warning["remedy"])}</li>'
    )
