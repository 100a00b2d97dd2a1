"""ConvNeXt: a residual network with the proportions, the normalisation and the training of a vision transformer.

Paper: Liu et al., 2022 (https://arxiv.org/abs/2201.03545), section 2 and fig. 4. Each stage but the first begins with a
normalisation and a 2x2 convolution of stride 2. Pictures whose sides are no multiple of 32 lose the rows and columns
that fill no patch, as in the authors' code. Weights: see ``kerasarch.weights``.
"""

import dataclasses
from typing import Any

import keras

from kerasarch.errors import UsageError
from kerasarch.layers import Conv2D, ConvNeXtBlock, LayerNormalization
from kerasarch.layers.convnext_block import small_normal
from kerasarch.models.family import choose, classifier, pretrained, require_size
from kerasarch.models.network import Network
from kerasarch.models.preprocessing import IMAGENET, Preprocessing


@dataclasses.dataclass(frozen=True)
class ConvNeXtConfig:
    """Sizes and details of a ConvNeXt.

    Attributes:
        depths: Blocks in each stage.
        widths: Channels of each stage.
        patch: Size and step in pixels of the first convolution.
        layer_scale: Value of the factors at the end of each branch at the beginning of training; 0 for none.
        stochastic_depth: Rate at which training leaves out the last block's branch; 0 for the first, growing linearly.
        activation: Within the blocks.
        epsilon: Added to the variance in stem, blocks and between the stages.
        head_epsilon: Added to the variance behind the pooling.
    """

    depths: tuple[int, ...] = (3, 3, 9, 3)
    widths: tuple[int, ...] = (96, 192, 384, 768)
    patch: int = 4
    layer_scale: float = 1e-6
    stochastic_depth: float = 0.0
    activation: str = "gelu"
    epsilon: float = 1e-6
    head_epsilon: float = 1e-6

    def __post_init__(self) -> None:
        for name in ("depths", "widths"):
            object.__setattr__(self, name, tuple(int(value) for value in getattr(self, name)))
        if not self.depths or len(self.depths) != len(self.widths) or min(self.depths + self.widths) < 1:
            raise UsageError(
                f"depths and widths must have one positive number a stage. "
                f"Received depths={self.depths}, widths={self.widths}."
            )
        if self.patch < 1 or self.layer_scale < 0 or not 0.0 <= self.stochastic_depth < 1.0:
            raise UsageError(
                "patch must be positive, layer_scale 0 (none) or more and stochastic_depth in [0, 1). Received "
                f"patch={self.patch}, layer_scale={self.layer_scale}, stochastic_depth={self.stochastic_depth}."
            )


# Liu et al., 2022, section 3.1; rates of stochastic depth on ImageNet-1k: table 5
VARIANTS: dict[str, ConvNeXtConfig] = {
    "convnext_tiny": ConvNeXtConfig((3, 3, 9, 3), (96, 192, 384, 768), stochastic_depth=0.1),
    "convnext_small": ConvNeXtConfig((3, 3, 27, 3), (96, 192, 384, 768), stochastic_depth=0.4),
    "convnext_base": ConvNeXtConfig((3, 3, 27, 3), (128, 256, 512, 1024), stochastic_depth=0.5),
    "convnext_large": ConvNeXtConfig((3, 3, 27, 3), (192, 384, 768, 1536), stochastic_depth=0.5),
    "convnext_xlarge": ConvNeXtConfig((3, 3, 27, 3), (256, 512, 1024, 2048), stochastic_depth=0.5),
}


def convnext(
    variant: str | ConvNeXtConfig = "convnext_tiny",
    *,
    classes: int | None = 1000,
    input_shape: tuple[int | None, ...] = (224, 224, 3),
    weights: str | None = None,
    preprocessing: Preprocessing | None = None,
    name: str | None = None,
    **overrides: Any,
) -> Network:
    """Build a ConvNeXt.

    ```python
    model = kerasarch.models.convnext("convnext_tiny", classes=10, weights="imagenet")
    ```

    Args:
        variant: A name in ``VARIANTS``, or a config.
        classes: Outputs of the head, which gives logits; None or 0 leaves the pooled and normalised features.
        input_shape: Height, width, channels, in this order also under ``channels_first``; height and width may be None.
        weights: None for random ones, ``"imagenet"``, or any source of ``kerasarch.from_pretrained``. The source's
            details (``DETAILS`` of ``kerasarch.weights.convnext``) win over the variant's, but must agree with what
            is in ``overrides``; a head of another number of classes stays fresh.
        preprocessing: How pictures are prepared, recorded in the model. None takes what the weights expect, or
            ``IMAGENET``.
        name: Name of the model; the variant's by default.
        **overrides: Fields of [`ConvNeXtConfig`][kerasarch.models.convnext.ConvNeXtConfig] to replace.

    Returns:
        A functional model with the groups ``stem``, ``stage1`` ... ``stage4``, ``head``.

    Raises:
        UsageError: No such variant or field.
        ShapeError: The input shape is not usable.
        WeightsError: The weights do not fit.
    """
    config = choose(VARIANTS, variant, overrides)
    name = name or (variant if isinstance(variant, str) else "convnext")
    arguments: dict[str, Any] = {"classes": classes, "input_shape": input_shape, "name": name}
    if weights is not None:
        return pretrained("convnext", weights, config, preprocessing=preprocessing, fixed=tuple(overrides), **arguments)
    require_size(name, input_shape, config.patch * 2 ** (len(config.depths) - 1))
    return classifier("convnext", config, _body, preprocessing=preprocessing or IMAGENET, **arguments)


def _body(config: ConvNeXtConfig, x: Any) -> Any:
    """Stem, stages and the normalised average: ``(B, H, W, C) -> (B, width)``."""
    axis = 1 if keras.config.image_data_format() == "channels_first" else -1
    total = max(sum(config.depths) - 1, 1)
    number = 0
    for stage, (depth, width) in enumerate(zip(config.depths, config.widths, strict=True), start=1):
        if stage == 1:
            x = _convolution(width, config.patch, "stem_conv")(x)
            x = _norm(config.epsilon, "stem_norm", axis)(x)
        else:
            x = _norm(config.epsilon, f"stage{stage}_norm", axis)(x)
            x = _convolution(width, 2, f"stage{stage}_conv")(x)
        for index in range(1, depth + 1):
            x = ConvNeXtBlock(
                activation=config.activation,
                layer_scale=config.layer_scale,
                stochastic_depth=config.stochastic_depth * number / total,
                epsilon=config.epsilon,
                name=f"stage{stage}_block{index}",
            )(x)
            number += 1
    x = keras.layers.GlobalAveragePooling2D(name="head_pool")(x)
    return _norm(config.head_epsilon, "head_norm", -1)(x)


def _convolution(width: int, size: int, name: str) -> Conv2D:
    """A convolution of patches that touch: its step is its size."""
    return Conv2D(width, size, strides=size, kernel_initializer=small_normal(), name=name)


def _norm(epsilon: float, name: str, axis: int) -> LayerNormalization:
    return LayerNormalization(axis=axis, epsilon=epsilon, name=name)
