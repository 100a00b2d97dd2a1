"""AlexNet: five convolutions and two wide hidden layers, the network with which deep learning on pictures began.

Papers: Krizhevsky et al., 2012, "ImageNet Classification with Deep Convolutional Neural Networks"
(https://papers.nips.cc/paper/4824-imagenet-classification-with-deep-convolutional-neural-networks), and Krizhevsky,
2014, "One weird trick for parallelizing convolutional neural networks" (https://arxiv.org/abs/1404.5997), which drops
the normalisation and changes the widths. ``alexnet`` is the second, as torchvision builds it; ``alexnet_2012`` the
first.

Where we differ: between the convolutions and the hidden layers stands an average over a grid of 6x6 windows, as in
torchvision, so that pictures of any size from 63 pixels on go in; for those of 224 pixels it changes nothing. The first
network was split over two GPUs, so that three of its convolutions saw half of the channels; ours see all. Weights: see
``kerasarch.weights``.
"""

import dataclasses
from typing import Any

from keras.layers import Dense, Dropout, Flatten, MaxPooling2D, ZeroPadding2D

from kerasarch.errors import UsageError
from kerasarch.layers import AdaptiveAveragePooling2D, Conv2D, LocalResponseNormalization
from kerasarch.layers.conv_norm import fan_out_initializer
from kerasarch.models.family import choose, classifier, pretrained, require_size
from kerasarch.models.network import Network
from kerasarch.models.preprocessing import IMAGENET, Preprocessing

KERNELS = (11, 5, 3, 3, 3)  # pixels
POOLED = (0, 1, 4)  # convolutions that a pooling follows
LEAST = 63  # pixels of which the three poolings leave one


@dataclasses.dataclass(frozen=True)
class AlexNetConfig:
    """Sizes and details of an AlexNet.

    Attributes:
        widths: Output channels of the five convolutions.
        hidden: Units of the hidden layers.
        pool: Height and width of the grid of averages that the hidden layers see.
        local_response: Whether local response normalisation follows the first two convolutions.
        dropout: Rate before each hidden layer.
        activation: After each convolution and hidden layer.
    """

    widths: tuple[int, ...] = (64, 192, 384, 256, 256)
    hidden: tuple[int, ...] = (4096, 4096)
    pool: int = 6
    local_response: bool = False
    dropout: float = 0.5
    activation: str = "relu"

    def __post_init__(self) -> None:
        for name in ("widths", "hidden"):
            object.__setattr__(self, name, tuple(int(value) for value in getattr(self, name)))
        if len(self.widths) != len(KERNELS) or not self.hidden or min(*self.widths, *self.hidden, self.pool) < 1:
            raise UsageError(
                f"AlexNet has {len(KERNELS)} convolutions and at least one hidden layer, all positive, and a positive "
                f"pool. Received widths={self.widths}, hidden={self.hidden}, pool={self.pool}."
            )
        if not 0.0 <= self.dropout < 1.0:
            raise UsageError(f"dropout must be in [0, 1). Received dropout={self.dropout}.")


VARIANTS: dict[str, AlexNetConfig] = {
    # Krizhevsky, 2014, in torchvision's reading: https://docs.pytorch.org/vision/stable/models/alexnet.html
    "alexnet": AlexNetConfig(),
    # Krizhevsky et al., 2012, section 3.5 and fig. 2
    "alexnet_2012": AlexNetConfig(widths=(96, 256, 384, 384, 256), local_response=True),
}


def alexnet(
    variant: str | AlexNetConfig = "alexnet",
    *,
    classes: int | None = 1000,
    input_shape: tuple[int | None, ...] = (224, 224, 3),
    weights: str | None = None,
    preprocessing: Preprocessing | None = None,
    name: str | None = None,
    **overrides: Any,
) -> Network:
    """Build an AlexNet.

    ```python
    model = kerasarch.models.alexnet(classes=10, weights="alexnet.safetensors")
    ```

    Args:
        variant: A name in ``VARIANTS``, or a config.
        classes: Outputs of the head, which gives logits; None or 0 leaves what enters the head.
        input_shape: Height, width, channels, in this order also under ``channels_first``; height and width may be None.
        weights: None for random ones, or any source of ``kerasarch.from_pretrained``: torchvision's weights as
            safetensors, or our own files. A head of another number of classes stays fresh.
        preprocessing: How pictures are prepared, recorded in the model. None takes what the weights expect, or
            ``IMAGENET``.
        name: Name of the model; the variant's by default.
        **overrides: Fields of [`AlexNetConfig`][kerasarch.models.alexnet.AlexNetConfig] to replace.

    Returns:
        A functional model with the groups ``stem`` (the first convolution), ``stage1`` ... ``stage4`` (the others),
        ``top`` (the hidden layers), ``head``.

    Raises:
        UsageError: No such variant or field.
        ShapeError: The input shape is not usable.
        WeightsError: The weights do not fit.
    """
    config = choose(VARIANTS, variant, overrides)
    name = name or (variant if isinstance(variant, str) else "alexnet")
    arguments: dict[str, Any] = {"classes": classes, "input_shape": input_shape, "name": name}
    if weights is not None:
        return pretrained("alexnet", weights, config, preprocessing=preprocessing, fixed=tuple(overrides), **arguments)
    require_size(name, input_shape, LEAST)
    return classifier("alexnet", config, _body, preprocessing=preprocessing or IMAGENET, **arguments)


def _body(config: AlexNetConfig, x: Any) -> Any:
    """Convolutions and hidden layers: ``(B, H, W, C) -> (B, hidden)``."""
    x = ZeroPadding2D(2, name="stem_pad")(x)
    for index, (width, kernel) in enumerate(zip(config.widths, KERNELS, strict=True)):
        group = f"stage{index}" if index else "stem"
        x = Conv2D(
            width,
            kernel,
            strides=1 if index else 4,
            padding="same" if index else "valid",
            activation=config.activation,
            kernel_initializer=fan_out_initializer(),
            name=f"{group}_conv",
        )(x)
        if config.local_response and index < 2:
            x = LocalResponseNormalization(name=f"{group}_response")(x)
        if index in POOLED:
            x = MaxPooling2D(3, strides=2, name=f"{group}_pool")(x)
    x = AdaptiveAveragePooling2D(config.pool, name="top_pool")(x)
    x = Flatten(name="top_flatten")(x)  # (B, pool * pool * width), channels last under either data format
    for index, units in enumerate(config.hidden, start=1):
        if config.dropout:
            x = Dropout(config.dropout, name=f"top_dropout{index}")(x)
        x = Dense(units, config.activation, kernel_initializer="he_normal", name=f"top_fc{index}")(x)
    return x
