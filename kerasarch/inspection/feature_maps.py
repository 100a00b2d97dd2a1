"""What the channels of a network's layers respond to in pictures."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from kerasarch.inspection.cut import inputs_of, map_layers, output_of


def feature_maps(model: keras.Model, images: Any, layers: Sequence[str] | None = None) -> dict[str, np.ndarray]:
    """Return the maps of layers for pictures.

    Args:
        model: A functional model.
        images: Pictures as the model takes them.
        layers: Names of layers; None is all that give maps.

    Returns:
        For each layer ``(B, h, w, K)``, channels last whatever the data format, in the order of computation.

    Raises:
        UsageError: There is no such layer.
    """
    names = list(layers) if layers is not None else map_layers(model)
    outputs = {name: output_of(model, name) for name in names}
    found = keras.Model(inputs_of(model), outputs).predict(images, verbose=0)
    turned = keras.config.image_data_format() == "channels_first"
    return {
        name: np.moveaxis(found[name], 1, -1) if turned and found[name].ndim == 4 else found[name] for name in names
    }
