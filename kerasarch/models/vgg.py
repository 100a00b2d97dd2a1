"""VGG: stages of 3x3 convolutions and poolings, then two wide hidden layers.

Paper: Simonyan & Zisserman, 2014, "Very Deep Convolutional Networks for Large-Scale Image Recognition"
(https://arxiv.org/abs/1409.1556), table 1, configurations A, B, D and E. The ``_bn`` variants have batch normalisation
after every convolution, which the paper has not; they are torchvision's.

Where we differ: between the stages and the hidden layers stands an average over a grid of 7x7 windows, as in
torchvision, so that pictures of any size from 32 pixels on go in; for those of 224 pixels it changes nothing. Weights:
see ``kerasarch.weights``.
"""

import dataclasses
from typing import Any

from keras.layers import Dense, Dropout, Flatten, MaxPooling2D

from kerasarch.errors import UsageError
from kerasarch.layers import AdaptiveAveragePooling2D, Conv2D, ConvNorm
from kerasarch.layers.conv_norm import fan_out_initializer
from kerasarch.models.family import choose, classifier, pretrained, require_size
from kerasarch.models.network import Network
from kerasarch.models.preprocessing import IMAGENET, Preprocessing


@dataclasses.dataclass(frozen=True)
class VGGConfig:
    """Sizes and details of a VGG.

    Attributes:
        depths: Convolutions in each stage.
        widths: Output channels of each stage.
        hidden: Units of the hidden layers; without any, the last maps are averaged and go to the head.
        pool: Height and width of the grid of averages that the hidden layers see.
        norm: Whether batch normalisation follows each convolution.
        dropout: Rate after each hidden layer.
        activation: After each convolution and hidden layer.
        momentum: Share of the old value in the moving statistics.
        epsilon: Added to the variance.
    """

    depths: tuple[int, ...] = (2, 2, 3, 3, 3)
    widths: tuple[int, ...] = (64, 128, 256, 512, 512)
    hidden: tuple[int, ...] = (4096, 4096)
    pool: int = 7
    norm: bool = False
    dropout: float = 0.5
    activation: str = "relu"
    momentum: float = 0.9
    epsilon: float = 1e-5

    def __post_init__(self) -> None:
        for name in ("depths", "widths", "hidden"):
            object.__setattr__(self, name, tuple(int(value) for value in getattr(self, name)))
        if not self.depths or len(self.depths) != len(self.widths) or min(self.depths + self.widths) < 1:
            raise UsageError(
                f"depths and widths must have one positive number a stage. "
                f"Received depths={self.depths}, widths={self.widths}."
            )
        if self.pool < 1 or min(self.hidden, default=1) < 1 or not 0.0 <= self.dropout < 1.0:
            raise UsageError(
                f"pool and hidden must be positive and dropout in [0, 1). Received pool={self.pool}, "
                f"hidden={self.hidden}, dropout={self.dropout}."
            )


VARIANTS: dict[str, VGGConfig] = {
    # Simonyan & Zisserman, 2014, table 1: A, B, D, E
    "vgg11": VGGConfig(depths=(1, 1, 2, 2, 2)),
    "vgg13": VGGConfig(depths=(2, 2, 2, 2, 2)),
    "vgg16": VGGConfig(depths=(2, 2, 3, 3, 3)),
    "vgg19": VGGConfig(depths=(2, 2, 4, 4, 4)),
    # the same with batch normalisation: https://docs.pytorch.org/vision/stable/models/vgg.html
    "vgg11_bn": VGGConfig(depths=(1, 1, 2, 2, 2), norm=True),
    "vgg13_bn": VGGConfig(depths=(2, 2, 2, 2, 2), norm=True),
    "vgg16_bn": VGGConfig(depths=(2, 2, 3, 3, 3), norm=True),
    "vgg19_bn": VGGConfig(depths=(2, 2, 4, 4, 4), norm=True),
}


