"""ResNet: v1, v1.5 and v2, for ImageNet's pictures and for small ones.

Papers: He et al., 2015, "Deep Residual Learning for Image Recognition" (https://arxiv.org/abs/1512.03385), and He et
al., 2016, "Identity Mappings in Deep Residual Networks" (https://arxiv.org/abs/1603.05027). v1.5 moves the stride of a
bottleneck from its first 1x1 convolution into the 3x3 one (Goyal et al., 2017, section 5.1,
https://arxiv.org/abs/1706.02677); it is what torchvision, timm and Hugging Face call ResNet-50, and so do we.

Where we differ: padding is symmetric throughout, as in PyTorch. The v2 networks have neither normalisation nor
activation between the stem and the pooling; their first block brings them. Weights: see ``kerasarch.weights``.
"""

import dataclasses
from typing import Any, Literal

import keras

from kerasarch.errors import UsageError
from kerasarch.layers import (
    BasicBlock,
    BatchNormalization,
    BottleneckBlock,
    Conv2D,
    ConvNorm,
    PreactivationBasicBlock,
    PreactivationBottleneckBlock,
    SymmetricMaxPooling,
)
from kerasarch.layers.conv_norm import fan_out_initializer
from kerasarch.models.family import choose, classifier, pretrained
from kerasarch.models.network import Network
from kerasarch.models.preprocessing import IMAGENET, Preprocessing


@dataclasses.dataclass(frozen=True)
class ResNetConfig:
    """Sizes and details of a ResNet.

    Attributes:
        block: Two 3x3 convolutions, or a bottleneck.
        depths: Blocks in each stage.
        widths: Output channels of each stage; a bottleneck is four times narrower inside.
        stem: ``"imagenet"`` is a 7x7 convolution of stride 2 and a 3x3 pooling of stride 2; ``"small"`` is a 3x3
            convolution, for pictures of 16 to 64 pixels.
        stem_width: Output channels of the stem.
        preactivation: Version 2: normalise and activate before each convolution.
        first_stride: Step of the first stage; the others have 2.
        activation: After the stem and after each sum.
        inner_activation: Between the convolutions of a block.
        stride_in_reduction: Version 1: the stride of a bottleneck is in its first convolution.
        stride_last: The stride is in the last block of a stage, and the last stage has none, as in TensorFlow's v2
            networks.
        zero_padded_pool: The stem's pooling pads with zeros, as in TensorFlow's v2 networks.
        bias: The convolutions have a bias (in version 2 those that no normalisation follows).
        momentum: Share of the old value in the moving statistics.
        epsilon: Added to the variance.
    """

    block: Literal["basic", "bottleneck"] = "bottleneck"
    depths: tuple[int, ...] = (3, 4, 6, 3)
    widths: tuple[int, ...] = (256, 512, 1024, 2048)
    stem: Literal["imagenet", "small"] = "imagenet"
    stem_width: int = 64
    preactivation: bool = False
    first_stride: int = 1
    activation: str = "relu"
    inner_activation: str = "relu"
    stride_in_reduction: bool = False
    stride_last: bool = False
    zero_padded_pool: bool = False
    bias: bool = False
    momentum: float = 0.9
    epsilon: float = 1e-5

    def __post_init__(self) -> None:
        for name in ("depths", "widths"):
            object.__setattr__(self, name, tuple(int(value) for value in getattr(self, name)))
        if self.block not in ("basic", "bottleneck") or self.stem not in ("imagenet", "small"):
            raise UsageError(
                f"block must be 'basic' or 'bottleneck' and stem 'imagenet' or 'small'. "
                f"Received block={self.block!r}, stem={self.stem!r}."
            )
        if not self.depths or len(self.depths) != len(self.widths) or min(self.depths + self.widths) < 1:
            raise UsageError(
                f"depths and widths must have one positive number a stage. "
                f"Received depths={self.depths}, widths={self.widths}."
            )


