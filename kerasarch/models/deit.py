"""DeiT, the data-efficient image transformer: a ViT with a token that learns from a teacher.

Paper: Touvron et al., 2020, "Training data-efficient image transformers & distillation through attention"
(https://arxiv.org/abs/2012.12877). DeiT without distillation is a ViT, and is built by ``models.vit``. Weights: see
``kerasarch.weights``.
"""

import dataclasses
from typing import Any

import keras

from kerasarch.errors import UsageError
from kerasarch.layers import TokenPooling
from kerasarch.models.family import choose, classifier, pretrained
from kerasarch.models.network import Network, trace
from kerasarch.models.preprocessing import IMAGENET, Preprocessing
from kerasarch.models.vit import ViTConfig, encode, fit_to_input, pool

PREPROCESSING = dataclasses.replace(IMAGENET, interpolation="bicubic")


@dataclasses.dataclass(frozen=True)
class DeiTConfig(ViTConfig):
    """Sizes and details of a DeiT: those of [`ViTConfig`][kerasarch.models.vit.ViTConfig] and one more.

    Attributes:
        distillation_head: A second head on the distillation token; the model gives the mean of both heads' logits.
    """

    distillation_head: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.class_token or self.pooling != "token":
            raise UsageError(
                f"DeiT's heads see the class token and the distillation token. Received "
                f"class_token={self.class_token}, pooling={self.pooling!r}; use models.vit."
            )


# Touvron et al., 2020, table 1
VARIANTS: dict[str, DeiTConfig] = {
    "deit_tiny_patch16": DeiTConfig(width=192, heads=3),
    "deit_small_patch16": DeiTConfig(width=384, heads=6),
    "deit_base_patch16": DeiTConfig(width=768, heads=12),
}


def deit(
    variant: str | DeiTConfig = "deit_small_patch16",
    *,
    classes: int | None = 1000,
    input_shape: tuple[int | None, ...] | None = None,
    weights: str | None = None,
    preprocessing: Preprocessing | None = None,
    name: str | None = None,
    **overrides: Any,
) -> Network:
    """Build a DeiT with distillation token.

    ```python
    model = kerasarch.models.deit(classes=10, weights="hf:facebook/deit-small-distilled-patch16-224")
    both = kerasarch.models.distillation_heads(model)  # to train the second head on a teacher's predictions
    ```

    Args:
        variant: A name in ``VARIANTS``, or a config.
        classes: Outputs of the heads, which give logits; None or 0 leaves the class token's features.
        input_shape: Height, width, channels, in this order also under ``channels_first``; height and width may be
            None. None takes the config's ``image_size`` and three channels.
        weights: None for random ones, or any source of ``kerasarch.from_pretrained``. The source's details
            (``DETAILS`` of ``kerasarch.weights.deit``) win over the variant's, but must agree with what is in
            ``overrides``; positions are interpolated where the size differs; heads of another number of classes stay
            fresh.
        preprocessing: How pictures are prepared, recorded in the model. None takes what the weights expect, or
            ``IMAGENET`` with bicubic resizing.
        name: Name of the model; the variant's by default.
        **overrides: Fields of [`DeiTConfig`][kerasarch.models.deit.DeiTConfig] to replace.

    Returns:
        A functional model with the groups ``stem``, ``stage1`` (the first block) ... ``stage12``, ``top``, ``head``.

    Raises:
        UsageError: No such variant or field.
        ShapeError: The input shape is not usable.
        WeightsError: The weights do not fit.
    """
    config = choose(VARIANTS, variant, overrides)
    name = name or (variant if isinstance(variant, str) else "deit")
    config, shape = fit_to_input(config, input_shape, name)
    arguments: dict[str, Any] = {"classes": classes, "input_shape": shape, "name": name}
    if weights is not None:
        return pretrained("deit", weights, config, preprocessing=preprocessing, fixed=tuple(overrides), **arguments)
    tokens: list[Any] = []

    def body(config: DeiTConfig, x: Any) -> Any:
        tokens.append(encode(config, x, distillation_token=True))
        return pool(config, tokens[0], with_pooler=not classes)

    preprocessing = preprocessing or PREPROCESSING
    model = classifier("deit", config, body, preprocessing=preprocessing, dropout=config.dropout, **arguments)
    return _with_second_head(model, config, tokens[0], classes) if classes and config.distillation_head else model


def _with_second_head(model: Network, config: DeiTConfig, tokens: Any, classes: int) -> Network:
    """Return the model with the mean of its head and of one on the distillation token: section 4 of the paper."""
    x = TokenPooling(1, name="head_distillation_pool")(tokens)
    if config.dropout:
        x = keras.layers.Dropout(config.dropout, name="head_distillation_dropout")(x)
    x = keras.layers.Dense(classes, name="head_distillation")(x)
    x = keras.layers.Average(name="head_average")([model.outputs[0], x])
    return Network(
        model.inputs[0], x, name=model.name, architecture=model.architecture, preprocessing=model.preprocessing
    )


def distillation_heads(model: keras.Model) -> Network:
    """Return a model that gives the logits of both heads of a DeiT, by the names that Hugging Face has for them.

    Train ``cls_logits`` on the labels and ``distillation_logits`` on the teacher's decisions (hard distillation, eq. 3
    of the paper); ``logits`` is their mean, for inference.

    Args:
        model: A DeiT with a distillation head, also one from ``replace_head``; its layers are shared.

    Returns:
        A functional model to ``{"logits", "cls_logits", "distillation_logits"}``, each ``(B, classes)``.

    Raises:
        UsageError: The model has no two heads.
    """
    tensors = {layer.name: tensor for layer, tensor in trace(model)}
    if not {"head", "head_distillation", "head_average"} <= set(tensors):
        raise UsageError(f"{model.name}: expected a DeiT with a distillation head. Received heads of another model.")
    outputs = {
        "logits": tensors["head_average"],
        "cls_logits": tensors["head"],
        "distillation_logits": tensors["head_distillation"],
    }
    return Network(
        model.inputs[0],
        outputs,
        name=model.name,
        architecture=getattr(model, "architecture", None),
        preprocessing=getattr(model, "preprocessing", None),
    )
