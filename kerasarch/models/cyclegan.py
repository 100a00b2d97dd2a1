"""CycleGAN: the residual generator that translates between two sets of pictures.

Paper: Zhu et al., 2017 (https://arxiv.org/abs/1703.10593), appendix 7.2, after Johnson et al., 2016
(https://arxiv.org/abs/1603.08155): ``c7s1-64, d128, d256, R256 x 6 or 9, u128, u64, c7s1-3``, instance normalisation,
reflection padding. Its discriminators are those of Pix2Pix without a condition:
``patchgan_discriminator(norm="instance")``.

The paddings of the strided convolutions are those of the authors' PyTorch code
(https://github.com/junyanz/pytorch-CycleGAN-and-pix2pix), and so are the biases.
"""

from typing import Any

import keras

from kerasarch.errors import UsageError
from kerasarch.layers import Conv2D, Conv2DTranspose, ReflectionPadding
from kerasarch.models.dcgan import SCALE, WEIGHTS
from kerasarch.models.family import image_input
from kerasarch.models.image_parts import normalization
from kerasarch.models.network import Network


def cyclegan_generator(
    size: int | None = 256,
    channels: int = 3,
    outputs: int | None = None,
    width: int = 64,
    *,
    blocks: int | None = None,
    norm: str = "instance",
    dropout: float = 0.0,
    name: str = "generator",
) -> Network:
    """Build the generator: ``picture -> two halvings -> residual blocks -> two doublings -> tanh``.

    Args:
        size: Height and width of the pictures, a multiple of 4; None for any multiple.
        channels: Channels of the pictures that come in.
        outputs: Channels of those that go out; None for as many.
        width: Channels of the first map; they double with each halving.
        blocks: Residual blocks; None for the paper's 9 from 256 pixels on (or without a size), 6 below.
        norm: ``"instance"``, ``"batch"``, ``"layer"`` or ``"none"``.
        dropout: Rate between the two convolutions of a block.
        name: Name of the model.

    Returns:
        Pictures ``(B, size, size, channels)`` to pictures ``(B, size, size, outputs)`` in [-1, 1].

    Raises:
        UsageError: The size is not a multiple of 4.
        ShapeError: The pictures are too small to be mirrored.
    """
    if size is not None and size % 4:
        raise UsageError(f"size must be a multiple of 4. Received size={size}.")
    if blocks is None:
        blocks = 9 if size is None or size >= 256 else 6
    outputs = outputs or channels
    # Batch normalisation would subtract a bias again; instance normalisation too, but the authors' networks have it.
    bias = norm != "batch"
    inputs = image_input((size, size, channels))
    x = ReflectionPadding(3, name="stem_pad")(inputs)
    x = _stage(Conv2D(width, 7, use_bias=bias, kernel_initializer=WEIGHTS, name="stem_conv")(x), "stem", norm)
    for level in (1, 2):
        group = f"down{level}"
        x = keras.layers.ZeroPadding2D(1, name=f"{group}_pad")(x)
        convolution = Conv2D(
            width * 2**level, 3, strides=2, use_bias=bias, kernel_initializer=WEIGHTS, name=f"{group}_conv"
        )
        x = _stage(convolution(x), group, norm)
    for index in range(blocks):
        x = _block(x, width * 4, f"block{index + 1}", norm, bias, dropout)
    for level in (1, 0):
        group = f"up{level + 1}"
        x = Conv2DTranspose(
            width * 2**level, 3, strides=2, use_bias=bias, kernel_initializer=WEIGHTS, name=f"{group}_conv"
        )(x)
        # 2 n + 1 rows: the first is PyTorch's padding of 1, the last its output padding of 1.
        x = keras.layers.Cropping2D(((1, 0), (1, 0)), name=f"{group}_crop")(x)
        x = _stage(x, group, norm)
    x = ReflectionPadding(3, name="head_pad")(x)
    x = Conv2D(outputs, 7, kernel_initializer=WEIGHTS, name="head_conv")(x)
    x = keras.layers.Activation("tanh", name="head_activation")(x)
    config = {
        "size": size,
        "outputs": outputs,
        "width": width,
        "blocks": blocks,
        "norm": norm,
        "dropout": dropout,
    }
    architecture = {"family": "cyclegan_generator", "config": config, "classes": 0, "channels": channels}
    return Network(inputs, x, name=name, architecture=architecture)


def _stage(x: Any, group: str, norm: str) -> Any:
    """Normalise and activate."""
    x = normalization(norm, f"{group}_norm", gamma=SCALE)(x)
    return keras.layers.ReLU(name=f"{group}_activation")(x)


def _block(x: Any, width: int, group: str, norm: str, bias: bool, dropout: float) -> Any:
    """Add what two convolutions make of the map."""
    h = x
    for index in (1, 2):
        h = ReflectionPadding(1, name=f"{group}_pad{index}")(h)
        h = Conv2D(width, 3, use_bias=bias, kernel_initializer=WEIGHTS, name=f"{group}_conv{index}")(h)
        h = normalization(norm, f"{group}_norm{index}", gamma=SCALE)(h)
        if index == 1:
            h = keras.layers.ReLU(name=f"{group}_activation")(h)
            h = keras.layers.Dropout(dropout, name=f"{group}_dropout")(h) if dropout else h
    return keras.layers.Add(name=f"{group}_add")([x, h])