_BASIC: dict[str, Any] = {"block": "basic", "widths": (64, 128, 256, 512)}
_SMALL: dict[str, Any] = {"block": "basic", "stem": "small"}
_CIFAR: dict[str, Any] = {**_SMALL, "stem_width": 16, "widths": (16, 32, 64)}

VARIANTS: dict[str, ResNetConfig] = {
    # He et al., 2015, table 1; bottlenecks as v1.5
    "resnet18": ResNetConfig(**_BASIC, depths=(2, 2, 2, 2)),
    "resnet34": ResNetConfig(**_BASIC, depths=(3, 4, 6, 3)),
    "resnet50": ResNetConfig(depths=(3, 4, 6, 3)),
    "resnet101": ResNetConfig(depths=(3, 4, 23, 3)),
    "resnet152": ResNetConfig(depths=(3, 8, 36, 3)),
    # He et al., 2015, table 1, as printed: the stride in the first 1x1 convolution (no difference for basic blocks)
    "resnet18_v1": ResNetConfig(**_BASIC, depths=(2, 2, 2, 2)),
    "resnet34_v1": ResNetConfig(**_BASIC, depths=(3, 4, 6, 3)),
    "resnet50_v1": ResNetConfig(depths=(3, 4, 6, 3), stride_in_reduction=True),
    "resnet101_v1": ResNetConfig(depths=(3, 4, 23, 3), stride_in_reduction=True),
    "resnet152_v1": ResNetConfig(depths=(3, 8, 36, 3), stride_in_reduction=True),
    # He et al., 2016, fig. 1b, at the depths of the first paper
    "resnet18_v2": ResNetConfig(**_BASIC, depths=(2, 2, 2, 2), preactivation=True),
    "resnet34_v2": ResNetConfig(**_BASIC, depths=(3, 4, 6, 3), preactivation=True),
    "resnet50_v2": ResNetConfig(depths=(3, 4, 6, 3), preactivation=True),
    "resnet101_v2": ResNetConfig(depths=(3, 4, 23, 3), preactivation=True),
    "resnet152_v2": ResNetConfig(depths=(3, 8, 36, 3), preactivation=True),
    # He et al., 2015, section 4.2 (CIFAR-10): 6n + 2 layers of 16, 32, 64 channels; 8 layers is their scheme with n = 1
    "resnet8_small": ResNetConfig(**_CIFAR, depths=(1, 1, 1)),
    "resnet20_small": ResNetConfig(**_CIFAR, depths=(3, 3, 3)),
    "resnet32_small": ResNetConfig(**_CIFAR, depths=(5, 5, 5)),
    "resnet56_small": ResNetConfig(**_CIFAR, depths=(9, 9, 9)),
    # Stages of ResNet-10 and ResNet-18 with half the channels on the CIFAR stem: for 16- and 32-pixel pictures
    "resnet10_small": ResNetConfig(**_SMALL, stem_width=32, depths=(1, 1, 1, 1), widths=(32, 64, 128, 256)),
    "resnet18_small": ResNetConfig(**_SMALL, stem_width=64, depths=(2, 2, 2, 2), widths=(64, 128, 256, 512)),
}


