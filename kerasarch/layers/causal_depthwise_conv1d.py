"""A short convolution over time, channel by channel, in which nothing comes from the future."""

from typing import Any

import keras
from keras import ops

from kerasarch.backends import operations
from kerasarch.errors import ShapeError


@keras.saving.register_keras_serializable(package="kerasarch")
class CausalDepthwiseConv1D(keras.layers.Layer):
    """Convolves each channel with its own taps over the last tokens.

    ``y_t = bias + sum_k kernel_k x_{t - taps + 1 + k}``: what stands before the scan of Mamba, Gu and Dao, 2023,
    figure 3 (https://arxiv.org/abs/2312.00752). Before the first token there are zeros, or what the cache remembers.

    Args:
        taps: Tokens that an output sees, its own among them.
        bias: Whether there is one.
        **kwargs: Passed to ``keras.layers.Layer``.

    Shapes:
        B batch, T tokens, D channels: ``(B, T, D) -> (B, T, D)``. With ``cache (B, taps - 1, D)``, the tokens before,
        ``(output, cache)`` comes back.

    Raises:
        ShapeError: There is not one tap or more, or the number of channels is unknown.
    """

    def __init__(self, taps: int = 4, *, bias: bool = True, **kwargs: Any):
        super().__init__(**kwargs)
        self.supports_masking = True
        if taps < 1:
            raise ShapeError(f"{self.name}: taps must be 1 or more. Received {taps}.")
        self.taps = taps
        self.use_bias = bias

    def build(self, x_shape: tuple[int | None, ...]) -> None:
        """Make taps and bias."""
        channels = x_shape[-1]
        if channels is None:
            raise ShapeError(f"{self.name}: the number of channels must be known. Received {x_shape}.")
        bound = self.taps**-0.5  # PyTorch's
        self.kernel = self.add_weight(
            shape=(self.taps, channels), initializer=keras.initializers.RandomUniform(-bound, bound), name="kernel"
        )
        self.bias = self.add_weight(shape=(channels,), initializer="zeros", name="bias") if self.use_bias else None

    def empty_cache(self, batch: int) -> Any:
        """Return zeros in place of the tokens before the first, for so many sequences."""
        return ops.zeros((batch, self.taps - 1, self.kernel.shape[-1]), self.compute_dtype)

    def call(self, x: Any, cache: Any = None) -> Any:  # (B, T, D), (B, taps - 1, D)
        """Apply the layer."""
        if cache is None:
            before = ops.pad(x, [(0, 0), (self.taps - 1, 0), (0, 0)])
        else:
            before = ops.concatenate([ops.cast(cache, x.dtype), x], axis=1)
        y = operations.convolve_depthwise(
            before[:, None],
            ops.convert_to_tensor(self.kernel)[None, :, :, None],
            strides=(1, 1),
            padding="valid",
            dilation=(1, 1),
            data_format="channels_last",
        )[:, 0]
        y = y if self.bias is None else y + self.bias
        return y if cache is None else (y, before[:, ops.shape(x)[1] :])

    def compute_output_shape(self, x_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape of the output, that of the input."""
        return tuple(x_shape)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the layer again."""
        return {**super().get_config(), "taps": self.taps, "bias": self.use_bias}
