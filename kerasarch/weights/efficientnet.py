"""Names of EfficientNet's tensors at Hugging Face, in timm and in keras.applications."""

import dataclasses
import math
import re
from typing import Any

import numpy as np

from kerasarch.errors import WeightsError
from kerasarch.models import IMAGENET, EfficientNetConfig, Preprocessing
from kerasarch.models.efficientnet import STAGES, VARIANTS, odd_blocks
from kerasarch.models.mobilenet_v2 import divisible
from kerasarch.weights.activations import from_huggingface, to_huggingface
from kerasarch.weights.checkpoint import KERAS_PLACES, TORCH_NAMES, Checkpoint, Identity, Layout

CONFIG = EfficientNetConfig
PREFIX = "efficientnet."  # of Hugging Face's names in a classifier
IGNORED = r"num_batches_tracked$|^normalization(_\d+)?/"  # the latter is read into the preprocessing
DETAILS = ("padding", "symmetric_blocks", "epsilon")
"""Fields in which public checkpoints of one and the same variant differ; a checkpoint's own win over the variant's."""
FITTED = ("resolution",)
"""Fields that no tensor depends on."""
HEADS = {"huggingface": "classifier", "timm": "classifier", "keras": "predictions", "kerasarch": "head"}
HUGGINGFACE = {
    "model_type": "efficientnet",
    "classifier": "EfficientNetForImageClassification",
    "backbone": "EfficientNetModel",
}
KERAS_URL = "https://storage.googleapis.com/keras-applications/"
KERAS_FILES = {
    # name: (file, MD5) of https://github.com/keras-team/keras/blob/master/keras/src/applications/efficientnet.py
    "efficientnetb0": ("efficientnetb0.h5", "902e53a9f72be733fc0bcb005b3ebbac"),
    "efficientnetb1": ("efficientnetb1.h5", "1d254153d4ab51201f1646940f018540"),
    "efficientnetb2": ("efficientnetb2.h5", "b15cce36ff4dcbd00b6dd88e7857a6ad"),
    "efficientnetb3": ("efficientnetb3.h5", "ffd1fdc53d0ce67064dc6a9c7960ede0"),
    "efficientnetb4": ("efficientnetb4.h5", "18c95ad55216b8f92d7e70b3a046e2fc"),
    "efficientnetb5": ("efficientnetb5.h5", "ace28f2a6363774853a83a0b21b9421a"),
    "efficientnetb6": ("efficientnetb6.h5", "165f6e37dce68623721b423839de8be5"),
    "efficientnetb7": ("efficientnetb7.h5", "8c03f828fec3ef71311cd463b6759d99"),
}
_BLOCK = re.compile(r"stage(\d+)_block(\d+)")
_HUGGINGFACE_PARTS = {
    "expand": ("expansion.expand_conv", "expansion.expand_bn"),
    "depthwise": ("depthwise_conv.depthwise_conv", "depthwise_conv.depthwise_norm"),
    "project": ("projection.project_conv", "projection.project_bn"),
}
_KERAS_PARTS = {
    "expand": ("expand_conv", "expand_bn"),
    "depthwise": ("dwconv", "bn"),
    "project": ("project_conv", "project_bn"),
}


def imagenet_name(config: EfficientNetConfig, size: tuple[int | None, ...]) -> str:
    """Return the name of the keras.applications file for this config.

    Raises:
        WeightsError: keras.applications has none for it.
    """
    wanted = _structure(config)
    for name, variant in VARIANTS.items():
        if _structure(variant) == wanted:
            return name.replace("_", "")
    raise WeightsError(
        f"keras.applications has no ImageNet weights for this EfficientNet (stages {config.stages}). "
        f"It has {', '.join(VARIANTS)}."
    )


def _structure(config: EfficientNetConfig) -> tuple[Any, ...]:
    return config.stages, config.stem_width, config.top_width, config.squeeze


def recognises(checkpoint: Checkpoint) -> bool:
    """Return whether the names of the tensors, or the config, are an EfficientNet's."""
    if checkpoint.layout == "huggingface":
        return checkpoint.config.get("model_type") == "efficientnet"
    marks = {
        "timm": ("conv_stem.weight", "blocks.0.0.se.conv_reduce.weight", "bn2.weight"),
        "keras": ("stem_conv/0", "block1a_se_reduce/0"),
    }
    return checkpoint.layout in marks and all(name in checkpoint.tensors for name in marks[checkpoint.layout])


