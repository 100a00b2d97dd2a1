"""Convolution whose kernel is modulated by a style, example by example."""

import math
from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from kerasarch.layers.equalized import EqualizedDense
from kerasarch.layers.fir_resampling import FIRResampling


@keras.saving.register_keras_serializable(package="kerasarch")
class ModulatedConv2D(keras.layers.Layer):
    """Convolution whose input channels are scaled by a style, and whose kernels are brought back to unit length.

    ``w'_ijk = s_i w_ijk`` and ``w''_ijk = w'_ijk / sqrt(sum_ik w'_ijk ** 2 + epsilon)``: Karras et al., 2020, eq. 1 and
    3 (https://arxiv.org/abs/1912.04958), where the style ``s`` is an affine map of ``w`` that begins at one. Scaling
    the input by ``s`` and the output by the denominator is the same, and needs no kernel an example.

    Args:
        filters: Output channels.
        kernel_size: Pixels, odd.
        demodulate: Whether kernels are brought back to unit length; not in the layers that give colours.
        up: 1, or 2 to double the map: a transposed convolution, then the filter [1, 3, 3, 1].
        epsilon: In the denominator.
        data_format: ``"channels_last"`` or ``"channels_first"``; None takes ``keras.config.image_data_format()``.
        **kwargs: Passed to ``keras.layers.Layer``.

    Shapes:
        Maps ``(B, H, W, C)`` and ``w`` ``(B, D)``, in a list: ``-> (B, up H, up W, filters)``.
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int = 3,
        *,
        demodulate: bool = True,
        up: int = 1,
        epsilon: float = 1e-8,
        data_format: str | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.filters = filters
        self.kernel_size = kernel_size
        self.demodulate = demodulate
        self.up = up
        self.epsilon = epsilon
        self.data_format = data_format or keras.config.image_data_format()
        self.blur: FIRResampling | None = None
        if up > 1:
            # Karras' upsample_conv_2d: the filter makes up for the zeros of the transposed convolution.
            over = 4 - up - (kernel_size - 1)
            self.blur = FIRResampling(
                pad=((over + 1) // 2 + up - 1, over // 2 + 1),
                gain=float(up * up),
                data_format=self.data_format,
                dtype=self.dtype_policy,
                name="blur",
            )

    def build(self, input_shape: Sequence[tuple[int | None, ...]]) -> None:
        """Make the kernel and the affine map of the style."""
        maps, w = input_shape
        channels = maps[1 if self.data_format == "channels_first" else -1]
        self.style = EqualizedDense(channels, bias_start=1.0, dtype=self.dtype_policy, name="style")  # type: ignore[arg-type]
        self.style.build(w)
        shape = (self.kernel_size, self.kernel_size, channels, self.filters)
        self.kernel = self.add_weight(
            name="kernel", shape=shape, initializer=keras.initializers.RandomNormal(stddev=1.0)
        )
        self.scale = 1.0 / math.sqrt(math.prod(shape[:-1]))  # type: ignore[arg-type]
        if self.blur is not None:
            self.blur.build(maps)

    def _per_channel(self, x: Any) -> Any:
        shape = (-1, x.shape[-1], 1, 1) if self.data_format == "channels_first" else (-1, 1, 1, x.shape[-1])
        return ops.reshape(x, shape)

    def call(self, inputs: Sequence[Any]) -> Any:
        """Apply the layer."""
        x, w = inputs
        style = self.style(w)  # (B, C)
        kernel = ops.cast(self.kernel, x.dtype) * self.scale
        x = x * self._per_channel(style)
        if self.blur is None:
            x = ops.conv(x, kernel, 1, "same", self.data_format)
        else:
            turned = ops.swapaxes(kernel, -1, -2)
            x = self.blur(ops.conv_transpose(x, turned, self.up, "valid", data_format=self.data_format))
        if self.demodulate:
            # In float32: squares of half precision overflow.
            squares = ops.sum(ops.square(ops.cast(self.kernel, "float32") * self.scale), axis=(0, 1))  # (C, filters)
            lengths = ops.matmul(ops.square(ops.cast(style, "float32")), squares)
            x = x * self._per_channel(ops.cast(ops.rsqrt(lengths + self.epsilon), x.dtype))
        return x

    def compute_output_shape(self, input_shape: Sequence[tuple[int | None, ...]]) -> tuple[int | None, ...]:
        """Return the shape of the output, without computing it."""
        batch, *rest = input_shape[0]
        first = self.data_format == "channels_first"
        sizes = [None if size is None else size * self.up for size in (rest[1:] if first else rest[:2])]
        return (batch, self.filters, *sizes) if first else (batch, *sizes, self.filters)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the layer again."""
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "demodulate": self.demodulate,
            "up": self.up,
            "epsilon": self.epsilon,
            "data_format": self.data_format,
        }
