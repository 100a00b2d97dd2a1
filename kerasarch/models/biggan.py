"""BigGAN: class-conditional residual networks with spectral normalisation and self-attention.

Paper: Brock et al., 2018 (https://arxiv.org/abs/1809.11096), appendix B, tables 4 to 7. The latent vector is split: the
first chunk makes the first map, each block gets one more, which joins the shared embedding of the class and steers the
block's normalisations (hierarchical latents, figure 15). The discriminator is a projection one (Miyato & Koyama, 2018,
https://arxiv.org/abs/1802.05637). Every kernel is orthogonal at first and divided by its spectral norm (Miyato et al.,
2018, https://arxiv.org/abs/1802.05957), but for the shared embedding.

Widths are those of the authors' PyTorch code (https://github.com/ajbrock/BigGAN-PyTorch) for 32, 64, 128 and 256
pixels; other sizes take those with as many halvings. Pictures smaller than 32 pixels are our addition. Truncation is a
matter of sampling: latent vectors whose entries beyond a threshold are drawn again (section 3.1).
"""

from typing import Any

import keras

from kerasarch.errors import UsageError
from kerasarch.layers import ClassProjection, ConditionalBatchNormalization, Conv2D, SelfAttention2D
from kerasarch.models.family import image_input
from kerasarch.models.image_parts import (
    channel_axis,
    halvings,
    label_input,
    latent_input,
    normalization,
    spectral,
    to_map,
)
from kerasarch.models.network import Network

# Halvings to: widths of the generator's first map and of each block's output; widths of the discriminator's blocks;
# how many of these do not halve, at the end. From G_arch and D_arch of the authors' BigGAN.py.
WIDTHS: dict[int, tuple[tuple[int, ...], tuple[int, ...], int]] = {
    1: ((4, 4), (4, 4, 4), 2),
    2: ((4, 4, 4), (4, 4, 4, 4), 2),
    3: ((4, 4, 4, 4), (4, 4, 4, 4), 2),
    4: ((16, 16, 8, 4, 2), (1, 2, 4, 8, 16), 1),
    5: ((16, 16, 8, 4, 2, 1), (1, 2, 4, 8, 16, 16), 1),
    6: ((16, 16, 8, 8, 4, 2, 1), (1, 2, 4, 8, 8, 16, 16), 1),
}


def biggan_generator(
    size: int = 128,
    channels: int = 3,
    latent: int = 120,
    width: int = 96,
    *,
    classes: int = 1000,
    embedding: int = 128,
    attention: int | None = 64,
    spectral_norm: bool = True,
    name: str = "generator",
) -> Network:
    """Build the generator: ``latent and label -> residual blocks that double the map -> tanh``.

    Args:
        size: Height and width of the pictures: 8 to 256, even; best a power of two.
        channels: Channels of the pictures.
        latent: Length of the latent vectors, a multiple of one more than the blocks.
        width: Channels of the last map at 128 pixels, ``ch`` in the paper; see ``WIDTHS``.
        classes: Classes of the labels.
        embedding: Length of the class embedding that all blocks share.
        attention: Size of the map after which there is self-attention; None for none.
        spectral_norm: Whether every kernel is divided by its spectral norm.
        name: Name of the model.

    Returns:
        ``[latent (B, latent), labels (B,)]`` to pictures ``(B, size, size, channels)`` in [-1, 1].

    Raises:
        UsageError: A size, latent length or number of classes is not usable.
    """
    stages, base, widths = _plan(size, classes)
    count = stages + 1
    if latent % count:
        raise UsageError(f"latent must be a multiple of {count}, a chunk for each map. Received latent={latent}.")
    chunk = latent // count
    factors = widths[0]
    z, labels = latent_input(latent), label_input()
    shared = keras.layers.Embedding(
        classes, embedding, embeddings_initializer=keras.initializers.RandomNormal(stddev=0.02), name="labels_embedding"
    )(labels)
    chunks = keras.layers.Reshape((count, chunk), name="latent_chunks")(z)
    x = spectral(
        keras.layers.Dense(base * base * width * factors[0], kernel_initializer=_orthogonal(), name="stem_dense"),
        spectral_norm,
    )(_chunk(chunks, 0, chunk, count))
    x = to_map(x, base, width * factors[0], "stem")
    for stage in range(1, count):
        part = _chunk(chunks, stage, chunk, count)
        condition = keras.layers.Concatenate(name=f"block{stage}_condition")([shared, part])
        x = _up_block(x, condition, width * factors[stage], f"block{stage}", spectral_norm)
        if attention == base * 2**stage:
            x = _attention(f"block{stage}_attention", spectral_norm)(x)
    x = normalization("batch", "head_norm")(x)
    x = keras.layers.ReLU(name="head_activation")(x)
    x = _convolve(x, channels, 3, "head_conv", spectral_norm)
    x = keras.layers.Activation("tanh", name="head_tanh")(x)
    config = {
        "size": size,
        "latent": latent,
        "width": width,
        "embedding": embedding,
        "attention": attention,
        "spectral_norm": spectral_norm,
    }
    architecture = {"family": "biggan_generator", "config": config, "classes": classes, "channels": channels}
    return Network([z, labels], x, name=name, architecture=architecture)


