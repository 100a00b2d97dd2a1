"""Reading the weights that Keras writes: ``.weights.h5``, the older ``.h5``, and the ones inside ``.keras``.

A tensor is named by the path of its layer and its place in it: ``"conv1_conv/0"`` is the first variable of the layer
``conv1_conv``, ``"stem_conv/convolution/0"`` that of a layer in a layer.
"""

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from kerasarch.errors import WeightsError

MAX_CONFIG = 50_000_000  # bytes of config.json in an archive


def read_hdf5(path: Path) -> dict[str, np.ndarray]:
    """Read the model's tensors from an HDF5 file of either format; an optimizer's are left out.

    Args:
        path: The file.

    Raises:
        WeightsError: The file is missing, damaged, or holds no weights of a Keras model.
    """
    if not path.is_file():
        raise WeightsError(f"{path}: no such file. Expected an HDF5 file of Keras weights.")
    return _read(path, str(path))


def read_archive(path: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Read config and tensors of a ``.keras`` file.

    Args:
        path: The file.

    Returns:
        The model's config (plain values, nothing is built from them) and its tensors.

    Raises:
        WeightsError: The file is missing or damaged.
    """
    if not path.is_file():
        raise WeightsError(f"{path}: no such file. Expected a .keras file.")
    try:
        with zipfile.ZipFile(path) as archive:
            if archive.getinfo("config.json").file_size > MAX_CONFIG:
                raise WeightsError(f"{path}: config.json has more than {MAX_CONFIG} bytes. Expected a .keras file.")
            config = json.loads(archive.read("config.json"))
            weights = archive.read("model.weights.h5")
    except (zipfile.BadZipFile, KeyError, ValueError, EOFError) as error:
        if isinstance(error, WeightsError):
            raise
        raise WeightsError(f"{path}: truncated or no .keras file ({error}). Fetch or save it again.") from error
    return config, _read(io.BytesIO(weights), str(path))


def _read(file: Any, shown: str) -> dict[str, np.ndarray]:
    try:
        with h5py.File(file, "r") as root:
            if "layer_names" in root.attrs:
                tensors = _legacy(root)
            elif "model_weights" in root:
                tensors = _legacy(root["model_weights"])
            else:
                tensors = _modern(root)
    except (OSError, RuntimeError, KeyError) as error:
        raise WeightsError(f"{shown}: truncated or no HDF5 file ({error}). Fetch or save it again.") from error
    if not tensors:
        raise WeightsError(f"{shown}: no weights of a Keras model in it. Expected a .weights.h5 or .h5 file.")
    return tensors


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _array(dataset: h5py.Dataset) -> np.ndarray:
    array = dataset[()]
    if dataset.attrs.get("dtype") == "bfloat16":  # Keras stores its bits
        return (array.view(np.uint16).astype(np.uint32) << 16).view(np.float32)
    return array


def _legacy(group: h5py.Group) -> dict[str, np.ndarray]:
    tensors = {}
    for name in map(_text, group.attrs["layer_names"]):
        for index, weight in enumerate(map(_text, group[name].attrs["weight_names"])):
            tensors[f"{name}/{index}"] = _array(group[name][weight])
    return tensors


def _modern(root: h5py.File) -> dict[str, np.ndarray]:
    tensors: dict[str, np.ndarray] = {}

    def visit(group: h5py.Group, path: tuple[str, ...]) -> None:
        variables = group.get("vars")
        if path and isinstance(variables, h5py.Group):
            for index in variables:
                tensors["/".join((*path, index))] = _array(variables[index])
        for key, child in group.items():
            # seed generators and optimizers are state, not weights
            if key in ("vars", "optimizer", "seed_generator") or not isinstance(child, h5py.Group):
                continue
            inner = child.get("vars")
            name = _text(inner.attrs.get("name", key)) if isinstance(inner, h5py.Group) else None
            visit(child, path if name is None else (*path, name))

    visit(root, ())
    return tensors
