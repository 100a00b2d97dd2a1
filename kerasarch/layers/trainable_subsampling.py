"""The pooling of LeNet-5: sums with a trainable coefficient and bias."""

from typing import Any

import keras
from keras import ops

from kerasarch.errors import ShapeError


@keras.saving.register_keras_serializable(package="kerasarch")
class TrainableSubsampling(keras.layers.Layer):
    """Add up windows of pixels, multiply by a coefficient and add a bias, one of each a channel, then squash.

    ``activation(coefficient * sum(window) + bias)``: LeCun et al., 1998, section II-B, layers S2 and S4
    (https://doi.org/10.1109/5.726791). The windows do not overlap; what is left at the bottom and the right is dropped.
    The coefficient starts at ``1 / pool^2``, so that the layer starts as an average.

    Args:
        pool: Height and width of a window in pixels.
        activation: Name or function, or None for the identity.
        data_format: ``"channels_last"`` or ``"channels_first"``; None takes ``keras.config.image_data_format()``.
        **kwargs: Passed to ``keras.layers.Layer``.

    Shapes:
        ``(B, H, W, C) -> (B, floor(H / pool), floor(W / pool), C)``, with the channels second for ``channels_first``.

    Raises:
        ShapeError: The number of channels is unknown at build time.
    """

    def __init__(self, pool: int = 2, *, activation: Any = "tanh", data_format: str | None = None, **kwargs: Any):
        super().__init__(**kwargs)
        self.pool = pool
        self.activation = keras.activations.get(activation)
        self.data_format = data_format or keras.config.image_data_format()
        self._axis = 1 if self.data_format == "channels_first" else -1
        self.average = keras.layers.AveragePooling2D(
            pool, data_format=self.data_format, dtype=self.dtype_policy, name="average"
        )

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Make coefficients and biases."""
        channels = input_shape[self._axis]
        if channels is None:
            raise ShapeError(f"{self.name}: the number of channels must be known. Received shape {input_shape}.")
        start = keras.initializers.Constant(1.0 / self.pool**2)
        self.coefficient = self.add_weight(shape=(channels,), initializer=start, name="gamma")
        self.bias = self.add_weight(shape=(channels,), initializer="zeros", name="beta")

    def call(self, x: Any) -> Any:  # (B, H, W, C)
        """Apply the layer."""
        shape = (-1, 1, 1) if self._axis == 1 else (-1,)
        coefficient, bias = (ops.reshape(part, shape) for part in (self.coefficient, self.bias))
        return self.activation(self.average(x) * (coefficient * self.pool**2) + bias)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape of the output, without computing it."""
        return self.average.compute_output_shape(input_shape)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the layer again."""
        return {
            **super().get_config(),
            "pool": self.pool,
            "activation": keras.activations.serialize(self.activation),
            "data_format": self.data_format,
        }
