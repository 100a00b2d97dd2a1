"""Features of a trained classifier, on which a perceptual loss compares pictures.

Ledig et al., 2017, section 2.2.1 (https://arxiv.org/abs/1609.04802): the feature maps of VGG19 (Simonyan & Zisserman,
2014, https://arxiv.org/abs/1409.1556) after the activation of a convolution, times 1 / 12.75 (section 3.2). Any other
functional network serves as well, for instance one trained on the data at hand where VGG's weights cannot be had.
"""

from typing import Any

import keras

from kerasarch.errors import UsageError
from kerasarch.models.family import image_input
from kerasarch.models.image_parts import channel_axis
from kerasarch.models.network import Network
from kerasarch.models.preprocessing import CAFFE, Preprocessing

VGG_SCALE = 1 / 12.75


def perceptual_features(
    network: keras.Model | None = None,
    layer: str | None = None,
    *,
    weights: str | None = "imagenet",
    channels: int = 3,
    preprocessing: Preprocessing | None = None,
    scale: float | None = None,
    name: str = "perceptual_features",
) -> Network:
    """Build a frozen network from pictures in [-1, 1] to feature maps.

    Args:
        network: A functional model; None for VGG19. Its layers are shared and set to not trainable.
        layer: Name of the layer whose output it is; None for ``"block5_conv4"`` of VGG19 (VGG54 in the paper), the last
            output of four dimensions of another network.
        weights: Of VGG19: ``"imagenet"``, which is fetched by Keras, or the path of a ``.h5`` file; None for random
            weights. Not used with a network.
        channels: Channels of the pictures that come in; one channel is repeated three times for VGG19.
        preprocessing: How the network expects its pictures; None for what it says itself, VGG19's, or pictures in
            [-1, 1] as they come.
        scale: Factor on the features; None for 1 / 12.75 on VGG19, 1 on others.
        name: Name of the model.

    Returns:
        Pictures ``(B, H, W, channels)`` in [-1, 1] to features ``(B, h, w, width)``.

    Raises:
        UsageError: There is no such layer, or the channels do not fit.
    """
    given = network is not None
    if network is None:
        shape = (3, None, None) if channel_axis() == 1 else (None, None, 3)
        network = keras.applications.VGG19(include_top=False, weights=weights, input_shape=shape)
        layer = layer or "block5_conv4"
        preprocessing = preprocessing or CAFFE
    preprocessing = preprocessing or getattr(network, "preprocessing", None)
    scale = (1.0 if given else VGG_SCALE) if scale is None else scale
    expected = network.input_shape[channel_axis()]
    if channels not in (1, expected):
        raise UsageError(
            f"{network.name} takes {expected} channels. Received channels={channels}; give 1 or {expected}."
        )
    trunk = keras.Model(network.input, _output(network, layer), name="trunk")
    trunk.trainable = False
    sizes = network.input_shape[2:] if channel_axis() == 1 else network.input_shape[1:-1]
    inputs = x = image_input((*sizes, channels))
    if preprocessing:
        x = keras.layers.Rescaling(127.5, offset=127.5, name="stem_pixels")(x)  # [-1, 1] -> [0, 255]
    if channels != expected:
        x = keras.layers.Concatenate(axis=channel_axis(), name="stem_repeat")([x] * expected)
    if preprocessing:
        x = preprocessing.layer(expected, name="stem_normalization")(x)
    x = trunk(x, training=False)
    if scale != 1.0:
        x = keras.layers.Rescaling(scale, name="head_scale")(x)
    return Network(inputs, x, name=name)


def _output(network: keras.Model, layer: str | None) -> Any:
    """Return the tensor of a layer, or the last map."""
    if layer is not None:
        names = [inner.name for inner in network.layers]
        if layer not in names:
            raise UsageError(f"No layer {layer!r} in {network.name}. There are: {', '.join(names)}.")
        return network.get_layer(layer).output
    for inner in reversed(network.layers):
        if len(inner.output.shape) == 4:
            return inner.output
    raise UsageError(
        f"{network.name} has no layer with an output of four dimensions. Expected a convolutional network."
    )
