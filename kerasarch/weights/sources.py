"""From the short string that names a source to a checkpoint in memory."""

import hashlib
import json
import os
import re
from pathlib import Path
from typing import Any

import keras
import numpy as np

from kerasarch.errors import DependencyError, UsageError, WeightsError
from kerasarch.models import IMAGENET, Preprocessing
from kerasarch.weights import convnext, densenet, efficientnet, mobilenet_v2, resnet, vgg
from kerasarch.weights.checkpoint import Checkpoint
from kerasarch.weights.hdf5_files import read_archive, read_hdf5
from kerasarch.weights.safetensors_files import read_safetensors, read_safetensors_folder

FORMS = (
    "a folder in Hugging Face layout, hf:org/name[/subfolder][@revision], timm:name, keras:name, "
    "or a file .safetensors, .weights.h5, .h5 or .keras"
)
_FILES = {
    **{name: (resnet.KERAS_URL, *entry) for name, entry in resnet.KERAS_FILES.items()},
    **{name: (mobilenet_v2.KERAS_URL, *entry) for name, entry in mobilenet_v2.KERAS_FILES.items()},
    **{name: (efficientnet.KERAS_URL, *entry) for name, entry in efficientnet.KERAS_FILES.items()},
    **{name: (convnext.KERAS_URL, *entry) for name, entry in convnext.KERAS_FILES.items()},
    **{name: (densenet.KERAS_URL, *entry) for name, entry in densenet.KERAS_FILES.items()},
    **{name: (f"{vgg.KERAS_URL}{name}/", *entry) for name, entry in vgg.KERAS_FILES.items()},
}
# How names of tensors begin at Hugging Face, with a head and without one
_HUGGINGFACE = (
    "resnet.",
    "mobilenet_v2.",
    "efficientnet.",
    "convnext.",
    "vit.",
    "deit.",
    "embedder.",
    "embeddings.",
    "conv_stem.first_conv.",
)
DIFFUSERS_STEM = "diffusion_pytorch_model"
# All of our names begin with the name of a group, of keras.applications' at most some do
_OURS = re.compile(r"(?:stem|stage\d+|top|head)[_/]")
# PIL's numbers of resampling filters, as preprocessor_config.json stores them
_RESAMPLING = {0: "nearest", 1: "lanczos", 2: "bilinear", 3: "bicubic"}


def open_source(source: str | Path) -> Checkpoint:
    """Read a checkpoint.

    Args:
        source: One of the forms in ``FORMS``.

    Raises:
        UsageError: The source has no known form or name.
        WeightsError: The file or folder is missing or damaged.
        DependencyError: The network or a package is missing; the message says which file to put where.
    """
    text = str(source)
    if text.startswith("hf:"):
        return _open_hub(text.removeprefix("hf:"), text)
    if text.startswith("timm:"):
        return _open_hub(f"timm/{text.removeprefix('timm:')}", text)
    if text.startswith("keras:"):
        path = _fetch_keras(text.removeprefix("keras:"))
        return Checkpoint(text, "keras", read_hdf5(path))
    path = Path(text).expanduser()
    if path.is_dir():
        return open_folder(path)
    if not path.exists():
        raise WeightsError(f"{text}: no such file or folder. A source of weights is {FORMS}.")
    return open_file(path)


def open_file(path: Path) -> Checkpoint:
    """Read a single file of weights.

    Args:
        path: The file.

    Raises:
        WeightsError: It is damaged or of an unknown kind.
    """
    if path.suffix == ".safetensors":
        tensors = read_safetensors(path)
        if any(name.startswith(_HUGGINGFACE) for name in tensors):
            raise WeightsError(
                f"{path}: Hugging Face's tensors need their config.json. Give the folder instead of the file."
            )
        return Checkpoint(str(path), "timm", tensors)
    if path.suffix == ".keras":
        config, tensors = read_archive(path)
        return Checkpoint(str(path), _keras_layout(tensors), tensors, config.get("config", {}))
    if path.suffix in (".h5", ".hdf5"):
        tensors = read_hdf5(path)
        return Checkpoint(str(path), _keras_layout(tensors), tensors)
    raise WeightsError(f"{path}: unknown kind of file. A source of weights is {FORMS}; pickles are never read.")


