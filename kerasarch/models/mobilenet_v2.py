"""MobileNetV2: inverted residuals with linear bottlenecks, for small devices.

Paper: Sandler et al., 2018 (https://arxiv.org/abs/1801.04381), table 2. The padding is TensorFlow's, as in the authors'
code, so that their weights fit; ``padding="symmetric"`` and ``epsilon=1e-5`` is PyTorch's version. Weights: see
``kerasarch.weights``.
"""

import dataclasses
from typing import Any

from kerasarch.errors import UsageError
from kerasarch.layers import ConvNorm, InvertedResidual
from kerasarch.models.family import choose, classifier, pretrained
from kerasarch.models.network import Network
from kerasarch.models.preprocessing import INCEPTION, Preprocessing

# Sandler et al., 2018, table 2: expansion, channels, blocks, stride of the first block
STAGES = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)


def divisible(value: float, divisor: int = 8, minimum: int | None = None) -> int:
    """Round channels to a multiple of the divisor, never down by more than a tenth.

    The rule of the authors' code:
    https://github.com/tensorflow/models/blob/master/research/slim/nets/mobilenet/mobilenet.py.

    Args:
        value: Channels wanted.
        divisor: The result is a multiple of it.
        minimum: The least result; the divisor by default.
    """
    rounded = max(minimum or divisor, int(value + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * value else rounded


@dataclasses.dataclass(frozen=True)
class MobileNetV2Config:
    """Sizes and details of a MobileNetV2.

    Attributes:
        alpha: Width multiplier: every number of channels is multiplied by it and rounded to a multiple of 8.
        stages: Expansion, channels before the multiplier, blocks, stride of the first block.
        stem_width: Channels of the first convolution, before the multiplier.
        top_width: Channels of the last convolution; the multiplier counts only above 1, as in the authors' code.
        output_stride: Input size over the size of the last map, 8, 16 or 32; smaller ones dilate instead of striding.
        dropout: Rate before the head.
        activation: After every convolution but the projections.
        padding: ``"same"`` or ``"symmetric"``.
        momentum: Share of the old value in the moving statistics.
        epsilon: Added to the variance.
    """

    alpha: float = 1.0
    stages: tuple[tuple[int, int, int, int], ...] = STAGES
    stem_width: int = 32
    top_width: int = 1280
    output_stride: int = 32
    dropout: float = 0.0
    activation: str = "relu6"
    padding: str = "same"
    momentum: float = 0.9
    epsilon: float = 1e-3

    def __post_init__(self) -> None:
        object.__setattr__(self, "stages", tuple(tuple(int(value) for value in row) for row in self.stages))
        if self.alpha <= 0 or self.output_stride not in (8, 16, 32):
            raise UsageError(
                f"alpha must be positive and output_stride 8, 16 or 32. "
                f"Received alpha={self.alpha}, output_stride={self.output_stride}."
            )


# Width multipliers with public weights: https://github.com/tensorflow/models/tree/master/research/slim/nets/mobilenet
VARIANTS: dict[str, MobileNetV2Config] = {
    "mobilenet_v2": MobileNetV2Config(),
    "mobilenet_v2_035": MobileNetV2Config(alpha=0.35),
    "mobilenet_v2_050": MobileNetV2Config(alpha=0.5),
    "mobilenet_v2_075": MobileNetV2Config(alpha=0.75),
    "mobilenet_v2_130": MobileNetV2Config(alpha=1.3),
    "mobilenet_v2_140": MobileNetV2Config(alpha=1.4),
}


def mobilenet_v2(
    variant: str | MobileNetV2Config = "mobilenet_v2",
    *,
    classes: int | None = 1000,
    input_shape: tuple[int | None, ...] = (224, 224, 3),
    weights: str | None = None,
    preprocessing: Preprocessing | None = None,
    name: str | None = None,
    **overrides: Any,
) -> Network:
    """Build a MobileNetV2.

    ```python
    model = kerasarch.models.mobilenet_v2(classes=10, alpha=0.5, input_shape=(160, 160, 3))
    ```

    Args:
        variant: A name in ``VARIANTS``, or a config.
        classes: Outputs of the head, which gives logits; None or 0 leaves the pooled features.
        input_shape: Height, width, channels, in this order also under ``channels_first``; height and width may be None.
        weights: None for random ones, ``"imagenet"``, or any source of ``kerasarch.from_pretrained``. The source's
            details (``DETAILS`` of ``kerasarch.weights.mobilenet_v2``) win over the variant's, but must agree with
            what is in ``overrides``; a head of another number of classes stays fresh.
        preprocessing: How pictures are prepared, recorded in the model. None takes what the weights expect, or
            ``INCEPTION``.
        name: Name of the model; the variant's by default.
        **overrides: Fields of [`MobileNetV2Config`][kerasarch.models.mobilenet_v2.MobileNetV2Config] to replace.

    Returns:
        A functional model with the groups ``stem``, ``stage1`` ... ``stage7``, ``top``, ``head``.

    Raises:
        UsageError: No such variant or field.
        ShapeError: The input shape is not usable.
        WeightsError: The weights do not fit.
    """
    config = choose(VARIANTS, variant, overrides)
    name = name or (variant if isinstance(variant, str) else "mobilenet_v2")
    arguments: dict[str, Any] = {"classes": classes, "input_shape": input_shape, "name": name}
    if weights is not None:
        return pretrained(
            "mobilenet_v2", weights, config, preprocessing=preprocessing, fixed=tuple(overrides), **arguments
        )
    return classifier(
        "mobilenet_v2", config, _body, preprocessing=preprocessing or INCEPTION, dropout=config.dropout, **arguments
    )


def _body(config: MobileNetV2Config, x: Any) -> Any:
    """Convolutions: ``(B, H, W, C) -> (B, H / 32, W / 32, top)``."""
    common: dict[str, Any] = {
        "padding": config.padding,
        "activation": config.activation,
        "momentum": config.momentum,
        "epsilon": config.epsilon,
    }
    x = ConvNorm(divisible(config.stem_width * config.alpha), 3, stride=2, name="stem_conv", **common)(x)
    reached = 2
    dilation = 1
    for stage, (expansion, channels, blocks, first) in enumerate(config.stages, start=1):
        for index in range(blocks):
            stride, dilated = first if index == 0 else 1, 1
            if reached == config.output_stride:
                # The block that would have strided keeps the old dilation; those after it see wider.
                stride, dilated, dilation = 1, dilation, dilation * stride
            reached *= stride
            x = InvertedResidual(
                divisible(channels * config.alpha),
                expansion=expansion,
                stride=stride,
                dilation=dilated,
                name=f"stage{stage}_block{index + 1}",
                **common,
            )(x)
    top = divisible(config.top_width * max(1.0, config.alpha))
    return ConvNorm(top, 1, name="top_conv", **common)(x)
