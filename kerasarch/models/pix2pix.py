"""Pix2Pix: a U-Net that translates pictures, and the discriminator that judges patches.

Paper: Isola et al., 2017 (https://arxiv.org/abs/1611.07004), section 3.2 and appendix 6.1. A generator's layer is
convolution, normalisation, activation; layer ``i`` of the encoder is joined to layer ``n - i`` of the decoder. The
discriminator is convolutional: each of its logits sees a square patch of ``receptive_field`` pixels.

Where we differ: the paper leaves dropout on at test time as its only noise; here ``training=True`` does so. The
convolutions of a network with batch normalisation have no bias, which it would subtract again (as in the authors'
PyTorch code, https://github.com/junyanz/pytorch-CycleGAN-and-pix2pix, whose paddings and parameter counts
these are).
"""

from typing import Any

import keras

from kerasarch.errors import ShapeError, UsageError
from kerasarch.layers import Conv2D, Conv2DTranspose
from kerasarch.models.dcgan import SCALE, WEIGHTS
from kerasarch.models.family import image_input
from kerasarch.models.image_parts import channel_axis, normalization
from kerasarch.models.network import Network

# Isola et al., 2017, appendix 6.1.2: strided convolutions before the last two, by the pixels that a logit sees
RECEPTIVE_FIELDS = {1: 0, 16: 1, 34: 2, 70: 3, 142: 4, 286: 5}


def pix2pix_generator(
    size: int | None = 256,
    channels: int = 3,
    outputs: int | None = None,
    width: int = 64,
    *,
    depth: int | None = None,
    norm: str = "batch",
    dropout: float = 0.5,
    dropout_stages: int = 3,
    name: str = "generator",
) -> Network:
    """Build the U-Net: ``picture -> halved depth times -> doubled depth times, with skips -> tanh``.

    Args:
        size: Height and width of the pictures; None for any multiple of ``2 ** depth``.
        channels: Channels of the pictures that come in.
        outputs: Channels of those that go out; None for as many.
        width: Channels of the first map; they double up to eight times as many.
        depth: How often the map is halved; None for as often as it goes, down to one pixel for a power of two.
        norm: ``"batch"``, ``"instance"``, ``"layer"`` or ``"none"``. The first and the smallest map have none.
        dropout: Rate in the first stages of the decoder.
        dropout_stages: How many stages that is; the last stage, which draws the picture, is never one of them.
        name: Name of the model.

    Returns:
        Pictures ``(B, size, size, channels)`` to pictures ``(B, size, size, outputs)`` in [-1, 1].

    Raises:
        UsageError: A size does not fit.
    """
    depth = _depth(size, depth)
    outputs = outputs or channels
    inputs = x = image_input((size, size, channels))
    bias = norm != "batch"
    widths = [width * min(2**level, 8) for level in range(depth)]
    skips = []
    for level, filters in enumerate(widths):
        group, plain = f"down{level + 1}", level in (0, depth - 1)
        if level:
            x = keras.layers.LeakyReLU(0.2, name=f"{group}_activation")(x)
        x = keras.layers.ZeroPadding2D(1, name=f"{group}_pad")(x)
        x = Conv2D(filters, 4, strides=2, use_bias=bias, kernel_initializer=WEIGHTS, name=f"{group}_conv")(x)
        if not plain:
            x = normalization(norm, f"{group}_norm", gamma=SCALE)(x)
        skips.append(x)
    for level in reversed(range(depth)):
        group, last = f"up{level + 1}", level == 0
        x = keras.layers.ReLU(name=f"{group}_activation")(x)
        x = Conv2DTranspose(
            outputs if last else widths[level - 1],
            4,
            strides=2,
            padding="same",
            use_bias=last or bias,
            kernel_initializer=WEIGHTS,
            name=f"{group}_conv",
        )(x)
        if last:
            break
        x = normalization(norm, f"{group}_norm", gamma=SCALE)(x)
        if dropout and depth - level <= dropout_stages:
            x = keras.layers.Dropout(dropout, name=f"{group}_dropout")(x)
        x = keras.layers.Concatenate(axis=channel_axis(), name=f"{group}_join")([skips[level - 1], x])
    x = keras.layers.Activation("tanh", name="head_activation")(x)
    config = {
        "size": size,
        "outputs": outputs,
        "width": width,
        "depth": depth,
        "norm": norm,
        "dropout": dropout,
        "dropout_stages": dropout_stages,
    }
    architecture = {"family": "pix2pix_generator", "config": config, "classes": 0, "channels": channels}
    return Network(inputs, x, name=name, architecture=architecture)


