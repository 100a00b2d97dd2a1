"""A checkpoint in memory, and the one way in which its tensors reach a model."""

import dataclasses
import logging
import re
from collections.abc import Callable, Mapping
from typing import Any, Literal

import keras
import numpy as np

from kerasarch.errors import ShapeError, WeightsError
from kerasarch.models import Preprocessing, adapt_channels, group_of

Layout = Literal["huggingface", "timm", "keras", "kerasarch", "diffusers"]
logger = logging.getLogger("kerasarch")

# Name of a Keras variable to the name in PyTorch, and to its place among a layer's variables in Keras' files
TORCH_NAMES = {
    "kernel": "weight",
    "bias": "bias",
    "gamma": "weight",
    "beta": "bias",
    "embeddings": "weight",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
}
KERAS_PLACES = {"kernel": 0, "bias": 1, "gamma": 0, "beta": 1, "moving_mean": 2, "moving_variance": 3}
KERAS_PLACES |= {"positions": 0, "class_token": 1, "distillation_token": 2}


@dataclasses.dataclass(frozen=True)
class Checkpoint:
    """Tensors of a file or folder, and what it says about itself.

    Attributes:
        origin: Where it came from, for messages.
        layout: Whose names and axis order the tensors have.
        tensors: Name to array.
        config: The reference's config as plain values, empty where there is none.
        preprocessing: How pictures are prepared, where the checkpoint says so.
        generation: How texts are generated (``generation_config.json``), empty where there is no such file.
    """

    origin: str
    layout: Layout
    tensors: Mapping[str, np.ndarray]
    config: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    preprocessing: Preprocessing | None = None
    generation: Mapping[str, Any] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Identity:
    """What a checkpoint turns out to be.

    Attributes:
        config: The family's config.
        classes: Outputs of its head, 0 where it has none.
        channels: Input channels of its first kernel.
        preprocessing: What its weights expect.
        unknown: Fields of the config that the checkpoint does not tell.
        input_shape: Shape of what goes in where it is no picture.
    """

    config: Any
    classes: int
    channels: int
    preprocessing: Preprocessing
    unknown: tuple[str, ...] = ()
    input_shape: tuple[int | None, ...] | None = None


def to_keras(path: str, tensor: np.ndarray) -> np.ndarray:
    """Bring a tensor of PyTorch's layout into Keras'.

    Args:
        path: Path of the variable, which tells kernels from vectors and depthwise kernels from others.
        tensor: Output, input, height, width; or output, input, length; or output, input; or one number a channel.
    """
    if not path.endswith("/kernel"):
        return tensor
    if tensor.ndim == 2:
        return tensor.T
    if tensor.ndim == 3:
        return tensor.transpose(2, 1, 0)
    return tensor.transpose((2, 3, 0, 1) if _depthwise(path) else (2, 3, 1, 0))


def channels_last_columns(kernel: np.ndarray, channels: int) -> np.ndarray:
    """Turn a kernel of PyTorch that reads whole maps into one that reads them channels last, as ours do.

    Args:
        kernel: ``(outputs, channels * pixels)`` over flattened maps, or ``(outputs, channels, height, width)`` of a
            convolution that covers them.
        channels: Channels of the maps.

    Returns:
        ``(outputs, pixels * channels)``.
    """
    maps = kernel.reshape(kernel.shape[0], channels, -1)
    return maps.transpose(0, 2, 1).reshape(kernel.shape[0], -1)


def to_torch(path: str, tensor: np.ndarray) -> np.ndarray:
    """Bring a variable of Keras' layout into PyTorch's, the inverse of ``to_keras``."""
    if not path.endswith("/kernel"):
        return tensor
    if tensor.ndim == 2:
        return tensor.T
    if tensor.ndim == 3:
        return tensor.transpose(2, 1, 0)
    return tensor.transpose((2, 3, 0, 1) if _depthwise(path) else (3, 2, 0, 1))


def within(model: keras.Model, path: str) -> str:
    """Return the path of a variable within its model, which may itself be part of another."""
    parts = path.split("/")
    return "/".join(parts[parts.index(model.name) + 1 :]) if model.name in parts else path


