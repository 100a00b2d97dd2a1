"""Files of low-rank adapters: in diffusers' layout, ``pytorch_lora_weights.safetensors``, or by the names of layers."""

import re
from pathlib import Path

import keras
import numpy as np

from kerasarch.errors import UsageError, WeightsError
from kerasarch.models.adapters import adaptable
from kerasarch.weights import diffusers_folders
from kerasarch.weights.checkpoint import within
from kerasarch.weights.safetensors_files import read_safetensors, write_safetensors

FILE = "pytorch_lora_weights.safetensors"
_PREFIX = "unet."
# The two matrices as the package peft calls them, and as diffusers did before; the first is that towards the rank
_NAME = re.compile(r"(?P<place>.+)\.(?P<part>lora_A|lora_B|lora\.down|lora\.up|alpha)(\.weight)?")
_DOWN, _UP = ("lora_A", "lora.down"), ("lora_B", "lora.up")


def write_adapters(network: keras.Model, path: str | Path) -> Path:
    """Write a network's adapters, those of a U-Net as diffusers' ``load_lora_weights`` reads them.

    Adapters of other networks have the names of the layers here, as in ``block0.attention.query.lora_A.weight``.

    Args:
        network: With adapters.
        path: The file, or a folder for one called ``pytorch_lora_weights.safetensors``.

    Returns:
        The file.

    Raises:
        UsageError: The network has no adapters.
    """
    path = Path(path)
    path = path if path.suffix == ".safetensors" else path / FILE
    tensors: dict[str, np.ndarray] = {}
    prefix = _prefix(network)
    for place, layer in _places(network).items():
        if not layer.lora_enabled:
            continue
        # diffusers' weight is alpha / rank too, with alpha the rank where the file says nothing: put it into B.
        weight = layer.lora_alpha / layer.lora_rank
        down, up = (keras.ops.convert_to_numpy(part) for part in (layer.lora_kernel_a, layer.lora_kernel_b))
        tensors[f"{prefix}{place}.lora_A.weight"] = np.asarray(down, "float32").T
        tensors[f"{prefix}{place}.lora_B.weight"] = np.asarray(up, "float32").T * np.float32(weight)
    if not tensors:
        raise UsageError(f"{network.name} has no adapters to write. Add some: kerasarch.models.add_adapters.")
    path.parent.mkdir(parents=True, exist_ok=True)
    write_safetensors(path, tensors)
    return path


def read_adapters(network: keras.Model, path: str | Path, *, scale: float = 1.0) -> int:
    """Give a network the adapters of a file.

    Args:
        network: Without adapters.
        path: The file, or a folder with one called ``pytorch_lora_weights.safetensors``.
        scale: Weight of the adapters; 1 is as they were trained.

    Returns:
        The number of weights that are adapted.

    Raises:
        WeightsError: The file is missing or damaged, or adapts what is not adapted here.
        UsageError: The network has adapters already.
    """
    path = Path(path).expanduser()
    path = path / FILE if path.is_dir() else path
    if not path.is_file():
        raise WeightsError(f"{path}: no such file of adapters.")
    pairs = _pairs(read_safetensors(path), path, _prefix(network))
    places = _places(network)
    unknown = sorted(set(pairs) - set(places))
    if unknown:
        raise WeightsError(
            f"{path}: adapts {len(unknown)} weights for which there are no adapters here, such as {unknown[0]}. "
            "Adapted are the linear maps of the attentions in transformer blocks."
        )
    if any(layer.lora_enabled for layer in places.values()):
        raise UsageError(f"{network.name} has adapters already. Load the network anew.")
    for place, (down, up, _) in pairs.items():
        layer, rank = places[place], down.shape[0]
        expected = (layer.kernel.shape[0], layer.kernel.shape[1])
        if (down.shape[1], up.shape[0]) != expected or up.shape[1] != rank:
            raise WeightsError(f"{path}: {place} has {down.shape} and {up.shape}, the network's weight {expected}.")
    for place, (down, up, alpha) in pairs.items():
        layer, rank = places[place], down.shape[0]
        layer.enable_lora(rank, lora_alpha=scale * (rank if alpha is None else alpha))
        layer.lora_kernel_a.assign(down.T)
        layer.lora_kernel_b.assign(up.T)
    return len(pairs)


def _prefix(network: keras.Model) -> str:
    return _PREFIX if diffusers_folders.knows(network) else ""


def _places(network: keras.Model) -> dict[str, keras.layers.Dense]:
    """Return the linear maps that can be adapted by diffusers' names, or by those here."""
    known = diffusers_folders.knows(network)
    names = {}
    for layer in adaptable(network):
        path = within(network, layer._kernel.path)
        name = diffusers_folders.module_of(network).tensor_name(path) if known else path.replace("/", ".")
        names[name.removesuffix(".weight").removesuffix(".kernel")] = layer
    return names


def _pairs(
    tensors: dict[str, np.ndarray], path: Path, prefix: str
) -> dict[str, tuple[np.ndarray, np.ndarray, float | None]]:
    found: dict[str, dict[str, np.ndarray]] = {}
    for name, tensor in tensors.items():
        match = _NAME.fullmatch(name)
        if match is None or not name.startswith(prefix):
            whose = "a U-Net in diffusers' layout" if prefix else "a layer"
            raise WeightsError(f"{path}: {name} is no adapter of {whose}.")
        part = "down" if match["part"] in _DOWN else "up" if match["part"] in _UP else "alpha"
        found.setdefault(match["place"].removeprefix(prefix), {})[part] = np.asarray(tensor, "float32")
    for place, parts in found.items():
        if not {"down", "up"} <= set(parts) or parts["down"].ndim != 2 or parts["up"].ndim != 2:
            raise WeightsError(f"{path}: {place} lacks one of its two matrices.")
    return {
        place: (parts["down"], parts["up"], float(parts["alpha"]) if "alpha" in parts else None)
        for place, parts in found.items()
    }
