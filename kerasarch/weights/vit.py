"""Names of ViT's tensors at Hugging Face and in timm; DeiT's are the same and a few more."""

import dataclasses
import math
import re
from collections.abc import Mapping
from typing import Any

from kerasarch.errors import WeightsError
from kerasarch.models import INCEPTION, Preprocessing, ViTConfig
from kerasarch.models.vit import VARIANTS
from kerasarch.weights import vit_tensors
from kerasarch.weights.checkpoint import TORCH_NAMES, Checkpoint, Identity, Layout

CONFIG = ViTConfig
PREFIX = "vit."  # of Hugging Face's names in a classifier
# A pooler has no place in a model with a head, nor the token of masked patches outside its pre-training.
IGNORED = r"(^|\.|head_)pooler[./]|(^|\.)mask_token$"
DETAILS = (
    "image_size",
    "class_token",
    "pooling",
    "pooled_norm",
    "token_positions",
    "bias",
    "layer_scale",
    "pooler",
    "epsilon",
)
"""Fields in which public checkpoints of one and the same variant differ; a checkpoint's own win over the variant's."""
FITTED = ("image_size",)  # positions are interpolated
HEADS = {"huggingface": "classifier", "timm": "head", "kerasarch": "head"}
HUGGINGFACE = {"model_type": "vit", "classifier": "ViTForImageClassification", "backbone": "ViTModel"}
adapt = vit_tensors.adapt
# Name in transformers to the name here; of two for one function the first is written
ACTIVATIONS = {
    "gelu": "gelu",
    "gelu_pytorch_tanh": "gelu-approximate",
    "gelu_new": "gelu-approximate",
    "quick_gelu": "quick_gelu",
    "relu": "relu",
    "silu": "linear-silu",
    "swish": "linear-silu",
}
_FIELDS = {
    "hidden_size": "width",
    "num_hidden_layers": "depth",
    "num_attention_heads": "heads",
    "layer_norm_eps": "epsilon",
    "qkv_bias": "bias",
    "hidden_dropout_prob": "dropout",
}
_BLOCK = re.compile(r"stage(\d+)_block/(.+)")
_HUGGINGFACE = {
    "stem_patches": "embeddings.patch_embeddings.projection",
    "stem_tokens/positions": "embeddings.position_embeddings",
    "stem_tokens/class_token": "embeddings.cls_token",
    "stem_tokens/distillation_token": "embeddings.distillation_token",
    "norm1": "layernorm_before",
    "attention/query": "attention.attention.query",
    "attention/key": "attention.attention.key",
    "attention/value": "attention.attention.value",
    "attention/out": "attention.output.dense",
    "norm2": "layernorm_after",
    "feed_forward/project_in": "intermediate.dense",
    "feed_forward/project_out": "output.dense",
    "top_norm": "layernorm",
    "head_pooler": "pooler.dense",
}
_TIMM = {
    "stem_patches": "patch_embed.proj",
    "stem_tokens/positions": "pos_embed",
    "stem_tokens/class_token": "cls_token",
    "stem_tokens/distillation_token": "dist_token",
    "norm1": "norm1",
    "attention/query": "attn.query",  # as ``adapt`` calls the parts of attn.qkv
    "attention/key": "attn.key",
    "attention/value": "attn.value",
    "attention/out": "attn.proj",
    "scale1": "ls1",
    "norm2": "norm2",
    "feed_forward/project_in": "mlp.fc1",
    "feed_forward/project_out": "mlp.fc2",
    "scale2": "ls2",
    "top_norm": "norm",
    "head_norm": "fc_norm",
    "head": "head",
    "head_distillation": "head_dist",
}


def imagenet_name(config: ViTConfig, size: tuple[int | None, ...]) -> str:
    """Raise: keras.applications has no ViT.

    Raises:
        WeightsError: Always; it says what to give instead.
    """
    raise WeightsError(
        "keras.applications has no ViT. Use weights='hf:google/vit-base-patch16-224', "
        "'timm:vit_tiny_patch16_224.augreg_in21k_ft_in1k' or a file."
    )


def recognises(checkpoint: Checkpoint) -> bool:
    """Return whether the names of the tensors, or the config, are a ViT's."""
    if checkpoint.layout == "huggingface":
        return checkpoint.config.get("model_type") == "vit"
    return is_timm(checkpoint) and "dist_token" not in checkpoint.tensors


def is_timm(checkpoint: Checkpoint) -> bool:
    """Return whether the names of the tensors are those of timm's vision transformers, DeiT's too."""
    needed = ("patch_embed.proj.weight", "pos_embed", "blocks.0.attn.qkv.weight", "blocks.0.mlp.fc1.weight")
    return checkpoint.layout == "timm" and all(name in checkpoint.tensors for name in needed)


