"""Labelled images in a NumPy ``.npz`` file."""

import zipfile
import zlib
from pathlib import Path

import numpy as np

from kerasarch.data.source import ArrayImages
from kerasarch.errors import DataError

PARTS = {"train": ("train",), "validation": ("validation", "val", "valid"), "test": ("test",)}


def read_npz(path: Path) -> dict[str, ArrayImages]:
    """Read ``x_train, y_train`` and, if there, ``x_val, y_val`` and ``x_test, y_test``; or ``x, y`` alone.

    Images are uint8, or floats from 0 to 1 or from 0 to 255: ``(images, height, width[, channels])``. Labels are whole
    numbers or strings, ``(images,)`` or ``(images, 1)``; ``class_names``, if there, names the numbers from 0 on. No
    pickled object is ever loaded.

    Args:
        path: The file.

    Returns:
        One source a part, ``train`` always.

    Raises:
        DataError: The file is damaged, or the arrays are missing or do not fit.
    """
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error, AttributeError) as error:
        raise DataError(f"{path}: not a readable .npz file of plain arrays ({error}).") from error
    found = {}
    for part, endings in PARTS.items():
        pairs = [(f"x_{name}", f"y_{name}") for name in endings] + ([("x", "y")] if part == "train" else [])
        pair = next((pair for pair in pairs if set(pair) <= set(arrays)), None)
        if pair is not None:
            found[part] = (_pixels(path, pair[0], arrays[pair[0]]), _label_column(path, pair[1], arrays[pair[1]]))
    if "train" not in found:
        raise DataError(
            f"{path}: no images. Expected arrays x_train and y_train, or x and y. Found: {', '.join(arrays) or 'none'}."
        )
    values, names = _classes(path, found["train"][1], arrays.get("class_names"))
    parts = {}
    for part, (images, labels) in found.items():
        if not np.isin(labels, values).all():
            strange = labels[~np.isin(labels, values)][0]
            raise DataError(f"{path}: the {part} part has the label {strange!r}, which is not among the classes.")
        parts[part] = ArrayImages(images, np.searchsorted(values, labels), names)
    return parts


def _classes(path: Path, labels: np.ndarray, given: np.ndarray | None) -> tuple[np.ndarray, list[str]]:
    """The sorted labels that occur, and their names."""
    values = np.unique(labels)
    if given is not None and labels.dtype.kind in "iu":
        values = np.arange(len(given))
    if len(values) < 2:
        raise DataError(f"{path}: images of one class only. A classification needs two or more.")
    return values, [str(name) for name in (values if given is None or labels.dtype.kind not in "iu" else given)]


def _label_column(path: Path, name: str, labels: np.ndarray) -> np.ndarray:
    labels = labels[:, 0] if labels.ndim == 2 and labels.shape[1] == 1 else labels
    if labels.ndim != 1 or labels.dtype.kind not in "iuU":
        raise DataError(
            f"{path}: {name} must hold one whole number or string an image. "
            f"Received {labels.dtype} of shape {labels.shape}."
        )
    return labels


def _pixels(path: Path, name: str, images: np.ndarray) -> np.ndarray:
    if images.dtype == np.uint8 or not images.size:
        return images.astype(np.uint8, copy=False)
    if images.dtype.kind not in "iuf":
        raise DataError(f"{path}: {name} must hold numbers. Received {images.dtype}.")
    low, high = float(images.min()), float(images.max())
    if not 0 <= low <= high <= 255:
        raise DataError(f"{path}: {name} must lie in [0, 255], or in [0, 1]. Received values from {low} to {high}.")
    unit = images.dtype.kind == "f" and high <= 1
    return np.rint(images * 255 if unit else images).astype(np.uint8)