def resnet(
    variant: str | ResNetConfig = "resnet50",
    *,
    classes: int | None = 1000,
    input_shape: tuple[int | None, ...] = (224, 224, 3),
    weights: str | None = None,
    preprocessing: Preprocessing | None = None,
    name: str | None = None,
    **overrides: Any,
) -> Network:
    """Build a ResNet.

    ```python
    model = kerasarch.models.resnet("resnet50", classes=10, weights="imagenet")
    small = kerasarch.models.resnet("resnet8_small", classes=10, input_shape=(16, 16, 1))
    ```

    Args:
        variant: A name in ``VARIANTS``, or a config.
        classes: Outputs of the head, which gives logits; None or 0 leaves the pooled features.
        input_shape: Height, width, channels, in this order also under ``channels_first``; height and width may be None.
        weights: None for random ones, ``"imagenet"``, or any source of ``kerasarch.from_pretrained``. The source's
            details (``DETAILS`` of ``kerasarch.weights.resnet``) win over the variant's, but must agree with what is in
            ``overrides``; a head of another number of classes stays fresh.
        preprocessing: How pictures are prepared, recorded in the model. None takes what the weights expect, or
            ``IMAGENET``.
        name: Name of the model; the variant's by default.
        **overrides: Fields of [`ResNetConfig`][kerasarch.models.resnet.ResNetConfig] to replace.

    Returns:
        A functional model with the groups ``stem``, ``stage1`` ... ``stage4``, ``head``.

    Raises:
        UsageError: No such variant or field.
        ShapeError: The input shape is not usable.
        WeightsError: The weights do not fit.
    """
    config = choose(VARIANTS, variant, overrides)
    name = name or (variant if isinstance(variant, str) else "resnet")
    arguments: dict[str, Any] = {"classes": classes, "input_shape": input_shape, "name": name}
    if weights is not None:
        return pretrained("resnet", weights, config, preprocessing=preprocessing, fixed=tuple(overrides), **arguments)
    return classifier("resnet", config, _body, preprocessing=preprocessing or IMAGENET, **arguments)


def _body(config: ResNetConfig, x: Any) -> Any:
    """Stem and stages: ``(B, H, W, C) -> (B, H / 32, W / 32, width)`` with the ImageNet stem."""
    norm: dict[str, Any] = {"momentum": config.momentum, "epsilon": config.epsilon}
    x = _stem(config, x, norm)
    last = len(config.depths) - 1
    for stage, (depth, width) in enumerate(zip(config.depths, config.widths, strict=True)):
        step = config.first_stride if stage == 0 else 2
        if config.stride_last:
            step = 1 if stage == last else 2
        strided = depth - 1 if config.stride_last else 0
        for index in range(depth):
            block = _block(config, width, step if index == strided else 1, norm)
            x = block(name=f"stage{stage + 1}_block{index + 1}")(x)
    if config.preactivation:
        axis = 1 if keras.config.image_data_format() == "channels_first" else -1
        group = f"stage{len(config.depths)}"
        x = BatchNormalization(axis=axis, name=f"{group}_norm", **norm)(x)
        x = keras.layers.Activation(config.activation, name=f"{group}_activation")(x)
    return x


def _stem(config: ResNetConfig, x: Any, norm: dict[str, Any]) -> Any:
    imagenet = config.stem == "imagenet"
    kernel, stride = (7, 2) if imagenet else (3, 1)
    if config.preactivation:
        x = keras.layers.ZeroPadding2D(kernel // 2, name="stem_pad")(x)
        x = Conv2D(
            config.stem_width,
            kernel,
            strides=stride,
            use_bias=config.bias,
            kernel_initializer=fan_out_initializer(),
            name="stem_conv",
        )(x)
    else:
        x = ConvNorm(
            config.stem_width,
            kernel,
            stride=stride,
            bias=config.bias,
            activation=config.activation,
            name="stem_conv",
            **norm,
        )(x)
    if imagenet:
        fill = "zero" if config.zero_padded_pool else "lowest"
        x = SymmetricMaxPooling(3, stride=2, fill=fill, name="stem_pool")(x)
    return x


def _block(config: ResNetConfig, width: int, stride: int, norm: dict[str, Any]) -> Any:
    """Return a function that makes the block, given its name."""
    common: dict[str, Any] = {"stride": stride, "activation": config.activation, "bias": config.bias, **norm}
    if config.preactivation:
        kind = PreactivationBasicBlock if config.block == "basic" else PreactivationBottleneckBlock
        return lambda name: kind(width, name=name, **common)
    common["inner_activation"] = config.inner_activation
    if config.block == "basic":
        return lambda name: BasicBlock(width, name=name, **common)
    return lambda name: BottleneckBlock(width, name=name, stride_in_reduction=config.stride_in_reduction, **common)
