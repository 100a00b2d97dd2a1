"""Models of diffusers: folders of config.json, whose ``_class_name`` decides, and safetensors."""

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import keras

from kerasarch.errors import UsageError, WeightsError
from kerasarch.models.configured import picture_shape
from kerasarch.models.family import choose
from kerasarch.weights import autoencoder_kl, dit, unet_2d, unet_2d_condition, vq_model
from kerasarch.weights.autoencoder_kl import modern_name
from kerasarch.weights.checkpoint import Checkpoint, assign, torch_tensors, within
from kerasarch.weights.safetensors_files import write_safetensors, write_text

# A module has MODEL, CLASS_NAME, read_config, write_config and tensor_name; select and complete where the tensors of a
# file are not one for each variable.
CLASSES: dict[str, ModuleType] = {
    module.CLASS_NAME: module for module in (autoencoder_kl, dit, unet_2d, unet_2d_condition, vq_model)
}
CLASSES[dit.FORMER_NAME] = dit


def build(
    checkpoint: Checkpoint,
    *,
    input_shape: tuple[int | None, ...] | None = None,
    name: str | None = None,
    overrides: Mapping[str, Any] | None = None,
) -> keras.Model:
    """Return the model that a folder describes, with its weights.

    Args:
        checkpoint: The folder, read.
        input_shape: Height, width, channels; None for any size.
        name: Name of the model.
        overrides: Fields of the config to replace; ``dtype`` is the model's dtype policy.

    Raises:
        UsageError: An override is unknown.
        WeightsError: The class is not built here, or the weights do not fit.
    """
    module = _module(checkpoint)
    changes = dict(overrides or {})
    dtype = changes.pop("dtype", None)
    config = choose({}, module.read_config(checkpoint.config, checkpoint.origin), changes)
    model = module.MODEL(config, name=name, dtype=dtype)
    model.build(picture_shape(input_shape or (None, None, config.channels)))
    _assign(model, module, checkpoint)
    return model


def load(model: keras.Model, checkpoint: Checkpoint) -> None:
    """Give an existing model the weights of a folder.

    Raises:
        UsageError: The model is of another class.
        WeightsError: The weights do not fit.
    """
    module = _module(checkpoint)
    if not isinstance(model, module.MODEL):
        raise UsageError(f"{checkpoint.origin}: weights of {module.CLASS_NAME}. Received a {type(model).__name__}.")
    _assign(model, module, checkpoint)


def knows(model: keras.Model) -> bool:
    """Whether diffusers has a class for this model."""
    return any(isinstance(model, module.MODEL) for module in CLASSES.values())


def module_of(model: keras.Model) -> ModuleType:
    """Return the module with names and fields of a model that ``knows`` says yes to."""
    return next(module for module in CLASSES.values() if isinstance(model, module.MODEL))


def write(model: keras.Model, folder: Path) -> Path:
    """Write a folder that diffusers loads.

    Args:
        model: A model that ``knows`` says yes to.
        folder: Made if missing.

    Returns:
        The folder.
    """
    module = module_of(model)
    tensors = torch_tensors(model, module.tensor_name)
    if hasattr(module, "complete"):
        tensors = module.complete(model.config, tensors)
    folder.mkdir(parents=True, exist_ok=True)
    described = {"_class_name": module.CLASS_NAME, **module.write_config(model.config)}
    write_safetensors(folder / "diffusion_pytorch_model.safetensors", tensors)
    write_text(folder / "config.json", json.dumps(described, indent=2) + "\n")
    return folder


def _module(checkpoint: Checkpoint) -> ModuleType:
    name = checkpoint.config["_class_name"]
    if name not in CLASSES:
        raise WeightsError(f"{checkpoint.origin}: diffusers' {name} is not built here. Known are {', '.join(CLASSES)}.")
    return CLASSES[name]


def _assign(model: keras.Model, module: ModuleType, checkpoint: Checkpoint) -> None:
    renamed = {modern_name(name): tensor for name, tensor in checkpoint.tensors.items()}
    if hasattr(module, "select"):
        renamed = module.select(model.config, renamed, checkpoint.origin)
    assign(
        model,
        dataclasses.replace(checkpoint, tensors=renamed),
        lambda path: module.tensor_name(within(model, path)),
    )
