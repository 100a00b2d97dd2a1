"""DenseNet: each layer reads the outputs of all layers before it in its stage.

Paper: Huang et al., 2016, "Densely Connected Convolutional Networks" (https://arxiv.org/abs/1608.06993). These are the
DenseNet-BC of the paper: with bottlenecks and with compression between the stages.

Where we differ: nothing that we know of; padding is symmetric, as in PyTorch and in keras.applications. Weights: see
``kerasarch.weights``.
"""

import dataclasses
from typing import Any, Literal

import keras

from kerasarch.errors import UsageError
from kerasarch.layers import BatchNormalization, Conv2D, ConvNorm, DenseConnection, DenseTransition, SymmetricMaxPooling
from kerasarch.layers.conv_norm import fan_out_initializer
from kerasarch.models.family import choose, classifier, pretrained, require_size
from kerasarch.models.network import Network
from kerasarch.models.preprocessing import IMAGENET, Preprocessing


@dataclasses.dataclass(frozen=True)
class DenseNetConfig:
    """Sizes and details of a DenseNet.

    Attributes:
        depths: Layers in each stage.
        growth: Channels that each layer adds, ``k`` in the paper.
        stem: ``"imagenet"`` is a 7x7 convolution of stride 2 and a 3x3 pooling of stride 2; ``"small"`` is a 3x3
            convolution, for pictures of 16 to 64 pixels.
        stem_width: Output channels of the stem.
        expansion: Channels between the two convolutions of a layer, over ``growth``.
        compression: Output over input channels of the transition between two stages.
        dropout: Rate after the last convolution of each layer.
        activation: Before each convolution.
        momentum: Share of the old value in the moving statistics.
        epsilon: Added to the variance.
    """

    depths: tuple[int, ...] = (6, 12, 24, 16)
    growth: int = 32
    stem: Literal["imagenet", "small"] = "imagenet"
    stem_width: int = 64
    expansion: int = 4
    compression: float = 0.5
    dropout: float = 0.0
    activation: str = "relu"
    momentum: float = 0.9
    epsilon: float = 1e-5

    def __post_init__(self) -> None:
        object.__setattr__(self, "depths", tuple(int(value) for value in self.depths))
        if self.stem not in ("imagenet", "small"):
            raise UsageError(f"stem must be 'imagenet' or 'small'. Received stem={self.stem!r}.")
        if not self.depths or min(*self.depths, self.growth, self.stem_width, self.expansion) < 1:
            raise UsageError(
                f"depths, growth, stem_width and expansion must be positive. Received depths={self.depths}, "
                f"growth={self.growth}, stem_width={self.stem_width}, expansion={self.expansion}."
            )


VARIANTS: dict[str, DenseNetConfig] = {
    # Huang et al., 2016, table 1
    "densenet121": DenseNetConfig(depths=(6, 12, 24, 16)),
    "densenet169": DenseNetConfig(depths=(6, 12, 32, 32)),
    "densenet201": DenseNetConfig(depths=(6, 12, 48, 32)),
    # the same paper, section 4.4 (k = 48), at the depths of https://github.com/liuzhuang13/DenseNet
    "densenet161": DenseNetConfig(depths=(6, 12, 36, 24), growth=48, stem_width=96),
    # the same paper, table 2: DenseNet-BC for CIFAR with L = 100, k = 12: (100 - 4) / 6 layers a stage, 2 k in the stem
    "densenet100_small": DenseNetConfig(depths=(16, 16, 16), growth=12, stem="small", stem_width=24),
}


def densenet(
    variant: str | DenseNetConfig = "densenet121",
    *,
    classes: int | None = 1000,
    input_shape: tuple[int | None, ...] = (224, 224, 3),
    weights: str | None = None,
    preprocessing: Preprocessing | None = None,
    name: str | None = None,
    **overrides: Any,
) -> Network:
    """Build a DenseNet.

    ```python
    model = kerasarch.models.densenet("densenet121", classes=10, weights="imagenet")
    small = kerasarch.models.densenet("densenet100_small", classes=10, input_shape=(32, 32, 3))
    ```

    Args:
        variant: A name in ``VARIANTS``, or a config.
        classes: Outputs of the head, which gives logits; None or 0 leaves the pooled features.
        input_shape: Height, width, channels, in this order also under ``channels_first``; height and width may be None.
        weights: None for random ones, ``"imagenet"``, or any source of ``kerasarch.from_pretrained``. The source's
            details (``DETAILS`` of ``kerasarch.weights.densenet``) win over the variant's, but must agree with what is
            in ``overrides``; a head of another number of classes stays fresh.
        preprocessing: How pictures are prepared, recorded in the model. None takes what the weights expect, or
            ``IMAGENET``.
        name: Name of the model; the variant's by default.
        **overrides: Fields of [`DenseNetConfig`][kerasarch.models.densenet.DenseNetConfig] to replace.

    Returns:
        A functional model with the groups ``stem``, ``stage1`` ... ``stage4``, ``top`` (the last normalisation),
        ``head``.

    Raises:
        UsageError: No such variant or field.
        ShapeError: The input shape is not usable.
        WeightsError: The weights do not fit.
    """
    config = choose(VARIANTS, variant, overrides)
    name = name or (variant if isinstance(variant, str) else "densenet")
    arguments: dict[str, Any] = {"classes": classes, "input_shape": input_shape, "name": name}
    if weights is not None:
        return pretrained("densenet", weights, config, preprocessing=preprocessing, fixed=tuple(overrides), **arguments)
    halvings = len(config.depths) - 1
    # The stem rounds up twice, the transitions round down.
    require_size(name, input_shape, 2**halvings if config.stem == "small" else 4 * 2**halvings - 3)
    return classifier("densenet", config, _body, preprocessing=preprocessing or IMAGENET, **arguments)


def _body(config: DenseNetConfig, x: Any) -> Any:
    """Stem, stages and the last normalisation: ``(B, H, W, C) -> (B, H / 32, W / 32, width)``."""
    norm: dict[str, Any] = {"momentum": config.momentum, "epsilon": config.epsilon}
    common = {"activation": config.activation, **norm}
    x = _stem(config, x, common)
    for stage, depth in enumerate(config.depths, start=1):
        if stage > 1:
            x = DenseTransition(config.compression, name=f"stage{stage}_transition", **common)(x)
        for index in range(1, depth + 1):
            x = DenseConnection(
                config.growth,
                expansion=config.expansion,
                dropout=config.dropout,
                name=f"stage{stage}_layer{index}",
                **common,
            )(x)
    axis = 1 if keras.config.image_data_format() == "channels_first" else -1
    x = BatchNormalization(axis=axis, name="top_norm", **norm)(x)
    return keras.layers.Activation(config.activation, name="top_activation")(x)


def _stem(config: DenseNetConfig, x: Any, common: dict[str, Any]) -> Any:
    if config.stem == "imagenet":
        x = ConvNorm(config.stem_width, 7, stride=2, name="stem_conv", **common)(x)
        return SymmetricMaxPooling(3, stride=2, name="stem_pool")(x)
    # The first layer of the first stage brings the normalisation.
    return Conv2D(
        config.stem_width,
        3,
        padding="same",
        use_bias=False,
        kernel_initializer=fan_out_initializer(),
        name="stem_conv",
    )(x)
