"""Pictures of what a classifier looks at, one sheet a picture: the picture, and each method's answer beside it."""

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kerasarch.errors import UsageError
from kerasarch.inspection import PatchAttention, feature_maps, grad_cam, map_layers, occlusion, patch_attention
from kerasarch.inspection.grad_cam import normalized, resized
from kerasarch.runs.classifier import Classifier
from kerasarch.runs.pictures import write_png

METHODS = ("grad-cam", "attention", "occlusion", "features")
OF_A_CLASS = ("grad-cam", "occlusion")
"""Methods that explain one class; the others show the same for all."""
OF_A_LAYER = ("grad-cam", "features")
"""Methods that look at one layer."""
COLUMNS = 8
"""Small maps side by side: of a layer's channels the strongest, of a block's heads all, in several lines."""

Line = tuple[str, tuple[tuple[str, np.ndarray], ...]]
"""Small maps in a row: their name, and each one's title and values, float32 ``(h, w)``."""


@dataclasses.dataclass(frozen=True)
class Answer:
    """What a method shows of a picture.

    Attributes:
        method: One of ``METHODS``.
        heat: float32 ``(H, W)`` to lay over the picture, or None.
        lines: Small maps below it.
    """

    method: str
    heat: np.ndarray | None = None
    lines: tuple[Line, ...] = ()


def methods_for(classifier: Classifier) -> tuple[str, ...]:
    """Return what is shown unless a method is asked for: attention of transformers, gradients of others, occlusion."""
    transformer = any(hasattr(layer, "attention_weights") for layer in classifier.model.layers)
    if transformer:
        return ("attention", "occlusion")
    return ("grad-cam", "occlusion", "features") if map_layers(classifier.model) else ("occlusion",)


def check_used(methods: Sequence[str], label: str | None, layer: str | None) -> None:
    """Refuse a class or a layer that no method asks for.

    Args:
        methods: Those that are wanted.
        label: The class that was given, or None.
        layer: The layer that was given, or None.

    Raises:
        UsageError: None of the methods makes use of it.
    """
    for option, given, users in (("--label", label, OF_A_CLASS), ("--layer", layer, OF_A_LAYER)):
        if given is not None and not set(methods) & set(users):
            raise UsageError(
                f"{option}: received {given!r}, of which there is no use in {', '.join(methods)}. Leave it out, or ask "
                f"for --method {' or '.join(users)}."
            )


def explain(classifier: Classifier, image: np.ndarray, method: str, label: int, layer: str | None) -> Answer:
    """Return what one method shows of one prepared picture.

    Args:
        classifier: The classifier.
        image: uint8 ``(H, W, C)``.
        method: One of ``METHODS``.
        label: The class to explain.
        layer: Layer to look at, for Grad-CAM and feature maps.

    Raises:
        UsageError: The method does not suit the model.
    """
    images = classifier.for_keras(image[None])
    if method == "grad-cam":
        return Answer(method, grad_cam(classifier.model, images, [label], layer=layer)[0])
    if method == "occlusion":
        return Answer(method, np.maximum(occlusion(classifier.model, images, [label])[0], 0))
    if method == "features":
        found = feature_maps(classifier.model, images, _layers(classifier, layer))
        return Answer(method, lines=tuple((name, _strongest(maps[0])) for name, maps in found.items()))
    attention = patch_attention(classifier.model, images)
    heat = normalized(resized(attention.rolled, classifier.size))[0]
    return Answer(method, heat, tuple(_heads(attention)))


def _heads(attention: PatchAttention) -> Iterator[Line]:
    """All heads of the last block, in as many lines as they need."""
    titled = tuple((f"head {number}", found) for number, found in enumerate(attention.heads[0], start=1))
    for first in range(0, len(titled), COLUMNS):
        yield ("" if first else attention.block), titled[first : first + COLUMNS]


def _strongest(maps: np.ndarray) -> tuple[tuple[str, np.ndarray], ...]:
    """The channels of maps ``(h, w, K)`` that are strongest on average."""
    order = np.argsort(-maps.mean(axis=(0, 1)), kind="stable")[:COLUMNS]
    return tuple((str(channel), maps[:, :, channel]) for channel in order)


def _layers(classifier: Classifier, layer: str | None) -> list[str]:
    """At most four layers that have learned, spread over the depth."""
    if layer is not None:
        return [layer]
    names = [name for name in map_layers(classifier.model) if classifier.model.get_layer(name).weights]
    if not names:
        raise UsageError(f"{classifier.model.name}: no layer gives maps (batch, height, width, channels).")
    places = np.unique(np.linspace(0, len(names) - 1, min(4, len(names))).round().astype(int))
    return [names[place] for place in places]


def write_sheet(path: Path, image: np.ndarray, title: str, answers: Sequence[Answer]) -> None:
    """Draw a picture and the answers to it into a PNG file.

    Args:
        path: The file.
        image: uint8 ``(H, W, C)``.
        title: Above the picture.
        answers: What `explain` returned of each method.
    """
    import base64

    from matplotlib.figure import Figure

    from kerasarch.runs.plots import png_of

    heats = [(answer.method, answer.heat) for answer in answers if answer.heat is not None]
    lines = [line for answer in answers for line in answer.lines]
    wide = 1 + len(heats)
    figure = Figure(figsize=(max(2.6 * wide, 7.2 if lines else 0), 2.9 + 1.0 * len(lines)), layout="constrained")
    parts: Any = figure.subfigures(2, 1, height_ratios=[2.9, 1.0 * len(lines)]) if lines else [figure]
    top = parts[0].subplots(1, wide, squeeze=False)[0]
    _show(top[0], image)
    top[0].set_title(title, fontsize=9)
    for axes, (method, heat) in zip(top[1:], heats, strict=True):
        _show(axes, image, faint=True)
        axes.imshow(heat, cmap="inferno", alpha=0.55, vmin=0, vmax=max(float(heat.max()), 1e-9))
        axes.set_title(method, fontsize=9)
    if lines:
        grid = parts[1].subplots(len(lines), COLUMNS, squeeze=False)
        for row, (name, maps) in zip(grid, lines, strict=True):
            for axes in row:
                axes.set_axis_off()
            for axes, (label, found) in zip(row, maps, strict=False):
                axes.imshow(found, cmap="viridis")
                axes.set_title(label, fontsize=6, pad=2)
            row[0].text(-0.08, 0.5, name, fontsize=7, ha="right", va="center", transform=row[0].transAxes)
    write_png(path, base64.b64decode(png_of(figure)))


def _show(axes: Any, image: np.ndarray, faint: bool = False) -> None:
    pixels = image[..., 0] if image.shape[-1] == 1 else image[..., :3]
    if faint and pixels.ndim == 3:
        pixels = pixels.mean(axis=-1)
    axes.imshow(pixels, cmap="gray", vmin=0, vmax=255)
    axes.set_axis_off()
