"""Depthwise convolution for JAX on CPUs, where XLA's own takes many times as long."""

import functools
from typing import Any

import jax
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
    y = _shifted_sums(x, kernel, tuple(strides), tuple(dilation))  # (B, R, S, C, M)
    y = y.astype(x.dtype).reshape(*y.shape[:3], channels * multiplier)
    return jnp.transpose(y, (0, 3, 1, 2)) if data_format == "channels_first" else y


@functools.partial(jax.custom_vjp, nondiff_argnums=(2, 3))
def _shifted_sums(x: Any, kernel: Any, strides: tuple[int, int], dilation: tuple[int, int]) -> Any:
    """Convolve without padding: ``(B, H, W, C), (h, w, C, M) -> (B, R, S, C, M)`` in float32.

    Its gradients are given below. Those that JAX would derive, one padded picture a tap, compile for seconds and are
    as slow as XLA's own convolution.
    """
    extent = tuple(
        (size - (taps - 1) * distance - 1) // stride * stride + 1
        for size, taps, stride, distance in zip(x.shape[1:3], kernel.shape[:2], strides, dilation, strict=True)
    )
    total: Any = 0
    for i in range(kernel.shape[0]):
        for j in range(kernel.shape[1]):
            shifted = _window(x, (i * dilation[0], j * dilation[1]), extent, strides)
            # Half precision adds up in float32, as convolutions do.
            total += shifted[..., None].astype("float32") * kernel[i, j].astype("float32")
    return total


def _window(x: Any, start: tuple[int, int], extent: tuple[int, int], strides: tuple[int, int]) -> Any:
    ends = (start[0] + extent[0], start[1] + extent[1])
    return lax.slice(x, (0, *start, 0), (x.shape[0], *ends, x.shape[3]), (1, *strides, 1))


def _forward(x: Any, kernel: Any, strides: tuple[int, int], dilation: tuple[int, int]) -> tuple[Any, Any]:
    return _shifted_sums(x, kernel, strides, dilation), (x, kernel)


def _backward(strides: tuple[int, int], dilation: tuple[int, int], known: tuple[Any, Any], slope: Any) -> Any:
    """Gradients of pictures and kernel from that of the sums."""
    x, kernel = known
    return _of_pictures(x, kernel, slope, strides, dilation), _of_kernel(x, kernel, slope, strides, dilation)


def _of_pictures(x: Any, kernel: Any, slope: Any, strides: tuple[int, int], dilation: tuple[int, int]) -> Any:
    """Sums of shifted pictures again: the slopes, with zeros where the stride skips, by the kernel turned around."""
    reach = [(taps - 1) * distance for taps, distance in zip(kernel.shape[:2], dilation, strict=True)]
    edges = [
        (far, size - (count - 1) * stride - 1, stride - 1)
        for far, size, count, stride in zip(reach, x.shape[1:3], slope.shape[1:3], strides, strict=True)
    ]
    none = (0, 0, 0)
    zero = jnp.zeros((), slope.dtype)
    spread = [lax.pad(part, zero, (none, *edges, none)) for part in jnp.moveaxis(slope, -1, 0)]  # M times (B, ., ., C)
    rows, columns = x.shape[1:3]
    total: Any = 0
    for i in range(kernel.shape[0]):
        for j in range(kernel.shape[1]):
            top, left = reach[0] - i * dilation[0], reach[1] - j * dilation[1]
            for m, part in enumerate(spread):  # a sum over an axis of M would keep XLA from making one loop of all
                shifted = part[:, top : top + rows, left : left + columns]
                total += shifted * kernel[i, j, :, m].astype("float32")
    return total.astype(x.dtype)


def _of_kernel(x: Any, kernel: Any, slope: Any, strides: tuple[int, int], dilation: tuple[int, int]) -> Any:
    """A product and a sum a tap, in one loop over the taps: a small program."""
    height, width, channels, multiplier = kernel.shape
    extent = [(count - 1) * stride + 1 for count, stride in zip(slope.shape[1:3], strides, strict=True)]

    def of_tap(tap: Any) -> Any:
        start = (0, tap // width * dilation[0], tap % width * dilation[1], 0)
        seen = lax.dynamic_slice(x, start, (x.shape[0], *extent, channels))[:, :: strides[0], :: strides[1]]
        seen = seen.astype("float32")
        return jnp.stack([jnp.sum(seen * slope[..., m], axis=(0, 1, 2)) for m in range(multiplier)], axis=-1)

    found = lax.map(of_tap, jnp.arange(height * width))  # (h * w, C, M)
    return found.reshape(height, width, channels, multiplier).astype(kernel.dtype)


_shifted_sums.defvjp(_forward, _backward)
