"""Grad-CAM: which places of a picture speak for a class, by the gradient at the last maps of a network."""

from typing import Any

import keras
import numpy as np
from keras import ops

from kerasarch import backends
from kerasarch.errors import UsageError
from kerasarch.inspection.cut import cut, map_layers, output_of


def grad_cam(model: keras.Model, images: Any, classes: Any = None, *, layer: str | None = None) -> np.ndarray:
    """Return how strongly each place of pictures speaks for a class.

    ``relu(sum_k a_k A^k)`` with ``a_k`` the average over the places of ``d y_c / d A^k``: Selvaraju et al., 2017,
    eqs. 1 and 2 (https://arxiv.org/abs/1610.02391). ``y_c`` is the score of class c before the softmax, A the maps of a
    layer.

    Args:
        model: A functional classifier that gives logits.
        images: Pictures as the model takes them, ``(B, H, W, C)`` or channels first.
        classes: A class a picture, ``(B,)``; None is the one with the highest score.
        layer: Name of the layer; None is the last one with maps of more than one place.

    Returns:
        float32 ``(B, H, W)``, each from 0 to 1; all 0 where nothing speaks for the class.

    Raises:
        UsageError: The model has no maps, or there is no such layer, or a path leads around it.
    """
    layer = layer or last_map(model)
    lower, upper = cut(model, layer)
    first = keras.config.image_data_format() == "channels_first"
    images = ops.convert_to_tensor(images)
    maps = lower(images, training=False)  # (B, h, w, K)
    if len(maps.shape) != 4:
        raise UsageError(
            f"{model.name}: layer {layer!r} gives {tuple(maps.shape)}, no maps. There are: "
            f"{', '.join(map_layers(model))}."
        )
    scores = ops.convert_to_numpy(upper(maps, training=False))
    chosen = scores.argmax(axis=-1) if classes is None else np.asarray(classes)
    one_hot = ops.convert_to_tensor(np.eye(scores.shape[-1], dtype="float32")[chosen])

    def score(tensors: list[Any]) -> tuple[Any, None]:
        return ops.sum(ops.cast(upper(tensors[0], training=False), "float32") * one_hot), None

    _, _, gradients = backends.differentiate(score, [], [maps])
    if gradients is None:
        raise UsageError(f"{model.name}: the scores do not depend on layer {layer!r} by a path with a derivative.")
    values, slopes = (np.asarray(ops.convert_to_numpy(part), "float32") for part in (maps, gradients[0]))
    axes = (2, 3) if first else (1, 2)
    weights = slopes.mean(axis=axes, keepdims=True)  # (B, 1, 1, K)
    heat = np.maximum((weights * values).sum(axis=1 if first else -1), 0.0)  # (B, h, w)
    sizes = images.shape[2:] if first else images.shape[1:3]
    return normalized(resized(heat, (int(sizes[0]), int(sizes[1]))))


def last_map(model: keras.Model) -> str:
    """Return the name of the last layer whose maps have more than one place.

    Raises:
        UsageError: There is none.
    """
    axes = (2, 3) if keras.config.image_data_format() == "channels_first" else (1, 2)
    for name in reversed(map_layers(model)):
        shape = output_of(model, name).shape
        if any(shape[axis] != 1 for axis in axes):
            return name
    raise UsageError(
        f"{model.name}: no layer gives maps (batch, height, width, channels). For a vision transformer there are its "
        "attention maps, for any model occlusion."
    )


def resized(maps: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Stretch maps ``(B, h, w)`` to a size, bilinear."""
    if maps.shape[1:] == size:
        return maps
    return ops.convert_to_numpy(ops.image.resize(maps[..., None], size, data_format="channels_last"))[..., 0]


def normalized(maps: np.ndarray) -> np.ndarray:
    """Divide each map by its maximum, where there is one."""
    peaks = maps.max(axis=(1, 2), keepdims=True)
    return np.where(peaks > 0, maps / np.maximum(peaks, 1e-12), 0.0).astype("float32")
