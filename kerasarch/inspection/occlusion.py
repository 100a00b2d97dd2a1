"""Occlusion: how much a classifier's belief falls when a patch of the picture is covered. Works for any model."""

from typing import Any

import keras
import numpy as np

from kerasarch.errors import UsageError


def occlusion(
    model: keras.Model,
    images: Any,
    classes: Any = None,
    *,
    patch: int | None = None,
    stride: int | None = None,
    fill: float | None = None,
    batch: int = 64,
) -> np.ndarray:
    """Return by how much the probability of a class falls where each place of pictures is covered.

    A grey square is moved over the picture: Zeiler and Fergus, 2013, section 4.2 (https://arxiv.org/abs/1311.2901). A
    place's value is the average over the squares that cover it.

    Args:
        model: A classifier that gives logits.
        images: Pictures as the model takes them, ``(B, H, W, C)`` or channels first.
        classes: A class a picture, ``(B,)``; None is the most probable one.
        patch: Side of the square in pixels; None is an eighth of the shorter side, at least 2.
        stride: Pixels between squares; None is half the patch.
        fill: What covers; None is the average of each picture.
        batch: Covered pictures that are looked at together.

    Returns:
        float32 ``(B, H, W)``: probability lost, negative where covering helps.

    Raises:
        UsageError: The patch does not fit into the picture.
    """
    images = np.asarray(keras.ops.convert_to_numpy(images), "float32")
    first = keras.config.image_data_format() == "channels_first"
    height, width = images.shape[2:] if first else images.shape[1:3]
    patch = patch or max(2, min(height, width) // 8)
    stride = stride or max(1, patch // 2)
    if not 1 <= patch <= min(height, width) or stride < 1:
        raise UsageError(
            f"occlusion: patch must be 1 to {min(height, width)} pixels and stride at least 1. Received patch={patch}, "
            f"stride={stride}."
        )
    rows, columns = _starts(height, patch, stride), _starts(width, patch, stride)
    whole = _probabilities(model, images, batch)
    chosen = whole.argmax(axis=1) if classes is None else np.asarray(classes)
    lost = np.zeros((len(images), height, width), "float32")
    covers = np.zeros((height, width), "float32")
    for row in rows:
        covered = np.repeat(images[:, None], len(columns), axis=1)  # (B, columns, H, W, C)
        for number, column in enumerate(columns):
            place = (
                np.s_[:, :, row : row + patch, column : column + patch]
                if first
                else np.s_[:, row : row + patch, column : column + patch]
            )
            mean = images.mean(axis=(1, 2, 3), keepdims=True)
            covered[:, number][place] = mean if fill is None else fill
            covers[row : row + patch, column : column + patch] += 1
        beliefs = _probabilities(model, covered.reshape(-1, *images.shape[1:]), batch)
        beliefs = beliefs.reshape(len(images), len(columns), -1)
        for index, label in enumerate(chosen):
            fall = whole[index, label] - beliefs[index, :, label]
            for number, column in enumerate(columns):
                lost[index, row : row + patch, column : column + patch] += fall[number]
    return lost / covers


def _starts(length: int, patch: int, stride: int) -> list[int]:
    """Where squares begin, the last one at the edge."""
    starts = list(range(0, length - patch + 1, stride))
    return starts if starts[-1] == length - patch else [*starts, length - patch]


def _probabilities(model: keras.Model, images: np.ndarray, batch: int) -> np.ndarray:
    logits = model.predict(images, batch_size=batch, verbose=0)
    return keras.ops.convert_to_numpy(keras.ops.softmax(keras.ops.cast(logits, "float32")))
