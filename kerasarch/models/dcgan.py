"""DCGAN: generator and discriminator of strided convolutions.

Paper: Radford et al., 2015 (https://arxiv.org/abs/1511.06434), section 3: no pooling, no hidden dense layer, batch
normalisation everywhere but at the generator's output and the discriminator's input, ReLU in the generator, LeakyReLU
of slope 0.2 in the discriminator, every weight from N(0, 0.02). Kernels are 4x4, as in the authors' Torch code
(https://github.com/soumith/dcgan.torch).

For penalties on the gradient use ``norm="layer"`` or ``"none"`` in the discriminator (then a critic): Gulrajani et al.,
2017, section 4 (https://arxiv.org/abs/1704.00028). With ``classes`` the generator takes the embedded label beside the
latent vector and the discriminator is a projection one: Miyato & Koyama, 2018 (https://arxiv.org/abs/1802.05637).
"""

from typing import Any

import keras

from kerasarch.layers import ClassProjection, Conv2D, Conv2DTranspose
from kerasarch.models.family import image_input
from kerasarch.models.image_parts import (
    check_classes,
    check_norm,
    halvings,
    label_input,
    latent_input,
    normalization,
    spectral,
    to_map,
    to_vector,
)
from kerasarch.models.network import Network

WEIGHTS = {"class_name": "RandomNormal", "config": {"mean": 0.0, "stddev": 0.02}}
SCALE = {"class_name": "RandomNormal", "config": {"mean": 1.0, "stddev": 0.02}}


def dcgan_generator(
    size: int = 64,
    channels: int = 3,
    latent: int = 100,
    width: int = 64,
    *,
    classes: int | None = None,
    norm: str = "batch",
    name: str = "generator",
) -> Network:
    """Build the generator: ``latent -> 4x4 map -> transposed convolutions -> tanh``.

    Args:
        size: Height and width of the pictures: 8, 16, 28, 32, 64, 128, ... any even number from 8 on; it is halved down
            to 4 to 7 pixels, the size of the first map.
        channels: Channels of the pictures.
        latent: Length of the latent vectors.
        width: Channels before the last convolution; each smaller map has twice as many.
        classes: Classes of the labels; None for a generator without labels.
        norm: ``"batch"``, ``"instance"``, ``"layer"`` or ``"none"``.
        name: Name of the model.

    Returns:
        ``latent (B, latent)``, with classes ``[latent, labels (B,)]``, to pictures ``(B, size, size, channels)`` in
        [-1, 1].

    Raises:
        UsageError: A size, norm or number of classes is not usable.
    """
    check_classes(classes)
    stages, base = halvings(size)
    inputs = x = latent_input(latent)
    if classes:
        labels = label_input()
        inputs = [inputs, labels]
        embedded = keras.layers.Embedding(classes, latent, embeddings_initializer="random_normal", name="stem_labels")
        x = keras.layers.Concatenate(name="stem_join")([x, embedded(labels)])
    filters = width * 2 ** (stages - 1)
    # A transposed convolution over a single pixel is a dense layer.
    x = keras.layers.Dense(
        base * base * filters, use_bias=norm == "none", kernel_initializer=WEIGHTS, name="stem_dense"
    )(x)
    x = to_map(x, base, filters, "stem")
    x = normalization(norm, "stem_norm", gamma=SCALE)(x)
    x = keras.layers.ReLU(name="stem_activation")(x)
    for stage in range(1, stages):
        filters //= 2
        x = _up(x, filters, f"stage{stage}", bias=norm == "none")
        x = normalization(norm, f"stage{stage}_norm", gamma=SCALE)(x)
        x = keras.layers.ReLU(name=f"stage{stage}_activation")(x)
    x = _up(x, channels, "head", bias=False)
    x = keras.layers.Activation("tanh", name="head_activation")(x)
    config = {"size": size, "latent": latent, "width": width, "norm": norm}
    architecture = {"family": "dcgan_generator", "config": config, "classes": classes or 0, "channels": channels}
    return Network(inputs, x, name=name, architecture=architecture)


def dcgan_discriminator(
    size: int = 64,
    channels: int = 3,
    width: int = 64,
    *,
    classes: int | None = None,
    norm: str = "batch",
    spectral_norm: bool = False,
    slope: float = 0.2,
    name: str = "discriminator",
) -> Network:
    """Build the discriminator: ``strided convolutions with LeakyReLU -> logit``.

    Args:
        size: Height and width of the pictures, as in the generator.
        channels: Channels of the pictures.
        width: Channels after the first convolution; each smaller map has twice as many.
        classes: Classes of the labels; None for a discriminator without labels.
        norm: ``"batch"``, ``"instance"``, ``"layer"`` or ``"none"``; the first convolution has none in any case.
        spectral_norm: Whether every kernel is divided by its spectral norm; usually with ``norm="none"``.
        slope: Of the LeakyReLU for negative numbers.
        name: Name of the model.

    Returns:
        Pictures ``(B, size, size, channels)``, with classes ``[pictures, labels (B,)]``, to logits ``(B, 1)``.

    Raises:
        UsageError: A size, norm or number of classes is not usable.
    """
    check_classes(classes)
    check_norm(norm)  # the smallest pictures have a single convolution, without normalisation
    stages, _ = halvings(size)
    inputs: Any = image_input((size, size, channels))
    x = inputs
    for stage in range(1, stages + 1):
        group = f"stage{stage}"
        convolution = Conv2D(
            width * 2 ** (stage - 1),
            4,
            strides=2,
            padding="same",
            use_bias=stage > 1 and norm == "none",
            kernel_initializer=WEIGHTS,
            name=f"{group}_conv",
        )
        x = spectral(convolution, spectral_norm)(x)
        if stage > 1:
            x = normalization(norm, f"{group}_norm", gamma=SCALE)(x)
        x = keras.layers.LeakyReLU(slope, name=f"{group}_activation")(x)
    # A convolution as large as its input is a dense layer.
    logits = keras.layers.Dense(1, use_bias=False, kernel_initializer=WEIGHTS, name="head_dense")
    features = x
    x = spectral(logits, spectral_norm)(to_vector(features, "head"))
    if classes:
        labels = label_input()
        inputs = [inputs, labels]
        pooled = keras.layers.GlobalAveragePooling2D(name="head_pool")(features)
        x = ClassProjection(classes, spectral_norm=spectral_norm, name="head_labels")([x, pooled, labels])
    config = {"size": size, "width": width, "norm": norm, "spectral_norm": spectral_norm, "slope": slope}
    architecture = {"family": "dcgan_discriminator", "config": config, "classes": classes or 0, "channels": channels}
    return Network(inputs, x, name=name, architecture=architecture)


def _up(x: Any, filters: int, group: str, bias: bool) -> Any:
    """Double height and width."""
    return Conv2DTranspose(
        filters, 4, strides=2, padding="same", use_bias=bias, kernel_initializer=WEIGHTS, name=f"{group}_conv"
    )(x)