def identify(checkpoint: Checkpoint) -> Identity:
    """Find out sizes and details of a checkpoint.

    Raises:
        WeightsError: It is a relative of ViT that this family does not have.
    """
    if checkpoint.layout == "timm":
        return identify_timm(checkpoint, ViTConfig, VARIANTS, preprocessing=INCEPTION)
    fields = huggingface_fields(checkpoint)
    pooler = pooler_width(checkpoint)
    config = ViTConfig(**fields, pooler=pooler)
    return identity_of(checkpoint, config, "classifier.weight", INCEPTION)


def huggingface_fields(checkpoint: Checkpoint) -> dict[str, Any]:
    """Return the fields of the config that Hugging Face's says, but the pooler.

    Raises:
        WeightsError: A field has a value that is not built here.
    """
    given, origin = checkpoint.config, checkpoint.origin
    if given.get("attention_probs_dropout_prob"):
        raise WeightsError(
            f"{origin}: attention_probs_dropout_prob {given['attention_probs_dropout_prob']} is not built here; "
            "set it to 0."
        )
    fields: dict[str, Any] = {ours: given[theirs] for theirs, ours in _FIELDS.items() if theirs in given}
    fields.setdefault("epsilon", 1e-12)  # transformers' default
    activation = given.get("hidden_act", "gelu")
    if activation not in ACTIVATIONS:
        raise WeightsError(
            f"{origin}: hidden_act {activation!r} is not built here. Known are {', '.join(ACTIVATIONS)}."
        )
    patch = given.get("patch_size", 16)
    if not isinstance(patch, int):
        if len(set(patch)) != 1:
            raise WeightsError(f"{origin}: patch_size {patch} is not built here; patches must be square.")
        patch = patch[0]
    width = fields.get("width", ViTConfig.width)
    return {
        **fields,
        "patch": patch,
        "image_size": given.get("image_size", 224),
        "activation": ACTIVATIONS[activation],
        "expansion": given.get("intermediate_size", 4 * width) / width,
    }


def pooler_width(checkpoint: Checkpoint) -> int:
    """Return the width of the pooler, 0 where there is none.

    Raises:
        WeightsError: It has another activation than tanh.
    """
    pooler = checkpoint.tensors.get("pooler.dense.weight")
    if pooler is not None and checkpoint.config.get("pooler_act", "tanh") != "tanh":
        raise WeightsError(
            f"{checkpoint.origin}: pooler_act {checkpoint.config['pooler_act']!r} is not built here; it must be tanh."
        )
    return 0 if pooler is None else pooler.shape[0]


def identity_of(checkpoint: Checkpoint, config: Any, head: str, preprocessing: Preprocessing, **more: Any) -> Identity:
    """Return the identity of a checkpoint with this config.

    Args:
        checkpoint: The checkpoint.
        config: Its sizes and details.
        head: Name of the head's kernel.
        preprocessing: Where the checkpoint says nothing of it.
        **more: More fields of the identity.

    Raises:
        WeightsError: There is no projection of patches.
    """
    patches = next((name for name in checkpoint.tensors if re.search(r"patch_embed.*proj.*weight$", name)), None)
    if patches is None:
        raise WeightsError(f"{checkpoint.origin}: no tensor of the patches' projection. Expected a vision transformer.")
    kernel = checkpoint.tensors.get(head)
    return Identity(
        config,
        classes=0 if kernel is None else kernel.shape[0],
        channels=checkpoint.tensors[patches].shape[1],
        # Positions are best at their own size, whatever the pictures were resized to before.
        preprocessing=dataclasses.replace(checkpoint.preprocessing or preprocessing, size=config.image_size),
        **more,
    )


def identify_timm(
    checkpoint: Checkpoint, kind: Any, variants: Mapping[str, Any], *, preprocessing: Preprocessing, **fields: Any
) -> Identity:
    """Find out sizes and details of a checkpoint of timm's, whose tensors say all but the number of heads.

    Args:
        checkpoint: The checkpoint.
        kind: Class of the config.
        variants: The published sizes, of which that of the same width and depth tells the heads.
        preprocessing: Where the checkpoint says nothing of it.
        **fields: More fields of the config.

    Raises:
        WeightsError: The tensors do not go together.
    """
    shapes = {name: tuple(tensor.shape) for name, tensor in checkpoint.tensors.items()}
    width, _, patch, _ = shapes["patch_embed.proj.weight"]
    depth = sum(bool(re.fullmatch(r"blocks\.\d+\.norm1\.weight", name)) for name in shapes)
    prefix = ("cls_token" in shapes) + ("dist_token" in shapes)
    image_size, token_positions = _timm_size(checkpoint, prefix, patch)
    mean = "fc_norm.weight" in shapes or prefix == 0 or checkpoint.config.get("global_pool") == "avg"
    heads = next((each.heads for each in variants.values() if (each.width, each.depth) == (width, depth)), None)
    config = kind(
        patch=patch,
        width=width,
        depth=depth,
        heads=heads or 1,
        expansion=shapes["blocks.0.mlp.fc1.weight"][0] / width,
        image_size=image_size,
        class_token="cls_token" in shapes,
        pooling="mean" if mean else "token",
        pooled_norm="fc_norm.weight" in shapes,
        token_positions=token_positions,
        bias="blocks.0.attn.qkv.bias" in shapes,
        layer_scale=1e-5 if {"blocks.0.ls1.gamma", "blocks.0.gamma_1"} & set(shapes) else None,
        **fields,
    )
    unknown = () if heads else ("heads",)
    return identity_of(checkpoint, config, "head.weight", preprocessing, unknown=unknown)


