"""Pieces that the generators and critics of pictures share: inputs, normalisation, vectors turned into maps."""

from typing import Any

import keras

from kerasarch.errors import UsageError
from kerasarch.layers import BatchNormalization, GroupNormalization, SpectralNormalization

NORMS = ("batch", "instance", "layer", "none")


def channel_axis() -> int:
    """Return the axis of the channels under the data format in force."""
    return 1 if keras.config.image_data_format() == "channels_first" else -1


def latent_input(latent: int) -> Any:
    """Return the Keras tensor for latent vectors, ``(B, latent)``."""
    if latent < 1:
        raise UsageError(f"latent must be 1 or more. Received latent={latent}.")
    return keras.Input((latent,), name="latent")


def label_input() -> Any:
    """Return the Keras tensor for class indices, ``(B,)`` of int32."""
    return keras.Input((), dtype="int32", name="labels")


def check_classes(classes: int | None) -> None:
    """Demand that there are no classes, or some.

    Raises:
        UsageError: There are not.
    """
    if classes is not None and classes < 1:
        raise UsageError(f"classes must be None (no labels) or 1 and more. Received classes={classes}.")


def check_norm(kind: str) -> None:
    """Demand that there is such a normalisation.

    Raises:
        UsageError: There is not.
    """
    if kind not in NORMS:
        raise UsageError(f"norm must be one of {', '.join(NORMS)}. Received norm={kind!r}.")


def normalization(kind: str, name: str, *, gamma: Any = "ones", momentum: float = 0.9, epsilon: float = 1e-5) -> Any:
    """Return a layer that normalises maps, or the identity.

    Args:
        kind: ``"batch"``; ``"instance"``, each map by itself, without scale and offset (Ulyanov et al., 2016,
            https://arxiv.org/abs/1607.08022); ``"layer"``, each example by itself with a scale and offset a channel,
            which gradient penalties need, because they penalise each example alone (Gulrajani et al., 2017, section 4,
            https://arxiv.org/abs/1704.00028); ``"none"``.
        name: Name of the layer.
        gamma: Initialiser of the scale.
        momentum: Share of the old value in the moving statistics.
        epsilon: Added to the variance.

    Raises:
        UsageError: The kind is unknown.
    """
    check_norm(kind)
    axis = channel_axis()
    if kind == "batch":
        return BatchNormalization(axis=axis, momentum=momentum, epsilon=epsilon, gamma_initializer=gamma, name=name)
    if kind == "instance":
        return GroupNormalization(-1, axis=axis, epsilon=epsilon, scale=False, center=False, name=name)
    if kind == "layer":
        return GroupNormalization(1, axis=axis, epsilon=epsilon, gamma_initializer=gamma, name=name)
    return lambda x: x


def spectral(layer: keras.layers.Layer, enabled: bool) -> keras.layers.Layer:
    """Return the layer, normalised by its spectral norm where this is wanted."""
    return SpectralNormalization(layer, name=f"{layer.name}_spectral") if enabled else layer


def to_map(x: Any, size: int, channels: int, name: str) -> Any:
    """Reshape vectors into maps: ``(B, size * size * channels) -> (B, size, size, channels)``.

    The order within the vector is the same under both data formats, so that weights fit both.

    Args:
        x: The vectors.
        size: Height and width.
        channels: Channels.
        name: Start of the layers' names.
    """
    x = keras.layers.Reshape((size, size, channels), name=f"{name}_map")(x)
    return keras.layers.Permute((3, 1, 2), name=f"{name}_first")(x) if channel_axis() == 1 else x


def to_vector(x: Any, name: str) -> Any:
    """Flatten maps into vectors, the inverse of [`to_map`][kerasarch.models.image_parts.to_map]."""
    if channel_axis() == 1:
        x = keras.layers.Permute((2, 3, 1), name=f"{name}_last")(x)
    return keras.layers.Flatten(data_format="channels_last", name=f"{name}_vector")(x)


def halvings(size: int, least: int = 4) -> tuple[int, int]:
    """Return how often a size can be halved, and what remains.

    Args:
        size: Pixels.
        least: The remainder is not smaller.

    Raises:
        UsageError: The size cannot be halved at all.
    """
    count = 0
    rest = size
    while rest % 2 == 0 and rest // 2 >= least:
        rest //= 2
        count += 1
    if not count:
        raise UsageError(
            f"size must be even and at least {2 * least}, best {least} times a power of two. Received size={size}."
        )
    return count, rest
