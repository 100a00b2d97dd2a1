"""Names of MobileNetV2's tensors at Hugging Face and in keras.applications."""

import dataclasses
import re
from typing import Any

from kerasarch.errors import WeightsError
from kerasarch.models import INCEPTION, MobileNetV2Config
from kerasarch.models.mobilenet_v2 import divisible
from kerasarch.weights.activations import from_huggingface, to_huggingface
from kerasarch.weights.checkpoint import KERAS_PLACES, TORCH_NAMES, Checkpoint, Identity, Layout

CONFIG = MobileNetV2Config
PREFIX = "mobilenet_v2."  # of Hugging Face's names in a classifier
IGNORED = r"num_batches_tracked$"
DETAILS = ("padding", "epsilon")
"""Fields in which public checkpoints of one and the same variant differ; a checkpoint's own win over the variant's."""
HEADS = {"huggingface": "classifier", "keras": "predictions", "kerasarch": "head"}
HUGGINGFACE = {
    "model_type": "mobilenet_v2",
    "classifier": "MobileNetV2ForImageClassification",
    "backbone": "MobileNetV2Model",
}
ALPHAS = (0.35, 0.5, 0.75, 1.0, 1.3, 1.4)
SIZES = (96, 128, 160, 192, 224)
KERAS_URL = "https://storage.googleapis.com/tensorflow/keras-applications/mobilenet_v2/"
KERAS_FILES = {
    # Published without a hash: https://github.com/keras-team/keras/blob/master/keras/src/applications/mobilenet_v2.py
    f"mobilenet_v2_{alpha}_{size}": (f"mobilenet_v2_weights_tf_dim_ordering_tf_kernels_{alpha}_{size}.h5", None)
    for alpha in ALPHAS
    for size in SIZES
}
KERAS_FILES["mobilenet_v2"] = KERAS_FILES["mobilenet_v2_1.0_224"]
_BLOCK = re.compile(r"stage(\d+)_block(\d+)")
_HUGGINGFACE_PARTS = {"expand": "expand_1x1", "depthwise": "conv_3x3", "project": "reduce_1x1"}


def imagenet_name(config: MobileNetV2Config, size: tuple[int | None, ...]) -> str:
    """Return the name of the keras.applications file for this config and picture size.

    Raises:
        WeightsError: keras.applications has none for it.
    """
    if (
        dataclasses.replace(config, padding="same", epsilon=1e-3, momentum=0.9, dropout=0.0)
        != MobileNetV2Config(alpha=config.alpha)
        or config.alpha not in ALPHAS
    ):
        raise WeightsError(
            f"keras.applications has no ImageNet weights for this MobileNetV2 (alpha {config.alpha}). "
            f"It has alpha {', '.join(map(str, ALPHAS))} of the published stages."
        )
    rows = size[0] if size[0] == size[1] and size[0] in SIZES else 224
    return f"mobilenet_v2_{config.alpha}_{rows}"


def recognises(checkpoint: Checkpoint) -> bool:
    """Return whether the names of the tensors, or the config, are a MobileNetV2's."""
    if checkpoint.layout == "huggingface":
        return checkpoint.config.get("model_type") == "mobilenet_v2"
    return checkpoint.layout == "keras" and "expanded_conv_depthwise/0" in checkpoint.tensors


def identify(checkpoint: Checkpoint) -> Identity:
    """Find out sizes and details of a checkpoint.

    Raises:
        WeightsError: No width multiplier of ours gives its sizes.
    """
    return _identify_huggingface(checkpoint) if checkpoint.layout == "huggingface" else _identify_keras(checkpoint)


def _identify_keras(checkpoint: Checkpoint) -> Identity:
    shapes = {name: tensor.shape for name, tensor in checkpoint.tensors.items()}
    found = [shapes.get("Conv1/0", (0,) * 4)[-1], shapes["expanded_conv_depthwise/0"][2]]
    names = ["expanded_conv_project/0", *(f"block_{index}_project/0" for index in range(1, 17)), "Conv_1/0"]
    found += [shapes.get(name, (0,) * 4)[-1] for name in names]
    # The file does not say its multiplier: it is the one that gives these widths, a published one if possible.
    for alpha in (1.0, *ALPHAS, *(step / 100 for step in range(5, 401))):
        config = MobileNetV2Config(alpha=alpha, momentum=0.999)
        if _widths(config) == found:
            classes = shapes.get("predictions/0", (0, 0))[1]
            return Identity(config, classes, shapes["Conv1/0"][2], INCEPTION)
    raise WeightsError(f"{checkpoint.origin}: no width multiplier gives the widths {found}. Expected a MobileNetV2.")


