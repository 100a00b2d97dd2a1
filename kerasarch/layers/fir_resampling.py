"""Pictures made larger or smaller through a small low-pass filter."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from kerasarch.errors import UsageError


def filter_axis(x: Any, axis: int, taps: Sequence[float], *, up: int = 1, down: int = 1, pad: Sequence[int]) -> Any:
    """Insert zeros, pad with zeros, convolve with the taps and keep every ``down``-th sample, along one axis.

    Sums of shifted slices: they have derivatives of any order on every backend, and no grouped convolution, which
    TensorFlow cannot differentiate on a CPU.

    Args:
        x: Any tensor.
        axis: Positive.
        taps: The filter.
        up: Samples for each one; the others are zeros.
        down: Of as many samples one is kept.
        pad: Zeros before and after.
    """
    shape = list(ops.shape(x))
    size = shape[axis]
    if up > 1:
        x = ops.stack([x, *[ops.zeros_like(x)] * (up - 1)], axis=axis + 1)
        size = size * up
        shape[0], shape[axis] = -1, size
        x = ops.reshape(x, shape)
    x = ops.pad(x, [tuple(pad) if index == axis else (0, 0) for index in range(len(shape))])
    count = (size + sum(pad) - len(taps)) // down + 1
    before = (slice(None),) * axis
    parts = [
        tap * x[(*before, slice(start, start + (count - 1) * down + 1, down))]
        for start, tap in enumerate(reversed(taps))
    ]
    return sum(parts[1:], parts[0])


@keras.saving.register_keras_serializable(package="kerasarch")
class FIRResampling(keras.layers.Layer):
    """Zeros inserted, a separable low-pass filter, samples left out: ``upfirdn`` of StyleGAN2.

    ``y = (up ** 2 taps taps' * (x with up - 1 zeros between))[::down, ::down]``: Karras et al., 2020, section 3
    (https://arxiv.org/abs/1912.04958), with the filter of Zhang, 2019 (https://arxiv.org/abs/1904.11486). A constant
    picture keeps its value inside.

    Args:
        up: Factor by which the picture becomes larger.
        down: Factor by which it becomes smaller.
        taps: The filter along one axis; it is divided by its sum.
        pad: Zeros before and after along each axis, after the insertion; None for those that make the size exactly
            ``size * up / down``.
        gain: Factor on the result, beside ``up ** 2``.
        data_format: ``"channels_last"`` or ``"channels_first"``; None takes ``keras.config.image_data_format()``.
        **kwargs: Passed to ``keras.layers.Layer``.

    Shapes:
        ``(B, H, W, C) -> (B, H', W', C)`` with ``H' = (up H + sum(pad) - len(taps)) // down + 1``.

    Raises:
        UsageError: A factor is not positive.
    """

    def __init__(
        self,
        *,
        up: int = 1,
        down: int = 1,
        taps: Sequence[float] = (1.0, 3.0, 3.0, 1.0),
        pad: Sequence[int] | None = None,
        gain: float = 1.0,
        data_format: str | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        if up < 1 or down < 1:
            raise UsageError(f"{self.name}: up and down must be 1 or more. Received up={up}, down={down}.")
        self.up = up
        self.down = down
        self.taps = [float(tap) for tap in taps]
        if pad is None:
            # Karras' upsample_2d and downsample_2d: the filter's centre lies between the samples it makes or joins.
            over = len(self.taps) - max(up, down)
            pad = ((over + 1) // 2 + up - 1, over // 2)
        self.pad = [int(zeros) for zeros in pad]
        self.gain = gain
        self.data_format = data_format or keras.config.image_data_format()

    def _axes(self) -> tuple[int, int]:
        return (2, 3) if self.data_format == "channels_first" else (1, 2)

    def call(self, x: Any) -> Any:  # (B, H, W, C)
        """Apply the layer."""
        factor = self.up * self.gain**0.5 / sum(self.taps)
        taps = [tap * factor for tap in self.taps]
        for axis in self._axes():
            x = filter_axis(x, axis, taps, up=self.up, down=self.down, pad=self.pad)
        return x

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape of the output, without computing it."""
        shape = list(input_shape)
        for axis in self._axes():
            size = shape[axis]
            if size is not None:
                shape[axis] = (size * self.up + sum(self.pad) - len(self.taps)) // self.down + 1
        return tuple(shape)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the layer again."""
        return {
            **super().get_config(),
            "up": self.up,
            "down": self.down,
            "taps": self.taps,
            "pad": self.pad,
            "gain": self.gain,
            "data_format": self.data_format,
        }
