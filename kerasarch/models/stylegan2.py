"""StyleGAN2: mapping network, synthesis network of modulated convolutions, residual discriminator.

Paper: Karras et al., 2020 (https://arxiv.org/abs/1912.04958), configuration F: skip connections of colours in the
generator, residual connections in the discriminator (section 4.1, figure 7), path length and R1 regularisation left to
training. Widths are those of the authors' code (https://github.com/NVlabs/stylegan2): ``min(512, 32768 / size)``.

Where we differ: the discriminator is a projection one where there are classes (Miyato & Koyama, 2018,
https://arxiv.org/abs/1802.05637), and any even size from 8 pixels on is possible: it is halved down to 4 to 7 pixels.
"""

import math
from typing import Any

import keras

from kerasarch.layers import (
    ClassProjection,
    EqualizedConv2D,
    EqualizedDense,
    FIRResampling,
    MinibatchStddev,
    PixelNormalization,
)
from kerasarch.models.family import image_input
from kerasarch.models.image_parts import check_classes, halvings, label_input, latent_input, to_vector
from kerasarch.models.network import Network
from kerasarch.models.stylegan2_generator import LearnedConstant, StyledConv2D, StyleGAN2Generator


def stylegan2_generator(
    size: int = 1024,
    channels: int = 3,
    latent: int = 512,
    *,
    style: int = 512,
    classes: int | None = None,
    mapping_depth: int = 8,
    mapping_multiplier: float = 0.01,
    width_base: int = 32768,
    width_most: int = 512,
    average_decay: float = 0.995,
    name: str = "generator",
) -> StyleGAN2Generator:
    """Build mapping and synthesis network.

    Args:
        size: Height and width of the pictures.
        channels: Channels of the pictures.
        latent: Length of the latent vectors z.
        style: Length of the intermediate vectors w.
        classes: Classes of the labels; None for a generator without labels.
        mapping_depth: Layers of the mapping network.
        mapping_multiplier: Of its learning rate.
        width_base: Channels times pixels: a map of ``size`` has ``width_base / size`` channels,
        width_most: but not more than these.
        average_decay: Share of the old value in the moving average of w, about which truncation shrinks.
        name: Name of the model.

    Returns:
        ``latent (B, latent)``, with classes ``[latent, labels (B,)]``, to pictures ``(B, size, size, channels)``,
        unbounded but trained to lie in [-1, 1].

    Raises:
        UsageError: A size or number of classes is not usable.
    """
    check_classes(classes)
    mapping = _mapping(latent, style, classes, mapping_depth, mapping_multiplier)
    synthesis = _synthesis(size, channels, style, width_base, width_most)
    return StyleGAN2Generator(mapping, synthesis, average_decay=average_decay, name=name)


def _mapping(latent: int, style: int, classes: int | None, depth: int, multiplier: float) -> Network:
    """``z -> normalised -> depth layers -> w``."""
    inputs = x = latent_input(latent)
    if classes:
        labels = label_input()
        inputs = [inputs, labels]
        start = keras.initializers.RandomNormal(stddev=1.0)
        embedded = keras.layers.Embedding(classes, latent, embeddings_initializer=start, name="labels_embedding")
        x = keras.layers.Concatenate(name="labels_join")([x, embedded(labels)])
    x = PixelNormalization(name="stem_norm")(x)
    for index in range(depth):
        x = EqualizedDense(style, multiplier=multiplier, activated=True, name=f"hidden{index + 1}_dense")(x)
    return Network(inputs, x, name="mapping")


