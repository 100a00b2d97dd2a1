"""What a network expects of its pictures, as data."""

import dataclasses
from typing import Any

from kerasarch.errors import UsageError
from kerasarch.layers import ImageNormalization


@dataclasses.dataclass(frozen=True)
class Preprocessing:
    """How pictures were prepared for the weights of a model.

    Attributes:
        size: Height and width in pixels.
        mean: Subtracted after scaling, one a channel, in the order of ``channel_order``.
        std: Divisor, one a channel.
        scale: Factor for raw pixels in [0, 255].
        interpolation: How pictures were resized: ``"bilinear"``, ``"bicubic"``, ``"nearest"`` or ``"lanczos"``.
        channel_order: ``"rgb"`` or ``"bgr"``.
    """

    size: tuple[int, int] = (224, 224)
    mean: tuple[float, ...] = (0.485, 0.456, 0.406)
    std: tuple[float, ...] = (0.229, 0.224, 0.225)
    scale: float = 1 / 255
    interpolation: str = "bilinear"
    channel_order: str = "rgb"

    def __post_init__(self) -> None:
        for name, kind in (("size", int), ("mean", float), ("std", float)):
            object.__setattr__(self, name, tuple(kind(value) for value in getattr(self, name)))

    def layer(self, channels: int = 3, **kwargs: Any) -> ImageNormalization:
        """Return the layer that applies mean, std, scale and channel order to raw pixels.

        Args:
            channels: Channels of the pictures. One channel takes the average of the three means and deviations, two
                and four repeat them in turn, as [`adapt_channels`][kerasarch.models.adapt_channels] repeats the kernel.
            **kwargs: Passed to the layer.

        Raises:
            UsageError: ``channels`` is not in 1..4 and the mean is not of that length.
        """
        mean, std = (_spread(values, channels) for values in (self.mean, self.std))
        order = self.channel_order if channels == 3 else "rgb"
        return ImageNormalization(mean, std, scale=self.scale, channel_order=order, **kwargs)


def _spread(values: tuple[float, ...], channels: int) -> tuple[float, ...]:
    if len(values) in (1, channels):
        return values
    if channels == 1:
        return (sum(values) / len(values),)
    if not 1 <= channels <= 4:
        raise UsageError(f"Statistics of {len(values)} channels fit 1 to 4 channels. Received channels={channels}.")
    return tuple(values[index % len(values)] for index in range(channels))


IMAGENET = Preprocessing()  # torchvision, timm: https://docs.pytorch.org/vision/stable/models.html
INCEPTION = Preprocessing(mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))  # [-1, 1], TensorFlow's networks
# Means of the BGR pictures on which the first ResNets were trained: https://github.com/KaimingHe/deep-residual-networks
CAFFE = Preprocessing(mean=(103.939, 116.779, 123.68), std=(1.0, 1.0, 1.0), scale=1.0, channel_order="bgr")
