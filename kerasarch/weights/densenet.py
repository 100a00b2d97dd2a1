"""Names of DenseNet's tensors in timm, torchvision and keras.applications."""

import dataclasses
import re
from typing import Any

from kerasarch.errors import WeightsError
from kerasarch.models import IMAGENET, DenseNetConfig
from kerasarch.weights.checkpoint import KERAS_PLACES, TORCH_NAMES, Checkpoint, Identity, Layout

CONFIG = DenseNetConfig
PREFIX = ""
IGNORED = r"num_batches_tracked$"
DETAILS = ("epsilon",)
"""Fields in which public checkpoints of one and the same variant differ; a checkpoint's own win over the variant's."""
HEADS = {"timm": "classifier", "keras": "predictions", "kerasarch": "head"}
KERAS_URL = "https://storage.googleapis.com/tensorflow/keras-applications/densenet/"
KERAS_FILES = {
    # name: (file, MD5) of https://github.com/keras-team/keras/blob/master/keras/src/applications/densenet.py
    "densenet121": ("densenet121_weights_tf_dim_ordering_tf_kernels.h5", "9d60b8095a5708f2dcce2bca79d332c7"),
    "densenet169": ("densenet169_weights_tf_dim_ordering_tf_kernels.h5", "d699b8f76981ab1b30698df4c175e90b"),
    "densenet201": ("densenet201_weights_tf_dim_ordering_tf_kernels.h5", "1ceb130c1ea1b78c3bf6114dbdfd8807"),
}
_KERAS_EPSILON = 1.001e-5
_STAGE = re.compile(r"stage(\d+)_(?:layer(\d+)|transition)$")
_TIMM_PARTS = {"norm": "norm1", "reduce/convolution": "conv1", "reduce/norm": "norm2", "spatial": "conv2"}
_KERAS_PARTS = {"norm": "0_bn", "reduce/convolution": "1_conv", "reduce/norm": "1_bn", "spatial": "2_conv"}


def imagenet_name(config: DenseNetConfig, size: tuple[int | None, ...]) -> str:
    """Return the name of the keras.applications file for this config.

    Raises:
        WeightsError: keras.applications has none for it.
    """
    names = {(6, 12, 24, 16): "densenet121", (6, 12, 32, 32): "densenet169", (6, 12, 48, 32): "densenet201"}
    if config.stem != "imagenet" or config.growth != 32 or config.depths not in names:
        raise WeightsError(
            f"keras.applications has no ImageNet weights for a DenseNet of depths {config.depths}, growth "
            f"{config.growth} and stem {config.stem!r}. It has densenet121, densenet169 and densenet201; "
            "use weights='timm:densenet161.tv_in1k' for densenet161."
        )
    return names[config.depths]


def recognises(checkpoint: Checkpoint) -> bool:
    """Return whether the names of the tensors are a DenseNet's."""
    marks = {"timm": "features.denseblock1.denselayer1.", "keras": "conv2_block1_0_bn/"}
    mark = marks.get(checkpoint.layout)
    return mark is not None and any(name.startswith(mark) for name in checkpoint.tensors)


def identify(checkpoint: Checkpoint) -> Identity:
    """Find out sizes and details of a checkpoint.

    Raises:
        WeightsError: It is a relative of DenseNet that this family does not have.
    """
    timm = checkpoint.layout == "timm"
    shapes = {_current(name, checkpoint.layout): tensor.shape for name, tensor in checkpoint.tensors.items()}
    # PyTorch's kernels begin with the output channels, Keras' end with them.
    out, into = (0, 1) if timm else (-1, -2)
    stem, block = ("features.conv0.weight", "features.denseblock") if timm else ("conv1_conv/0", "conv")
    if stem not in shapes:
        raise WeightsError(
            f"{checkpoint.origin}: no tensor {stem}. Expected a DenseNet of the published architecture, not one with a "
            "deep stem."
        )
    pattern = r"features\.denseblock(\d+)\.denselayer(\d+)\.conv2" if timm else r"conv(\d+)_block(\d+)_2_conv"
    depths = _depths(shapes, pattern)[0 if timm else 1 :]  # the first stage of keras.applications is conv2
    first = "features.denseblock1.denselayer1.conv{}.weight" if timm else f"{block}2_block1_{{}}_conv/0"
    growth, inner = shapes[first.format(2)][out], shapes[first.format(1)][out]
    transition = shapes.get("features.transition1.conv.weight" if timm else "pool2_conv/0")
    config = DenseNetConfig(
        depths=depths,
        growth=growth,
        stem="imagenet" if shapes[stem][2 if timm else 0] == 7 else "small",
        stem_width=shapes[stem][out],
        expansion=inner // growth,
        compression=_compression(transition[into], transition[out]) if transition else 0.5,
        epsilon=1e-5 if timm else _KERAS_EPSILON,
        momentum=0.9 if timm else 0.99,
    )
    head = shapes.get("classifier.weight" if timm else "predictions/0", (0,))
    return Identity(config, head[out], shapes[stem][into], checkpoint.preprocessing or IMAGENET)