def _keras_layout(tensors: dict[str, Any]) -> Any:
    return "kerasarch" if all(_OURS.match(name) for name in tensors) else "keras"


def open_folder(folder: Path, origin: str | None = None) -> Checkpoint:
    """Read a folder in Hugging Face layout: config.json and safetensors, of transformers, timm or diffusers.

    Args:
        folder: The folder.
        origin: How to call it in messages.

    Raises:
        WeightsError: A file is missing or damaged.
    """
    origin = origin or str(folder)
    config = read_json(folder / "config.json")
    if "_class_name" in config:
        return Checkpoint(origin, "diffusers", read_safetensors_folder(folder, DIFFUSERS_STEM), config)
    tensors = read_safetensors_folder(folder)
    if "model_type" in config:
        preprocessor = folder / "preprocessor_config.json"
        preprocessing = _huggingface_preprocessing(read_json(preprocessor)) if preprocessor.is_file() else None
        generation = folder / "generation_config.json"
        how = read_json(generation) if generation.is_file() else {}
        return Checkpoint(origin, "huggingface", tensors, config, preprocessing, how)
    if "architecture" in config:
        return Checkpoint(
            origin, "timm", tensors, config, _timm_preprocessing(config.get("pretrained_cfg", {}), origin)
        )
    raise WeightsError(
        f"{origin}: config.json names neither model_type (transformers) nor architecture (timm) "
        "nor _class_name (diffusers)."
    )


