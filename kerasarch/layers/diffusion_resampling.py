"""Halving and doubling maps in autoencoders and U-Nets of diffusion models."""

from typing import Any

import keras
from keras import ops

from kerasarch.errors import UsageError
from kerasarch.layers.convolution import Conv2D

PADDINGS = ("symmetric", "end")


@keras.saving.register_keras_serializable(package="kerasarch")
class DiffusionDownsample(keras.layers.Layer):
    """A 3x3 convolution of stride 2.

    The autoencoders pad one row and column of zeros at the end alone (``"end"``), the U-Nets on both sides
    (``"symmetric"``): diffusers' ``Downsample2D`` with ``padding`` 0 and 1.

    Args:
        filters: Output channels.
        padding: ``"symmetric"`` or ``"end"``.
        data_format: ``"channels_last"`` or ``"channels_first"``; None takes ``keras.config.image_data_format()``.
        **kwargs: Passed to ``keras.layers.Layer``.

    Shapes:
        ``(B, H, W, C) -> (B, H', W', filters)``; H' is ``ceil(H / 2)`` for symmetric padding, else ``floor(H / 2)``.

    Raises:
        UsageError: The padding is unknown.
    """

    def __init__(
        self, filters: int, *, padding: str = "symmetric", data_format: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        if padding not in PADDINGS:
            raise UsageError(f"{self.name}: padding must be one of {', '.join(PADDINGS)}. Received {padding!r}.")
        self.filters = filters
        self.padding = padding
        self.data_format = data_format or keras.config.image_data_format()
        self.pad = keras.layers.ZeroPadding2D(
            1 if padding == "symmetric" else ((0, 1), (0, 1)),
            data_format=self.data_format,
            dtype=self.dtype_policy,
            name="pad",
        )
        self.convolution = Conv2D(
            filters, 3, strides=2, data_format=self.data_format, dtype=self.dtype_policy, name="convolution"
        )

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Build the children for inputs of this shape."""
        self.pad.build(input_shape)
        self.convolution.build(self.pad.compute_output_shape(input_shape))

    def call(self, x: Any) -> Any:  # (B, H, W, C)
        """Apply the layer."""
        return self.convolution(self.pad(x))

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape of the output, without computing it."""
        return self.convolution.compute_output_shape(self.pad.compute_output_shape(input_shape))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the layer again."""
        return {
            **super().get_config(),
            "filters": self.filters,
            "padding": self.padding,
            "data_format": self.data_format,
        }


@keras.saving.register_keras_serializable(package="kerasarch")
class DiffusionUpsample(keras.layers.Layer):
    """Every pixel becomes four equal ones, then a 3x3 convolution: no chessboard, unlike transposed convolutions.

    Odena et al., 2016 (https://doi.org/10.23915/distill.00003); diffusers' ``Upsample2D``.

    Args:
        filters: Output channels.
        data_format: ``"channels_last"`` or ``"channels_first"``; None takes ``keras.config.image_data_format()``.
        **kwargs: Passed to ``keras.layers.Layer``.

    Shapes:
        ``(B, H, W, C) -> (B, 2 * H, 2 * W, filters)``. With a second map ``like (B, H', W', D)`` the result has its
        height and width, whatever they are: nearest pixels, as where a U-Net halves an odd number.
    """

    def __init__(self, filters: int, *, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.filters = filters
        self.data_format = data_format or keras.config.image_data_format()
        self.enlarge = keras.layers.UpSampling2D(
            2, data_format=self.data_format, dtype=self.dtype_policy, name="enlarge"
        )
        self.convolution = Conv2D(
            filters, 3, padding="same", data_format=self.data_format, dtype=self.dtype_policy, name="convolution"
        )

    def build(self, x_shape: tuple[int | None, ...], like_shape: tuple[int | None, ...] | None = None) -> None:
        """Build the children for inputs of this shape."""
        self.enlarge.build(x_shape)
        self.convolution.build(self._enlarged(x_shape, like_shape))

    def _enlarged(
        self, x_shape: tuple[int | None, ...], like_shape: tuple[int | None, ...] | None
    ) -> tuple[int | None, ...]:
        if like_shape is None:
            return self.enlarge.compute_output_shape(x_shape)
        shape = list(x_shape)
        for axis in self._axes:
            shape[axis] = like_shape[axis]
        return tuple(shape)

    @property
    def _axes(self) -> tuple[int, int]:
        return (2, 3) if self.data_format == "channels_first" else (1, 2)

    def call(self, x: Any, like: Any = None) -> Any:  # (B, H, W, C), (B, H', W', D)
        """Apply the layer."""
        doubled = [None if x.shape[axis] is None else 2 * x.shape[axis] for axis in self._axes]
        if like is None or (None not in doubled and doubled == [like.shape[axis] for axis in self._axes]):
            return self.convolution(self.enlarge(x))
        for axis in self._axes:
            count, wanted = ops.shape(x)[axis], ops.shape(like)[axis]
            x = ops.take(x, ops.arange(wanted) * count // wanted, axis=axis)
        return self.convolution(x)

    def compute_output_shape(
        self, x_shape: tuple[int | None, ...], like_shape: tuple[int | None, ...] | None = None
    ) -> tuple[int | None, ...]:
        """Return the shape of the output, without computing it."""
        return self.convolution.compute_output_shape(self._enlarged(x_shape, like_shape))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the layer again."""
        return {**super().get_config(), "filters": self.filters, "data_format": self.data_format}