def _widths(config: MobileNetV2Config) -> list[int]:
    stem = divisible(config.stem_width * config.alpha)
    blocks = [divisible(row[1] * config.alpha) for row in config.stages for _ in range(row[2])]
    return [stem, stem, *blocks, divisible(config.top_width * max(1.0, config.alpha))]


def _identify_huggingface(checkpoint: Checkpoint) -> Identity:
    given = checkpoint.config
    fixed = {"depth_divisible_by": 8, "min_depth": 8, "expand_ratio": 6, "first_layer_is_expansion": True}
    wrong = [f"{name}={given[name]}" for name, value in fixed.items() if given.get(name, value) != value]
    alpha = float(given.get("depth_multiplier", 1.0))
    if not given.get("finegrained_output", True) and alpha < 1.0:
        wrong.append("finegrained_output=False")
    if wrong:
        raise WeightsError(
            f"{checkpoint.origin}: {', '.join(wrong)} is not built here. Expected the published architecture."
        )
    config = MobileNetV2Config(
        alpha=alpha,
        output_stride=given.get("output_stride", 32),
        dropout=float(given.get("classifier_dropout_prob", 0.8)),
        activation=from_huggingface(given.get("hidden_act", "relu6"), checkpoint.origin),
        padding="same" if given.get("tf_padding", True) else "symmetric",
        epsilon=float(given.get("layer_norm_eps", 1e-3)),
    )
    name = f"{_prefix(checkpoint)}conv_stem.first_conv.convolution.weight"
    if name not in checkpoint.tensors:
        raise WeightsError(f"{checkpoint.origin}: no tensor {name}. Expected a MobileNetV2 as Hugging Face writes it.")
    head = checkpoint.tensors.get("classifier.weight")
    return Identity(
        config,
        classes=0 if head is None else head.shape[0],
        channels=checkpoint.tensors[name].shape[1],
        preprocessing=checkpoint.preprocessing or INCEPTION,
    )


def _prefix(checkpoint: Checkpoint) -> str:
    return "mobilenet_v2." if any(name.startswith("mobilenet_v2.") for name in checkpoint.tensors) else ""


def tensor_name(path: str, layout: Layout, config: MobileNetV2Config, *, prefix: str = "") -> str:
    """Return the name of the tensor that belongs to a variable.

    Args:
        path: Path of the variable, such as ``stage2_block1/expand/norm/gamma``.
        layout: Whose names are wanted.
        config: The model's config.
        prefix: Before Hugging Face's names, ``"mobilenet_v2."`` in a classifier.
    """
    layer, variable = path.rsplit("/", 1)
    group, *rest = layer.split("/")
    block = _BLOCK.match(group)
    number = None  # counts the blocks from 0, as the references do
    if block is not None:
        number = sum(row[2] for row in config.stages[: int(block[1]) - 1]) + int(block[2]) - 1
    if layout == "keras":
        return f"{_keras_layer(group, rest, number)}/{KERAS_PLACES[variable]}"
    return f"{_huggingface_layer(group, rest, number, prefix)}.{TORCH_NAMES[variable]}"


def _keras_layer(group: str, rest: list[str], number: int | None) -> str:
    norm = rest[-1:] == ["norm"]
    if number is None:
        if group == "head":
            return "predictions"
        if group == "stem_conv":
            return "bn_Conv1" if norm else "Conv1"
        return "Conv_1_bn" if norm else "Conv_1"
    base = "expanded_conv" if number == 0 else f"block_{number}"
    return f"{base}_{rest[0]}{'_BN' if norm else ''}"


def _huggingface_layer(group: str, rest: list[str], number: int | None, prefix: str) -> str:
    kind = "normalization" if rest[-1:] == ["norm"] else "convolution"
    if number is None:
        if group == "head":
            return "classifier"
        return f"{prefix}{'conv_stem.first_conv' if group == 'stem_conv' else 'conv_1x1'}.{kind}"
    base = "conv_stem" if number == 0 else f"layer.{number - 1}"
    return f"{prefix}{base}.{_HUGGINGFACE_PARTS[rest[0]]}.{kind}"


def huggingface_config(config: MobileNetV2Config) -> dict[str, Any]:
    """Return the fields of Hugging Face's config.

    Raises:
        WeightsError: Hugging Face's MobileNetV2 cannot express this config.
    """
    plain = MobileNetV2Config()
    if (config.stages, config.stem_width, config.top_width) != (plain.stages, plain.stem_width, plain.top_width):
        raise WeightsError("Hugging Face's MobileNetV2 has only the published stages. Save as .keras.")
    return {
        "depth_multiplier": config.alpha,
        "output_stride": config.output_stride,
        "classifier_dropout_prob": config.dropout,
        "hidden_act": to_huggingface(config.activation),
        "tf_padding": config.padding == "same",
        "layer_norm_eps": config.epsilon,
        "image_size": 224,
    }