def biggan_discriminator(
    size: int = 128,
    channels: int = 3,
    width: int = 96,
    *,
    classes: int = 1000,
    attention: int | None = 64,
    spectral_norm: bool = True,
    name: str = "discriminator",
) -> Network:
    """Build the discriminator: ``residual blocks that halve the map -> sum -> logit and projection of the class``.

    Args:
        size: Height and width of the pictures, as in the generator.
        channels: Channels of the pictures.
        width: Channels after the first block at 128 pixels; see ``WIDTHS``.
        classes: Classes of the labels.
        attention: Size of the map after which there is self-attention; None for none.
        spectral_norm: Whether every kernel is divided by its spectral norm.
        name: Name of the model.

    Returns:
        ``[pictures (B, size, size, channels), labels (B,)]`` to logits ``(B, 1)``.

    Raises:
        UsageError: A size or number of classes is not usable.
    """
    _, _, (_, factors, plain) = _plan(size, classes)
    pictures, labels = image_input((size, size, channels)), label_input()
    x, pixels = pictures, size
    for index, factor in enumerate(factors):
        halve = index < len(factors) - plain
        x = _down_block(x, width * factor, f"block{index + 1}", halve, index == 0, spectral_norm)
        pixels = pixels // 2 if halve else pixels
        if attention == pixels and halve:
            x = _attention(f"block{index + 1}_attention", spectral_norm)(x)
    x = keras.layers.ReLU(name="head_activation")(x)
    x = keras.layers.GlobalAveragePooling2D(name="head_pool")(x)
    x = keras.layers.Rescaling(float(pixels * pixels), name="head_sum")(x)  # the paper sums
    logits = spectral(keras.layers.Dense(1, kernel_initializer=_orthogonal(), name="head_dense"), spectral_norm)(x)
    x = ClassProjection(classes, spectral_norm=spectral_norm, name="head_labels")([logits, x, labels])
    config = {"size": size, "width": width, "attention": attention, "spectral_norm": spectral_norm}
    architecture = {"family": "biggan_discriminator", "config": config, "classes": classes, "channels": channels}
    return Network([pictures, labels], x, name=name, architecture=architecture)


def _plan(size: int, classes: int) -> tuple[int, int, tuple[tuple[int, ...], tuple[int, ...], int]]:
    """Return the halvings of the size, what remains, and the widths."""
    if classes < 1:
        raise UsageError(f"classes must be 1 or more. Received classes={classes}.")
    stages, base = halvings(size)
    if stages not in WIDTHS:
        raise UsageError(f"size must be halved {min(WIDTHS)} to {max(WIDTHS)} times. Received size={size}: {stages}.")
    return stages, base, WIDTHS[stages]


def _orthogonal() -> keras.initializers.Initializer:
    return keras.initializers.Orthogonal()


def _attention(name: str, spectral_norm: bool) -> keras.layers.Layer:
    return SelfAttention2D(spectral_norm=spectral_norm, kernel_initializer=_orthogonal(), name=name)


def _chunk(chunks: Any, index: int, length: int, count: int) -> Any:
    """Take one chunk of the latent vectors: ``(B, count, length) -> (B, length)``."""
    x = keras.layers.Cropping1D((index, count - index - 1), name=f"latent_crop{index}")(chunks)
    return keras.layers.Reshape((length,), name=f"latent_chunk{index}")(x)


def _convolve(x: Any, filters: int, kernel: int, name: str, spectral_norm: bool) -> Any:
    convolution = Conv2D(filters, kernel, padding="same", kernel_initializer=_orthogonal(), name=name)
    return spectral(convolution, spectral_norm)(x)


def _up_block(x: Any, condition: Any, filters: int, group: str, spectral_norm: bool) -> Any:
    """Double height and width: Brock et al., 2018, figure 15b."""
    h = x
    for index in (1, 2):
        h = ConditionalBatchNormalization(
            spectral_norm=spectral_norm, kernel_initializer=_orthogonal(), name=f"{group}_norm{index}"
        )([h, condition])
        h = keras.layers.ReLU(name=f"{group}_activation{index}")(h)
        if index == 1:
            h = keras.layers.UpSampling2D(2, name=f"{group}_up")(h)
        h = _convolve(h, filters, 3, f"{group}_conv{index}", spectral_norm)
    x = keras.layers.UpSampling2D(2, name=f"{group}_shortcut_up")(x)
    x = _convolve(x, filters, 1, f"{group}_shortcut", spectral_norm)
    return keras.layers.Add(name=f"{group}_add")([x, h])


def _down_block(x: Any, filters: int, group: str, halve: bool, first: bool, spectral_norm: bool) -> Any:
    """Halve height and width, or not: Brock et al., 2018, figure 15c."""
    h = x if first else keras.layers.ReLU(name=f"{group}_activation1")(x)
    h = _convolve(h, filters, 3, f"{group}_conv1", spectral_norm)
    h = keras.layers.ReLU(name=f"{group}_activation2")(h)
    h = _convolve(h, filters, 3, f"{group}_conv2", spectral_norm)
    # A 1x1 convolution and an average may change places: the smaller map is quicker.
    if halve:
        h = keras.layers.AveragePooling2D(2, name=f"{group}_down")(h)
        x = keras.layers.AveragePooling2D(2, name=f"{group}_shortcut_down")(x)
    if halve or x.shape[channel_axis()] != filters:
        x = _convolve(x, filters, 1, f"{group}_shortcut", spectral_norm)
    return keras.layers.Add(name=f"{group}_add")([x, h])
