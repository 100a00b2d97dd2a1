"""Encoder and decoder of VQ-VAE, and the prior over its codes.

Papers: van den Oord et al., 2017, section 4.1 (https://arxiv.org/abs/1711.00937): strided 4x4 convolutions, two
residual blocks (ReLU, 3x3, ReLU, 1x1), and the mirror image with transposed convolutions. The prior is PixelCNN: van
den Oord et al., 2016, table 1 (https://arxiv.org/abs/1601.06759), over an embedding of the codes.

Where we differ: any number of halvings and any size of picture; the prior's first kernel is 5x5, for grids that are
smaller than the 28x28 pictures which the paper's 7x7 is for.
"""

from typing import Any

import keras

from kerasarch.errors import UsageError
from kerasarch.layers import Conv2D, Conv2DTranspose, MaskedConv2D
from kerasarch.models.family import image_input
from kerasarch.models.image_parts import channel_axis
from kerasarch.models.network import Network
from kerasarch.models.vae import crop, level_sizes


def vq_encoder(
    input_shape: tuple[int, int, int],
    code_width: int = 64,
    *,
    width: int = 128,
    halvings: int = 2,
    blocks: int = 2,
    name: str = "encoder",
) -> Network:
    """Build an encoder: pictures to a grid of vectors that a codebook replaces.

    Args:
        input_shape: Height, width, channels.
        code_width: Length of the vectors.
        width: Channels.
        halvings: How often height and width are halved, odd sizes rounded up.
        blocks: Residual blocks.
        name: Name of the model.

    Returns:
        ``(B, H, W, C) -> (B, h, w, code_width)``.

    Raises:
        UsageError: There are too many halvings.
    """
    code_grid(input_shape, halvings)
    inputs = x = image_input(input_shape)
    for level in range(1, halvings + 1):
        filters = width if level == halvings else width // 2
        x = Conv2D(filters, 4, strides=2, padding="same", activation="relu", name=f"stage{level}_down")(x)
    x = Conv2D(width, 3, padding="same", name="body_conv")(x)
    x = _residual(x, width, blocks)
    return Network(inputs, Conv2D(code_width, 1, name="head_conv")(x), name=name)


def vq_decoder(
    output_shape: tuple[int, int, int],
    code_width: int = 64,
    *,
    width: int = 128,
    halvings: int = 2,
    blocks: int = 2,
    name: str = "decoder",
) -> Network:
    """Build the decoder for an encoder of the same arguments.

    Args:
        output_shape: Height, width, channels.
        code_width: Length of the vectors.
        width: Channels.
        halvings: How often the encoder halves.
        blocks: Residual blocks.
        name: Name of the model.

    Returns:
        ``(B, h, w, code_width) -> (B, H, W, C)``, without activation.

    Raises:
        UsageError: There are too many halvings.
    """
    height, wide, channels = output_shape
    code_grid(output_shape, halvings)
    sizes = level_sizes(height, wide, halvings)[::-1]
    grid = (*sizes[0], code_width)
    inputs = keras.Input((grid[2], *grid[:2]) if channel_axis() == 1 else grid, name="codes")
    x = Conv2D(width, 3, padding="same", name="body_conv")(inputs)
    x = _residual(x, width, blocks)
    for level, size in enumerate(sizes[1:], 1):
        last = level == halvings
        x = Conv2DTranspose(
            channels if last else width // 2,
            4,
            strides=2,
            padding="same",
            activation=None if last else "relu",
            name=f"stage{level}_up",
        )(x)
        x = crop(x, sizes[level - 1], size, f"stage{level}_crop")
    return Network(inputs, x, name=name)


def code_grid(shape: tuple[int, int, int], halvings: int) -> tuple[int, int]:
    """Return height and width of the grid of codes.

    Raises:
        UsageError: There is nothing left to halve.
    """
    sizes = level_sizes(*shape[:2], max(halvings, 0))
    if halvings < 1 or min(sizes[-2]) < 2:
        raise UsageError(
            f"halvings must be 1 or more and not go below a pixel. Received halvings={halvings} for pictures of "
            f"{shape[0]} by {shape[1]}."
        )
    return sizes[-1]


def pixel_cnn(
    grid: tuple[int, int],
    codes: int,
    *,
    width: int = 64,
    blocks: int = 4,
    name: str = "prior",
) -> Network:
    """Build a PixelCNN over a grid of codes: the distribution of each given those above and to the left.

    Train it as any classifier, with the codes as inputs and as targets; ``kerasarch.models.CodeSampler`` draws from it.

    Args:
        grid: Height and width.
        codes: Size of the codebook.
        width: Channels within the residual blocks; they are twice as wide outside.
        blocks: Residual blocks.
        name: Name of the model.

    Returns:
        Codes ``(B, h, w)``, int32, to logits ``(B, h, w, codes)``.
    """
    # A grid of codes has no channels: there is no other layout than this.
    keywords: dict[str, Any] = {"data_format": "channels_last"}
    inputs = keras.Input(grid, dtype="int32", name="codes")
    x = keras.layers.Embedding(codes, width, name="stem_embedding")(inputs)
    x = MaskedConv2D(2 * width, 5, mask="A", name="stem_conv", **keywords)(x)
    for block in range(1, blocks + 1):
        start = f"block{block}"
        h = keras.layers.ReLU(name=f"{start}_relu1")(x)
        h = Conv2D(width, 1, activation="relu", name=f"{start}_reduce", **keywords)(h)
        h = MaskedConv2D(width, 3, activation="relu", name=f"{start}_spatial", **keywords)(h)
        h = Conv2D(2 * width, 1, name=f"{start}_expand", **keywords)(h)
        x = keras.layers.Add(name=f"{start}_sum")([x, h])
    x = keras.layers.ReLU(name="head_relu")(x)
    x = Conv2D(2 * width, 1, activation="relu", name="head_conv", **keywords)(x)
    return Network(inputs, Conv2D(codes, 1, name="head_logits", **keywords)(x), name=name)


def _residual(x: Any, width: int, blocks: int) -> Any:
    for block in range(1, blocks + 1):
        h = keras.layers.ReLU(name=f"block{block}_relu")(x)
        h = Conv2D(width, 3, padding="same", activation="relu", name=f"block{block}_spatial")(h)
        h = Conv2D(width, 1, name=f"block{block}_point")(h)
        x = keras.layers.Add(name=f"block{block}_sum")([x, h])
    return keras.layers.ReLU(name="body_relu")(x)
