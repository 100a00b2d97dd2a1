"""Names of ResNet's tensors at Hugging Face, in timm and torchvision, and in keras.applications."""

import re
from typing import Any

from kerasarch.errors import WeightsError
from kerasarch.models import CAFFE, IMAGENET, INCEPTION, ResNetConfig
from kerasarch.weights.activations import from_huggingface, to_huggingface
from kerasarch.weights.checkpoint import KERAS_PLACES, TORCH_NAMES, Checkpoint, Identity, Layout

CONFIG = ResNetConfig
PREFIX = "resnet."  # of Hugging Face's names in a classifier
IGNORED = r"num_batches_tracked$"  # a counter that only training with a cumulative average would use
DETAILS = ("stride_in_reduction", "stride_last", "zero_padded_pool", "bias", "epsilon")
"""Fields in which public checkpoints of one and the same variant differ; a checkpoint's own win over the variant's."""
HEADS = {"huggingface": "classifier.1", "timm": "fc", "keras": "predictions", "kerasarch": "head"}
HUGGINGFACE = {"model_type": "resnet", "classifier": "ResNetForImageClassification", "backbone": "ResNetModel"}
_KERAS_EPSILON = 1.001e-5
_PLACES = {"shortcut": 0, "conv1": 1, "reduce": 1, "conv2": 2, "spatial": 2, "expand": 3}
_BLOCK = re.compile(r"stage(\d+)_block(\d+)")

KERAS_FILES = {
    # name: (file, MD5) of https://github.com/keras-team/keras/blob/master/keras/src/applications/resnet.py
    "resnet50": ("resnet50_weights_tf_dim_ordering_tf_kernels.h5", "2cb95161c43110f7111970584f804107"),
    "resnet101": ("resnet101_weights_tf_dim_ordering_tf_kernels.h5", "f1aeb4b969a6efcfb50fad2f0c20cfc5"),
    "resnet152": ("resnet152_weights_tf_dim_ordering_tf_kernels.h5", "100835be76be38e30d865e96f2aaae62"),
    "resnet50v2": ("resnet50v2_weights_tf_dim_ordering_tf_kernels.h5", "3ef43a0b657b3be2300d5770ece849e0"),
    "resnet101v2": ("resnet101v2_weights_tf_dim_ordering_tf_kernels.h5", "6343647c601c52e1368623803854d971"),
    "resnet152v2": ("resnet152v2_weights_tf_dim_ordering_tf_kernels.h5", "a49b44d1979771252814e80f8ec446f9"),
}
KERAS_URL = "https://storage.googleapis.com/tensorflow/keras-applications/resnet/"


def imagenet_name(config: ResNetConfig, size: tuple[int | None, ...]) -> str:
    """Return the name of the keras.applications file for this config.

    Raises:
        WeightsError: keras.applications has none for it.
    """
    depths = {(3, 4, 6, 3): "resnet50", (3, 4, 23, 3): "resnet101", (3, 8, 36, 3): "resnet152"}
    if config.block != "bottleneck" or config.stem != "imagenet" or config.depths not in depths:
        raise WeightsError(
            f"keras.applications has no ImageNet weights for a ResNet with {config.block} blocks {config.depths}. "
            "Use weights='timm:resnet18.a1_in1k', 'timm:resnet34.a1_in1k', 'hf:microsoft/resnet-18' or a file."
        )
    return depths[config.depths] + ("v2" if config.preactivation else "")


def recognises(checkpoint: Checkpoint) -> bool:
    """Return whether the names of the tensors, or the config, are a ResNet's."""
    if checkpoint.layout == "huggingface":
        return checkpoint.config.get("model_type") == "resnet"
    marks = {"timm": "layer1.0.conv1.weight", "keras": "conv2_block1_3_conv/0"}  # DenseNet has the first two of a block
    return marks.get(checkpoint.layout) in checkpoint.tensors


