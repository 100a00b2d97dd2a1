"""What a diffusion transformer is made of: the condition, the block that it steers, places of patches."""

from typing import Any

import keras
import numpy as np
from keras import ops

from kerasarch.layers import CrossAttention, FeedForward, TimestepEmbedding, TimestepSinusoids

SINUSOIDS = 256  # of a time, in the paper's code and diffusers'


@keras.saving.register_keras_serializable(package="kerasarch")
class DiTCondition(keras.layers.Layer):
    """Times and classes as one vector: the sum of an embedded time and a learned vector of the class.

    Peebles & Xie, 2022, section 3.2 and appendix A (https://arxiv.org/abs/2212.09748); diffusers'
    ``CombinedTimestepLabelEmbeddings``.

    Args:
        width: Of the vector.
        classes: Their number; there is one vector more, for no class.
        **kwargs: Passed to ``keras.layers.Layer``.

    Shapes:
        Times ``(B,)`` and whole numbers ``(B,)`` -> ``(B, width)``.
    """

    def __init__(self, width: int, classes: int, **kwargs: Any):
        super().__init__(autocast=False, **kwargs)  # half precision cannot tell the time 999 from 1000
        self.width = width
        self.classes = classes
        normal = keras.initializers.RandomNormal(stddev=0.02)  # as in the paper's code
        self.sinusoids = TimestepSinusoids(
            SINUSOIDS, cosine_first=True, frequency_shift=1, dtype=self.dtype_policy, name="sinusoids"
        )
        self.time = TimestepEmbedding(width, dtype=self.dtype_policy, name="time")
        self.time.linear1.kernel_initializer = self.time.linear2.kernel_initializer = normal
        self.labels = keras.layers.Embedding(
            classes + 1, width, embeddings_initializer=normal, dtype=self.dtype_policy, name="labels"
        )

    def build(self, times_shape: Any = None, labels_shape: Any = None) -> None:
        """Build the children."""
        self.sinusoids.build((None,))
        self.time.build((None, SINUSOIDS))
        self.labels.build((None,))

    def call(self, times: Any, labels: Any) -> Any:  # (B,), (B,)
        """Apply the layer."""
        return self.time(self.sinusoids(times)) + self.labels(labels)

    def compute_output_shape(self, times_shape: Any, labels_shape: Any = None) -> tuple[int | None, ...]:
        """Return the shape of the output."""
        return (times_shape[0], self.width)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the layer again."""
        return {**super().get_config(), "width": self.width, "classes": self.classes}


@keras.saving.register_keras_serializable(package="kerasarch")
class DiTBlock(keras.layers.Layer):
    """Transformer block whose normalisations and shortcuts a condition steers (adaLN-Zero).

    ``x + g1 attention(norm1(x) (1 + s1) + b1)``, then ``x + g2 feed_forward(norm3(x) (1 + s2) + b2)`` with the six
    vectors linear in ``silu(condition)``: Peebles & Xie, 2022, section 3.2 (https://arxiv.org/abs/2212.09748). That map
    begins at zero, so a fresh block is the identity.

    Args:
        heads: Heads of the attention.
        head_width: Channels of a head.
        activation: Of the feed-forward network, a name that ``FeedForward`` knows.
        bias: Whether queries, keys and values have biases.
        affine: Whether the second normalisation has a scale and offset of its own too.
        epsilon: Added to the variance in the second normalisation; in the first it is 1e-6.
        dropout: Rate within the feed-forward network and behind the attention.
        classes: Where the block embeds time and class itself, the number of classes; None where it is given the
            vector.
        **kwargs: Passed to ``keras.layers.Layer``.

    Shapes:
        ``x (B, T, D)``, the condition ``(B, D)`` -> ``(B, T, D)``.
    """

    def __init__(
        self,
        heads: int,
        head_width: int,
        *,
        activation: str = "gelu-approximate",
        bias: bool = True,
        affine: bool = False,
        epsilon: float = 1e-5,
        dropout: float = 0.0,
        classes: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.heads, self.head_width, self.width = heads, head_width, heads * head_width
        self.activation, self.bias, self.affine, self.epsilon = activation, bias, affine, epsilon
        self.dropout, self.classes = dropout, classes
        own = {"dtype": self.dtype_policy}
        self.condition = None if classes is None else DiTCondition(self.width, classes, name="condition", **own)
        self.modulation = zero_dense(6 * self.width, name="modulation", **own)
        self.norm1 = plain_normalization(name="norm1", **own)
        self.attention = CrossAttention(heads, head_width, bias=bias, dropout=dropout, name="attention", **own)
        self.norm3 = keras.layers.LayerNormalization(epsilon=epsilon, center=affine, scale=affine, name="norm3", **own)
        self.feed_forward = FeedForward(activation, dropout=dropout, name="feed_forward", **own)

    def build(self, x_shape: tuple[int | None, ...], condition_shape: Any = None) -> None:
        """Build the children."""
        shape = (*x_shape[:-1], self.width)
        if self.condition is not None:
            self.condition.build()
        self.modulation.build((None, self.width))
        for layer in (self.norm1, self.attention, self.norm3, self.feed_forward):
            layer.build(shape)

    def call(self, x: Any, condition: Any, training: bool | None = None) -> Any:  # (B, T, D), (B, D)
        """Apply the block."""
        vectors = self.modulation(keras.activations.silu(condition))[:, None]  # (B, 1, 6 D)
        shift1, scale1, gate1, shift2, scale2, gate2 = ops.split(vectors, 6, axis=-1)
        x = x + gate1 * self.attention(self.norm1(x) * (1 + scale1) + shift1, training=training)
        return x + gate2 * self.feed_forward(self.norm3(x) * (1 + scale2) + shift2, training=training)

    def compute_output_shape(self, x_shape: tuple[int | None, ...], condition_shape: Any = None) -> Any:
        """Return the shape of the output, that of the tokens."""
        return tuple(x_shape)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the layer again."""
        names = ("heads", "head_width", "activation", "bias", "affine", "epsilon", "dropout", "classes")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


def zero_dense(units: int, **kwargs: Any) -> keras.layers.Dense:
    """Return a dense layer that begins at zero."""
    return keras.layers.Dense(units, kernel_initializer="zeros", **kwargs)


def plain_normalization(**kwargs: Any) -> keras.layers.LayerNormalization:
    """Return a normalisation with neither scale nor offset: the condition has them."""
    return keras.layers.LayerNormalization(epsilon=1e-6, center=False, scale=False, **kwargs)


def places(height: Any, width: Any, base: int, channels: int) -> Any:
    """Return sines and cosines of the places of patches, columns in the first half of the channels, rows in the second.

    ``[sin(x w_i), cos(x w_i)], w_i = 10000^(-4 i / channels)``, with x counted from 0 to ``base`` over the whole
    picture, whatever its size: so larger pictures than those of training are interpolated between known places.

    Args:
        height: Rows of patches, a number or an integer tensor.
        width: Columns.
        base: Patches along a side in training.
        channels: A multiple of 4.

    Returns:
        ``(1, height * width, channels)``, float32.
    """
    frequencies = 10000.0 ** -(np.arange(channels // 4) / (channels // 4))

    def waves(count: Any) -> Any:  # (count, channels / 2)
        steps = ops.cast(ops.arange(count), "float32") * (base / ops.cast(count, "float32"))
        angles = ops.expand_dims(steps, -1) * ops.convert_to_tensor(frequencies.astype("float32"))
        return ops.concatenate([ops.sin(angles), ops.cos(angles)], axis=-1)

    shape = (height, width, channels // 2)
    columns = ops.broadcast_to(waves(width)[None], shape)
    rows = ops.broadcast_to(waves(height)[:, None], shape)
    return ops.reshape(ops.concatenate([columns, rows], axis=-1), (1, height * width, channels))
