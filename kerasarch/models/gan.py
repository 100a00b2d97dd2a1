"""GAN: the first generative adversarial networks, of dense layers, and the conditional ones.

Papers: Goodfellow et al., 2014 (https://arxiv.org/abs/1406.2661), with the sizes of its authors' MNIST networks
(https://github.com/goodfeli/adversarial/blob/master/mnist.yaml): rectifiers in the generator, maxout and dropout in the
discriminator. Labels, where there are any, join the input of both networks: Mirza & Osindero, 2014
(https://arxiv.org/abs/1411.1784).

Where we differ: pictures are in [-1, 1] (tanh) rather than [0, 1] (sigmoid), as in all the generators here; labels are
embedded, which is a one-hot vector times a matrix. The discriminator gives logits.
"""

import math
from typing import Any

import keras

from kerasarch.layers import Maxout
from kerasarch.models.family import image_input
from kerasarch.models.image_parts import check_classes, label_input, latent_input, to_map, to_vector
from kerasarch.models.network import Network

INITIALIZER = {"class_name": "RandomUniform", "config": {"minval": -0.05, "maxval": 0.05}}
"""irange 0.05 in the authors' file; 0.005 in the discriminator."""


def gan_generator(
    size: int = 28,
    channels: int = 1,
    latent: int = 100,
    *,
    widths: tuple[int, ...] = (1200, 1200),
    classes: int | None = None,
    name: str = "generator",
) -> Network:
    """Build the dense generator: ``latent -> ReLU layers -> tanh``.

    Args:
        size: Height and width of the pictures.
        channels: Channels of the pictures.
        latent: Length of the latent vectors.
        widths: Units of each hidden layer.
        classes: Classes of the labels; None for a generator without labels.
        name: Name of the model.

    Returns:
        ``latent (B, latent)``, with classes ``[latent, labels (B,)]``, to pictures ``(B, size, size, channels)`` in
        [-1, 1].

    Raises:
        UsageError: latent or classes is not positive.
    """
    check_classes(classes)
    inputs = x = latent_input(latent)
    if classes:
        labels = label_input()
        inputs = [inputs, labels]
        embedded = keras.layers.Embedding(classes, latent, name="labels_embedding")(labels)
        x = keras.layers.Concatenate(name="labels_join")([x, embedded])
    for index, width in enumerate(widths):
        x = keras.layers.Dense(
            width, activation="relu", kernel_initializer=INITIALIZER, name=f"hidden{index + 1}_dense"
        )(x)
    x = keras.layers.Dense(
        math.prod((size, size, channels)), activation="tanh", kernel_initializer=INITIALIZER, name="head_dense"
    )(x)
    config = {"size": size, "latent": latent, "widths": tuple(widths)}
    architecture = {"family": "gan_generator", "config": config, "classes": classes or 0, "channels": channels}
    return Network(inputs, to_map(x, size, channels, "head"), name=name, architecture=architecture)


def gan_discriminator(
    size: int = 28,
    channels: int = 1,
    *,
    widths: tuple[int, ...] = (240, 240),
    pieces: int = 5,
    dropout: float = 0.5,
    input_dropout: float = 0.2,
    classes: int | None = None,
    name: str = "discriminator",
) -> Network:
    """Build the dense discriminator: ``maxout layers with dropout -> logit``.

    Args:
        size: Height and width of the pictures.
        channels: Channels of the pictures.
        widths: Units of each hidden layer.
        pieces: Linear pieces of each maxout unit.
        dropout: Rate after each hidden layer.
        input_dropout: Rate on the pictures.
        classes: Classes of the labels; None for a discriminator without labels.
        name: Name of the model.

    Returns:
        Pictures ``(B, size, size, channels)``, with classes ``[pictures, labels (B,)]``, to logits ``(B, 1)``.

    Raises:
        UsageError: classes is not positive.
    """
    check_classes(classes)
    initializer = {"class_name": "RandomUniform", "config": {"minval": -0.005, "maxval": 0.005}}
    inputs: Any = image_input((size, size, channels))
    x = to_vector(inputs, "stem")
    if classes:
        labels = label_input()
        inputs = [inputs, labels]
        embedded = keras.layers.Embedding(classes, 50, name="labels_embedding")(labels)
        x = keras.layers.Concatenate(name="labels_join")([x, embedded])
    if input_dropout:
        x = keras.layers.Dropout(input_dropout, name="stem_dropout")(x)
    for index, width in enumerate(widths):
        x = Maxout(width, pieces, kernel_initializer=initializer, name=f"hidden{index + 1}_maxout")(x)
        if dropout:
            x = keras.layers.Dropout(dropout, name=f"hidden{index + 1}_dropout")(x)
    x = keras.layers.Dense(1, kernel_initializer=initializer, name="head_dense")(x)
    config = {
        "size": size,
        "widths": tuple(widths),
        "pieces": pieces,
        "dropout": dropout,
        "input_dropout": input_dropout,
    }
    architecture = {"family": "gan_discriminator", "config": config, "classes": classes or 0, "channels": channels}
    return Network(inputs, x, name=name, architecture=architecture)
