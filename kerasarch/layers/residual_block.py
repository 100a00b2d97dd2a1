"""The residual blocks of the first ResNet: two 3x3 convolutions, or a bottleneck of 1x1, 3x3 and 1x1."""

from typing import Any

import keras

from kerasarch.errors import ShapeError, UsageError
from kerasarch.layers.conv_norm import ConvNorm


class _ResidualBlock(keras.layers.Layer):
    """What both blocks share: the shortcut, the sum, the last activation."""

    def __init__(
        self,
        filters: int,
        *,
        stride: int = 1,
        activation: Any = "relu",
        inner_activation: Any = "relu",
        bias: bool = False,
        momentum: float = 0.9,
        epsilon: float = 1e-5,
        data_format: str | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.filters = filters
        self.stride = stride
        self.activation = keras.activations.get(activation)
        self.inner_activation = keras.activations.get(inner_activation)
        self.bias = bias
        self.momentum = momentum
        self.epsilon = epsilon
        self.data_format = data_format or keras.config.image_data_format()
        self.shortcut: ConvNorm | None = None

    def _conv(self, filters: int, kernel: int, name: str, *, stride: int = 1, activation: Any = None) -> ConvNorm:
        return ConvNorm(
            filters,
            kernel,
            stride=stride,
            bias=self.bias,
            activation=activation,
            momentum=self.momentum,
            epsilon=self.epsilon,
            data_format=self.data_format,
            dtype=self.dtype_policy,
            name=name,
        )

    def _branch(self) -> list[ConvNorm]:
        raise NotImplementedError

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Build the branch, and a projection where the shortcut must change its shape."""
        channels = input_shape[1 if self.data_format == "channels_first" else -1]
        if channels is None:
            raise ShapeError(f"{self.name}: the number of channels must be known. Received shape {input_shape}.")
        shape = input_shape
        for layer in self._branch():
            layer.build(shape)
            shape = layer.compute_output_shape(shape)
        if channels != self.filters or self.stride != 1:
            self.shortcut = self._conv(self.filters, 1, "shortcut", stride=self.stride)
            self.shortcut.build(input_shape)

    def call(self, x: Any, training: bool | None = None) -> Any:  # (B, H, W, C)
        """Apply the block."""
        h = x
        for layer in self._branch():
            h = layer(h, training=training)
        if self.shortcut is not None:
            x = self.shortcut(x, training=training)
        return self.activation(x + h)  # (B, H / S, W / S, F)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape of the output, without computing it."""
        for layer in self._branch():
            input_shape = layer.compute_output_shape(input_shape)
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the layer again."""
        return {
            **super().get_config(),
            "filters": self.filters,
            "stride": self.stride,
            "activation": keras.activations.serialize(self.activation),
            "inner_activation": keras.activations.serialize(self.inner_activation),
            "bias": self.bias,
            "momentum": self.momentum,
            "epsilon": self.epsilon,
            "data_format": self.data_format,
        }


@keras.saving.register_keras_serializable(package="kerasarch")
class BasicBlock(_ResidualBlock):
    """Two 3x3 convolutions beside a shortcut, the block of ResNet-18 and ResNet-34.

    ``activation(shortcut(x) + conv2(conv1(x)))``: He et al., 2015, fig. 5 left (https://arxiv.org/abs/1512.03385). The
    shortcut is the identity, or a 1x1 projection where the channels or the size change (their option B).

    Args:
        filters: Output channels.
        stride: Step in pixels of the first convolution and of the shortcut.
        activation: Name or function, applied to the sum.
        inner_activation: Name or function, applied between the convolutions.
        bias: Whether the convolutions have a bias.
        momentum: Share of the old value in the moving statistics.
        epsilon: Added to the variance.
        data_format: ``"channels_last"`` or ``"channels_first"``; None takes ``keras.config.image_data_format()``.
        **kwargs: Passed to ``keras.layers.Layer``.

    Shapes:
        ``(B, H, W, C) -> (B, ceil(H / stride), ceil(W / stride), filters)``.

    Raises:
        ShapeError: The number of channels is unknown at build time.
    """

    def __init__(self, filters: int, **kwargs: Any):
        super().__init__(filters, **kwargs)
        self.conv1 = self._conv(filters, 3, "conv1", stride=self.stride, activation=self.inner_activation)
        self.conv2 = self._conv(filters, 3, "conv2")

    def _branch(self) -> list[ConvNorm]:
        return [self.conv1, self.conv2]


@keras.saving.register_keras_serializable(package="kerasarch")
class BottleneckBlock(_ResidualBlock):
    """A 1x1, a 3x3 and a 1x1 convolution beside a shortcut, the block of ResNet-50 and deeper.

    ``activation(shortcut(x) + expand(spatial(reduce(x))))``: He et al., 2015, fig. 5 right
    (https://arxiv.org/abs/1512.03385).

    Args:
        filters: Output channels, a multiple of ``reduction``.
        reduction: By how much the 3x3 convolution is narrower than the output.
        stride_in_reduction: Whether the stride is in the first 1x1 convolution, as in the paper ("v1"), rather than in
            the 3x3 one ("v1.5": Goyal et al., 2017, section 5.1, https://arxiv.org/abs/1706.02677).
        **kwargs: ``stride``, ``activation``, ... as in [`BasicBlock`][kerasarch.layers.BasicBlock].

    Shapes:
        ``(B, H, W, C) -> (B, ceil(H / stride), ceil(W / stride), filters)``.

    Raises:
        UsageError: ``filters`` is no multiple of ``reduction``.
        ShapeError: The number of channels is unknown at build time.
    """

    def __init__(self, filters: int, *, reduction: int = 4, stride_in_reduction: bool = False, **kwargs: Any):
        super().__init__(filters, **kwargs)
        if filters % reduction:
            raise UsageError(
                f"{self.name}: filters must be a multiple of reduction. Received filters={filters}, "
                f"reduction={reduction}."
            )
        self.reduction = reduction
        self.stride_in_reduction = stride_in_reduction
        first, second = (self.stride, 1) if stride_in_reduction else (1, self.stride)
        inner = filters // reduction
        self.reduce = self._conv(inner, 1, "reduce", stride=first, activation=self.inner_activation)
        self.spatial = self._conv(inner, 3, "spatial", stride=second, activation=self.inner_activation)
        self.expand = self._conv(filters, 1, "expand")

    def _branch(self) -> list[ConvNorm]:
        return [self.reduce, self.spatial, self.expand]

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the layer again."""
        return {
            **super().get_config(),
            "reduction": self.reduction,
            "stride_in_reduction": self.stride_in_reduction,
        }
