"""Names of VGG's tensors in torchvision, timm and keras.applications."""

import dataclasses
import math
import re
from typing import Any

from kerasarch.errors import WeightsError
from kerasarch.models import CAFFE, IMAGENET, VGGConfig
from kerasarch.weights.checkpoint import (
    KERAS_PLACES,
    TORCH_NAMES,
    Checkpoint,
    Identity,
    Layout,
    channels_last_columns,
)

CONFIG = VGGConfig
PREFIX = ""
IGNORED = r"num_batches_tracked$"
DETAILS = ("epsilon",)
"""Fields in which public checkpoints of one and the same variant differ; a checkpoint's own win over the variant's."""
HEADS = {"timm": "head.fc", "keras": "predictions", "kerasarch": "head"}
KERAS_URL = "https://storage.googleapis.com/tensorflow/keras-applications/"
KERAS_FILES = {
    # name: (file, MD5) of https://github.com/keras-team/keras/blob/master/keras/src/applications/vgg16.py and vgg19.py
    "vgg16": ("vgg16_weights_tf_dim_ordering_tf_kernels.h5", "64373286793e3c8b2b4e3219cbf3544b"),
    "vgg19": ("vgg19_weights_tf_dim_ordering_tf_kernels.h5", "cbe5617147190e668d6c5d5026f83318"),
}
_CONVOLUTION = re.compile(r"stage(\d+)_conv(\d+)$")
# torchvision's layers to timm's: there the first two are convolutions, over maps of 7x7 and of one pixel
_TORCHVISION = {"classifier.0": "pre_logits.fc1", "classifier.3": "pre_logits.fc2", "classifier.6": "head.fc"}


def imagenet_name(config: VGGConfig, size: tuple[int | None, ...]) -> str:
    """Return the name of the keras.applications file for this config.

    Raises:
        WeightsError: keras.applications has none for it.
    """
    names = {(2, 2, 3, 3, 3): "vgg16", (2, 2, 4, 4, 4): "vgg19"}
    if config.norm or config.depths not in names:
        raise WeightsError(
            f"keras.applications has no ImageNet weights for a VGG of depths {config.depths} with norm={config.norm}. "
            "It has vgg16 and vgg19; use weights='timm:vgg16_bn.tv_in1k' or another of timm's for the others."
        )
    return names[config.depths]


def recognises(checkpoint: Checkpoint) -> bool:
    """Return whether the names of the tensors are a VGG's."""
    marks = {
        "timm": (("features.0.weight", "classifier.0.weight"), ("features.0.weight", "pre_logits.fc1.weight")),
        "keras": (("block1_conv1/0", "block2_conv1/0"),),
    }
    return any(all(name in checkpoint.tensors for name in names) for names in marks.get(checkpoint.layout, ()))


def identify(checkpoint: Checkpoint) -> Identity:
    """Find out sizes and details of a checkpoint.

    Raises:
        WeightsError: It is a relative of VGG that this family does not have.
    """
    return _identify_timm(checkpoint) if checkpoint.layout == "timm" else _identify_keras(checkpoint)


def _identify_timm(checkpoint: Checkpoint) -> Identity:
    shapes = {_timm_name(name): tensor.shape for name, tensor in checkpoint.tensors.items()}
    norm = "features.1.running_mean" in shapes
    numbers = sorted(
        int(name.split(".")[1])
        for name, shape in shapes.items()
        if re.match(r"features\.\d+\.weight$", name) and len(shape) == 4
    )
    between = 3 if norm else 2  # the convolution, perhaps its normalisation, its activation; a pooling is one more
    stages: list[list[int]] = [[]]
    for before, number in zip([numbers[0] - between, *numbers], numbers, strict=False):
        if number - before > between:
            stages.append([])
        stages[-1].append(shapes[f"features.{number}.weight"][0])
    config = _config(checkpoint, stages, norm=norm)
    hidden = [shapes[f"pre_logits.fc{index}.weight"] for index in (1, 2)]
    return Identity(
        _with_hidden(checkpoint, config, [shape[0] for shape in hidden], math.prod(hidden[0][1:])),
        classes=shapes.get("head.fc.weight", (0,))[0],
        channels=shapes["features.0.weight"][1],
        preprocessing=checkpoint.preprocessing or IMAGENET,
    )


