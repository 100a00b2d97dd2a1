"""The residual blocks of the second ResNet: normalisation and activation come before each convolution."""

from typing import Any

import keras
from keras import ops

from kerasarch.errors import ShapeError, UsageError
from kerasarch.layers.batch_normalization import BatchNormalization
from kerasarch.layers.conv_norm import ConvNorm, fan_out_initializer
from kerasarch.layers.convolution import Conv2D


class _PreactivationBlock(keras.layers.Layer):
    """What both blocks share: the first normalisation, the shortcut, the sum."""

    def __init__(
        self,
        filters: int,
        *,
        stride: int = 1,
        activation: Any = "relu",
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
        self.bias = bias
        self.momentum = momentum
        self.epsilon = epsilon
        self.data_format = data_format or keras.config.image_data_format()
        self._axis = 1 if self.data_format == "channels_first" else -1
        self.norm = BatchNormalization(
            axis=self._axis, momentum=momentum, epsilon=epsilon, dtype=self.dtype_policy, name="norm"
        )
        self.shortcut: keras.layers.Layer | None = None

    def _conv_norm(self, filters: int, kernel: int, name: str, *, stride: int = 1) -> ConvNorm:
        return ConvNorm(
            filters,
            kernel,
            stride=stride,
            activation=self.activation,
            momentum=self.momentum,
            epsilon=self.epsilon,
            data_format=self.data_format,
            dtype=self.dtype_policy,
            name=name,
        )

    def _conv(self, kernel: int, name: str, *, stride: int = 1) -> Conv2D:
        return Conv2D(
            self.filters,
            kernel,
            strides=stride,
            padding="same" if stride == 1 else "valid",  # only 1x1 kernels have a stride here
            use_bias=self.bias,
            kernel_initializer=fan_out_initializer(),
            data_format=self.data_format,
            dtype=self.dtype_policy,
            name=name,
        )

    def _branch(self) -> list[keras.layers.Layer]:
        raise NotImplementedError

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Build the branch, and a projection where the shortcut must change its width."""
        channels = input_shape[self._axis]
        if channels is None:
            raise ShapeError(f"{self.name}: the number of channels must be known. Received shape {input_shape}.")
        self.norm.build(input_shape)
        shape = input_shape
        for layer in self._branch():
            layer.build(shape)
            shape = layer.compute_output_shape(shape)
        if channels != self.filters:
            self.shortcut = self._conv(1, "shortcut", stride=self.stride)
            self.shortcut.build(input_shape)

    def _subsample(self, x: Any) -> Any:
        if self.stride == 1:
            return x
        step = slice(None, None, self.stride)
        return x[:, :, step, step] if self._axis == 1 else x[:, step, step]

    def call(self, x: Any, training: bool | None = None) -> Any:  # (B, H, W, C)
        """Apply the block."""
        active = self.activation(self.norm(x, training=training))
        shortcut = self._subsample(x) if self.shortcut is None else self.shortcut(active)
        h = active
        for layer in self._branch():
            h = layer(h, training=training) if isinstance(layer, ConvNorm) else layer(h)
        return ops.add(shortcut, h)  # (B, H / S, W / S, F)

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
            "bias": self.bias,
            "momentum": self.momentum,
            "epsilon": self.epsilon,
            "data_format": self.data_format,
        }


@keras.saving.register_keras_serializable(package="kerasarch")
class PreactivationBasicBlock(_PreactivationBlock):
    """Normalise, activate, convolve, twice, beside a shortcut that nothing touches.

    ``shortcut + conv2(conv1(activation(norm(x))))`` where ``conv1`` is followed by the second normalisation and
    activation: He et al., 2016, fig. 4e (https://arxiv.org/abs/1603.05027). Where the channels change, the shortcut is
        a 1x1 projection
    of the activated input; where only the size changes, it drops pixels (option A of the first paper).

    Args:
        filters: Output channels.
        stride: Step in pixels of the first convolution and of the shortcut.
        activation: Name or function.
        bias: Whether the last convolution and the projection have a bias.
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
        self.conv1 = self._conv_norm(filters, 3, "conv1", stride=self.stride)
        self.conv2 = self._conv(3, "conv2")

    def _branch(self) -> list[keras.layers.Layer]:
        return [self.conv1, self.conv2]


@keras.saving.register_keras_serializable(package="kerasarch")
class PreactivationBottleneckBlock(_PreactivationBlock):
    """The pre-activation block with a bottleneck; the stride is in the 3x3 convolution.

    Args:
        filters: Output channels, a multiple of ``reduction``.
        reduction: By how much the 3x3 convolution is narrower than the output.
        **kwargs: As in [`PreactivationBasicBlock`][kerasarch.layers.PreactivationBasicBlock].

    Shapes:
        ``(B, H, W, C) -> (B, ceil(H / stride), ceil(W / stride), filters)``.

    Raises:
        UsageError: ``filters`` is no multiple of ``reduction``.
        ShapeError: The number of channels is unknown at build time.
    """

    def __init__(self, filters: int, *, reduction: int = 4, **kwargs: Any):
        super().__init__(filters, **kwargs)
        if filters % reduction:
            raise UsageError(
                f"{self.name}: filters must be a multiple of reduction. Received filters={filters}, "
                f"reduction={reduction}."
            )
        self.reduction = reduction
        inner = filters // reduction
        self.reduce = self._conv_norm(inner, 1, "reduce")
        self.spatial = self._conv_norm(inner, 3, "spatial", stride=self.stride)
        self.expand = self._conv(1, "expand")

    def _branch(self) -> list[keras.layers.Layer]:
        return [self.reduce, self.spatial, self.expand]

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the layer again."""
        return {**super().get_config(), "reduction": self.reduction}
