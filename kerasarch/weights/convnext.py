"""Names of ConvNeXt's tensors at Hugging Face, in timm and in keras.applications."""

import dataclasses
import re
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from kerasarch.errors import WeightsError
from kerasarch.models import IMAGENET, ConvNeXtConfig
from kerasarch.models.convnext import VARIANTS
from kerasarch.weights.activations import from_huggingface, to_huggingface
from kerasarch.weights.checkpoint import KERAS_PLACES, TORCH_NAMES, Checkpoint, Identity, Layout

CONFIG = ConvNeXtConfig
PREFIX = "convnext."  # of Hugging Face's names in a classifier
IGNORED = r"(?!)"
DETAILS = ("layer_scale", "head_epsilon")
"""Fields in which public checkpoints of one and the same variant differ; a checkpoint's own win over the variant's."""
HEADS = {"huggingface": "classifier", "timm": "head.fc", "keras": "head_dense", "kerasarch": "head"}
HUGGINGFACE = {
    "model_type": "convnext",
    "classifier": "ConvNextForImageClassification",
    "backbone": "ConvNextModel",
}
KERAS_URL = "https://storage.googleapis.com/tensorflow/keras-applications/convnext/"
KERAS_FILES = {
    # name: (file, SHA-256) of https://github.com/keras-team/keras/blob/master/keras/src/applications/convnext.py
    "convnext_tiny": ("convnext_tiny.h5", "8ae6e78ce2933352b1ef4008e6dd2f17bc40771563877d156bc6426c7cf503ff"),
    "convnext_small": ("convnext_small.h5", "ce1277d8f1ee5a0ef0e171469089c18f5233860ceaf9b168049cb9263fd7483c"),
    "convnext_base": ("convnext_base.h5", "52cbb006d3dadd03f6e095a8ca1aca47aecdd75acb4bc74bce1f5c695d0086e6"),
    "convnext_large": ("convnext_large.h5", "070c5ed9ed289581e477741d3b34beffa920db8cf590899d6d2c67fba2a198a6"),
    "convnext_xlarge": ("convnext_xlarge.h5", "c1f5ccab661354fc3a79a10fa99af82f0fbf10ec65cb894a3ae0815f17a889ee"),
}
_BLOCK = re.compile(r"stage(\d+)_block(\d+)")
_HUGGINGFACE_PARTS = {
    "depthwise": "dwconv",
    "norm": "layernorm",
    "project_in": "pwconv1",
    "project_out": "pwconv2",
}
_TIMM_PARTS = {"depthwise": "conv_dw", "norm": "norm", "project_in": "mlp.fc1", "project_out": "mlp.fc2"}
_KERAS_PARTS = {
    "depthwise": "depthwise_conv",
    "norm": "layernorm",
    "project_in": "pointwise_conv_1",
    "project_out": "pointwise_conv_2",
    "scale": "layer_scale",
}
_FIRST_BLOCK = {
    "timm": "stages.0.blocks.0.conv_dw.weight",
    "keras": "stage_0_block_0_depthwise_conv/0",
}


def imagenet_name(config: ConvNeXtConfig, size: tuple[int | None, ...]) -> str:
    """Return the name of the keras.applications file for this config.

    Raises:
        WeightsError: keras.applications has none for it.
    """
    for name, variant in VARIANTS.items():
        if (config.depths, config.widths, config.patch) == (variant.depths, variant.widths, variant.patch):
            return name
    raise WeightsError(
        f"keras.applications has no ImageNet weights for a ConvNeXt of depths {config.depths} and widths "
        f"{config.widths}. It has {', '.join(VARIANTS)}."
    )


def recognises(checkpoint: Checkpoint) -> bool:
    """Return whether the names of the tensors, or the config, are a ConvNeXt's."""
    if checkpoint.layout == "huggingface":
        return checkpoint.config.get("model_type") == "convnext"
    if checkpoint.layout == "timm":
        return _FIRST_BLOCK["timm"] in checkpoint.tensors and "stages.0.blocks.0.mlp.fc1.weight" in checkpoint.tensors
    return checkpoint.layout == "keras" and _FIRST_BLOCK["keras"] in flat_names(checkpoint.tensors)


