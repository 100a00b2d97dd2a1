"""The inverted residual block with a linear bottleneck, of MobileNetV2 and its successors."""

from typing import Any

import keras

from kerasarch.errors import ShapeError
from kerasarch.layers.conv_norm import ConvNorm, DepthwiseConvNorm


@keras.saving.register_keras_serializable(package="kerasarch")
class InvertedResidual(keras.layers.Layer):
    """Expand, filter each channel, project, with a shortcut between the narrow ends.

    ``x + project(depthwise(expand(x)))``; the projection has no activation. Sandler et al., 2018, table 1
    (https://arxiv.org/abs/1801.04381). The shortcut exists where stride is 1 and the channels stay the same.

    Args:
        filters: Output channels.
        expansion: Hidden channels are this many times the input channels; at 1 there is no expanding convolution.
        kernel: Size in pixels of the depthwise kernel.
        stride: Step in pixels of the depthwise convolution.
        dilation: Distance in pixels between the taps of the depthwise kernel.
        padding: ``"symmetric"``, ``"same"`` or ``"even"``, as in [`ConvNorm`][kerasarch.layers.ConvNorm].
        activation: Name or function, after the first two convolutions.
        momentum: Share of the old value in the moving statistics.
        epsilon: Added to the variance.
        data_format: ``"channels_last"`` or ``"channels_first"``; None takes ``keras.config.image_data_format()``.
        **kwargs: Passed to ``keras.layers.Layer``.

    Shapes:
        ``(B, H, W, C) -> (B, ceil(H / stride), ceil(W / stride), filters)``.

    Raises:
        ShapeError: The number of channels is unknown at build time.
    """

    def __init__(
        self,
        filters: int,
        *,
        expansion: int = 6,
        kernel: int = 3,
        stride: int = 1,
        dilation: int = 1,
        padding: str = "symmetric",
        activation: Any = "relu6",
        momentum: float = 0.9,
        epsilon: float = 1e-5,
        data_format: str | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.filters = filters
        self.expansion = expansion
        self.kernel = kernel
        self.stride = stride
        self.dilation = dilation
        self.padding = padding
        self.activation = keras.activations.get(activation)
        self.momentum = momentum
        self.epsilon = epsilon
        self.data_format = data_format or keras.config.image_data_format()
        self.residual = False  # decided by the input's channels, in build
        self.expand: ConvNorm | None = None
        self.depthwise = DepthwiseConvNorm(
            kernel,
            stride=stride,
            dilation=dilation,
            activation=self.activation,
            **self._common(),
            name="depthwise",
        )
        self.project = ConvNorm(filters, 1, **self._common(), name="project")

    def _common(self) -> dict[str, Any]:
        return {
            "padding": self.padding,
            "momentum": self.momentum,
            "epsilon": self.epsilon,
            "data_format": self.data_format,
            "dtype": self.dtype_policy,
        }

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Build the branch; the expanding convolution's width follows from the input's."""
        channels = input_shape[1 if self.data_format == "channels_first" else -1]
        if channels is None:
            raise ShapeError(f"{self.name}: the number of channels must be known. Received shape {input_shape}.")
        self.residual = self.stride == 1 and channels == self.filters
        shape = input_shape
        if self.expansion != 1:
            self.expand = ConvNorm(
                channels * self.expansion, 1, activation=self.activation, **self._common(), name="expand"
            )
            self.expand.build(shape)
            shape = self.expand.compute_output_shape(shape)
        self.depthwise.build(shape)
        self.project.build(self.depthwise.compute_output_shape(shape))

    def call(self, x: Any, training: bool | None = None) -> Any:  # (B, H, W, C)
        """Apply the block."""
        h = x if self.expand is None else self.expand(x, training=training)  # (B, H, W, C * expansion)
        h = self.depthwise(h, training=training)  # (B, H / S, W / S, C * expansion)
        h = self.project(h, training=training)  # (B, H / S, W / S, F)
        return x + h if self.residual else h

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape of the output, without computing it."""
        return self.project.compute_output_shape(self.depthwise.compute_output_shape(input_shape))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the layer again."""
        return {
            **super().get_config(),
            "filters": self.filters,
            "expansion": self.expansion,
            "kernel": self.kernel,
            "stride": self.stride,
            "dilation": self.dilation,
            "padding": self.padding,
            "activation": keras.activations.serialize(self.activation),
            "momentum": self.momentum,
            "epsilon": self.epsilon,
            "data_format": self.data_format,
        }