def identify(checkpoint: Checkpoint) -> Identity:
    """Find out sizes and details of a checkpoint.

    Raises:
        WeightsError: It is a relative of EfficientNet that this family does not have.
    """
    if checkpoint.layout == "huggingface":
        return _identify_huggingface(checkpoint)
    names = _Names(checkpoint)
    rows = tuple(names.row(stage) for stage in range(1, names.stages() + 1))
    ends = names.outputs("stem_conv/convolution/kernel"), names.outputs("top_conv/convolution/kernel")
    hidden = names.outputs("stage1_block1/squeeze_excite/reduce/kernel")
    config = EfficientNetConfig(rows, *ends, squeeze=hidden / ends[0])
    # What the tensors do not tell is that of the variant of these sizes, where there is one.
    unknown: tuple[str, ...] = ()
    known = next((variant for variant in VARIANTS.values() if _structure(variant) == _structure(config)), config)
    if checkpoint.layout == "timm":
        preprocessing = checkpoint.preprocessing or _at(IMAGENET, known)
        # timm's name of the architecture alone says whose padding it is: TensorFlow's, or PyTorch's
        unknown = () if "architecture" in checkpoint.config else ("padding", "epsilon")
        if not str(checkpoint.config.get("architecture", "")).startswith("tf_"):
            known = dataclasses.replace(known, padding="symmetric", epsilon=1e-5)
        known = dataclasses.replace(known, resolution=preprocessing.size[0])
    else:
        preprocessing = _keras_preprocessing(checkpoint, known)
    head = checkpoint.tensors.get(names.of("head/kernel"))
    classes = 0 if head is None else head.shape[0 if checkpoint.layout == "timm" else -1]
    stem = names.shape("stem_conv/convolution/kernel")
    channels = stem[1 if checkpoint.layout == "timm" else 2]
    return Identity(known, classes, channels, preprocessing, unknown)


def _at(preprocessing: Preprocessing, config: EfficientNetConfig) -> Preprocessing:
    return dataclasses.replace(preprocessing, size=(config.resolution, config.resolution), interpolation="bicubic")


class _Names:
    """Shapes of a checkpoint's tensors by our paths, while the config is not yet known."""

    def __init__(self, checkpoint: Checkpoint):
        self.checkpoint = checkpoint
        widened = (f"blocks.{stage}.0.conv_pwl.weight" in checkpoint.tensors for stage in range(len(STAGES)))
        self.config = EfficientNetConfig(tuple((1 + wide, 1, 1, 1, 1) for wide in widened))

    def of(self, path: str) -> str:
        return tensor_name(path, self.checkpoint.layout, self.config)

    def shape(self, path: str) -> tuple[int, ...]:
        if self.of(path) not in self.checkpoint.tensors:
            raise WeightsError(
                f"{self.checkpoint.origin}: no tensor {self.of(path)}. "
                f"Expected an EfficientNet as {self.checkpoint.layout} writes it."
            )
        return self.checkpoint.tensors[self.of(path)].shape

    def outputs(self, path: str) -> int:
        return self.shape(path)[0 if self.checkpoint.layout == "timm" else -1]

    def inputs(self, path: str) -> int:
        return self.shape(path)[1 if self.checkpoint.layout == "timm" else -2]

    def _there(self, stage: int, block: int) -> bool:
        return self.of(f"stage{stage}_block{block}/depthwise/convolution/kernel") in self.checkpoint.tensors

    def stages(self) -> int:
        return sum(self._there(stage, 1) for stage in range(1, len(STAGES) + 1))

    def row(self, stage: int) -> tuple[int, int, int, int, int]:
        """A row of the config's stages; the stride, which no tensor shows, is that of the paper's table."""
        first = f"stage{stage}_block1"
        taps = self.shape(f"{first}/depthwise/convolution/kernel")[-1 if self.checkpoint.layout == "timm" else 0]
        project = f"{first}/project/convolution/kernel"
        expand = f"{first}/expand/convolution/kernel"
        hidden = self.inputs(project)
        narrow = self.inputs(expand) if self.of(expand) in self.checkpoint.tensors else hidden
        blocks = 1
        while self._there(stage, blocks + 1):
            blocks += 1
        return hidden // narrow, self.outputs(project), blocks, STAGES[stage - 1][3], taps


