"""Multilayer perceptron: hidden layers between flattened pictures, or plain vectors, and the classes.

Paper: Rumelhart, Hinton & Williams, 1986, "Learning representations by back-propagating errors"
(https://doi.org/10.1038/323533a0). What is usual today and was not then: ReLU with the initialisation that keeps its
signal (He et al., 2015, eq. 10, https://arxiv.org/abs/1502.01852), dropout and normalisation. There are no public
checkpoints.
"""

import dataclasses
from typing import Any, Literal

import keras
from keras.layers import Activation, Dense, Dropout, Flatten

from kerasarch.errors import ShapeError, UsageError
from kerasarch.layers import BatchNormalization
from kerasarch.models.family import choose, classifier, image_input, pretrained
from kerasarch.models.network import Network
from kerasarch.models.preprocessing import IMAGENET, Preprocessing

NORMS = ("none", "batch", "layer")


@dataclasses.dataclass(frozen=True)
class MLPConfig:
    """Sizes and details of a multilayer perceptron.

    Attributes:
        depth: Hidden layers; without any, the model is linear.
        width: Units of each hidden layer.
        norm: ``"batch"`` or ``"layer"`` normalisation before each activation, or ``"none"``.
        dropout: Rate after each hidden layer.
        activation: After each hidden layer.
        momentum: Share of the old value in the moving statistics of batch normalisation.
        epsilon: Added to the variance.
    """

    depth: int = 2
    width: int = 256
    norm: Literal["none", "batch", "layer"] = "none"
    dropout: float = 0.2
    activation: str = "relu"
    momentum: float = 0.9
    epsilon: float = 1e-5

    def __post_init__(self) -> None:
        if self.depth < 0 or self.width < 1:
            raise UsageError(
                f"depth must be 0 or more and width positive. Received depth={self.depth}, width={self.width}."
            )
        if self.norm not in NORMS or not 0.0 <= self.dropout < 1.0:
            raise UsageError(
                f"norm must be one of {', '.join(NORMS)} and dropout in [0, 1). Received norm={self.norm!r}, "
                f"dropout={self.dropout}."
            )


VARIANTS: dict[str, MLPConfig] = {"mlp": MLPConfig()}


def mlp(
    variant: str | MLPConfig = "mlp",
    *,
    classes: int | None = 10,
    input_shape: tuple[int | None, ...] = (28, 28, 1),
    weights: str | None = None,
    preprocessing: Preprocessing | None = None,
    name: str | None = None,
    **overrides: Any,
) -> Network:
    """Build a multilayer perceptron.

    ```python
    digits = kerasarch.models.mlp(classes=10, input_shape=(8, 8, 1), depth=3, width=128, norm="batch")
    table = kerasarch.models.mlp(classes=3, input_shape=(13,))
    ```

    Args:
        variant: ``"mlp"``, or a config.
        classes: Outputs of the head, which gives logits; None or 0 leaves what enters the head.
        input_shape: Height, width and channels of pictures, in this order also under ``channels_first``, or the length
            of vectors; all known.
        weights: None for random ones, or a file of such a model that was saved before.
        preprocessing: How pictures are prepared, recorded in the model. None is ``IMAGENET``; vectors have none.
        name: Name of the model; ``"mlp"`` by default.
        **overrides: Fields of [`MLPConfig`][kerasarch.models.mlp.MLPConfig] to replace.

    Returns:
        A functional model with the groups ``stem`` (the flattening of pictures), ``stage1``, ``stage2``, ... (one
        hidden layer each), ``head``.

    Raises:
        UsageError: No such variant or field.
        ShapeError: The input shape is not usable.
        WeightsError: The weights do not fit.
    """
    config = choose(VARIANTS, variant, overrides)
    name = name or (variant if isinstance(variant, str) else "mlp")
    arguments: dict[str, Any] = {"classes": classes, "input_shape": input_shape, "name": name}
    if weights is not None:
        return pretrained("mlp", weights, config, preprocessing=preprocessing, fixed=tuple(overrides), **arguments)
    shape = tuple(input_shape)
    if len(shape) not in (1, 3) or any(size is None or size < 1 for size in shape):
        raise ShapeError(
            f"{name}: input_shape must be (height, width, channels) or (length,), all known and positive: every unit "
            f"reads every number. Received {shape}."
        )
    pictures = len(shape) == 3
    if preprocessing is not None and not pictures:
        raise UsageError(f"{name}: vectors have no preprocessing of pictures. Received {preprocessing}; leave it out.")
    return classifier(
        "mlp",
        config,
        _body,
        inputs=image_input(shape) if pictures else keras.Input(shape, name="features"),
        preprocessing=(preprocessing or IMAGENET) if pictures else None,
        **arguments,
    )


def _body(config: MLPConfig, x: Any) -> Any:
    """Hidden layers: ``(B, H, W, C)`` or ``(B, N)`` to ``(B, width)``."""
    if len(x.shape) == 4:
        x = Flatten(name="stem_flatten")(x)  # channels last under either data format
    for index in range(1, config.depth + 1):
        group = f"stage{index}"
        # A normalisation subtracts whatever the bias adds.
        bias = config.norm == "none"
        x = Dense(config.width, use_bias=bias, kernel_initializer="he_normal", name=f"{group}_fc")(x)
        if config.norm == "batch":
            x = BatchNormalization(momentum=config.momentum, epsilon=config.epsilon, name=f"{group}_norm")(x)
        elif config.norm == "layer":
            x = keras.layers.LayerNormalization(epsilon=config.epsilon, name=f"{group}_norm")(x)
        x = Activation(config.activation, name=f"{group}_activation")(x)
        if config.dropout:
            x = Dropout(config.dropout, name=f"{group}_dropout")(x)
    return x
