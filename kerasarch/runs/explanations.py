"""Pictures of what a classifier looks at, one sheet a picture: the picture, and each method's answer beside it."""

from pathlib import Path
from typing import Any

import numpy as np

from kerasarch.errors import UsageError
from kerasarch.inspection import attention_rollout, feature_maps, grad_cam, map_layers, occlusion
from kerasarch.models import attention_maps
from kerasarch.runs.classifier import Classifier
from kerasarch.runs.pictures import write_png

METHODS = ("grad-cam", "attention", "occlusion", "features")
CHANNELS = 8
"""Maps that are shown of a layer: the strongest."""


def methods_for(classifier: Classifier) -> tuple[str, ...]:
    """Return what is shown unless a method is asked for: attention of transformers, gradients of others, occlusion."""
    transformer = any(hasattr(layer, "attention_weights") for layer in classifier.model.layers)
    if transformer:
        return ("attention", "occlusion")
    return ("grad-cam", "occlusion", "features") if map_layers(classifier.model) else ("occlusion",)


def explain(classifier: Classifier, image: np.ndarray, method: str, label: int, layer: str | None) -> Any:
    """Return what one method shows of one prepared picture.

    Args:
        classifier: The classifier.
        image: uint8 ``(H, W, C)``.
        method: One of ``METHODS``.
        label: The class to explain.
        layer: Layer to look at, for Grad-CAM and feature maps.

    Returns:
        float32 ``(H, W)``, or for feature maps a list of ``(layer, (h, w, K))``.

    Raises:
        UsageError: The method does not suit the model.
    """
    images = classifier.for_keras(image[None])
    if method == "grad-cam":
        return grad_cam(classifier.model, images, [label], layer=layer)[0]
    if method == "occlusion":
        return np.maximum(occlusion(classifier.model, images, [label])[0], 0)
    if method == "features":
        return [
            (name, maps[0]) for name, maps in feature_maps(classifier.model, images, _layers(classifier, layer)).items()
        ]
    return _attention(classifier, images)


def _layers(classifier: Classifier, layer: str | None) -> list[str]:
    """At most four layers that have learned, spread over the depth."""
    if layer is not None:
        return [layer]
    names = [name for name in map_layers(classifier.model) if classifier.model.get_layer(name).weights]
    if not names:
        raise UsageError(f"{classifier.model.name}: no layer gives maps (batch, height, width, channels).")
    places = np.unique(np.linspace(0, len(names) - 1, min(4, len(names))).round().astype(int))
    return [names[place] for place in places]


def _attention(classifier: Classifier, images: Any) -> np.ndarray:
    """Shares of the patches in the tokens that the head sees, by rollout, as large as the picture."""
    from kerasarch.inspection.grad_cam import normalized, resized

    model = classifier.model
    weights = attention_maps(model).predict(images, verbose=0)
    rolled = attention_rollout(weights if isinstance(weights, list) else [weights])[0]  # (T, T)
    stem = model.get_layer("stem_tokens")
    front, (rows, columns) = stem.prefix, stem.grid
    shares = rolled[:front] if front else rolled
    seen = shares[:, front:].mean(axis=0)
    return normalized(resized(seen.reshape(1, rows, columns), classifier.size))[0]


def write_sheet(
    path: Path, classifier: Classifier, image: np.ndarray, title: str, answers: list[tuple[str, Any]]
) -> None:
    """Draw a picture and the answers to it into a PNG file.

    Args:
        path: The file.
        classifier: The classifier.
        image: uint8 ``(H, W, C)``.
        title: Above the picture.
        answers: Method and what `explain` returned.
    """
    import base64

    from matplotlib.figure import Figure

    from kerasarch.runs.plots import png_of

    heats = [(method, answer) for method, answer in answers if method != "features"]
    rows = [row for method, answer in answers if method == "features" for row in answer]
    wide = 1 + len(heats)
    figure = Figure(figsize=(max(2.6 * wide, 7.2 if rows else 0), 2.9 + 1.0 * len(rows)), layout="constrained")
    parts: Any = figure.subfigures(2, 1, height_ratios=[2.9, 1.0 * len(rows)]) if rows else [figure]
    top = parts[0].subplots(1, wide, squeeze=False)[0]
    _show(top[0], image)
    top[0].set_title(title, fontsize=9)
    for axes, (method, heat) in zip(top[1:], heats, strict=True):
        _show(axes, image, faint=True)
        axes.imshow(heat, cmap="inferno", alpha=0.55, vmin=0, vmax=max(float(heat.max()), 1e-9))
        axes.set_title(method, fontsize=9)
    if rows:
        grid = parts[1].subplots(len(rows), CHANNELS, squeeze=False)
        for line, (name, maps) in zip(grid, rows, strict=True):
            order = np.argsort(-maps.mean(axis=(0, 1)), kind="stable")[:CHANNELS]
            for axes in line:
                axes.set_axis_off()
            for axes, channel in zip(line, order, strict=False):
                axes.imshow(maps[:, :, channel], cmap="viridis")
                axes.set_title(str(channel), fontsize=6, pad=2)
            line[0].text(-0.08, 0.5, name, fontsize=7, ha="right", va="center", transform=line[0].transAxes)
    write_png(path, base64.b64decode(png_of(figure)))


def _show(axes: Any, image: np.ndarray, faint: bool = False) -> None:
    pixels = image[..., 0] if image.shape[-1] == 1 else image[..., :3]
    if faint and pixels.ndim == 3:
        pixels = pixels.mean(axis=-1)
    axes.imshow(pixels, cmap="gray", vmin=0, vmax=255)
    axes.set_axis_off()