def _timm_size(checkpoint: Checkpoint, prefix: int, patch: int) -> tuple[tuple[int, int], bool]:
    """Return the size of the pictures, and whether the tokens in front of the patches have positions."""
    count = checkpoint.tensors["pos_embed"].shape[1]
    if checkpoint.preprocessing is not None:
        height, width = checkpoint.preprocessing.size
        patches = (height // patch) * (width // patch)
        if count in (patches, patches + prefix):
            return (height, width), count != patches
    # A number and the same with one or two tokens more are not both squares.
    for patches, with_tokens in ((count - prefix, True), (count, False)):
        side = math.isqrt(patches)
        if side > 0 and side * side == patches:
            return (side * patch, side * patch), with_tokens
    raise WeightsError(
        f"{checkpoint.origin}: pos_embed has {count} positions, which is no square with or without {prefix} tokens. "
        "Give the folder with config.json, which says the size of the pictures."
    )


def tensor_name(path: str, layout: Layout, config: ViTConfig, *, prefix: str = "") -> str:
    """Return the name of the tensor that belongs to a variable, for timm as ``adapt`` leaves it.

    Args:
        path: Path of the variable, such as ``stage1_block/attention/query/kernel``.
        layout: Whose names are wanted.
        config: The model's config.
        prefix: Before Hugging Face's names, ``"vit."`` in a classifier.
    """
    return outer_name(path, layout, prefix, {"head": "classifier"})


def outer_name(path: str, layout: Layout, prefix: str, heads: Mapping[str, str]) -> str:
    """Return the name of a tensor, given what Hugging Face calls the heads; see ``tensor_name``."""
    layer, variable = path.rsplit("/", 1)
    if layer == "stem_tokens":
        return f"{prefix}{_HUGGINGFACE[path]}" if layout == "huggingface" else _TIMM[path]
    end = "gamma" if layer.endswith(("/scale1", "/scale2")) else TORCH_NAMES[variable]
    if layout == "huggingface" and layer in heads:
        return f"{heads[layer]}.{end}"
    names = _HUGGINGFACE if layout == "huggingface" else _TIMM
    block = _BLOCK.fullmatch(layer)
    place, part = ("", layer) if block is None else (f"{int(block[1]) - 1}.", block[2])
    if block is not None:
        place = f"encoder.layer.{place}" if layout == "huggingface" else f"blocks.{place}"
    # A part that the layout has not gets our own name, which no file has: the error names it.
    return f"{prefix}{place}{names.get(part, part)}.{end}"


def huggingface_config(config: ViTConfig) -> dict[str, Any]:
    """Return the fields of Hugging Face's config.

    Raises:
        WeightsError: Hugging Face's ViT cannot express this config.
    """
    plain = {
        "class_token": True,
        "pooling": "token",
        "pooled_norm": False,
        "token_positions": True,
        "layer_scale": None,
    }
    wrong = [f"{name}={getattr(config, name)!r}" for name, value in plain.items() if getattr(config, name) != value]
    names = {ours: theirs for theirs, ours in reversed(ACTIVATIONS.items())}
    if config.activation not in names:
        wrong.append(f"activation={config.activation!r}")
    if wrong:
        raise WeightsError(f"Hugging Face's ViT has no counterpart of {', '.join(wrong)}. Save as .keras.")
    height, width = config.image_size
    return {
        **{theirs: getattr(config, ours) for theirs, ours in _FIELDS.items()},
        "attention_probs_dropout_prob": 0.0,
        "hidden_act": names[config.activation],
        "intermediate_size": round(config.width * config.expansion),
        "patch_size": config.patch,
        "image_size": height if height == width else [height, width],
        "pooler_output_size": config.pooler or config.width,
        "pooler_act": "tanh",
    }