def identify(checkpoint: Checkpoint) -> Identity:
    """Find out sizes and details of a checkpoint.

    Raises:
        WeightsError: It is a relative of ResNet that this family does not have.
    """
    if checkpoint.layout == "huggingface":
        return _identify_huggingface(checkpoint)
    return _identify_timm(checkpoint) if checkpoint.layout == "timm" else _identify_keras(checkpoint)


def _identify_huggingface(checkpoint: Checkpoint) -> Identity:
    given = checkpoint.config
    basic = given.get("layer_type", "bottleneck") == "basic"
    config = ResNetConfig(
        block="basic" if basic else "bottleneck",
        depths=given.get("depths", (3, 4, 6, 3)),
        widths=given.get("hidden_sizes", (256, 512, 1024, 2048)),
        stem_width=given.get("embedding_size", 64),
        first_stride=2 if given.get("downsample_in_first_stage", False) else 1,
        activation=from_huggingface(given.get("hidden_act", "relu"), checkpoint.origin),
        # There the convolutions inside a block are always followed by ReLU, whatever hidden_act says.
        inner_activation="relu",
        stride_in_reduction=bool(given.get("downsample_in_bottleneck", False)) and not basic,
    )
    prefix = _prefix(checkpoint)
    return Identity(
        config,
        classes=_rows(checkpoint, "classifier.1.weight"),
        channels=_shape(checkpoint, f"{prefix}embedder.embedder.convolution.weight")[1],
        preprocessing=checkpoint.preprocessing or IMAGENET,
    )


def _identify_timm(checkpoint: Checkpoint) -> Identity:
    shapes = {name: tensor.shape for name, tensor in checkpoint.tensors.items()}
    if "conv1.weight" not in shapes:
        raise WeightsError(
            f"{checkpoint.origin}: no tensor conv1.weight; deep stems (resnet50d and the like) are not built."
        )
    block = "bottleneck" if "layer1.0.conv3.weight" in shapes else "basic"
    last = 3 if block == "bottleneck" else 2
    depths = _depths(shapes, r"layer(\d+)\.(\d+)\.conv1\.weight$")
    stem_width, channels, kernel, _ = shapes["conv1.weight"]
    config = ResNetConfig(
        block=block,  # type: ignore[arg-type]
        depths=depths,
        widths=tuple(_shape(checkpoint, f"layer{stage}.0.conv{last}.weight")[0] for stage in range(1, len(depths) + 1)),
        stem="imagenet" if kernel == 7 else "small",
        stem_width=stem_width,
    )
    return Identity(config, _rows(checkpoint, "fc.weight"), channels, checkpoint.preprocessing or IMAGENET)


def _identify_keras(checkpoint: Checkpoint) -> Identity:
    shapes = {name: tensor.shape for name, tensor in checkpoint.tensors.items()}
    second = "post_bn/0" in shapes
    found = _depths(shapes, r"conv(\d+)_block(\d+)_1_conv/0$")
    config = ResNetConfig(
        depths=found[1:],  # their first stage is conv2
        widths=tuple(_shape(checkpoint, f"conv{stage}_block1_3_conv/0")[-1] for stage in range(2, len(found) + 1)),
        stem_width=_shape(checkpoint, "conv1_conv/0")[-1],
        preactivation=second,
        stride_in_reduction=not second,
        stride_last=second,
        zero_padded_pool=second,
        bias=True,
        momentum=0.99,
        epsilon=_KERAS_EPSILON,
    )
    classes = shapes.get("predictions/0", (0, 0))[1]
    return Identity(config, classes, shapes["conv1_conv/0"][2], INCEPTION if second else CAFFE)


def _depths(names: Any, pattern: str) -> tuple[int, ...]:
    counts: dict[int, int] = {}
    for match in filter(None, (re.match(pattern, name) for name in names)):
        stage = int(match[1])
        counts[stage] = counts.get(stage, 0) + 1
    return tuple(counts.get(stage, 0) for stage in range(1, max(counts, default=0) + 1))


def _shape(checkpoint: Checkpoint, name: str) -> tuple[int, ...]:
    if name not in checkpoint.tensors:
        raise WeightsError(
            f"{checkpoint.origin}: no tensor {name}. Expected a ResNet as {checkpoint.layout} writes it."
        )
    return checkpoint.tensors[name].shape


