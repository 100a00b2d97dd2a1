"""Names of DeiT's tensors at Hugging Face and in timm: ViT's, a second token and a second head."""

from typing import Any

from kerasarch.errors import WeightsError
from kerasarch.models import DeiTConfig
from kerasarch.models.deit import PREPROCESSING, VARIANTS
from kerasarch.weights import vit
from kerasarch.weights.checkpoint import Checkpoint, Identity, Layout

CONFIG = DeiTConfig
PREFIX = "deit."  # of Hugging Face's names in a classifier
IGNORED = vit.IGNORED
DETAILS = ("image_size", "token_positions", "bias", "layer_scale", "pooler", "epsilon", "distillation_head")
"""Fields in which public checkpoints of one and the same variant differ; a checkpoint's own win over the variant's."""
FITTED = vit.FITTED
# Regular expressions: there are two heads, or one of another name
HEADS = {
    "huggingface": "(?:cls_|distillation_)?classifier",
    "timm": "head(?:_dist)?",
    "kerasarch": "head(?:_distillation)?",
}
HUGGINGFACE = {
    "model_type": "deit",
    "classifier": "DeiTForImageClassification",
    "distilled": "DeiTForImageClassificationWithTeacher",
    "backbone": "DeiTModel",
}

adapt = vit.adapt


def imagenet_name(config: DeiTConfig, size: tuple[int | None, ...]) -> str:
    """Raise: keras.applications has no DeiT.

    Raises:
        WeightsError: Always; it says what to give instead.
    """
    raise WeightsError(
        "keras.applications has no DeiT. Use weights='hf:facebook/deit-small-distilled-patch16-224', "
        "'timm:deit_small_distilled_patch16_224.fb_in1k' or a file."
    )


def recognises(checkpoint: Checkpoint) -> bool:
    """Return whether the names of the tensors, or the config, are a DeiT's with distillation token."""
    if checkpoint.layout == "huggingface":
        return checkpoint.config.get("model_type") == "deit"
    return vit.is_timm(checkpoint) and "dist_token" in checkpoint.tensors


def identify(checkpoint: Checkpoint) -> Identity:
    """Find out sizes and details of a checkpoint.

    Raises:
        WeightsError: It is a relative of DeiT that this family does not have.
    """
    if checkpoint.layout == "timm":
        second = "head_dist.weight" in checkpoint.tensors or "head.weight" not in checkpoint.tensors
        return vit.identify_timm(
            checkpoint, DeiTConfig, VARIANTS, preprocessing=PREPROCESSING, distillation_head=second
        )
    # A model without heads says nothing of them.
    single = "classifier.weight" in checkpoint.tensors
    config = DeiTConfig(
        **vit.huggingface_fields(checkpoint), pooler=vit.pooler_width(checkpoint), distillation_head=not single
    )
    head = "classifier.weight" if single else "cls_classifier.weight"
    return vit.identity_of(checkpoint, config, head, PREPROCESSING)


def tensor_name(path: str, layout: Layout, config: DeiTConfig, *, prefix: str = "") -> str:
    """Return the name of the tensor that belongs to a variable, for timm as ``adapt`` leaves it.

    Args:
        path: Path of the variable, such as ``stem_tokens/distillation_token``.
        layout: Whose names are wanted.
        config: The model's config.
        prefix: Before Hugging Face's names, ``"deit."`` in a classifier.
    """
    head = "cls_classifier" if config.distillation_head else "classifier"
    return vit.outer_name(path, layout, prefix, {"head": head, "head_distillation": "distillation_classifier"})


def huggingface_config(config: DeiTConfig) -> dict[str, Any]:
    """Return the fields of Hugging Face's config.

    Raises:
        WeightsError: Hugging Face's DeiT cannot express this config.
    """
    return vit.huggingface_config(config)
