"""Dense layer and convolution with an equalised learning rate."""

import math
from typing import Any

import keras
from keras import ops

from kerasarch.layers.fir_resampling import FIRResampling

SLOPE = 0.2


def scaled_leaky_relu(x: Any) -> Any:
    """LeakyReLU of slope 0.2 times ``sqrt(2)``, which keeps the variance of normal numbers about where it was."""
    return ops.leaky_relu(x, SLOPE) * math.sqrt(2.0)


class _Equalized(keras.layers.Layer):
    """Weights from N(0, 1 / multiplier), scaled where they are used by ``multiplier / sqrt(fan_in)``."""

    def __init__(
        self,
        units: int,
        *,
        multiplier: float = 1.0,
        bias: bool = True,
        bias_start: float = 0.0,
        activated: bool = False,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.units = units
        self.multiplier = multiplier
        self.use_bias = bias
        self.bias_start = bias_start
        self.activated = activated

    def _add_weights(self, shape: tuple[int, ...]) -> None:
        self.scale = self.multiplier / math.sqrt(math.prod(shape[:-1]))
        start = keras.initializers.RandomNormal(stddev=1.0 / self.multiplier)
        self.kernel = self.add_weight(name="kernel", shape=shape, initializer=start)
        if self.use_bias:
            constant = keras.initializers.Constant(self.bias_start / self.multiplier)
            self.bias = self.add_weight(name="bias", shape=(self.units,), initializer=constant)

    def _finish(self, x: Any, shape: tuple[int, ...]) -> Any:
        if self.use_bias:
            x = x + ops.reshape(self.bias * self.multiplier, shape)
        return scaled_leaky_relu(x) if self.activated else x

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the layer again."""
        return {
            **super().get_config(),
            "units": self.units,
            "multiplier": self.multiplier,
            "bias": self.use_bias,
            "bias_start": self.bias_start,
            "activated": self.activated,
        }


@keras.saving.register_keras_serializable(package="kerasarch")
class EqualizedDense(_Equalized):
    """Dense layer whose weights are of unit variance and scaled where they are used.

    ``y = x (W multiplier / sqrt(fan_in)) + b multiplier``: Karras et al., 2018, section 4.1
    (https://arxiv.org/abs/1710.10196). All weights learn at one speed whatever the fan-in; ``multiplier`` slows a part
    down (Karras et al., 2019, section C, https://arxiv.org/abs/1812.04948).

    Args:
        units: Outputs.
        multiplier: Of the learning rate.
        bias: Whether there is a bias.
        bias_start: What it adds at first.
        activated: Whether LeakyReLU (0.2) times ``sqrt(2)`` follows.
        **kwargs: Passed to ``keras.layers.Layer``.

    Shapes:
        ``(..., D) -> (..., units)``.
    """

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Make kernel and bias."""
        self._add_weights((input_shape[-1], self.units))  # type: ignore[arg-type]

    def call(self, x: Any) -> Any:
        """Apply the layer."""
        return self._finish(ops.matmul(x, self.kernel * self.scale), (-1,))

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape of the output, without computing it."""
        return (*input_shape[:-1], self.units)


@keras.saving.register_keras_serializable(package="kerasarch")
class EqualizedConv2D(_Equalized):
    """Convolution whose weights are of unit variance and scaled where they are used; halving with a low-pass filter.

    ``y = x * (W multiplier / sqrt(fan_in)) + b multiplier``: Karras et al., 2018, section 4.1
    (https://arxiv.org/abs/1710.10196). ``down=2`` filters with [1, 3, 3, 1] before the stride: Karras et al., 2020,
    section 3 (https://arxiv.org/abs/1912.04958).

    Args:
        units: Output channels.
        kernel_size: Pixels, odd.
        down: 1, or 2 to halve the map.
        data_format: ``"channels_last"`` or ``"channels_first"``; None takes ``keras.config.image_data_format()``.
        **kwargs: As in [`EqualizedDense`][kerasarch.layers.EqualizedDense].

    Shapes:
        ``(B, H, W, C) -> (B, H / down, W / down, units)``.
    """

    def __init__(
        self, units: int, kernel_size: int = 3, *, down: int = 1, data_format: str | None = None, **kwargs: Any
    ):
        super().__init__(units, **kwargs)
        self.kernel_size = kernel_size
        self.down = down
        self.data_format = data_format or keras.config.image_data_format()
        self.blur: FIRResampling | None = None
        if down > 1:
            # Karras' conv_downsample_2d: the filter, then the strided convolution without padding.
            over = 4 - down + kernel_size - 1
            self.blur = FIRResampling(
                pad=((over + 1) // 2, over // 2), data_format=self.data_format, dtype=self.dtype_policy, name="blur"
            )

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Make kernel and bias."""
        channels = input_shape[1 if self.data_format == "channels_first" else -1]
        self._add_weights((self.kernel_size, self.kernel_size, channels, self.units))  # type: ignore[arg-type]
        if self.blur is not None:
            self.blur.build(input_shape)

    def call(self, x: Any) -> Any:  # (B, H, W, C)
        """Apply the layer."""
        padding = "same"
        if self.blur is not None:
            x, padding = self.blur(x), "valid"
        x = ops.conv(x, self.kernel * self.scale, self.down, padding, self.data_format)
        return self._finish(x, (-1, 1, 1) if self.data_format == "channels_first" else (-1,))

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape of the output, without computing it."""
        first = self.data_format == "channels_first"
        shape = list(input_shape)
        shape[1 if first else -1] = self.units
        for axis in (2, 3) if first else (1, 2):
            size = shape[axis]
            if size is not None and self.blur is not None:
                shape[axis] = (size + sum(self.blur.pad) - 3 - self.kernel_size) // self.down + 1
        return tuple(shape)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the layer again."""
        return {
            **super().get_config(),
            "kernel_size": self.kernel_size,
            "down": self.down,
            "data_format": self.data_format,
        }
