"""The parts of DenseNet: a layer that adds to the channels of its input, and what shrinks them between stages."""

from typing import Any

import keras
from keras import ops

from kerasarch.errors import ShapeError, UsageError
from kerasarch.layers.batch_normalization import BatchNormalization
from kerasarch.layers.conv_norm import ConvNorm, fan_out_initializer
from kerasarch.layers.convolution import Conv2D


class _DensePart(keras.layers.Layer):
    """What both parts share: normalise and activate first, and a convolution without normalisation last."""

    def __init__(
        self,
        *,
        activation: Any = "relu",
        momentum: float = 0.9,
        epsilon: float = 1e-5,
        data_format: str | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.activation = keras.activations.get(activation)
        self.momentum = momentum
        self.epsilon = epsilon
        self.data_format = data_format or keras.config.image_data_format()
        self._axis = 1 if self.data_format == "channels_first" else -1
        self.norm = BatchNormalization(
            axis=self._axis, momentum=momentum, epsilon=epsilon, dtype=self.dtype_policy, name="norm"
        )

    def _convolution(self, filters: int, kernel: int, name: str) -> Conv2D:
        return Conv2D(
            filters,
            kernel,
            padding="same",
            use_bias=False,
            kernel_initializer=fan_out_initializer(),
            data_format=self.data_format,
            dtype=self.dtype_policy,
            name=name,
        )

    def _channels(self, shape: tuple[int | None, ...]) -> int:
        channels = shape[self._axis]
        if channels is None:
            raise ShapeError(f"{self.name}: the number of channels must be known. Received shape {shape}.")
        return channels

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the layer again."""
        return {
            **super().get_config(),
            "activation": keras.activations.serialize(self.activation),
            "momentum": self.momentum,
            "epsilon": self.epsilon,
            "data_format": self.data_format,
        }


@keras.saving.register_keras_serializable(package="kerasarch")
class DenseConnection(_DensePart):
    """A few new channels, computed from all that came before and set beside them: the layer of DenseNet-B.

    ``concatenate(x, spatial(activation(norm2(reduce(activation(norm(x)))))))`` with ``reduce`` a 1x1 and ``spatial`` a
    3x3 convolution: Huang et al., 2016, eq. 2 and section 3, "Bottleneck layers" (https://arxiv.org/abs/1608.06993).

    Args:
        growth: New channels.
        expansion: Channels between the two convolutions, over the new ones.
        dropout: Rate of dropout of the new channels.
        seed: Seed of the dropout.
        activation: Name or function.
        momentum: Share of the old value in the moving statistics.
        epsilon: Added to the variance.
        data_format: ``"channels_last"`` or ``"channels_first"``; None takes ``keras.config.image_data_format()``.
        **kwargs: Passed to ``keras.layers.Layer``.

    Shapes:
        ``(B, H, W, C) -> (B, H, W, C + growth)``, with the channels second for ``channels_first``.

    Raises:
        ShapeError: The number of channels is unknown at build time.
    """

    def __init__(
        self, growth: int, *, expansion: int = 4, dropout: float = 0.0, seed: int | None = None, **kwargs: Any
    ):
        super().__init__(**kwargs)
        self.growth = growth
        self.expansion = expansion
        self.seed = seed
        self.reduce = ConvNorm(
            expansion * growth,
            1,
            activation=self.activation,
            momentum=self.momentum,
            epsilon=self.epsilon,
            data_format=self.data_format,
            dtype=self.dtype_policy,
            name="reduce",
        )
        self.spatial = self._convolution(growth, 3, "spatial")
        self.dropout = keras.layers.Dropout(dropout, seed=seed, dtype=self.dtype_policy, name="dropout")

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Build the children for inputs of this shape."""
        self._channels(input_shape)
        self.norm.build(input_shape)
        self.reduce.build(input_shape)
        self.spatial.build(self.reduce.compute_output_shape(input_shape))

    def call(self, x: Any, training: bool | None = None) -> Any:  # (B, H, W, C)
        """Apply the layer."""
        h = self.reduce(self.activation(self.norm(x, training=training)), training=training)
        h = self.dropout(self.spatial(h), training=training)  # (B, H, W, growth)
        return ops.concatenate([x, h], axis=self._axis)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape of the output, without computing it."""
        shape = list(input_shape)
        shape[self._axis] = self._channels(input_shape) + self.growth
        return tuple(shape)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the layer again."""
        return {
            **super().get_config(),
            "growth": self.growth,
            "expansion": self.expansion,
            "dropout": self.dropout.rate,
            "seed": self.seed,
        }


@keras.saving.register_keras_serializable(package="kerasarch")
class DenseTransition(_DensePart):
    """Fewer channels and half the height and width, between two stages of a DenseNet.

    ``average_pool(convolution(activation(norm(x))))`` with a 1x1 convolution: Huang et al., 2016, section 3, "Pooling
    layers" and "Compression" (https://arxiv.org/abs/1608.06993). The activation is in the authors' code, not in the
    paper.

    Args:
        compression: Output channels over input channels, rounded down.
        activation: Name or function.
        momentum: Share of the old value in the moving statistics.
        epsilon: Added to the variance.
        data_format: ``"channels_last"`` or ``"channels_first"``; None takes ``keras.config.image_data_format()``.
        **kwargs: Passed to ``keras.layers.Layer``.

    Shapes:
        ``(B, H, W, C) -> (B, floor(H / 2), floor(W / 2), floor(C * compression))``.

    Raises:
        UsageError: ``compression`` is not in (0, 1].
        ShapeError: The number of channels is unknown at build time.
    """

    def __init__(self, compression: float = 0.5, **kwargs: Any):
        super().__init__(**kwargs)
        if not 0.0 < compression <= 1.0:
            raise UsageError(f"{self.name}: compression must be in (0, 1]. Received compression={compression}.")
        self.compression = compression
        self.convolution: Any = None
        self.pool = keras.layers.AveragePooling2D(2, data_format=self.data_format, dtype=self.dtype_policy, name="pool")

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Build the children for inputs of this shape."""
        self.norm.build(input_shape)
        self.convolution = self._convolution(self._filters(input_shape), 1, "convolution")
        self.convolution.build(input_shape)

    def _filters(self, shape: tuple[int | None, ...]) -> int:
        return max(1, int(self._channels(shape) * self.compression))

    def call(self, x: Any, training: bool | None = None) -> Any:  # (B, H, W, C)
        """Apply the layer."""
        return self.pool(self.convolution(self.activation(self.norm(x, training=training))))

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape of the output, without computing it."""
        shape = list(input_shape)
        shape[self._axis] = self._filters(input_shape)
        return self.pool.compute_output_shape(tuple(shape))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the layer again."""
        return {**super().get_config(), "compression": self.compression}