def _depths(names: Any, pattern: str) -> tuple[int, ...]:
    counts: dict[int, int] = {}
    for match in filter(None, (re.match(pattern, name) for name in names)):
        counts[int(match[1])] = counts.get(int(match[1]), 0) + 1
    return tuple(counts.get(stage, 0) for stage in range(1, max(counts) + 1))


def _compression(before: int, after: int) -> float:
    """Return the usual half where it gives these channels, otherwise the least share that does."""
    return 0.5 if before // 2 == after else (after + 1e-6) / before


def _current(name: str, layout: Layout) -> str:
    """Return the name that a tensor has today: both references renamed some layers after publishing their files."""
    if layout == "keras":
        return re.sub(r"^conv1/(conv|bn)/", r"conv1_\1/", name)
    return re.sub(r"(denselayer\d+\.(?:norm|conv))\.([12]\.)", r"\1\2", name)


def adapt(checkpoint: Checkpoint, model: Any, config: DenseNetConfig) -> Checkpoint:
    """Return the checkpoint with today's names of its tensors.

    Args:
        checkpoint: The checkpoint.
        model: The model.
        config: The model's config.
    """
    if checkpoint.layout == "kerasarch":
        return checkpoint
    tensors = {_current(name, checkpoint.layout): tensor for name, tensor in checkpoint.tensors.items()}
    return dataclasses.replace(checkpoint, tensors=tensors)


def tensor_name(path: str, layout: Layout, config: DenseNetConfig, *, prefix: str = "") -> str:
    """Return the name of the tensor that belongs to a variable.

    Args:
        path: Path of the variable, such as ``stage1_layer1/reduce/norm/gamma``.
        layout: Whose names are wanted.
        config: The model's config.
        prefix: Not used: no layout has one.
    """
    layer, variable = path.rsplit("/", 1)
    if layout == "keras":
        return f"{_keras_layer(layer)}/{KERAS_PLACES[variable]}"
    return f"{_timm_layer(layer)}.{TORCH_NAMES[variable]}"


def _timm_layer(layer: str) -> str:
    group, _, part = layer.partition("/")
    place = _STAGE.match(group)
    if place is None:
        others = {"head": "classifier", "top_norm": "features.norm5"}  # 5 whatever the number of stages
        return others.get(group) or f"features.{'norm0' if part == 'norm' else 'conv0'}"
    if place[2] is None:
        return f"features.transition{int(place[1]) - 1}.{'norm' if part == 'norm' else 'conv'}"
    return f"features.denseblock{place[1]}.denselayer{place[2]}.{_TIMM_PARTS[part]}"


def _keras_layer(layer: str) -> str:
    group, _, part = layer.partition("/")
    place = _STAGE.match(group)
    if place is None:
        others = {"head": "predictions", "top_norm": "bn"}
        return others.get(group) or f"conv1_{'bn' if part == 'norm' else 'conv'}"
    if place[2] is None:
        return f"pool{place[1]}_{'bn' if part == 'norm' else 'conv'}"
    return f"conv{int(place[1]) + 1}_block{place[2]}_{_KERAS_PARTS[part]}"