def _synthesis(size: int, channels: int, style: int, base: int, most: int) -> Network:
    """``a w for each layer (B, layers, style) -> picture``."""
    stages, smallest = halvings(size)
    count = 2 * stages + 2
    inputs = keras.Input((count, style), name="styles")

    def pick(index: int) -> Any:
        cropped = keras.layers.Cropping1D((index, count - index - 1), name=f"styles_crop{index}")(inputs)
        return keras.layers.Reshape((style,), name=f"styles_w{index}")(cropped)

    styles = [pick(index) for index in range(count)]
    x = LearnedConstant(smallest, _width(smallest, base, most), name="stem_constant")(styles[0])
    x = StyledConv2D(_width(smallest, base, most), name="stem_conv")([x, styles[0]])
    colours = _colours(x, styles[1], channels, "stem")
    for stage in range(1, stages + 1):
        group, filters = f"stage{stage}", _width(smallest * 2**stage, base, most)
        x = StyledConv2D(filters, up=2, name=f"{group}_up")([x, styles[2 * stage - 1]])
        x = StyledConv2D(filters, name=f"{group}_conv")([x, styles[2 * stage]])
        larger = FIRResampling(up=2, name=f"{group}_skip")(colours)
        # A stage's colours share their w with the next stage's first layer, as in the authors' code.
        colours = keras.layers.Add(name=f"{group}_add")([larger, _colours(x, styles[2 * stage + 1], channels, group)])
    return Network(inputs, colours, name="synthesis")


def _colours(x: Any, w: Any, channels: int, group: str) -> Any:
    return StyledConv2D(channels, 1, demodulate=False, noise=False, activated=False, name=f"{group}_colours")([x, w])


def stylegan2_discriminator(
    size: int = 1024,
    channels: int = 3,
    *,
    classes: int | None = None,
    width_base: int = 32768,
    width_most: int = 512,
    group: int = 4,
    name: str = "discriminator",
) -> Network:
    """Build the residual discriminator: ``picture -> residual halvings -> deviation of the batch -> logit``.

    Args:
        size: Height and width of the pictures.
        channels: Channels of the pictures.
        classes: Classes of the labels; None for a discriminator without labels.
        width_base: Channels times pixels, as in the generator.
        width_most: Most channels.
        group: Examples that are compared with one another; 0 for none.
        name: Name of the model.

    Returns:
        Pictures ``(B, size, size, channels)``, with classes ``[pictures, labels (B,)]``, to logits ``(B, 1)``.

    Raises:
        UsageError: A size or number of classes is not usable.
    """
    check_classes(classes)
    stages, smallest = halvings(size)
    inputs: Any = image_input((size, size, channels))
    x = EqualizedConv2D(_width(size, width_base, width_most), 1, activated=True, name="stem_conv")(inputs)
    for index in range(1, stages + 1):
        before, after = (_width(size // 2**power, width_base, width_most) for power in (index - 1, index))
        part = f"stage{index}"
        h = EqualizedConv2D(before, 3, activated=True, name=f"{part}_conv1")(x)
        h = EqualizedConv2D(after, 3, down=2, activated=True, name=f"{part}_conv2")(h)
        x = EqualizedConv2D(after, 1, down=2, bias=False, name=f"{part}_shortcut")(x)
        x = keras.layers.Add(name=f"{part}_add")([x, h])
        # The sum of two signals of unit variance
        x = keras.layers.Rescaling(1 / math.sqrt(2.0), name=f"{part}_scale")(x)
    if group:
        x = MinibatchStddev(group=group, name="head_deviation")(x)
    width = _width(smallest, width_base, width_most)
    x = EqualizedConv2D(width, 3, activated=True, name="head_conv")(x)
    x = EqualizedDense(width, activated=True, name="head_hidden")(to_vector(x, "head"))
    logits = EqualizedDense(1, name="head_dense")(x)
    if classes:
        labels = label_input()
        inputs = [inputs, labels]
        logits = ClassProjection(classes, name="head_labels")([logits, x, labels])
    config = {"size": size, "width_base": width_base, "width_most": width_most, "group": group}
    architecture = {
        "family": "stylegan2_discriminator",
        "config": config,
        "classes": classes or 0,
        "channels": channels,
    }
    return Network(inputs, logits, name=name, architecture=architecture)


def _width(size: int, base: int, most: int) -> int:
    return max(1, min(most, base // size))
