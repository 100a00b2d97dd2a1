"""Local response normalisation, which AlexNet has in the place of later networks' batch normalisation."""

from typing import Any

import keras
from keras import ops

from kerasarch.errors import UsageError


@keras.saving.register_keras_serializable(package="kerasarch")
class LocalResponseNormalization(keras.layers.Layer):
    """Divide each channel by the size of its neighbours.

    ``y_i = x_i / (k + alpha * sum_j x_j^2)^beta`` with ``j`` from ``i - size // 2`` to ``i + size // 2``, as far as
    there are channels: Krizhevsky et al., 2012, section 3.3
    (https://papers.nips.cc/paper/4824-imagenet-classification-with-deep-convolutional-neural-networks). PyTorch's
    ``alpha`` is ours times ``size``.

    Args:
        size: Channels in a neighbourhood, odd.
        alpha: Weight of the sum.
        beta: Exponent.
        k: Added to the sum.
        data_format: ``"channels_last"`` or ``"channels_first"``; None takes ``keras.config.image_data_format()``.
        **kwargs: Passed to ``keras.layers.Layer``.

    Shapes:
        As the input: ``(B, H, W, C)``, or ``(B, C, H, W)`` for ``channels_first``.

    Raises:
        UsageError: ``size`` is even or not positive.
    """

    def __init__(
        self,
        size: int = 5,
        *,
        alpha: float = 1e-4,
        beta: float = 0.75,
        k: float = 2.0,
        data_format: str | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        if size < 1 or size % 2 == 0:
            raise UsageError(f"{self.name}: size must be odd and positive. Received size={size}.")
        self.size = size
        self.alpha = alpha
        self.beta = beta
        self.k = k
        self.data_format = data_format or keras.config.image_data_format()

    def call(self, x: Any) -> Any:  # (B, H, W, C)
        """Apply the layer."""
        axis = 1 if self.data_format == "channels_first" else len(x.shape) - 1
        channels, reach = x.shape[axis], self.size // 2
        # Squares of half precision overflow from 256 on.
        wide = ops.cast(x, keras.backend.result_type(x.dtype, "float32"))
        border = [(reach, reach) if index == axis else (0, 0) for index in range(len(x.shape))]
        squares = ops.pad(ops.square(wide), border)
        window = [slice(None)] * axis
        total = sum(squares[(*window, slice(shift, shift + channels))] for shift in range(self.size))
        return ops.cast(wide / ops.power(self.k + self.alpha * total, self.beta), self.compute_dtype)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape of the output, without computing it."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the layer again."""
        return {
            **super().get_config(),
            "size": self.size,
            "alpha": self.alpha,
            "beta": self.beta,
            "k": self.k,
            "data_format": self.data_format,
        }
