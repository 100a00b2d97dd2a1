"""Convolution, batch normalisation and activation in one layer: the brick of nearly every convolutional network."""

from typing import Any

import keras

from kerasarch.errors import UsageError
from kerasarch.layers.batch_normalization import BatchNormalization
from kerasarch.layers.convolution import Conv2D, DepthwiseConv2D

PADDINGS = ("symmetric", "same", "even")


def fan_out_initializer() -> keras.initializers.Initializer:
    """Return He initialisation with the fan-out, which is also right for depthwise kernels.

    He et al., 2015, eq. 14 (https://arxiv.org/abs/1502.01852). Keras counts all the channels of a depthwise kernel into
    its fan-in, so that ``he_normal`` would make depthwise kernels far too small.
    """
    return keras.initializers.VarianceScaling(2.0, mode="fan_out", distribution="untruncated_normal")


@keras.saving.register_keras_serializable(package="kerasarch")
class ConvNorm(keras.layers.Layer):
    """Two-dimensional convolution, batch normalisation, activation.

    ``activation(norm(convolution(x)))``: Ioffe & Szegedy, 2015 (https://arxiv.org/abs/1502.03167). The convolution has
    no bias unless asked for, because the normalisation subtracts it again.

    Args:
        filters: Output channels.
        kernel: Kernel size in pixels, the same for height and width.
        stride: Step in pixels.
        padding: ``"symmetric"`` pads ``dilation * (kernel - 1) / 2`` zeros on each side, as PyTorch does; ``"same"`` is
            TensorFlow's rule, which pads more at the bottom and the right when the stride is 2 and the size even;
            ``"even"`` pads as that rule does for even sizes, whatever the size, as Hugging Face's EfficientNet does.
        dilation: Distance in pixels between the taps of the kernel. Not together with a stride.
        bias: Whether the convolution has a bias.
        activation: Name or function, or None for the identity.
        momentum: Share of the old value in the moving statistics (Keras' sense: PyTorch's 0.1 is 0.9 here).
        epsilon: Added to the variance.
        data_format: ``"channels_last"`` or ``"channels_first"``; None takes ``keras.config.image_data_format()``.
        **kwargs: Passed to ``keras.layers.Layer``.

    Shapes:
        B batch, H height, W width, C channels, F filters, S stride: ``(B, H, W, C) -> (B, ceil(H / S), ceil(W / S),
        F)``, with the channels second when ``data_format`` is ``"channels_first"``; ``floor`` with ``"even"`` padding.

    Raises:
        UsageError: The padding is unknown, or the kernel is even and the padding not ``"same"``.
    """

    def __init__(
        self,
        filters: int,
        kernel: int = 3,
        *,
        stride: int = 1,
        padding: str = "symmetric",
        dilation: int = 1,
        bias: bool = False,
        activation: Any = None,
        momentum: float = 0.9,
        epsilon: float = 1e-5,
        data_format: str | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        if padding not in PADDINGS:
            raise UsageError(
                f"{self.name}: padding must be one of {', '.join(PADDINGS)}. Received padding={padding!r}."
            )
        if padding != "same" and kernel % 2 == 0:
            raise UsageError(
                f"{self.name}: {padding} padding needs an odd kernel. Received kernel={kernel}. Use padding='same'."
            )
        self.filters = filters
        self.kernel = kernel
        self.stride = stride
        self.padding = padding
        self.dilation = dilation
        self.bias = bias
        self.activation = keras.activations.get(activation)
        self.momentum = momentum
        self.epsilon = epsilon
        self.data_format = data_format or keras.config.image_data_format()
        # With stride 1 and an odd kernel the rules agree, and backends fuse "same" into the convolution.
        self.pad = None
        if padding != "same" and stride > 1 and kernel > 1:
            after = dilation * (kernel - 1) // 2
            before = after - (padding == "even")
            self.pad = keras.layers.ZeroPadding2D(
                ((before, after), (before, after)), data_format=self.data_format, dtype=self.dtype_policy, name="pad"
            )
        self.convolution = self._make_convolution("valid" if self.pad or kernel == 1 else "same")
        self.norm = BatchNormalization(
            axis=1 if self.data_format == "channels_first" else -1,
            momentum=momentum,
            epsilon=epsilon,
            dtype=self.dtype_policy,
            name="norm",
        )

    def _make_convolution(self, padding: str) -> keras.layers.Layer:
        return Conv2D(
            self.filters,
            self.kernel,
            strides=self.stride,
            padding=padding,
            dilation_rate=self.dilation,
            use_bias=self.bias,
            kernel_initializer=fan_out_initializer(),
            data_format=self.data_format,
            dtype=self.dtype_policy,
            name="convolution",
        )

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Build the children for inputs of this shape."""
        shape = input_shape
        if self.pad is not None:
            self.pad.build(shape)
            shape = self.pad.compute_output_shape(shape)
        self.convolution.build(shape)
        self.norm.build(self.convolution.compute_output_shape(shape))

    def call(self, x: Any, training: bool | None = None) -> Any:  # (B, H, W, C)
        """Apply the layer."""
        if self.pad is not None:
            x = self.pad(x)
        return self.activation(self.norm(self.convolution(x), training=training))  # (B, H / S, W / S, F)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape of the output, without computing it."""
        if self.pad is not None:
            input_shape = self.pad.compute_output_shape(input_shape)
        return self.convolution.compute_output_shape(input_shape)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the layer again."""
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel": self.kernel,
            "stride": self.stride,
            "padding": self.padding,
            "dilation": self.dilation,
            "bias": self.bias,
            "activation": keras.activations.serialize(self.activation),
            "momentum": self.momentum,
            "epsilon": self.epsilon,
            "data_format": self.data_format,
        }


@keras.saving.register_keras_serializable(package="kerasarch")
class DepthwiseConvNorm(ConvNorm):
    """Depthwise convolution (one kernel a channel), batch normalisation, activation.

    The same arguments as [`ConvNorm`][kerasarch.layers.ConvNorm] but ``filters``: the output has the channels of the
    input.

    Args:
        kernel: Kernel size in pixels.
        **kwargs: As in ``ConvNorm``.

    Shapes:
        ``(B, H, W, C) -> (B, ceil(H / S), ceil(W / S), C)``.
    """

    def __init__(self, kernel: int = 3, **kwargs: Any):
        super().__init__(filters=0, kernel=kernel, **kwargs)

    def _make_convolution(self, padding: str) -> keras.layers.Layer:
        return DepthwiseConv2D(
            self.kernel,
            strides=self.stride,
            padding=padding,
            dilation_rate=self.dilation,
            use_bias=self.bias,
            depthwise_initializer=fan_out_initializer(),
            data_format=self.data_format,
            dtype=self.dtype_policy,
            name="convolution",
        )

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the layer again."""
        config = super().get_config()
        del config["filters"]
        return config
