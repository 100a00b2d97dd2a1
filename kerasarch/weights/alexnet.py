"""Names of AlexNet's tensors in torchvision."""

import dataclasses
import math
from typing import Any

from kerasarch.errors import WeightsError
from kerasarch.models import IMAGENET, AlexNetConfig
from kerasarch.weights.checkpoint import TORCH_NAMES, Checkpoint, Identity, Layout, channels_last_columns

CONFIG = AlexNetConfig
PREFIX = ""
IGNORED = r"(?!)"
DETAILS = ()
"""Fields in which public checkpoints of one and the same variant differ: none."""
HEADS = {"timm": "classifier.6", "kerasarch": "head"}
_LAYERS = {
    "stem_conv": "features.0",
    "stage1_conv": "features.3",
    "stage2_conv": "features.6",
    "stage3_conv": "features.8",
    "stage4_conv": "features.10",
    "top_fc1": "classifier.1",
    "top_fc2": "classifier.4",
    "head": "classifier.6",
}
_FIRST_HIDDEN = "classifier.1.weight"


def imagenet_name(config: AlexNetConfig, size: tuple[int | None, ...]) -> str:
    """Refuse: keras.applications has no AlexNet.

    Raises:
        WeightsError: Always.
    """
    raise WeightsError(
        "keras.applications has no AlexNet. Save torchvision's alexnet-owt-7be5be79.pth as safetensors with PyTorch, "
        "and give weights='alexnet.safetensors'."
    )


def recognises(checkpoint: Checkpoint) -> bool:
    """Return whether the names of the tensors are an AlexNet's."""
    names = ("features.0.weight", "features.3.weight", "features.10.weight", _FIRST_HIDDEN, "classifier.4.weight")
    return checkpoint.layout == "timm" and all(name in checkpoint.tensors for name in names)


def identify(checkpoint: Checkpoint) -> Identity:
    """Find out the sizes of a checkpoint.

    Raises:
        WeightsError: A convolution is missing, or the hidden layers see no square of maps.
    """
    shapes = {name: tensor.shape for name, tensor in checkpoint.tensors.items()}
    kernels = [f"{_LAYERS[layer]}.weight" for layer in _LAYERS if layer.endswith("_conv")]
    missing = [name for name in kernels if name not in shapes]
    if missing:
        raise WeightsError(
            f"{checkpoint.origin}: no tensor {missing[0]}. Expected an AlexNet as torchvision writes it."
        )
    widths = tuple(shapes[name][0] for name in kernels)
    inputs = shapes[_FIRST_HIDDEN][1]
    side = math.isqrt(inputs // widths[-1])
    if side * side * widths[-1] != inputs:
        raise WeightsError(
            f"{checkpoint.origin}: the first hidden layer reads {inputs} numbers. Expected a square of maps with "
            f"{widths[-1]} channels."
        )
    hidden = tuple(shapes[f"classifier.{index}.weight"][0] for index in (1, 4))
    classes = shapes.get("classifier.6.weight", (0,))[0]
    config = AlexNetConfig(widths=widths, hidden=hidden, pool=side)
    return Identity(config, classes, shapes["features.0.weight"][1], checkpoint.preprocessing or IMAGENET)


def adapt(checkpoint: Checkpoint, model: Any, config: AlexNetConfig) -> Checkpoint:
    """Return the checkpoint with a first hidden layer that reads the maps channels last.

    Args:
        checkpoint: The checkpoint.
        model: The model.
        config: The model's config.
    """
    if checkpoint.layout != "timm":
        return checkpoint
    kernel = channels_last_columns(checkpoint.tensors[_FIRST_HIDDEN], config.widths[-1])
    return dataclasses.replace(checkpoint, tensors={**checkpoint.tensors, _FIRST_HIDDEN: kernel})


def tensor_name(path: str, layout: Layout, config: AlexNetConfig, *, prefix: str = "") -> str:
    """Return the name of the tensor that belongs to a variable.

    Args:
        path: Path of the variable, such as ``stage1_conv/kernel``.
        layout: Whose names are wanted; only torchvision's exist.
        config: The model's config.
        prefix: Not used: torchvision has none.
    """
    layer, variable = path.rsplit("/", 1)
    return f"{_LAYERS[layer]}.{TORCH_NAMES[variable]}"
