"""A simple convolutional network: stages of 3x3 convolutions, each of which halves the picture.

The layers are those of VGG (Simonyan & Zisserman, 2014, https://arxiv.org/abs/1409.1556) with batch normalisation, the
average over all positions in front of the head that of Lin et al., 2013, section 3.2
(https://arxiv.org/abs/1312.4400), so that pictures of any size go in. How the picture shrinks can be chosen, because it
is what people want to compare. There are no public checkpoints.
"""

import dataclasses
from typing import Any, Literal

from keras.layers import AveragePooling2D, Dense, Flatten, MaxPooling2D

from kerasarch.errors import UsageError
from kerasarch.layers import AdaptiveAveragePooling2D, Conv2D, ConvNorm, SymmetricMaxPooling
from kerasarch.layers.conv_norm import fan_out_initializer
from kerasarch.models.family import choose, classifier, pretrained, require_size
from kerasarch.models.network import Network
from kerasarch.models.preprocessing import IMAGENET, Preprocessing

POOLINGS = ("max", "average", "overlapping", "stride", "none")


@dataclasses.dataclass(frozen=True)
class CNNConfig:
    """Sizes and details of a simple convolutional network.

    Attributes:
        widths: Output channels of each stage.
        depth: Convolutions in each stage.
        kernel: Height and width of the kernels in pixels, odd.
        pooling: What ends each stage and halves the picture: the ``"max"`` or the ``"average"`` of 2x2 pixels, the
            maximum of ``"overlapping"`` 3x3 windows, a ``"stride"`` of 2 in the stage's last convolution, or ``"none"``
            for pictures that keep their size.
        grid: Height and width of the grid of averages in front of the head, 1 for the average over all positions.
        hidden: Units of a hidden layer in front of the head, 0 for none.
        norm: Whether batch normalisation follows each convolution.
        dropout: Rate before the head.
        activation: After each convolution.
        momentum: Share of the old value in the moving statistics.
        epsilon: Added to the variance.
    """

    widths: tuple[int, ...] = (32, 64, 128)
    depth: int = 2
    kernel: int = 3
    pooling: Literal["max", "average", "overlapping", "stride", "none"] = "max"
    grid: int = 1
    hidden: int = 0
    norm: bool = True
    dropout: float = 0.2
    activation: str = "relu"
    momentum: float = 0.9
    epsilon: float = 1e-5

    def __post_init__(self) -> None:
        object.__setattr__(self, "widths", tuple(int(value) for value in self.widths))
        if self.pooling not in POOLINGS:
            raise UsageError(f"pooling must be one of {', '.join(POOLINGS)}. Received pooling={self.pooling!r}.")
        if not self.widths or min(*self.widths, self.depth, self.grid) < 1 or self.hidden < 0:
            raise UsageError(
                f"widths, depth and grid must be positive and hidden 0 or more. Received widths={self.widths}, "
                f"depth={self.depth}, grid={self.grid}, hidden={self.hidden}."
            )
        if self.kernel % 2 == 0 or not 0.0 <= self.dropout < 1.0:
            raise UsageError(
                f"kernel must be odd and dropout in [0, 1). Received kernel={self.kernel}, dropout={self.dropout}."
            )


VARIANTS: dict[str, CNNConfig] = {"cnn": CNNConfig()}


def cnn(
    variant: str | CNNConfig = "cnn",
    *,
    classes: int | None = 10,
    input_shape: tuple[int | None, ...] = (32, 32, 3),
    weights: str | None = None,
    preprocessing: Preprocessing | None = None,
    name: str | None = None,
    **overrides: Any,
) -> Network:
    """Build a simple convolutional network.

    ```python
    model = kerasarch.models.cnn(classes=10, input_shape=(8, 8, 1), widths=(32, 64))
    any_size = kerasarch.models.cnn(classes=10, input_shape=(None, None, 3), grid=4, pooling="stride")
    ```

    Args:
        variant: ``"cnn"``, or a config.
        classes: Outputs of the head, which gives logits; None or 0 leaves what enters the head.
        input_shape: Height, width, channels, in this order also under ``channels_first``; height and width may be None.
        weights: None for random ones, or a file of such a model that was saved before.
        preprocessing: How pictures are prepared, recorded in the model. None is ``IMAGENET``.
        name: Name of the model; ``"cnn"`` by default.
        **overrides: Fields of [`CNNConfig`][kerasarch.models.cnn.CNNConfig] to replace.

    Returns:
        A functional model with the groups ``stem`` (the first convolution), ``stage1``, ``stage2``, ..., ``top`` where
        there is a grid or a hidden layer, ``head``.

    Raises:
        UsageError: No such variant or field.
        ShapeError: The input shape is not usable.
        WeightsError: The weights do not fit.
    """
    config = choose(VARIANTS, variant, overrides)
    name = name or (variant if isinstance(variant, str) else "cnn")
    arguments: dict[str, Any] = {"classes": classes, "input_shape": input_shape, "name": name}
    if weights is not None:
        return pretrained("cnn", weights, config, preprocessing=preprocessing, fixed=tuple(overrides), **arguments)
    if config.pooling in ("max", "average"):  # the others round up
        require_size(name, input_shape, 2 ** len(config.widths))
    return classifier(
        "cnn", config, _body, preprocessing=preprocessing or IMAGENET, dropout=config.dropout, **arguments
    )


def _body(config: CNNConfig, x: Any) -> Any:
    """Stages, and what is between them and the head: ``(B, H, W, C)`` to ``(B, H', W', width)`` or ``(B, units)``."""
    for stage, width in enumerate(config.widths, start=1):
        for index in range(1, config.depth + 1):
            # The very first convolution is a group of its own, as in the other families.
            name = "stem_conv" if stage == index == 1 else f"stage{stage}_conv{index}"
            stride = 2 if config.pooling == "stride" and index == config.depth else 1
            x = _convolution(config, width, stride, name)(x)
        name = f"stage{stage}_pool"
        if config.pooling == "max":
            x = MaxPooling2D(2, name=name)(x)
        elif config.pooling == "average":
            x = AveragePooling2D(2, name=name)(x)
        elif config.pooling == "overlapping":
            x = SymmetricMaxPooling(3, stride=2, name=name)(x)
    if config.grid > 1 or config.hidden:
        x = AdaptiveAveragePooling2D(config.grid, name="top_pool")(x)
        x = Flatten(name="top_flatten")(x)  # (B, grid * grid * width), channels last under either data format
    if config.hidden:
        x = Dense(config.hidden, config.activation, kernel_initializer="he_normal", name="top_fc")(x)
    return x


def _convolution(config: CNNConfig, width: int, stride: int, name: str) -> Any:
    if config.norm:
        return ConvNorm(
            width,
            config.kernel,
            stride=stride,
            activation=config.activation,
            momentum=config.momentum,
            epsilon=config.epsilon,
            name=name,
        )
    return Conv2D(
        width,
        config.kernel,
        strides=stride,
        padding="same",
        activation=config.activation,
        kernel_initializer=fan_out_initializer(),
        name=name,
    )