def read_json(path: Path) -> dict[str, Any]:
    """Read a file that holds a JSON object.

    Raises:
        WeightsError: It is missing or damaged.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise WeightsError(f"{path}: no such file. Expected a folder in Hugging Face layout.") from error
    except ValueError as error:
        raise WeightsError(f"{path}: not readable as JSON ({error}). Fetch it again.") from error
    if not isinstance(content, dict):
        raise WeightsError(f"{path}: expected a JSON object. Received {type(content).__name__}.")
    return content


def _huggingface_preprocessing(given: dict[str, Any]) -> Preprocessing:
    size = given.get("crop_size") if given.get("do_center_crop") else given.get("size", 224)
    size = size or given.get("size", 224)
    if isinstance(size, dict):
        side = size.get("shortest_edge", 224)
        size = (size.get("height", side), size.get("width", side))
    elif isinstance(size, int):
        size = (size, size)
    mean, std = np.zeros(3), np.ones(3)
    if given.get("do_normalize", True):
        mean = np.asarray(given.get("image_mean", IMAGENET.mean))
        std = np.asarray(given.get("image_std", IMAGENET.std))
    if given.get("include_top", False):  # EfficientNet's processor divides once more, as its TensorFlow code did
        std = std * np.asarray(given.get("image_std", IMAGENET.std))
    if given.get("rescale_offset", False):  # and may subtract 1 before the mean
        mean = mean + 1.0
    resample = 2 if given.get("resample") is None else given["resample"]
    if resample not in _RESAMPLING:
        raise WeightsError(
            f"preprocessor_config.json says that pictures are resized by resample {resample!r} (Pillow's number). "
            f"Expected one of {', '.join(f'{number} ({name})' for number, name in _RESAMPLING.items())}; write there "
            "the one that comes closest."
        )
    return Preprocessing(
        size=tuple(size),
        mean=tuple(mean),
        std=tuple(std),
        scale=float(given.get("rescale_factor", 1 / 255)) if given.get("do_rescale", True) else 1.0,
        interpolation=_RESAMPLING[resample],
    )


def _timm_preprocessing(given: dict[str, Any], origin: str) -> Preprocessing:
    plain = Preprocessing()
    interpolation = given.get("interpolation", "bicubic")
    if interpolation not in _RESAMPLING.values():
        raise WeightsError(
            f"{origin}: config.json says in pretrained_cfg that pictures are resized by interpolation "
            f"{interpolation!r}. Expected one of {', '.join(_RESAMPLING.values())}; write there the one that comes "
            "closest."
        )
    return Preprocessing(
        size=tuple(given.get("input_size", (3, 224, 224))[1:]),
        mean=tuple(given.get("mean", plain.mean)),
        std=tuple(given.get("std", plain.std)),
        interpolation=interpolation,
    )


def _offline() -> bool:
    return os.environ.get("HF_HUB_OFFLINE", "").lower() in ("1", "true", "yes", "on")


def _fetch_keras(name: str) -> Path:
    """Return the local copy of a keras.applications file, fetching it when it is not there."""
    if name not in _FILES:
        raise UsageError(f"keras:{name}: no such weights. There are: {', '.join(sorted(_FILES))}.")
    url, file, digest = _FILES[name]
    home = Path(os.environ.get("KERAS_HOME", Path.home() / ".keras")) / "models"
    remedy = f"Fetch {url}{file} elsewhere and put it at {home / file}"
    if _offline() and not (home / file).is_file():
        raise DependencyError(
            f"keras:{name}: not in the cache, and nothing may be fetched (--offline, or HF_HUB_OFFLINE). {remedy}."
        )
    if digest and (home / file).is_file():
        _check(home / file, digest, f"Delete it. {remedy}")
        return home / file
    try:
        return Path(keras.utils.get_file(file, url + file, cache_subdir="models", file_hash=digest))
    except Exception as error:  # Keras raises bare Exceptions when a fetch fails
        raise DependencyError(f"keras:{name}: {file} could not be fetched ({error}). {remedy}.") from error


def _check(path: Path, digest: str, remedy: str) -> None:
    """Refuse a cached file that is not the published one; offline Keras would try to fetch it, and say only that."""
    kind = "md5" if len(digest) == 32 else "sha256"
    found = hashlib.new(kind, path.read_bytes(), usedforsecurity=False).hexdigest()
    if found != digest:
        shown = {"md5": "MD5", "sha256": "SHA-256"}[kind]
        raise WeightsError(f"{path}: {shown} is {found}, the published file's {digest}. {remedy}.")


def _open_hub(name: str, origin: str) -> Checkpoint:
    """Read a repository of the Hugging Face hub, from the cache or the network."""
    path, _, revision = name.partition("@")
    parts = path.split("/")
    if len(parts) not in (2, 3) or not all(parts):
        raise UsageError(f"{origin}: expected hf:org/name, hf:org/name/subfolder or hf:org/name@revision.")
    repository, subfolder = "/".join(parts[:2]), parts[2] if len(parts) == 3 else ""
    start = f"{subfolder}/" if subfolder else ""
    folder = fetch(repository, revision, [f"{start}*.json", f"{start}*.safetensors"], origin)
    return open_folder(folder / subfolder, origin)


def fetch(repository: str, revision: str, patterns: list[str], origin: str) -> Path:
    """Return the local folder of a repository of the Hugging Face hub, from the cache or the network.

    Args:
        repository: ``org/name``.
        revision: Branch, tag or commit; empty for the default branch.
        patterns: Which files are wanted.
        origin: How to call it in messages.

    Raises:
        DependencyError: It cannot be reached, or the package is missing.
    """
    try:
        import huggingface_hub
    except ImportError as error:
        raise DependencyError(f"{origin}: needs the package huggingface_hub: pip install 'kerasarch[hub]'.") from error
    try:
        return Path(huggingface_hub.snapshot_download(repository, revision=revision or None, allow_patterns=patterns))
    except Exception as error:  # half a dozen unrelated classes, by cause and version of the hub's client
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise DependencyError(
            f"{origin}: could not be fetched ({reason}). Put config.json and model.safetensors of "
            f"https://huggingface.co/{repository} into a folder and give that folder instead."
        ) from error
