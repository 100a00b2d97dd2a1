"""Color transformations of pictures as 4x4 matrices on (red, green, blue, 1)."""

from typing import Any

import numpy as np
from keras import ops

_AXIS = 3**-0.5
_GREY = np.full((3, 3), 1 / 3, "float32")  # projection onto the axis v of grey colors: v v^T
_CROSS = np.array([[0, -_AXIS, _AXIS], [_AXIS, 0, -_AXIS], [-_AXIS, _AXIS, 0]], "float32")  # cross product with v


def _square(linear: Any, offset: Any) -> Any:
    """Matrices ``(B, 4, 4)`` from linear parts ``(B, 3, 3)`` and offsets ``(B, 3)``."""
    upper = ops.concatenate([linear, ops.expand_dims(offset, -1)], axis=-1)  # (B, 3, 4)
    lower = ops.zeros_like(upper[:, :1]) + _constant(np.eye(4)[3])
    return ops.concatenate([upper, lower], axis=1)


def _plain(linear: Any) -> Any:
    return _square(linear, ops.zeros_like(linear[:, 0]))


def _constant(values: np.ndarray) -> Any:
    return ops.convert_to_tensor(values.astype("float32"))


def _per_image(values: Any) -> Any:
    return ops.reshape(values, (-1, 1, 1))


def brightness(shift: Any) -> Any:
    """Add ``shift (B,)`` to each channel."""
    eye = ops.zeros_like(_per_image(shift)) + ops.eye(3, dtype="float32")
    return _square(eye, ops.stack([shift, shift, shift], axis=-1))


def contrast(factor: Any) -> Any:
    """Multiply each channel by ``factor (B,)``."""
    return _plain(_per_image(factor) * ops.eye(3, dtype="float32"))


def luma_flip(flip: Any) -> Any:
    """Mirror the brightness of pictures whose ``flip (B,)`` is 1: ``I - 2 v v^T`` with the grey axis ``v``."""
    return _plain(ops.eye(3, dtype="float32") - 2 * _constant(_GREY) * _per_image(flip))


def hue(angle: Any) -> Any:
    """Turn the hue by ``angle (B,)`` radians about the grey axis (Rodrigues' formula)."""
    cosine, sine = _per_image(ops.cos(angle)), _per_image(ops.sin(angle))
    turned = cosine * ops.eye(3, dtype="float32") + sine * _constant(_CROSS)
    return _plain(turned + (1 - cosine) * _constant(_GREY))


def saturation(factor: Any) -> Any:
    """Multiply the distance from the grey axis by ``factor (B,)``."""
    grey = _constant(_GREY)
    return _plain(grey + (ops.eye(3, dtype="float32") - grey) * _per_image(factor))


def recolor(images: Any, matrices: Any) -> Any:
    """Apply color matrices to pictures.

    Args:
        images: ``(B, H, W, 3)``, or ``(B, H, W, 1)``, whose grey is transformed and made grey again.
        matrices: ``(B, 4, 4)``.

    Returns:
        Pictures of the same shape.
    """
    linear, offset = ops.cast(matrices[:, :3, :3], images.dtype), ops.cast(matrices[:, :3, 3], images.dtype)
    if images.shape[-1] == 1:
        factor = ops.mean(ops.sum(linear, axis=2), axis=1)
        return images * ops.reshape(factor, (-1, 1, 1, 1)) + ops.reshape(ops.mean(offset, axis=1), (-1, 1, 1, 1))
    return ops.einsum("bhwc,bdc->bhwd", images, linear) + offset[:, None, None, :]