def torch_tensors(model: keras.Model, name_of: Callable[[str], str]) -> dict[str, np.ndarray]:
    """Return a model's variables under the reference's names, in PyTorch's layout and float32.

    Low-rank adapters are added to the weights that they adapt.

    Args:
        model: The model.
        name_of: Path of a variable within the model to the name of its tensor.

    Raises:
        WeightsError: Two variables have one name.
    """
    adapted = {
        layer._kernel.path: layer.kernel
        for layer in model._flatten_layers()
        if isinstance(layer, keras.layers.Dense) and layer.lora_enabled
    }
    weights = [variable for variable in model.weights if not variable.name.startswith("lora_kernel_")]
    tensors: dict[str, np.ndarray] = {}
    for variable in weights:
        path = within(model, variable.path)
        value = keras.ops.convert_to_numpy(adapted.get(variable.path, variable))
        tensors[name_of(path)] = to_torch(path, np.asarray(value, "float32"))
    if len(tensors) != len(weights):
        raise WeightsError(f"{model.name}: {len(weights)} variables have {len(tensors)} names in the reference.")
    return tensors


def _depthwise(path: str) -> bool:
    return "depthwise" in path.split("/")


def assign(
    model: keras.Model,
    checkpoint: Checkpoint,
    name_of: Callable[[str], str],
    *,
    ignored: str = r"(?!)",
    fresh_head: bool = False,
    may_stay_fresh: Callable[[str], bool] = lambda path: False,
) -> None:
    """Give every variable of a model its tensor: each exactly one, and none left over.

    Nothing is assigned before everything is known to fit.

    Args:
        model: The model.
        checkpoint: Where the tensors come from.
        name_of: Path of a variable to the name of its tensor.
        ignored: Regular expression for the names of tensors that are left out on purpose.
        fresh_head: Leave the head as it is, because the classes differ.
        may_stay_fresh: Path of a variable to whether it is left as it is where there is no tensor that fits.

    Raises:
        WeightsError: A variable has no tensor, a tensor no variable, or a shape does not fit. Both sides are named.
    """
    chosen: dict[str, tuple[Any, np.ndarray]] = {}
    left_fresh = []
    without: list[str] = []
    passed_over: set[str] = set()
    missing: list[str] = []
    variables = {variable.path: variable for variable in model.weights}
    stem = next((path for path in variables if path.startswith("stem_") and path.endswith("/kernel")), None)
    for path, variable in variables.items():
        # A normalisation before the head has no kernel, and does not depend on the classes.
        layer = path.rsplit("/", 1)[0]
        if fresh_head and group_of(layer.split("/")[0]) == "head" and f"{layer}/kernel" in variables:
            left_fresh.append(path)
            continue
        name = name_of(path)
        if name not in checkpoint.tensors and may_stay_fresh(path):
            without.append(path)
            continue
        if name not in checkpoint.tensors:
            missing.append(f"{path} (expected tensor {name})")
            continue
        if name in chosen:
            raise WeightsError(
                f"{checkpoint.origin}: tensor {name} would go to both {chosen[name][0].path} and {path}."
            )
        tensor = np.asarray(checkpoint.tensors[name])
        if checkpoint.layout in ("huggingface", "timm", "diffusers"):
            tensor = to_keras(path, tensor)
        if path == stem and tensor.ndim == 4:
            tensor = _adapted(checkpoint, name, tensor, variable)
        if tuple(tensor.shape) != tuple(variable.shape) and may_stay_fresh(path):
            without.append(path)
            passed_over.add(name)
            continue
        if tuple(tensor.shape) != tuple(variable.shape):
            raise WeightsError(
                f"{checkpoint.origin}: tensor {name} has shape {tuple(tensor.shape)} in Keras' layout, variable {path} "
                f"has {tuple(variable.shape)}. Build the model with the sizes of the checkpoint."
            )
        chosen[name] = (variable, tensor)
    known = re.compile(ignored)
    left = [name for name in checkpoint.tensors if name not in chosen and name not in passed_over]
    unused = [name for name in left if not known.search(name)]
    if missing or unused:
        raise WeightsError(f"{checkpoint.origin}: {_difference(missing, unused)} The checkpoint is of another model.")
    for variable, tensor in chosen.values():
        variable.assign(tensor)
    if left_fresh:
        logger.info("%s: the head stays fresh (%s): the classes differ.", checkpoint.origin, ", ".join(left_fresh))
    if without:
        logger.info("%s: no tensors that fit for %s: they stay fresh.", checkpoint.origin, ", ".join(without))


def _adapted(checkpoint: Checkpoint, name: str, tensor: np.ndarray, variable: Any) -> np.ndarray:
    try:
        return adapt_channels(tensor, variable.shape[2])
    except ShapeError as error:
        raise WeightsError(f"{checkpoint.origin}: tensor {name}: {error}") from error


def _difference(missing: list[str], unused: list[str]) -> str:
    parts = []
    for names, text in ((missing, "variables without a tensor"), (unused, "tensors without a variable")):
        if names:
            more = ", ..." if len(names) > 3 else ""
            parts.append(f"{len(names)} {text}: {', '.join(names[:3])}{more}.")
    return " ".join(parts)
