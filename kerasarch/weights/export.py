"""Writing a model as the reference implementation reads it."""

import json
from pathlib import Path
from typing import Any

import keras
import numpy as np

from kerasarch.errors import WeightsError
from kerasarch.models import Preprocessing, StableDiffusion
from kerasarch.weights import diffusers_folders, stable_diffusion, transformers_folders
from kerasarch.weights.checkpoint import to_torch
from kerasarch.weights.own_files import OwnFiles
from kerasarch.weights.pretrained import FAMILIES, describe
from kerasarch.weights.safetensors_files import write_safetensors, write_text

_RESAMPLING = {"nearest": 0, "lanczos": 1, "bilinear": 2, "bicubic": 3}


def to_pretrained(model: keras.Model | StableDiffusion, folder: str | Path) -> Path:
    """Write a model into a folder in Hugging Face layout, which ``from_pretrained`` and the reference load.

    The reference is ``transformers``, for the models of latent diffusion ``diffusers``.

    Args:
        model: A model that a builder of kerasarch made, also one from ``replace_head``; or the parts of a
            pipeline.
        folder: Where ``config.json``, ``model.safetensors`` and ``preprocessor_config.json`` go; made if missing.

    Returns:
        The folder.

    Raises:
        UsageError: The model is not one of kerasarch's.
        WeightsError: The reference has no counterpart of the model, such as ResNet v2; ``model.save`` keeps everything.
    """
    if isinstance(model, StableDiffusion):
        return stable_diffusion.write(model, folder)
    if diffusers_folders.knows(model):
        return diffusers_folders.write(model, Path(folder))
    if transformers_folders.knows(model):
        return transformers_folders.write(model, Path(folder))
    family, config = describe(model)
    module = FAMILIES[family]
    if isinstance(module, OwnFiles) or not hasattr(module, "HUGGINGFACE"):
        raise WeightsError(f"{model.name}: Hugging Face has no counterpart of the family {family}. Save as .keras.")
    fields = module.huggingface_config(config)
    kernels = {variable.path: variable for variable in model.weights}
    classes = kernels["head/kernel"].shape[1] if "head/kernel" in kernels else 0
    prefix = f"{module.HUGGINGFACE['model_type']}." if classes else ""
    tensors: dict[str, np.ndarray] = {}
    for path, variable in kernels.items():
        name = module.tensor_name(path, "huggingface", config, prefix=prefix)
        if name in tensors:
            raise WeightsError(f"{model.name}: variable {path} would be written as {name}, which is written already.")
        tensors[name] = to_torch(path, np.asarray(keras.ops.convert_to_numpy(variable), "float32"))
        if name.endswith(".running_mean"):
            # PyTorch expects its counter of batches beside the statistics.
            tensors[name.removesuffix("running_mean") + "num_batches_tracked"] = np.array(0, np.int64)
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    channels = next(variable.shape[2] for path, variable in kernels.items() if path.startswith("stem_"))
    kind = ("distilled" if "head_distillation/kernel" in kernels else "classifier") if classes else "backbone"
    described = {
        "architectures": [module.HUGGINGFACE[kind]],
        "model_type": module.HUGGINGFACE["model_type"],
        "num_channels": channels,
        **fields,
    }
    if classes:
        described["id2label"] = {str(index): f"LABEL_{index}" for index in range(classes)}
        described["label2id"] = {f"LABEL_{index}": index for index in range(classes)}
    write_safetensors(folder / "model.safetensors", tensors)
    _write(folder / "config.json", described)
    preprocessing = getattr(model, "preprocessing", None)
    if isinstance(preprocessing, Preprocessing) and preprocessing.channel_order == "rgb":
        _write(folder / "preprocessor_config.json", _preprocessor(preprocessing))
    return folder


def _preprocessor(preprocessing: Preprocessing) -> dict[str, Any]:
    height, width = preprocessing.size
    return {
        "image_processor_type": "ViTImageProcessor",
        "do_resize": True,
        "size": {"height": height, "width": width},
        "resample": _RESAMPLING[preprocessing.interpolation],
        "do_rescale": True,
        "rescale_factor": preprocessing.scale,
        "do_normalize": True,
        "image_mean": list(preprocessing.mean),
        "image_std": list(preprocessing.std),
    }


def _write(path: Path, content: dict[str, Any]) -> None:
    write_text(path, json.dumps(content, indent=2) + "\n")
