"""Attention between the pixels of a map."""

from typing import Any

import keras
from keras import ops

from kerasarch.errors import ShapeError
from kerasarch.layers.convolution import Conv2D
from kerasarch.layers.spectral_normalization import SpectralNormalization


@keras.saving.register_keras_serializable(package="kerasarch")
class SelfAttention2D(keras.layers.Layer):
    """Adds to each pixel what it attends to in the whole map, times a learned scale that begins at zero.

    ``y = x + gamma * Wo(softmax(Wq x (Wk x)') Wv x)``: Zhang et al., 2018, eq. 1 to 3
    (https://arxiv.org/abs/1805.08318), with queries and keys of an eighth of the channels, values of a half. Keys and
    values are pooled to half the size, as in the authors' code
    (https://github.com/brain-research/self-attention-gan) and in BigGAN.

    Args:
        spectral_norm: Whether the four 1x1 convolutions are divided by their spectral norm.
        pool: Factor by which keys and values are pooled; 1 for none, as in the paper's text.
        kernel_initializer: Of the convolutions.
        data_format: ``"channels_last"`` or ``"channels_first"``; None takes ``keras.config.image_data_format()``.
        **kwargs: Passed to ``keras.layers.Layer``.

    Shapes:
        ``(B, H, W, C) -> (B, H, W, C)``, with at least 8 channels, H and W multiples of ``pool``.

    Raises:
        ShapeError: There are fewer than 8 channels, or the size is not a multiple of ``pool``.
    """

    def __init__(
        self,
        *,
        spectral_norm: bool = False,
        pool: int = 2,
        kernel_initializer: Any = "glorot_uniform",
        data_format: str | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.spectral_norm = spectral_norm
        self.pool = pool
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.data_format = data_format or keras.config.image_data_format()

    def _convolution(self, filters: int, name: str) -> keras.layers.Layer:
        convolution = Conv2D(
            filters,
            1,
            use_bias=False,
            kernel_initializer=self.kernel_initializer.clone(),
            data_format=self.data_format,
            dtype=self.dtype_policy,
            name=name,
        )
        if not self.spectral_norm:
            return convolution
        return SpectralNormalization(convolution, dtype=self.dtype_policy, name=f"{name}_spectral")

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Build the convolutions."""
        first = self.data_format == "channels_first"
        channels = input_shape[1 if first else -1]
        sizes = input_shape[2:] if first else input_shape[1:-1]
        if channels is None or channels < 8 or any(size is not None and size % self.pool for size in sizes):
            raise ShapeError(
                f"{self.name}: at least 8 channels and sizes that are multiples of pool={self.pool} were expected. "
                f"Received channels={channels}, sizes={tuple(sizes)}."
            )
        self.query = self._convolution(channels // 8, "query")
        self.key = self._convolution(channels // 8, "key")
        self.value = self._convolution(channels // 2, "value")
        self.output_projection = self._convolution(channels, "output")
        for child in (self.query, self.key, self.value):
            child.build(input_shape)
        inner = list(input_shape)
        inner[1 if first else -1] = channels // 2
        self.output_projection.build(tuple(inner))
        self.gamma = self.add_weight(name="gamma", shape=(), initializer="zeros")

    def _pixels(self, x: Any, pooled: bool) -> Any:
        """Turn a map into a list of pixels: ``(B, H, W, C) -> (B, H W, C)``, or a quarter of them."""
        if self.data_format == "channels_first":
            x = ops.transpose(x, (0, 2, 3, 1))
        _, height, width, channels = ops.shape(x)
        if pooled and self.pool > 1:
            # A maximum over two axes has a second derivative on every backend, which a pooling operation lacks.
            step = self.pool
            x = ops.reshape(x, (-1, height // step, step, width // step, step, channels))
            x = ops.max(x, axis=(2, 4))
            height, width = height // step, width // step
        return ops.reshape(x, (-1, height * width, channels))

    def call(self, x: Any, training: bool | None = None) -> Any:  # (B, H, W, C)
        """Apply the layer."""
        arguments = {"training": training} if self.spectral_norm else {}
        query = self._pixels(self.query(x, **arguments), pooled=False)  # (B, H W, C / 8)
        key = self._pixels(self.key(x, **arguments), pooled=True)  # (B, H W / 4, C / 8)
        value = self._pixels(self.value(x, **arguments), pooled=True)  # (B, H W / 4, C / 2)
        weights = ops.softmax(ops.matmul(query, ops.transpose(key, (0, 2, 1))), axis=-1)
        attended = ops.matmul(weights, value)  # (B, H W, C / 2)
        first = self.data_format == "channels_first"
        height, width = ops.shape(x)[2:] if first else ops.shape(x)[1:-1]
        attended = ops.reshape(attended, (-1, height, width, attended.shape[-1]))
        if first:
            attended = ops.transpose(attended, (0, 3, 1, 2))
        return x + ops.cast(self.gamma, x.dtype) * self.output_projection(attended, **arguments)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape of the output, that of the input."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the layer again."""
        return {
            **super().get_config(),
            "spectral_norm": self.spectral_norm,
            "pool": self.pool,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "data_format": self.data_format,
        }