def _keras_preprocessing(checkpoint: Checkpoint, config: EfficientNetConfig) -> Preprocessing:
    """The file's own statistics: the network normalises ``x / 255`` itself, by mean and root of the variance."""
    found: list[np.ndarray] = []
    for name, tensor in checkpoint.tensors.items():
        if re.match(r"normalization(_\d+)?/[01]$", name):
            found.append(np.asarray(tensor, "float64").reshape(-1))
    if len(found) != 2:
        return _at(IMAGENET, config)
    mean, std = found[0], np.sqrt(found[1])
    if np.allclose(found[1], IMAGENET.std, atol=1e-3):
        # The published files hold deviations where variances belong; keras.applications divides by their root again.
        std = found[1]
    return dataclasses.replace(_at(IMAGENET, config), mean=tuple(mean), std=tuple(std))


def _identify_huggingface(checkpoint: Checkpoint) -> Identity:
    given = checkpoint.config
    width, divisor = given.get("width_coefficient", 2.0), given.get("depth_divisor", 8)

    def channels(name: str, default: tuple[int, ...]) -> list[int]:
        return [divisible(count * width, divisor) for count in given.get(name, default)]

    outputs = channels("out_channels", (16, 24, 40, 80, 112, 192, 320))
    inputs = channels("in_channels", (32, 16, 24, 40, 80, 112, 192))
    repeats = (1, 2, 2, 3, 3, 4, 1)
    rows = zip(
        given.get("expand_ratios", (1, 6, 6, 6, 6, 6, 6)),
        outputs,
        [math.ceil(given.get("depth_coefficient", 3.1) * n) for n in given.get("num_block_repeats", repeats)],
        given.get("strides", (1, 2, 2, 2, 1, 2, 1)),
        given.get("kernel_sizes", (3, 3, 5, 3, 5, 5, 3)),
        strict=True,
    )
    size = given.get("image_size", 600)
    config = EfficientNetConfig(
        stages=tuple(rows),
        stem_width=divisible(32 * width, divisor),
        top_width=divisible(1280 * width, divisor),
        resolution=size if isinstance(size, int) else size[0],
        squeeze=float(given.get("squeeze_expansion_ratio", 0.25)),
        dropout=float(given.get("dropout_rate", 0.5)),
        stochastic_depth=float(given.get("drop_connect_rate", 0.2)),
        activation=from_huggingface(given.get("hidden_act", "swish"), checkpoint.origin),
        padding="even",
        symmetric_blocks=given.get("depthwise_padding", ()),
        epsilon=float(given.get("batch_norm_eps", 1e-3)),
    )
    if inputs != [config.stem_width, *outputs[:-1]] or given.get("pooling_type", "mean") != "mean":
        raise WeightsError(
            f"{checkpoint.origin}: in_channels {inputs} after the scaling must be the stem's {config.stem_width} and "
            f"out_channels {outputs} one stage later, and pooling_type 'mean'. Other networks are not built here."
        )
    _require_shortcuts(config, checkpoint.origin)
    prefix = PREFIX if any(name.startswith(PREFIX) for name in checkpoint.tensors) else ""
    name = f"{prefix}embeddings.convolution.weight"
    if name not in checkpoint.tensors:
        raise WeightsError(
            f"{checkpoint.origin}: no tensor {name}. Expected an EfficientNet as Hugging Face writes it."
        )
    head = checkpoint.tensors.get("classifier.weight")
    return Identity(
        config,
        classes=0 if head is None else head.shape[0],
        channels=checkpoint.tensors[name].shape[1],
        preprocessing=checkpoint.preprocessing or _at(IMAGENET, config),
    )


def _require_shortcuts(config: EfficientNetConfig, origin: str) -> None:
    """Refuse stages whose first block has a shortcut here and in TensorFlow, but not at Hugging Face."""
    before = config.stem_width
    for stage, (_, channels, _, stride, _) in enumerate(config.stages, start=1):
        if stride == 1 and channels == before:
            raise WeightsError(
                f"{origin}: at Hugging Face the first block of stage {stage}, from {before} to {channels} channels "
                "with stride 1, has no shortcut; here it has one. No published EfficientNet has such a stage."
            )
        before = channels


def tensor_name(path: str, layout: Layout, config: EfficientNetConfig, *, prefix: str = "") -> str:
    """Return the name of the tensor that belongs to a variable.

    Args:
        path: Path of the variable, such as ``stage2_block1/expand/norm/gamma``.
        layout: Whose names are wanted.
        config: The model's config.
        prefix: Before Hugging Face's names, ``"efficientnet."`` in a classifier.
    """
    layer, variable = path.rsplit("/", 1)
    group, *rest = layer.split("/")
    block = _BLOCK.match(group)
    stage, place = (int(block[1]), int(block[2])) if block else (0, 0)
    norm = rest[-1:] == ["norm"]
    if layout == "keras":
        return f"{_keras_layer(group, rest, stage, place, norm)}/{KERAS_PLACES[variable]}"
    if layout == "timm":
        name = _timm_layer(group, rest, stage, place, norm, config)
    else:
        number = sum(row[2] for row in config.stages[: stage - 1]) + place - 1
        name = _huggingface_layer(group, rest, number if block else None, norm, prefix)
    return f"{name}.{TORCH_NAMES[variable]}"


