"""Features of Inception-v3 trained on ImageNet, for photos: what published Frechet distances are measured with."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
from PIL import Image

from kerasarch.errors import DataError, DependencyError, WeightsError

FILE = "inception_v3_weights_tf_dim_ordering_tf_kernels_notop.h5"  # keras.applications' own
SIDE = 299
BATCH = 32


def cached_inception() -> Path | None:
    """Return keras.applications' file of weights where it lies in Keras' cache, or None."""
    path = Path(os.environ.get("KERAS_HOME", "~/.keras")).expanduser() / "models" / FILE
    return path if path.is_file() else None


def inception_features(
    weights: str | Path | None = None, *, offline: bool = False
) -> Callable[[np.ndarray], np.ndarray]:
    """Return a function that describes pictures by the 2,048 pooled features of Inception-v3.

    Heusel et al., 2017, section 3 (https://arxiv.org/abs/1706.08500) used weights of another training of the same
    network, so the figures are near published ones but not equal to them.

    Args:
        weights: A file of weights for ``keras.applications.InceptionV3`` without its head; None takes the published
            ones from Keras' cache, or fetches them there.
        offline: Fetch nothing.

    Returns:
        uint8 pictures ``(N, H, W, C)`` to features ``(N, 2048)``.

    Raises:
        DependencyError: The weights are not there and cannot be fetched.
        WeightsError: The file does not fit.
        DataError: The pictures have a fourth channel.
    """
    remedy = f"Put {FILE} of keras.applications into ~/.keras/models, or give the file"
    path = Path(weights).expanduser() if weights is not None else cached_inception()
    if path is None and offline:
        raise DependencyError(f"Inception's weights are not in the cache, and nothing may be fetched. {remedy}.")
    if path is not None and not path.is_file():
        raise WeightsError(f"{path}: no such file. {remedy}.")
    arguments: dict[str, Any] = {"include_top": False, "pooling": "avg", "input_shape": _shape()}
    if path is None:
        try:
            network = keras.applications.InceptionV3(weights="imagenet", **arguments)
        except Exception as error:  # Keras raises bare Exceptions when a fetch fails
            raise DependencyError(f"Inception's weights could not be fetched ({error}). {remedy}.") from error
    else:
        network = keras.applications.InceptionV3(weights=None, **arguments)
        try:
            network.load_weights(path)
        except (ValueError, OSError, KeyError) as error:
            raise WeightsError(f"{path} does not fit Inception-v3 without its head ({error}). {remedy}.") from error

    def describe(images: np.ndarray) -> np.ndarray:
        found = []
        for start in range(0, len(images), BATCH):
            take = np.arange(start, start + BATCH) % len(images)  # a last batch is filled up
            batch = np.stack([_prepared(images[row]) for row in take])
            if keras.config.image_data_format() == "channels_first":
                batch = np.moveaxis(batch, -1, 1)
            found.append(np.asarray(network.predict_on_batch(batch), np.float64)[: len(images) - start])
        return np.concatenate(found)

    return describe


def _shape() -> tuple[int, int, int]:
    return (3, SIDE, SIDE) if keras.config.image_data_format() == "channels_first" else (SIDE, SIDE, 3)


def _prepared(image: np.ndarray) -> np.ndarray:
    """One picture as 299 by 299 pixels of colour from -1 to 1."""
    if image.shape[-1] not in (1, 3):
        raise DataError(f"Inception takes pictures of one or three channels. Received {image.shape[-1]}.")
    picture = Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image).convert("RGB")
    picture = picture.resize((SIDE, SIDE), Image.Resampling.BILINEAR)
    return np.asarray(picture, np.float32) / 127.5 - 1