def patchgan_discriminator(
    size: int | None = 256,
    channels: int = 3,
    condition: int | None = None,
    width: int = 64,
    *,
    receptive_field: int = 70,
    norm: str = "batch",
    name: str = "discriminator",
) -> Network:
    """Build the PatchGAN discriminator: ``picture -> a map of logits, one a patch``.

    Args:
        size: Height and width of the pictures; None for any.
        channels: Channels of the pictures that are judged.
        condition: Channels of the pictures they were translated from, which come first; None to judge a picture alone,
            as CycleGAN does.
        width: Channels after the first convolution; they double up to eight times as many.
        receptive_field: Pixels that a logit sees: 1, 16, 34, 70, 142 or 286. Pictures of 16 and 32 pixels need 16 and
            34 or less.
        norm: ``"batch"``, ``"instance"``, ``"layer"`` or ``"none"``; the first convolution has none in any case.
        name: Name of the model.

    Returns:
        Pictures ``(B, size, size, channels)``, with a condition ``[condition, pictures]``, to logits ``(B, h, w, 1)``.

    Raises:
        UsageError: There is no such receptive field.
        ShapeError: The pictures are too small for it.
    """
    if receptive_field not in RECEPTIVE_FIELDS:
        raise UsageError(
            f"receptive_field must be one of {', '.join(map(str, RECEPTIVE_FIELDS))}. Received {receptive_field}."
        )
    if size is not None and _patches(size, RECEPTIVE_FIELDS[receptive_field]) < 1:
        fitting = [str(field) for field, strides in RECEPTIVE_FIELDS.items() if _patches(size, strides) >= 1]
        raise ShapeError(
            f"No patch remains of {size} pixels with receptive_field={receptive_field}. Fields that fit: "
            f"{', '.join(fitting)}."
        )
    inputs: Any = image_input((size, size, channels))
    x = inputs
    if condition:
        first = channel_axis() == 1
        given = keras.Input((condition, size, size) if first else (size, size, condition), name="condition")
        inputs = [given, inputs]
        x = keras.layers.Concatenate(axis=channel_axis(), name="stem_join")(inputs)
    strides = RECEPTIVE_FIELDS[receptive_field]
    # The 1x1 discriminator is two layers of 1x1 convolutions, then the logits: C64-C128.
    kernel, steps = (4, [2] * strides + [1]) if strides else (1, [1, 1])
    for index, step in enumerate(steps):
        group = f"stage{index + 1}"
        x = _convolve(x, width * min(2**index, 8), kernel, step, group, bias=index == 0 or norm != "batch")
        if index:
            x = normalization(norm, f"{group}_norm", gamma=SCALE)(x)
        x = keras.layers.LeakyReLU(0.2, name=f"{group}_activation")(x)
    x = _convolve(x, 1, kernel, 1, "head", bias=True)
    config = {
        "size": size,
        "condition": condition,
        "width": width,
        "receptive_field": receptive_field,
        "norm": norm,
    }
    architecture = {"family": "patchgan_discriminator", "config": config, "classes": 0, "channels": channels}
    return Network(inputs, x, name=name, architecture=architecture)


def _convolve(x: Any, filters: int, kernel: int, stride: int, group: str, bias: bool) -> Any:
    if kernel > 1:
        x = keras.layers.ZeroPadding2D(1, name=f"{group}_pad")(x)
    return Conv2D(filters, kernel, strides=stride, use_bias=bias, kernel_initializer=WEIGHTS, name=f"{group}_conv")(x)


def _patches(size: int, strides: int) -> int:
    """Return how many logits stand side by side."""
    if not strides:
        return size
    return size // 2**strides - 2


def _depth(size: int | None, depth: int | None) -> int:
    """Return the depth, checked against the size."""
    if size is None:
        if not depth or depth < 2:
            raise UsageError(f"Without a size, depth must be given, 2 or more. Received depth={depth}.")
        return depth
    most = 0
    while size % 2 ** (most + 1) == 0:
        most += 1
    wanted = most if depth is None else depth
    if not 2 <= wanted <= most:
        raise UsageError(
            f"size must be a multiple of 4, and of 2 ** depth. Received size={size}, depth={depth}; "
            f"{size} pixels can be halved {most} times."
        )
    return wanted
