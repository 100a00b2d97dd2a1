"""Squeeze-and-excitation: channels weighted by what the whole picture shows."""

from typing import Any

import keras

from kerasarch.errors import ShapeError
from kerasarch.testing import Example


@keras.saving.register_keras_serializable(package="kerasarch_example")
class SqueezeExcitation(keras.layers.Layer):
    """Channels of an image scaled by weights between 0 and 1 that are computed from the channels' means.

    ``x * sigmoid(expand(relu(reduce(mean(x)))))``: Hu et al., 2018, eq. 2 to 4 (https://arxiv.org/abs/1709.01507). The
    two dense layers have biases, which the paper's equations leave out.

    Args:
        reduction: How many channels share one unit of the bottleneck, 16 in the paper. At least one unit stays.
        data_format: ``channels_last`` or ``channels_first``, by default ``keras.config.image_data_format()``.

    Shapes:
        B batch, H height, W width, C channels: ``(B, H, W, C) -> (B, H, W, C)``, or with C before H.

    Raises:
        ShapeError: The input is not an image with a known number of channels, or ``reduction`` is below 1.
    """

    conformance = (
        Example(arguments={"reduction": 2}, inputs=[(3, 5, 4, 8)]),
        Example(arguments={"reduction": 16}, inputs=[(2, 4, 4, 6)]),
        Example(arguments={"reduction": 2, "data_format": "channels_first"}, inputs=[(2, 8, 5, 4)]),
    )

    def __init__(self, reduction: int = 16, *, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if reduction < 1:
            raise ShapeError(f"{self.name}: received reduction={reduction}. Expected a whole number >= 1.")
        self.reduction = reduction
        self.data_format = data_format or keras.config.image_data_format()

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the two dense layers, as wide as the image has channels."""
        channel_axis = -1 if self.data_format == "channels_last" else 1
        channels = input_shape[channel_axis] if len(input_shape) == 4 else None
        if channels is None:
            raise ShapeError(
                f"{self.name}: received input of shape {tuple(input_shape)}. Expected images (batch, height, width, "
                "channels) whose number of channels is known."
            )
        # Biases, unlike eq. 3: without them a bottleneck whose units are all zero weighs every channel with 1/2.
        self.reduce = keras.layers.Dense(
            max(1, channels // self.reduction), activation="relu", dtype=self.dtype_policy, name="reduce"
        )
        self.expand = keras.layers.Dense(channels, activation="sigmoid", dtype=self.dtype_policy, name="expand")
        self.reduce.build((None, channels))
        self.expand.build((None, self.reduce.units))

    def call(self, x: Any) -> Any:  # (B, H, W, C)
        """Scale the channels."""
        space = (1, 2) if self.data_format == "channels_last" else (2, 3)
        weights = self.expand(self.reduce(keras.ops.mean(x, axis=space)))  # (B, C)
        return x * keras.ops.expand_dims(weights, space)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the input's shape."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return super().get_config() | {"reduction": self.reduction, "data_format": self.data_format}