def _keras_layer(group: str, rest: list[str], stage: int, place: int, norm: bool) -> str:
    if not stage:
        return "predictions" if group == "head" else f"{group.split('_')[0]}_{'bn' if norm else 'conv'}"
    part = f"se_{rest[1]}" if rest[0] == "squeeze_excite" else _KERAS_PARTS[rest[0]][norm]
    return f"block{stage}{chr(96 + place)}_{part}"


def _timm_layer(group: str, rest: list[str], stage: int, place: int, norm: bool, config: EfficientNetConfig) -> str:
    if not stage:
        if group == "head":
            return "classifier"
        return ("bn1" if norm else "conv_stem") if group == "stem_conv" else ("bn2" if norm else "conv_head")
    base = f"blocks.{stage - 1}.{place - 1}"
    if rest[0] == "squeeze_excite":
        return f"{base}.se.conv_{rest[1]}"
    plain = config.stages[stage - 1][0] == 1  # timm's separable block, which has no expansion
    parts = {"expand": "pw", "depthwise": "dw", "project": "pw" if plain else "pwl"}
    if not norm:
        return f"{base}.conv_{parts[rest[0]]}"
    places = ["depthwise", "project"] if plain else ["expand", "depthwise", "project"]
    return f"{base}.bn{places.index(rest[0]) + 1}"


def _huggingface_layer(group: str, rest: list[str], number: int | None, norm: bool, prefix: str) -> str:
    if number is None:
        if group == "head":
            return "classifier"
        if group == "stem_conv":
            return f"{prefix}embeddings.{'batchnorm' if norm else 'convolution'}"
        return f"{prefix}encoder.top_{'bn' if norm else 'conv'}"
    part = f"squeeze_excite.{rest[1]}" if rest[0] == "squeeze_excite" else _HUGGINGFACE_PARTS[rest[0]][norm]
    return f"{prefix}encoder.blocks.{number}.{part}"


def huggingface_config(config: EfficientNetConfig) -> dict[str, Any]:
    """Return the fields of Hugging Face's config.

    Raises:
        WeightsError: Hugging Face's EfficientNet cannot express this config.
    """
    if config.padding == "symmetric" or (config.padding == "same" and config.resolution % 2):
        raise WeightsError(
            "Hugging Face's EfficientNet pads the stem's pictures at the bottom and the right alone. Received "
            f"padding={config.padding!r}, resolution={config.resolution}. Save as .keras."
        )
    _require_shortcuts(config, "this EfficientNet")
    width, divisor, outputs = _width_coefficient(config)
    return {
        "image_size": config.resolution,
        "width_coefficient": width,
        "depth_coefficient": 1.0,
        "depth_divisor": divisor,
        "expand_ratios": [row[0] for row in config.stages],
        "in_channels": [32, *outputs[:-1]],
        "out_channels": outputs,
        "num_block_repeats": [row[2] for row in config.stages],
        "strides": [row[3] for row in config.stages],
        "kernel_sizes": [row[4] for row in config.stages],
        "depthwise_padding": list(config.symmetric_blocks if config.padding == "even" else odd_blocks(config)),
        "squeeze_expansion_ratio": config.squeeze,
        "hidden_act": to_huggingface(config.activation),
        "hidden_dim": config.top_width,
        "batch_norm_eps": config.epsilon,
        "dropout_rate": config.dropout,
        "drop_connect_rate": config.stochastic_depth,
    }


def _width_coefficient(config: EfficientNetConfig) -> tuple[float, int, list[int]]:
    """Find factor, divisor and unscaled channels, since there stem and top are scaled 32 and 1280."""
    width = config.top_width / 1280
    for divisor in (8, 4, 2, 1):
        outputs = [round(row[1] / width) for row in config.stages]
        found = [divisible(count * width, divisor) for count in (32, 1280, *outputs)]
        if found == [config.stem_width, config.top_width, *(row[1] for row in config.stages)]:
            return width, divisor, outputs
    raise WeightsError(
        "Hugging Face's EfficientNet has a stem of 32 and a top of 1280 channels, scaled by one factor. "
        f"Received {config.stem_width} and {config.top_width}. Save as .keras."
    )
