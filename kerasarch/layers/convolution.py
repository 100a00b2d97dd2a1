"""Keras' two-dimensional convolutions, without the copies that they make on PyTorch."""

from typing import Any

import keras

from kerasarch import backends
from kerasarch.backends import operations


@keras.saving.register_keras_serializable(package="kerasarch")
class Conv2D(keras.layers.Conv2D):
    """Two-dimensional convolution: ``keras.layers.Conv2D``, as fast on PyTorch as PyTorch's own.

    The same arguments, weights and numbers. Keras 3.15 turns kernel and pictures at every call on PyTorch; this layer
    keeps the kernel in memory as it is read and hands the pictures on as they lie.

    Args:
        *args: As in ``keras.layers.Conv2D``.
        **kwargs: As in ``keras.layers.Conv2D``.

    Shapes:
        ``(B, H, W, C) -> (B, H', W', filters)``, with the channels second for ``channels_first``.
    """

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Make the kernel for inputs of this shape."""
        super().build(input_shape)
        if not self.lora_enabled:
            backends.lay_out_kernel(self._kernel)

    @property
    def used_kernel(self) -> Any:
        """What pictures are convolved with: ``(height, width, in, out)``."""
        return self.kernel

    def call(self, inputs: Any) -> Any:  # (B, H, W, C)
        """Apply the layer."""
        bias = self.bias if self.use_bias else None
        x = _apply(operations.convolve, self, inputs, self.used_kernel, bias=bias)
        return x if self.activation is None else self.activation(x)


@keras.saving.register_keras_serializable(package="kerasarch")
class DepthwiseConv2D(keras.layers.DepthwiseConv2D):
    """Convolution with one kernel a channel: ``keras.layers.DepthwiseConv2D``, quick on PyTorch and JAX's CPU.

    Args:
        *args: As in ``keras.layers.DepthwiseConv2D``.
        **kwargs: As in ``keras.layers.DepthwiseConv2D``.

    Shapes:
        ``(B, H, W, C) -> (B, H', W', C * depth_multiplier)``, with the channels second for ``channels_first``.
    """

    def call(self, inputs: Any) -> Any:  # (B, H, W, C)
        """Apply the layer."""
        x = _apply(operations.convolve_depthwise, self, inputs, self.kernel)
        return _finish(self, x)


@keras.saving.register_keras_serializable(package="kerasarch")
class Conv2DTranspose(keras.layers.Conv2DTranspose):
    """Two-dimensional transposed convolution: ``keras.layers.Conv2DTranspose``, without copies on PyTorch.

    Args:
        *args: As in ``keras.layers.Conv2DTranspose``.
        **kwargs: As in ``keras.layers.Conv2DTranspose``.

    Shapes:
        ``(B, H, W, C) -> (B, H', W', filters)``, with the channels second for ``channels_first``.
    """

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Make the kernel for inputs of this shape."""
        super().build(input_shape)
        backends.lay_out_kernel(self.kernel)

    def call(self, inputs: Any) -> Any:  # (B, H, W, C)
        """Apply the layer."""
        if self.output_padding is not None:
            return super().call(inputs)
        x = _apply(operations.convolve_transposed, self, inputs, self.kernel)
        return _finish(self, x)


def _apply(operation: Any, layer: Any, inputs: Any, kernel: Any, **more: Any) -> Any:
    """Convolve as a layer is set."""
    return operation(
        inputs,
        kernel,
        strides=layer.strides,
        padding=layer.padding,
        dilation=layer.dilation_rate,
        data_format=layer.data_format,
        **more,
    )


def _finish(layer: Any, x: Any) -> Any:
    """Add a layer's bias and apply its activation."""
    if layer.use_bias:
        x = operations.add_bias(x, layer.bias, layer.data_format)
    return x if layer.activation is None else layer.activation(x)
