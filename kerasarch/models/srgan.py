"""SRGAN: pictures made two or four times larger, and the discriminator that judges them.

Paper: Ledig et al., 2017 (https://arxiv.org/abs/1609.04802), figure 4: SRResNet of 16 residual blocks with batch
normalisation and PReLU, then sub-pixel convolutions (Shi et al., 2016, https://arxiv.org/abs/1609.05158). The paper's
small pictures are in [0, 1], the large ones in [-1, 1] (section 3.2); the last convolution is linear, as in the figure:
clip before you show or score.

PReLU has one slope a channel (He et al., 2015, section 2.1, https://arxiv.org/abs/1502.01852). The discriminator gives
logits.
"""

from typing import Any

import keras

from kerasarch.errors import ShapeError, UsageError
from kerasarch.layers import Conv2D, PixelShuffle
from kerasarch.models.family import image_input
from kerasarch.models.image_parts import channel_axis, normalization, to_vector
from kerasarch.models.network import Network


def srgan_generator(
    size: int | None = None,
    channels: int = 3,
    width: int = 64,
    *,
    factor: int = 4,
    blocks: int = 16,
    norm: str = "batch",
    name: str = "generator",
) -> Network:
    """Build SRResNet: ``small picture -> residual blocks -> pixel shuffle -> large picture``.

    Args:
        size: Height and width of the small pictures; None for any.
        channels: Channels of the pictures.
        width: Channels of every map.
        factor: 1, 2, 4 or 8: how many times larger the pictures become.
        blocks: Residual blocks.
        norm: ``"batch"``, ``"instance"``, ``"layer"`` or ``"none"``.
        name: Name of the model.

    Returns:
        Pictures ``(B, size, size, channels)`` to pictures ``(B, factor * size, factor * size, channels)``.

    Raises:
        UsageError: The factor is none of these.
    """
    if factor not in (1, 2, 4, 8):
        raise UsageError(f"factor must be 1, 2, 4 or 8. Received factor={factor}.")
    inputs = image_input((size, size, channels))
    x = _prelu(_convolve(inputs, width, 9, "stem"), "stem")
    stem = x
    for index in range(blocks):
        group = f"block{index + 1}"
        h = normalization(norm, f"{group}_norm1")(_convolve(x, width, 3, f"{group}", "1"))
        h = _prelu(h, group)
        h = normalization(norm, f"{group}_norm2")(_convolve(h, width, 3, f"{group}", "2"))
        x = keras.layers.Add(name=f"{group}_add")([x, h])
    x = normalization(norm, "trunk_norm")(_convolve(x, width, 3, "trunk"))
    x = keras.layers.Add(name="trunk_add")([stem, x])
    for index in range(factor.bit_length() - 1):
        group = f"up{index + 1}"
        x = _convolve(x, 4 * width, 3, group)
        x = _prelu(PixelShuffle(2, name=f"{group}_shuffle")(x), group)
    x = _convolve(x, channels, 9, "head")
    config = {"size": size, "width": width, "factor": factor, "blocks": blocks, "norm": norm}
    architecture = {"family": "srgan_generator", "config": config, "classes": 0, "channels": channels}
    return Network(inputs, x, name=name, architecture=architecture)


def srgan_discriminator(
    size: int = 96,
    channels: int = 3,
    width: int = 64,
    *,
    stages: int = 4,
    hidden: int = 1024,
    norm: str = "batch",
    name: str = "discriminator",
) -> Network:
    """Build the discriminator: ``large picture -> eight convolutions -> two dense layers -> logit``.

    Args:
        size: Height and width of the large pictures.
        channels: Channels of the pictures.
        width: Channels of the first two convolutions; each halving doubles them.
        stages: Pairs of convolutions, the second of stride 2.
        hidden: Units of the first dense layer.
        norm: ``"batch"``, ``"instance"``, ``"layer"`` or ``"none"``; the first convolution has none in any case.
        name: Name of the model.

    Returns:
        Pictures ``(B, size, size, channels)`` to logits ``(B, 1)``.

    Raises:
        ShapeError: The pictures are too small for the stages.
    """
    if size < 2**stages:
        raise ShapeError(f"size must be at least 2 ** stages = {2**stages}. Received size={size}. Use fewer stages.")
    inputs = x = image_input((size, size, channels))
    for stage in range(stages):
        for index, stride in (("1", 1), ("2", 2)):
            group = f"stage{stage + 1}"
            x = _convolve(x, width * 2**stage, 3, group, index, stride)
            if (stage, index) != (0, "1"):
                x = normalization(norm, f"{group}_norm{index}")(x)
            x = keras.layers.LeakyReLU(0.2, name=f"{group}_activation{index}")(x)
    x = keras.layers.Dense(hidden, name="head_hidden")(to_vector(x, "head"))
    x = keras.layers.LeakyReLU(0.2, name="head_activation")(x)
    x = keras.layers.Dense(1, name="head_dense")(x)
    config = {"size": size, "width": width, "stages": stages, "hidden": hidden, "norm": norm}
    architecture = {"family": "srgan_discriminator", "config": config, "classes": 0, "channels": channels}
    return Network(inputs, x, name=name, architecture=architecture)


def _convolve(x: Any, filters: int, kernel: int, group: str, index: str = "", stride: int = 1) -> Any:
    return Conv2D(filters, kernel, strides=stride, padding="same", name=f"{group}_conv{index}")(x)


def _prelu(x: Any, group: str) -> Any:
    axes = (2, 3) if channel_axis() == 1 else (1, 2)
    return keras.layers.PReLU(
        shared_axes=axes, alpha_initializer=keras.initializers.Constant(0.25), name=f"{group}_prelu"
    )(x)