def _identify_keras(checkpoint: Checkpoint) -> Identity:
    shapes = {name: tensor.shape for name, tensor in checkpoint.tensors.items()}
    stages: list[list[int]] = []
    while f"block{len(stages) + 1}_conv1/0" in shapes:
        start = f"block{len(stages) + 1}_conv"
        found = [name for name in shapes if name.startswith(start) and name.endswith("/0")]
        stages.append([shapes[f"{start}{index}/0"][-1] for index in range(1, len(found) + 1)])
    config = _config(checkpoint, stages)
    if "fc1/0" in shapes:
        config = _with_hidden(checkpoint, config, [shapes[f"fc{index}/0"][1] for index in (1, 2)], shapes["fc1/0"][0])
    else:
        config = dataclasses.replace(config, hidden=())
    classes = shapes.get("predictions/0", (0, 0))[1]
    return Identity(config, classes, shapes["block1_conv1/0"][2], CAFFE)


def _config(checkpoint: Checkpoint, stages: list[list[int]], *, norm: bool = False) -> VGGConfig:
    if any(len(set(stage)) > 1 for stage in stages):
        raise WeightsError(f"{checkpoint.origin}: convolutions of {stages} channels. Expected one width a stage.")
    depths = tuple(len(stage) for stage in stages)
    return VGGConfig(depths=depths, widths=tuple(stage[0] for stage in stages), norm=norm)


def _with_hidden(checkpoint: Checkpoint, config: VGGConfig, hidden: list[int], inputs: int) -> VGGConfig:
    width = config.widths[-1]
    side = math.isqrt(inputs // width)
    if side * side * width != inputs:
        raise WeightsError(
            f"{checkpoint.origin}: the first hidden layer reads {inputs} numbers. Expected a square of maps with "
            f"{width} channels."
        )
    return dataclasses.replace(config, hidden=tuple(hidden), pool=side)


def _timm_name(name: str) -> str:
    layer, _, variable = name.rpartition(".")
    return f"{_TORCHVISION.get(layer, layer)}.{variable}"


def adapt(checkpoint: Checkpoint, model: Any, config: VGGConfig) -> Checkpoint:
    """Return the checkpoint with hidden layers as ours: timm's names, kernels of two axes, maps channels last.

    Args:
        checkpoint: The checkpoint.
        model: The model, whose input size does not matter here.
        config: The model's config.
    """
    if checkpoint.layout != "timm":
        return checkpoint
    tensors = {_timm_name(name): tensor for name, tensor in checkpoint.tensors.items()}
    for index, channels in enumerate((config.widths[-1], *config.hidden), start=1):
        name = f"pre_logits.fc{index}.weight"
        if name in tensors:
            tensors[name] = channels_last_columns(tensors[name], channels)
    return dataclasses.replace(checkpoint, tensors=tensors)


def tensor_name(path: str, layout: Layout, config: VGGConfig, *, prefix: str = "") -> str:
    """Return the name of the tensor that belongs to a variable, for timm as ``adapt`` leaves it.

    Args:
        path: Path of the variable, such as ``stage2_conv1/kernel``.
        layout: Whose names are wanted.
        config: The model's config.
        prefix: Not used: no layout has one.
    """
    layer, variable = path.rsplit("/", 1)
    group, *rest = layer.split("/")
    if layout == "keras":
        return f"{_keras_layer(group)}/{KERAS_PLACES[variable]}"
    return f"{_timm_layer(group, rest == ['norm'], config)}.{TORCH_NAMES[variable]}"


def _place(group: str) -> tuple[int, int] | None:
    """Return stage and convolution, counted from 1, or None for a hidden layer or the head."""
    if group == "stem_conv":
        return 1, 1
    match = _CONVOLUTION.match(group)
    return (int(match[1]), int(match[2])) if match else None


def _keras_layer(group: str) -> str:
    place = _place(group)
    if place is not None:
        return f"block{place[0]}_conv{place[1]}"
    return "predictions" if group == "head" else group.removeprefix("top_")


def _timm_layer(group: str, norm: bool, config: VGGConfig) -> str:
    place = _place(group)
    if place is None:
        return "head.fc" if group == "head" else f"pre_logits.{group.removeprefix('top_')}"
    stage, convolution = place
    between = 3 if config.norm else 2
    before = sum(depth * between + 1 for depth in config.depths[: stage - 1])
    return f"features.{before + (convolution - 1) * between + norm}"