def vgg(
    variant: str | VGGConfig = "vgg16",
    *,
    classes: int | None = 1000,
    input_shape: tuple[int | None, ...] = (224, 224, 3),
    weights: str | None = None,
    preprocessing: Preprocessing | None = None,
    name: str | None = None,
    **overrides: Any,
) -> Network:
    """Build a VGG.

    ```python
    model = kerasarch.models.vgg("vgg16", classes=10, weights="imagenet")
    small = kerasarch.models.vgg("vgg11_bn", classes=10, input_shape=(32, 32, 3), pool=1, hidden=(512,))
    ```

    Args:
        variant: A name in ``VARIANTS``, or a config.
        classes: Outputs of the head, which gives logits; None or 0 leaves what enters the head.
        input_shape: Height, width, channels, in this order also under ``channels_first``; height and width may be None.
        weights: None for random ones, ``"imagenet"``, or any source of ``kerasarch.from_pretrained``. The source's
            details (``DETAILS`` of ``kerasarch.weights.vgg``) win over the variant's, but must agree with what is in
            ``overrides``; a head of another number of classes stays fresh.
        preprocessing: How pictures are prepared, recorded in the model. None takes what the weights expect, or
            ``IMAGENET``.
        name: Name of the model; the variant's by default.
        **overrides: Fields of [`VGGConfig`][kerasarch.models.vgg.VGGConfig] to replace.

    Returns:
        A functional model with the groups ``stem`` (the first convolution), ``stage1`` ... ``stage5``, ``top`` (the
        hidden layers), ``head``.

    Raises:
        UsageError: No such variant or field.
        ShapeError: The input shape is not usable.
        WeightsError: The weights do not fit.
    """
    config = choose(VARIANTS, variant, overrides)
    name = name or (variant if isinstance(variant, str) else "vgg")
    arguments: dict[str, Any] = {"classes": classes, "input_shape": input_shape, "name": name}
    if weights is not None:
        return pretrained("vgg", weights, config, preprocessing=preprocessing, fixed=tuple(overrides), **arguments)
    require_size(name, input_shape, 2 ** len(config.depths))
    return classifier(
        "vgg",
        config,
        _body,
        preprocessing=preprocessing or IMAGENET,
        dropout=config.dropout if config.hidden else 0.0,
        **arguments,
    )


def _body(config: VGGConfig, x: Any) -> Any:
    """Stages and hidden layers: ``(B, H, W, C) -> (B, hidden)``, or without these ``(B, H / 32, W / 32, width)``."""
    for stage, (depth, width) in enumerate(zip(config.depths, config.widths, strict=True), start=1):
        for index in range(1, depth + 1):
            # The very first convolution is a group of its own, as in the other families.
            name = "stem_conv" if stage == index == 1 else f"stage{stage}_conv{index}"
            x = _convolution(config, width, name)(x)
        x = MaxPooling2D(2, name=f"stage{stage}_pool")(x)
    if not config.hidden:
        return x
    x = AdaptiveAveragePooling2D(config.pool, name="top_pool")(x)
    x = Flatten(name="top_flatten")(x)  # (B, pool * pool * width), channels last under either data format
    for index, units in enumerate(config.hidden, start=1):
        x = Dense(units, config.activation, kernel_initializer="he_normal", name=f"top_fc{index}")(x)
        if config.dropout and index < len(config.hidden):
            x = Dropout(config.dropout, name=f"top_dropout{index}")(x)
    return x  # (B, hidden): the dropout after the last one is the head's


def _convolution(config: VGGConfig, width: int, name: str) -> Any:
    if config.norm:
        return ConvNorm(
            width,
            3,
            bias=True,
            activation=config.activation,
            momentum=config.momentum,
            epsilon=config.epsilon,
            name=name,
        )
    return Conv2D(
        width,
        3,
        padding="same",
        activation=config.activation,
        kernel_initializer=fan_out_initializer(),
        name=name,
    )
