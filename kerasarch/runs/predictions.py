"""What a classifier says of pictures: probabilities, over several views of each where that is asked for."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from kerasarch.data.batching import images_for_keras
from kerasarch.data.views import views


def predict_probabilities(
    model: Any, data: Any, *, tta: bool = False, mirror: bool = False, interpolation: str = "bilinear"
) -> np.ndarray:
    """Return the probabilities of each class for the pictures of some batches.

    Args:
        model: A classifier of raw pixels that gives logits.
        data: `kerasarch.data.Batches` that are not shuffled.
        tta: Average over the views of `kerasarch.data.views.views`.
        mirror: Whether those include mirror images.
        interpolation: How those enlarge their crops.

    Returns:
        ``(images, classes)`` in the order of the batches' source.
    """
    if not tta:
        return softmax(model.predict(data, verbose=0))
    batches = (pixels_of(data.batch(0, index)[0]) for index in range(data.steps))
    return np.concatenate(
        [mean_probabilities(model, views(pixels, mirror=mirror, interpolation=interpolation)) for pixels in batches]
    )


def mean_probabilities(model: Any, shown: Sequence[np.ndarray]) -> np.ndarray:
    """Return the mean of what a classifier gives for several views of the same pictures, ``(B, classes)``.

    Args:
        model: A classifier of raw pixels that gives logits.
        shown: The views, each uint8 ``(B, H, W, C)``.
    """
    return np.mean([softmax(model.predict_on_batch(images_for_keras(view, (0.0, 255.0)))) for view in shown], axis=0)


def softmax(logits: Any) -> np.ndarray:
    """Probabilities of logits ``(images, classes)``, float32."""
    return keras.ops.convert_to_numpy(keras.ops.softmax(keras.ops.cast(logits, "float32")))


def pixels_of(images: Any) -> np.ndarray:
    """8-bit pixels ``(N, H, W, C)`` of images as Keras gets them: 0 to 255 in the layout that it is set to."""
    if keras.config.image_data_format() == "channels_first":
        images = np.moveaxis(images, 1, -1)
    return np.clip(np.rint(images), 0, 255).astype(np.uint8)
