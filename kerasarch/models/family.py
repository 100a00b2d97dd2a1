"""What the builders of all families share: variants, inputs, heads, adapted first kernels, pretrained weights."""

import dataclasses
import difflib
import importlib
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import keras
import numpy as np

from kerasarch.errors import ShapeError, UsageError
from kerasarch.models.network import Network
from kerasarch.models.preprocessing import Preprocessing

Config = TypeVar("Config")
Build = Callable[[Any, Any], Any]


def choose(variants: Mapping[str, Config], variant: str | Config, overrides: Mapping[str, Any]) -> Config:
    """Return a variant's config with some fields replaced.

    Args:
        variants: The family's table.
        variant: A name in the table, or a config.
        overrides: Fields to replace.

    Raises:
        UsageError: No such variant or field.
    """
    if isinstance(variant, str):
        if variant not in variants:
            close = difflib.get_close_matches(variant, variants, n=1)
            hint = f" Did you mean {close[0]!r}?" if close else ""
            raise UsageError(f"No variant {variant!r}.{hint} There are: {', '.join(variants)}.")
        config = variants[variant]
    else:
        config = variant
    names = [field.name for field in dataclasses.fields(config)]  # type: ignore[arg-type]
    unknown = sorted(set(overrides) - set(names))
    if unknown:
        raise UsageError(f"No field {', '.join(unknown)} in {type(config).__name__}. There are: {', '.join(names)}.")
    return dataclasses.replace(config, **overrides)  # type: ignore[type-var]


def image_input(shape: tuple[int | None, ...]) -> Any:
    """Return the Keras tensor for pictures of this size.

    Args:
        shape: Height, width, channels, in this order whatever the data format; height and width may be None.

    Raises:
        ShapeError: The shape has not three entries, or one is not positive.
    """
    sizes = tuple(shape)
    if len(sizes) != 3 or sizes[2] is None or any(size is not None and size < 1 for size in sizes):
        raise ShapeError(f"input_shape must be (height, width, channels), positive. Received {sizes}.")
    height, width, channels = sizes
    first = keras.config.image_data_format() == "channels_first"
    return keras.Input((channels, height, width) if first else (height, width, channels), name="pixel_values")


def require_size(name: str, shape: tuple[int | None, ...], least: int) -> None:
    """Refuse pictures of which nothing would be left.

    Args:
        name: Name of the model, for the message.
        shape: Height, width, channels; height and width may be None.
        least: Pixels that height and width need.

    Raises:
        ShapeError: Height or width is below it.
    """
    if any(size is not None and size < least for size in tuple(shape)[:2]):
        raise ShapeError(
            f"{name}: pictures need at least {least} pixels in height and width. Received input_shape={tuple(shape)}."
        )


def classifier(
    family: str,
    config: Any,
    body: Callable[[Any, Any], Any],
    *,
    classes: int | None,
    input_shape: tuple[int | None, ...],
    preprocessing: Preprocessing | None,
    inputs: Any = None,
    dropout: float = 0.0,
    name: str | None = None,
) -> Network:
    """Return the model: input, body, global average of what are still maps, head.

    Args:
        family: Name of the family.
        config: Its frozen config.
        body: ``(config, tensor) -> tensor``, the part between the pictures and the pooling; or up to the head, where
            it gives ``(B, width)``.
        classes: Outputs of the head; None or 0 leaves the pooled features.
        input_shape: Height, width, channels; or the shape of ``inputs``.
        preprocessing: What the weights expect; None for what is no picture.
        inputs: The Keras tensor that goes in where it is no picture.
        dropout: Rate before the head.
        name: Name of the model.
    """
    if classes is not None and classes < 0:
        raise UsageError(f"classes must be 0 (no head) or more. Received classes={classes}.")
    if inputs is None:
        inputs = image_input(input_shape)
    x = body(config, inputs)
    if len(x.shape) == 4:
        x = keras.layers.GlobalAveragePooling2D(name="head_pool")(x)  # (B, width)
    if classes:
        if dropout:
            x = keras.layers.Dropout(dropout, name="head_dropout")(x)
        x = keras.layers.Dense(classes, name="head")(x)  # (B, classes)
    architecture = {
        "family": family,
        "config": dataclasses.asdict(config),
        "classes": classes or 0,
        "channels": input_shape[-1],
    }
    if preprocessing is None:
        architecture["input_shape"] = list(input_shape)
    elif input_shape[0] and input_shape[1]:
        preprocessing = dataclasses.replace(preprocessing, size=(input_shape[0], input_shape[1]))
    return Network(inputs, x, name=name, architecture=architecture, preprocessing=preprocessing)


def adapt_channels(kernel: np.ndarray, channels: int) -> np.ndarray:
    """Fit a first kernel that was trained on three channels to another number of them.

    One channel gets the sum, so that a grey picture gives what it gave as RGB with three equal channels. Two and four
    channels take the kernels of R, G, B, R in turn, times ``3 / channels``, so that the size of the response stays.

    Args:
        kernel: Height, width, input channels, output channels.
        channels: Input channels wanted, 1 to 4.

    Raises:
        ShapeError: The kernel cannot be adapted.
    """
    given = kernel.shape[2]
    if given == channels:
        return kernel
    if given != 3 or not 1 <= channels <= 4:
        raise ShapeError(
            f"A first kernel of 3 channels can be adapted to 1 to 4 channels. Received {given} in the file, "
            f"{channels} wanted."
        )
    if channels == 1:
        return kernel.sum(axis=2, keepdims=True)
    return kernel[:, :, [index % 3 for index in range(channels)]] * (3.0 / channels)


def pretrained(family: str, source: str, config: Any, **arguments: Any) -> Network:
    """Return a model of this family and config with the weights of a source.

    The work is done one floor up, in ``kerasarch.weights``, which knows every family and imports this floor. The
    builders offer ``weights=`` nevertheless, as people expect: hence the one import by name.
    """
    weights = importlib.import_module("kerasarch.weights")
    return weights.build_pretrained(family, source, config, **arguments)