def flat_names(tensors: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Give a keras.applications ConvNeXt the names of a flat model; other tensors stay as they are.

    There every name begins with the model's, and stem and transitions are models in the model, which old files store as
    one list of variables each and new ones as layers in a layer.

    Args:
        tensors: As the file has them.
    """
    mark = _FIRST_BLOCK["keras"]
    begin = next((name.removesuffix(mark) for name in tensors if name.endswith(f"_{mark}")), None)
    if begin is None:
        return dict(tensors)
    renamed = {}
    for name, tensor in tensors.items():
        *outer, layer, place = name.split("/")
        layer = re.sub(r"^layer_normalization(_\d+)?$", f"{begin}head_layernorm", layer).removeprefix(begin)
        transition = re.fullmatch(r"(?:(stem)|downsampling_block_(\d+))", layer)
        if transition and not outer:
            part = "stem_{}" if transition[1] else f"downsampling_{{}}_{transition[2]}"
            kinds = ("conv", "layernorm") if transition[1] else ("layernorm", "conv")
            layer, place = part.format(kinds[int(place) // 2]), str(int(place) % 2)
        renamed[f"{layer}/{place}"] = tensor
    return renamed


def identify(checkpoint: Checkpoint) -> Identity:
    """Find out sizes and details of a checkpoint.

    Raises:
        WeightsError: It is a relative of ConvNeXt that this family does not have.
    """
    shapes = {name: tensor.shape for name, tensor in flat_names(checkpoint.tensors).items()}
    prefix = PREFIX if any(name.startswith(PREFIX) for name in shapes) else ""

    def shape(path: str) -> tuple[int, ...] | None:
        return shapes.get(tensor_name(path, checkpoint.layout, ConvNeXtConfig(), prefix=prefix))

    depths: list[int] = []
    widths: list[int] = []
    while (found := shape(f"stage{len(depths) + 1}_block1/depthwise/bias")) is not None:
        depth = 1
        while shape(f"stage{len(depths) + 1}_block{depth + 1}/depthwise/bias") is not None:
            depth += 1
        depths.append(depth)
        widths.append(found[0])
    stem = shape("stem_conv/kernel")
    if stem is None or not depths:
        raise WeightsError(
            f"{checkpoint.origin}: no tensors of a stem and a first stage. Expected a ConvNeXt as "
            f"{checkpoint.layout} writes it."
        )
    torch = checkpoint.layout != "keras"
    config = ConvNeXtConfig(
        depths=tuple(depths),
        widths=tuple(widths),
        patch=stem[-1] if torch else stem[0],
        layer_scale=0.0 if shape("stage1_block1/scale/gamma") is None else ConvNeXtConfig.layer_scale,
    )
    config = _known(config)
    if checkpoint.layout == "huggingface":
        config = _huggingface_details(config, checkpoint)
    head = shape("head/kernel") or (0, 0)
    return Identity(
        config,
        classes=head[0 if torch else 1],
        channels=stem[1 if torch else 2],
        preprocessing=checkpoint.preprocessing or dataclasses.replace(IMAGENET, interpolation="bicubic"),
    )


def _known(config: ConvNeXtConfig) -> ConvNeXtConfig:
    """Take what matters in training from the variant of these sizes, where there is one."""
    for variant in VARIANTS.values():
        if (variant.depths, variant.widths) == (config.depths, config.widths):
            return dataclasses.replace(config, stochastic_depth=variant.stochastic_depth)
    return config


def _huggingface_details(config: ConvNeXtConfig, checkpoint: Checkpoint) -> ConvNeXtConfig:
    given = checkpoint.config
    return dataclasses.replace(
        config,
        layer_scale=float(given.get("layer_scale_init_value", 1e-6)),
        stochastic_depth=float(given.get("drop_path_rate", 0.0)),
        activation=from_huggingface(given.get("hidden_act", "gelu"), checkpoint.origin),
        # There the config's epsilon counts behind the pooling alone.
        head_epsilon=float(given.get("layer_norm_eps", 1e-12)),
    )


def adapt(checkpoint: Checkpoint, model: keras.Model, config: ConvNeXtConfig) -> Checkpoint:
    """Name keras.applications' tensors flat, and turn its grouped kernels ``(H, W, 1, C)`` into ``(H, W, C, 1)``.

    Args:
        checkpoint: The checkpoint.
        model: The model that receives it.
        config: The model's config.
    """
    if checkpoint.layout != "keras":
        return checkpoint
    tensors = {
        name: tensor.transpose(0, 1, 3, 2) if name.endswith("_depthwise_conv/0") else tensor
        for name, tensor in flat_names(checkpoint.tensors).items()
    }
    return dataclasses.replace(checkpoint, tensors=tensors)


def tensor_name(path: str, layout: Layout, config: ConvNeXtConfig, *, prefix: str = "") -> str:
    """Return the name of the tensor that belongs to a variable.

    Args:
        path: Path of the variable, such as ``stage1_block1/project_in/kernel``.
        layout: Whose names are wanted.
        config: The model's config.
        prefix: Before Hugging Face's names, ``"convnext."`` in a classifier.
    """
    layer, variable = path.rsplit("/", 1)
    group, *rest = layer.split("/")
    block = _BLOCK.match(group)
    if layout == "keras":
        if block is None:
            return f"{_keras_layer(group)}/{KERAS_PLACES[variable]}"
        return f"stage_{int(block[1]) - 1}_block_{int(block[2]) - 1}_{_KERAS_PARTS[rest[0]]}/{KERAS_PLACES[variable]}"
    if block is None:
        name = _timm_layer(group) if layout == "timm" else _huggingface_layer(group, prefix)
        return f"{name}.{TORCH_NAMES[variable]}"
    stage, place = int(block[1]) - 1, int(block[2]) - 1
    if layout == "timm":
        base, parts, scale = f"stages.{stage}.blocks.{place}", _TIMM_PARTS, "gamma"
    else:
        base, parts = f"{prefix}encoder.stages.{stage}.layers.{place}", _HUGGINGFACE_PARTS
        scale = "layer_scale_parameter"
    return f"{base}.{scale}" if rest[0] == "scale" else f"{base}.{parts[rest[0]]}.{TORCH_NAMES[variable]}"


def _keras_layer(group: str) -> str:
    place, _, kind = group.partition("_")
    kind = "layernorm" if kind == "norm" else kind
    if place in ("stem", "head"):
        return f"{place}_{kind or 'dense'}"
    return f"downsampling_{kind}_{int(place.removeprefix('stage')) - 2}"


def _timm_layer(group: str) -> str:
    named = {"stem_conv": "stem.0", "stem_norm": "stem.1", "head_norm": "head.norm", "head": "head.fc"}
    if group in named:
        return named[group]
    place, _, kind = group.partition("_")
    return f"stages.{int(place.removeprefix('stage')) - 1}.downsample.{0 if kind == 'norm' else 1}"


def _huggingface_layer(group: str, prefix: str) -> str:
    if group == "head":
        return "classifier"
    named = {
        "stem_conv": "embeddings.patch_embeddings",
        "stem_norm": "embeddings.layernorm",
        "head_norm": "layernorm",
    }
    if group in named:
        return f"{prefix}{named[group]}"
    place, _, kind = group.partition("_")
    stage = int(place.removeprefix("stage")) - 1
    return f"{prefix}encoder.stages.{stage}.downsampling_layer.{0 if kind == 'norm' else 1}"


def huggingface_config(config: ConvNeXtConfig) -> dict[str, Any]:
    """Return the fields of Hugging Face's config.

    Raises:
        WeightsError: Hugging Face's ConvNeXt cannot express this config.
    """
    if config.epsilon != 1e-6:
        raise WeightsError(
            f"Hugging Face's ConvNeXt has epsilon 1e-6 before the head. Received {config.epsilon}. Save as .keras."
        )
    return {
        "patch_size": config.patch,
        "num_stages": len(config.depths),
        "hidden_sizes": list(config.widths),
        "depths": list(config.depths),
        "hidden_act": to_huggingface(config.activation),
        "layer_norm_eps": config.head_epsilon,
        "layer_scale_init_value": config.layer_scale,
        "drop_path_rate": config.stochastic_depth,
        "image_size": 224,
    }