def _rows(checkpoint: Checkpoint, name: str) -> int:
    return checkpoint.tensors[name].shape[0] if name in checkpoint.tensors else 0


def _prefix(checkpoint: Checkpoint) -> str:
    return "resnet." if any(name.startswith("resnet.") for name in checkpoint.tensors) else ""


def tensor_name(path: str, layout: Layout, config: ResNetConfig, *, prefix: str = "") -> str:
    """Return the name of the tensor that belongs to a variable.

    Args:
        path: Path of the variable, such as ``stage1_block1/reduce/norm/gamma``.
        layout: Whose names are wanted.
        config: The model's config.
        prefix: Before Hugging Face's names, ``"resnet."`` in a classifier.
    """
    layer, variable = path.rsplit("/", 1)
    if layout == "keras":
        return f"{_keras_layer(layer)}/{KERAS_PLACES[variable]}"
    name = _timm_layer(layer) if layout == "timm" else _huggingface_layer(layer, prefix)
    return f"{name}.{TORCH_NAMES[variable]}"


def _keras_layer(layer: str) -> str:
    group, *rest = layer.split("/")
    block = _BLOCK.match(group)
    if block is None:
        if group == "stem_conv":
            return "conv1_bn" if rest == ["norm"] else "conv1_conv"
        return "predictions" if group == "head" else "post_bn"
    base = f"conv{int(block[1]) + 1}_block{block[2]}"
    if rest == ["norm"]:
        return f"{base}_preact_bn"
    return f"{base}_{_PLACES[rest[0]]}_{'bn' if rest[-1] == 'norm' else 'conv'}"


def _timm_layer(layer: str) -> str:
    group, *rest = layer.split("/")
    block = _BLOCK.match(group)
    kind = "bn" if rest[-1:] == ["norm"] else "conv"
    if block is None:
        return "fc" if group == "head" else f"{kind}1"
    base = f"layer{block[1]}.{int(block[2]) - 1}"
    if rest[0] == "shortcut":
        return f"{base}.downsample.{1 if kind == 'bn' else 0}"
    return f"{base}.{kind}{_PLACES[rest[0]]}"


def _huggingface_layer(layer: str, prefix: str) -> str:
    group, *rest = layer.split("/")
    block = _BLOCK.match(group)
    kind = "normalization" if rest[-1:] == ["norm"] else "convolution"
    if block is None:
        return "classifier.1" if group == "head" else f"{prefix}embedder.embedder.{kind}"
    base = f"{prefix}encoder.stages.{int(block[1]) - 1}.layers.{int(block[2]) - 1}"
    if rest[0] == "shortcut":
        return f"{base}.shortcut.{kind}"
    return f"{base}.layer.{_PLACES[rest[0]] - 1}.{kind}"


def huggingface_config(config: ResNetConfig) -> dict[str, Any]:
    """Return the fields of Hugging Face's config.

    Raises:
        WeightsError: Hugging Face's ResNet cannot express this config.
    """
    plain = {
        "preactivation": False,
        "stem": "imagenet",
        "bias": False,
        "epsilon": 1e-5,
        "inner_activation": "relu",
        "stride_last": False,
        "zero_padded_pool": False,
    }
    wrong = [f"{name}={getattr(config, name)!r}" for name, value in plain.items() if getattr(config, name) != value]
    if wrong or config.first_stride not in (1, 2):
        raise WeightsError(
            f"Hugging Face's ResNet has no counterpart of {', '.join(wrong) or 'first_stride'}. Save as .keras."
        )
    return {
        "layer_type": config.block,
        "depths": list(config.depths),
        "hidden_sizes": list(config.widths),
        "embedding_size": config.stem_width,
        "hidden_act": to_huggingface(config.activation),
        "downsample_in_first_stage": config.first_stride == 2,
        "downsample_in_bottleneck": config.stride_in_reduction,
    }
