"""PyTorch's own convolution and batch normalisation on Keras' layout, without a copy."""

from typing import Any

import torch
from keras import ops
from torch.nn import functional


def convolve(
    x: Any, kernel: Any, *, strides: Any, padding: str, dilation: Any, data_format: str, bias: Any = None
) -> Any:
    """Apply a two-dimensional convolution, as ``keras.ops.conv`` does, and add a bias where there is one.

    Args:
        x: ``(B, H, W, C)``, or ``(B, C, H, W)``.
        kernel: ``(height, width, in, out)``; fewer ``in`` than channels make groups.
        strides: Steps in pixels, vertical and horizontal.
        padding: ``"valid"`` or ``"same"`` (TensorFlow's rule).
        dilation: Distances between the taps.
        data_format: ``"channels_last"`` or ``"channels_first"``.
        bias: ``(out,)``.
    """
    kernel = ops.convert_to_tensor(kernel).permute(3, 2, 0, 1)
    bias = None if bias is None else ops.convert_to_tensor(bias)
    return _convolve(ops.convert_to_tensor(x), kernel, strides, padding, dilation, data_format, bias)


def convolve_depthwise(x: Any, kernel: Any, *, strides: Any, padding: str, dilation: Any, data_format: str) -> Any:
    """Apply a two-dimensional depthwise convolution, as ``keras.ops.depthwise_conv`` does.

    Args:
        x: ``(B, H, W, C)``, or ``(B, C, H, W)``.
        kernel: ``(height, width, C, multiplier)``.
        strides: Steps in pixels, vertical and horizontal.
        padding: ``"valid"`` or ``"same"``.
        dilation: Distances between the taps.
        data_format: ``"channels_last"`` or ``"channels_first"``.
    """
    kernel = ops.convert_to_tensor(kernel)
    height, width, channels, multiplier = kernel.shape
    kernel = kernel.permute(2, 3, 0, 1).reshape(channels * multiplier, 1, height, width)
    return _convolve(ops.convert_to_tensor(x), kernel, strides, padding, dilation, data_format)


def _convolve(
    x: Any, kernel: Any, strides: Any, padding: str, dilation: Any, data_format: str, bias: Any = None
) -> Any:
    last = data_format == "channels_last"
    if last:
        x = x.permute(0, 3, 1, 2)  # (B, C, H, W) in name; the memory stays channels-last, which PyTorch knows
    before: Any = 0
    if padding == "same":
        pads = [
            max((-(-size // stride) - 1) * stride + (taps - 1) * distance + 1 - size, 0)
            for size, taps, stride, distance in zip(x.shape[2:], kernel.shape[2:], strides, dilation, strict=True)
        ]
        if all(pad % 2 == 0 for pad in pads):
            before = [pad // 2 for pad in pads]
        else:
            (top, bottom), (left, right) = [(pad // 2, pad - pad // 2) for pad in pads]
            x = functional.pad(x, (left, right, top, bottom))
    if tuple(kernel.shape[2:]) == (1, 1) and x.shape[1] < 8 and max(strides) > 1:
        # PyTorch 2.13 on one thread of a CPU with AVX2 alone writes past its memory in this kernel's gradient.
        x, strides = x[:, :, :: strides[0], :: strides[1]], (1, 1)
    groups = x.shape[1] // kernel.shape[1]
    y = functional.conv2d(x, kernel, bias, tuple(strides), before, tuple(dilation), groups)
    return y.permute(0, 2, 3, 1) if last else y


def convolve_transposed(x: Any, kernel: Any, *, strides: Any, padding: str, dilation: Any, data_format: str) -> Any:
    """Apply a two-dimensional transposed convolution, as ``keras.ops.conv_transpose`` does.

    Args:
        x: ``(B, H, W, C)``, or ``(B, C, H, W)``.
        kernel: ``(height, width, out, in)``.
        strides: Steps in pixels of the output, vertical and horizontal.
        padding: ``"valid"`` or ``"same"`` (TensorFlow's rule).
        dilation: Distances between the taps.
        data_format: ``"channels_last"`` or ``"channels_first"``.
    """
    x, kernel = ops.convert_to_tensor(x), ops.convert_to_tensor(kernel).permute(3, 2, 0, 1)
    last = data_format == "channels_last"
    if last:
        x = x.permute(0, 3, 1, 2)
    # What a kernel adds beyond its stride: "same" cuts it off on both sides, the odd pixel at the end.
    beyond = [
        (taps - 1) * distance + 1 - stride
        for taps, distance, stride in zip(kernel.shape[2:], dilation, strides, strict=True)
    ]
    cut = [max(over, 0) // 2 if padding == "same" else 0 for over in beyond]
    y = functional.conv_transpose2d(x, kernel, None, tuple(strides), cut, 0, 1, tuple(dilation))
    ends = [min(over, 0) if padding == "valid" else over - 2 * before for over, before in zip(beyond, cut, strict=True)]
    if any(ends):
        y = functional.pad(y, (0, -ends[1], 0, -ends[0]))
    return y.permute(0, 2, 3, 1) if last else y


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
    x, scale, offset, mean, variance = (ops.convert_to_tensor(value) for value in (x, scale, offset, mean, variance))
    turned = x.movedim(axis, 1)
    count = turned.numel() // turned.shape[1]
    if training and count > 1:
        # With momentum 1 the buffers receive the batch's mean and unbiased variance; Keras keeps the biased one.
        mean, variance = torch.zeros_like(mean), torch.ones_like(variance)
        y = functional.batch_norm(turned, mean, variance, scale, offset, training=True, momentum=1.0, eps=epsilon)
        variance = variance * ((count - 1) / count)
    elif training:  # PyTorch refuses a single value a channel: its mean is itself, its variance 0
        mean, variance = turned.reshape(-1), torch.zeros_like(variance)
        y = ((turned - turned) * scale.reshape(turned.shape) + offset.reshape(turned.shape)).to(turned.dtype)
    else:
        y = functional.batch_norm(turned, mean, variance, scale, offset, training=False, eps=epsilon)
    return y.movedim(1, axis), mean, variance


def normalize_groups(x: Any, scale: Any, offset: Any, *, groups: int, axis: int, epsilon: float) -> Any:
    """Normalise groups of channels over all places of an example.

    Args:
        x: ``(B, ...)`` with channels on ``axis``, in the precision to compute with.
        scale: ``(channels,)``, or None.
        offset: ``(channels,)``, or None.
        groups: How many.
        axis: Where the channels are, from 0.
        epsilon: Added to the variance.
    """
    x, scale, offset = (None if part is None else ops.convert_to_tensor(part) for part in (x, scale, offset))
    turned = x.movedim(axis, 1)
    if x.requires_grad or not torch.is_grad_enabled():
        return functional.group_norm(turned, groups, scale, offset, epsilon).movedim(1, axis)
    # PyTorch 2.13's gradient of scale and offset alone, on channels-last pictures, writes to where there is nothing.
    y = functional.group_norm(turned, groups, None, None, epsilon).movedim(1, axis)
    shape = [-1 if i == axis else 1 for i in range(x.ndim)]
    y = y if scale is None else y * scale.reshape(shape)
    return y if offset is None else y + offset.reshape(shape)
