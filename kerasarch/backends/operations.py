"""Operations for which the backend has a fused or copy-free form that Keras does not reach.

On JAX and TensorFlow they are Keras' own: their compilers fuse. On PyTorch, Keras 3.15 copies the pictures twice at
each convolution (to channels-first and back) and normalises with four passes over the tensor.
"""

from typing import Any

import keras
from keras import ops

if keras.backend.backend() == "torch":
    from kerasarch.backends.torch_operations import convolve, convolve_depthwise, normalize_batch
else:

    def convolve(x: Any, kernel: Any, *, strides: Any, padding: str, dilation: Any, data_format: str) -> Any:
        """Apply a two-dimensional convolution: ``keras.ops.conv``."""
        return ops.conv(x, kernel, list(strides), padding, data_format, dilation)

    def convolve_depthwise(x: Any, kernel: Any, *, strides: Any, padding: str, dilation: Any, data_format: str) -> Any:
        """Apply a two-dimensional depthwise convolution: ``keras.ops.depthwise_conv``."""
        return ops.depthwise_conv(x, kernel, tuple(strides), padding, data_format, dilation)

    def normalize_batch(
        x: Any, scale: Any, offset: Any, mean: Any, variance: Any, *, axis: int, epsilon: float, training: bool
    ) -> tuple[Any, Any, Any]:
        """Normalise over every axis but one: ``(normalised, mean, variance)`` of the batch, or those given.

        Args:
            x: Any shape with channels on ``axis``, in the precision to compute with.
            scale: ``(channels,)``.
            offset: ``(channels,)``.
            mean: ``(channels,)``: what is subtracted where not training.
            variance: ``(channels,)``.
            axis: Where the channels are.
            epsilon: Added to the variance.
            training: Whether the batch's own mean and (biased) variance are used.
        """
        if training:
            others = [i for i in range(len(x.shape)) if i != axis % len(x.shape)]
            mean, variance = ops.moments(x, others)
        return ops.batch_normalization(x, mean, variance, axis, offset, scale, epsilon), mean, variance


__all__ = ["convolve", "convolve_depthwise", "normalize_batch"]
