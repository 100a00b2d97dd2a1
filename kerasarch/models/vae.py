"""Encoders and decoders of variational autoencoders, dense and convolutional, for pictures of any size.

The dense ones are those of Kingma & Welling, 2013, appendix C (https://arxiv.org/abs/1312.6114), with ReLU in the place
of tanh. The convolutional ones halve the picture ``depth`` times and double the channels; the decoder enlarges by
repeating pixels and convolves, which leaves no chessboard (Odena et al., 2016, https://doi.org/10.23915/distill.00003).
No batch normalisation: its noise would add to that of the latent vector, and an ELBO would depend on the batch.
"""

from typing import Any

import keras

from kerasarch.errors import UsageError
from kerasarch.layers import Conv2D
from kerasarch.models.family import image_input
from kerasarch.models.image_parts import channel_axis, latent_input, to_vector
from kerasarch.models.network import Network

KINDS = ("dense", "convolutional")


def vae_encoder(
    input_shape: tuple[int, int, int],
    latent: int = 16,
    *,
    kind: str = "dense",
    width: int = 256,
    depth: int = 2,
    parameters: int = 2,
    name: str = "encoder",
) -> Network:
    """Build an encoder: pictures to the means and log-variances of a Gaussian.

    Args:
        input_shape: Height, width, channels.
        latent: Length of the latent vectors.
        kind: ``"dense"`` or ``"convolutional"``.
        width: Units of each dense layer; channels of the first convolution.
        depth: Dense layers, or halvings.
        parameters: Numbers for each latent component: 2, mean and log-variance; 1 for an encoder without noise, as a
            Wasserstein autoencoder may have it.
        name: Name of the model.

    Returns:
        ``(B, H, W, C) -> (B, parameters * latent)``.

    Raises:
        UsageError: The kind is unknown, or there are too many halvings.
    """
    _check(kind, input_shape, depth)
    inputs = x = image_input(input_shape)
    if kind == "convolutional":
        for level in range(1, depth + 1):
            x = Conv2D(
                width * 2 ** (level - 1), 3, strides=2, padding="same", activation="relu", name=f"stage{level}_down"
            )(x)
        x = to_vector(x, "head")
    else:
        x = to_vector(x, "stem")
        for level in range(1, depth + 1):
            x = keras.layers.Dense(width, activation="relu", name=f"stage{level}_dense")(x)
    x = keras.layers.Dense(parameters * latent, name="head_dense")(x)
    return Network(inputs, x, name=name)


def vae_decoder(
    output_shape: tuple[int, int, int],
    latent: int = 16,
    *,
    kind: str = "dense",
    width: int = 256,
    depth: int = 2,
    name: str = "decoder",
) -> Network:
    """Build a decoder: latent vectors to the logits or means of pixels; the likelihood decides which.

    Args:
        output_shape: Height, width, channels.
        latent: Length of the latent vectors.
        kind: ``"dense"`` or ``"convolutional"``.
        width: Units of each dense layer; channels before the last convolution.
        depth: Dense layers, or doublings.
        name: Name of the model.

    Returns:
        ``(B, latent) -> (B, H, W, C)``.

    Raises:
        UsageError: The kind is unknown, or there are too many doublings.
    """
    _check(kind, output_shape, depth)
    height, wide, channels = output_shape
    inputs = x = latent_input(latent)
    if kind == "dense":
        for level in range(1, depth + 1):
            x = keras.layers.Dense(width, activation="relu", name=f"stage{level}_dense")(x)
        x = keras.layers.Dense(height * wide * channels, name="head_dense")(x)
        return Network(inputs, to_picture(x, output_shape, "head"), name=name)
    sizes = level_sizes(height, wide, depth)[::-1]  # from the smallest
    filters = width * 2 ** (depth - 1)
    x = keras.layers.Dense(sizes[0][0] * sizes[0][1] * filters, activation="relu", name="stem_dense")(x)
    x = to_picture(x, (*sizes[0], filters), "stem")
    for level, size in enumerate(sizes[1:], 1):
        filters = width * 2 ** (depth - level) if level < depth else width
        x = keras.layers.UpSampling2D(2, name=f"stage{level}_enlarge")(x)
        x = crop(x, sizes[level - 1], size, f"stage{level}_crop")
        x = Conv2D(filters, 3, padding="same", activation="relu", name=f"stage{level}_conv")(x)
    x = Conv2D(channels, 3, padding="same", name="head_conv")(x)
    return Network(inputs, x, name=name)


def level_sizes(height: int, width: int, halvings: int) -> list[tuple[int, int]]:
    """Return the sizes of the maps of each level, the picture's first; odd sizes are rounded up."""
    sizes = [(height, width)]
    for _ in range(halvings):
        sizes.append((-(-sizes[-1][0] // 2), -(-sizes[-1][1] // 2)))
    return sizes


def crop(x: Any, before: tuple[int, int], size: tuple[int, int], name: str) -> Any:
    """Cut the last row and column off a map twice as large as ``before`` where its size was odd."""
    margins = (2 * before[0] - size[0], 2 * before[1] - size[1])
    if not any(margins):
        return x
    return keras.layers.Cropping2D(((0, margins[0]), (0, margins[1])), name=name)(x)


def to_picture(x: Any, shape: tuple[int, int, int], name: str) -> Any:
    """Reshape vectors into maps of height, width, channels, whatever the data format."""
    x = keras.layers.Reshape(shape, name=f"{name}_map")(x)
    return keras.layers.Permute((3, 1, 2), name=f"{name}_first")(x) if channel_axis() == 1 else x


def _check(kind: str, shape: tuple[int, int, int], depth: int) -> None:
    if kind not in KINDS:
        raise UsageError(f"kind must be one of {', '.join(KINDS)}. Received kind={kind!r}.")
    if depth < 1 or (kind == "convolutional" and min(level_sizes(*shape[:2], depth)[-1]) < 2):
        raise UsageError(
            f"depth must be 1 or more, and leave 2 pixels after that many halvings. Received depth={depth} for "
            f"pictures of {shape[0]} by {shape[1]}."
        )
