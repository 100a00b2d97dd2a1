"""A small convolutional classifier whose blocks end in squeeze-and-excitation."""

import dataclasses

import keras

from kerasarch.errors import UsageError
from kerasarch.testing import Example
from kerasarch_example.squeeze_excitation import SqueezeExcitation


@dataclasses.dataclass(frozen=True)
class Config:
    """Sizes of a variant.

    Args:
        widths: Channels of each stage; the picture is halved between stages.
        reduction: As in `SqueezeExcitation`.
    """

    widths: tuple[int, ...]
    reduction: int


VARIANTS = {
    # Our own sizes, for pictures of 8 to 64 pixels.
    "se_cnn_tiny": Config(widths=(16, 32), reduction=4),
    "se_cnn_small": Config(widths=(32, 64, 128), reduction=8),
}


def se_cnn(
    variant: str = "se_cnn_tiny", *, classes: int | None = 10, input_shape: tuple = (8, 8, 1), name: str | None = None
) -> keras.Model:
    """Build the classifier: convolution, BatchNorm, ReLU, convolution, BatchNorm, ReLU, SE a stage; then the mean.

    Args:
        variant: Name of a row of `VARIANTS`.
        classes: Number of classes, or None for the pooled features.
        input_shape: Shape of one picture of pixels from 0 to 255, laid out as ``keras.config.image_data_format()``.
        name: The model's name, by default the variant's.

    Returns:
        A model whose outputs are logits.

    Raises:
        UsageError: There is no such variant.
    """
    if variant not in VARIANTS:
        raise UsageError(f"se_cnn: received variant {variant!r}. Expected one of {', '.join(VARIANTS)}.")
    config = VARIANTS[variant]
    channel_axis = -1 if keras.config.image_data_format() == "channels_last" else 1
    inputs = keras.Input(input_shape, name="image")
    x = keras.layers.Rescaling(1 / 127.5, offset=-1.0, name="stem_rescaling")(inputs)
    for stage, width in enumerate(config.widths, start=1):
        if stage > 1:
            x = keras.layers.MaxPooling2D(2, padding="same", name=f"stage{stage}_pool")(x)
        for part in (1, 2):
            here = f"stage{stage}_conv{part}"
            x = keras.layers.Conv2D(width, 3, padding="same", use_bias=False, name=here)(x)
            x = keras.layers.BatchNormalization(axis=channel_axis, momentum=0.9, name=f"{here}_norm")(x)
            x = keras.layers.ReLU(name=f"{here}_relu")(x)
        x = SqueezeExcitation(config.reduction, name=f"stage{stage}_excitation")(x)
    x = keras.layers.GlobalAveragePooling2D(name="head_pool")(x)
    if classes is not None:
        x = keras.layers.Dense(classes, name="head")(x)
    return keras.Model(inputs, x, name=name or variant)


se_cnn.conformance = (Example(arguments={"variant": "se_cnn_tiny", "classes": 3}, inputs=[(2, 8, 8, 1)]),)
