"""Depthwise convolution for JAX on CPUs, where XLA's own takes many times as long."""

from typing import Any

from jax import lax
from jax import numpy as jnp
from keras import ops


def convolve_depthwise(x: Any, kernel: Any, *, strides: Any, padding: str, dilation: Any, data_format: str) -> Any:
    """Apply a two-dimensional depthwise convolution, as ``keras.ops.depthwise_conv`` does.

    The picture, shifted by each tap and scaled by its weights, is added up: XLA fuses it into one loop.

    Args:
        x: ``(B, H, W, C)``, or ``(B, C, H, W)``.
        kernel: ``(height, width, C, multiplier)``.
        strides: Steps in pixels, vertical and horizontal.
        padding: ``"valid"`` or ``"same"`` (TensorFlow's rule).
        dilation: Distances between the taps.
        data_format: ``"channels_last"`` or ``"channels_first"``.
    """
    x, kernel = ops.convert_to_tensor(x), ops.convert_to_tensor(kernel)
    if data_format == "channels_first":
        x = jnp.transpose(x, (0, 2, 3, 1))
    height, width, channels, multiplier = kernel.shape
    spans = [(taps - 1) * distance + 1 for taps, distance in zip((height, width), dilation, strict=True)]
    if padding == "same":
        pads = [
            max((-(-size // stride) - 1) * stride + span - size, 0)
            for size, stride, span in zip(x.shape[1:3], strides, spans, strict=True)
        ]
        x = jnp.pad(x, ((0, 0), *((pad // 2, pad - pad // 2) for pad in pads), (0, 0)))
    rows, columns = [
        (size - span) // stride + 1 for size, stride, span in zip(x.shape[1:3], strides, spans, strict=True)
    ]
    total: Any = 0
    for i in range(height):
        for j in range(width):
            top, left = i * dilation[0], j * dilation[1]
            shifted = lax.slice(
                x,
                (0, top, left, 0),
                (x.shape[0], top + (rows - 1) * strides[0] + 1, left + (columns - 1) * strides[1] + 1, channels),
                (1, *strides, 1),
            )
            # Half precision adds up in float32, as convolutions do.
            total += shifted[..., None].astype("float32") * kernel[i, j].astype("float32")
    y = total.astype(x.dtype).reshape(x.shape[0], rows, columns, channels * multiplier)
    return jnp.transpose(y, (0, 3, 1, 2)) if data_format == "channels_first" else y
