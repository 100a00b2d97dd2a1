"""What attention layers of tokens to themselves share: four linear maps, heads, a mask and dropout."""

from typing import Any

import keras
from keras import ops

from kerasarch.errors import ShapeError


class HeadedAttention(keras.layers.Layer):
    """Self-attention whose kind a subclass says, in ``mix`` and ``shares``.

    Args:
        heads: Heads.
        head_width: Channels of a head.
        causal: Whether a token sees itself and those before alone.
        bias: Whether query, key and value have biases.
        out_bias: Whether the output has one.
        initializer: Of kernels.
        dropout: Rate behind the output.
        **kwargs: Passed to ``keras.layers.Layer``.

    Shapes:
        B batch, T tokens: ``x (B, T, D) -> (B, T, D)``; ``mask (B, T)`` is true where a token may be seen.

    Raises:
        ShapeError: The width is unknown.
    """

    def __init__(
        self,
        heads: int,
        head_width: int,
        *,
        causal: bool = False,
        bias: bool = False,
        out_bias: bool = True,
        initializer: Any = "glorot_uniform",
        dropout: float = 0.0,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.supports_masking = True
        self.heads = heads
        self.head_width = head_width
        self.causal = causal
        self.bias = bias
        self.out_bias = out_bias
        self.initializer = keras.initializers.get(initializer)
        self.query, self.key, self.value = (
            self._linear(heads * head_width, bias, name) for name in ("query", "key", "value")
        )
        self.dropout = keras.layers.Dropout(dropout, dtype=self.dtype_policy, name="dropout")

    def _linear(self, width: int, bias: bool, name: str) -> keras.layers.Dense:
        # One initializer without a seed would draw the same numbers for each kernel of one shape.
        return keras.layers.Dense(width, None, bias, self.initializer.clone(), dtype=self.dtype_policy, name=name)

    def build(self, x_shape: tuple[int | None, ...], mask_shape: Any = None) -> None:
        """Build the four linear maps."""
        if x_shape[-1] is None:
            raise ShapeError(f"{self.name}: the width must be known. Received {x_shape}.")
        for child in (self.query, self.key, self.value):
            child.build(x_shape)
        self.out = self._linear(x_shape[-1], self.out_bias, "out")
        self.out.build((*x_shape[:-1], self.heads * self.head_width))

    def call(self, x: Any, mask: Any = None, training: bool | None = None) -> Any:  # (B, T, D), (B, T)
        """Apply the layer."""
        query, key, value = (self._split(part(x)) for part in (self.query, self.key, self.value))
        mixed = self.mix(query, key, value, None if mask is None else ops.cast(mask, "bool"))
        mixed = ops.reshape(mixed, (*ops.shape(x)[:2], self.heads * self.head_width))
        return self.dropout(self.out(mixed), training=training)

    def attention_weights(self, x: Any, mask: Any = None) -> Any:
        """Return with what weight each token takes each value: ``(B, heads, T, T)``, float32, rows that sum to 1.

        ``call`` never has them as a whole; these are computed for themselves.
        """
        query, key = (ops.cast(self._split(part(x)), "float32") for part in (self.query, self.key))
        return self.shares(query, key, None if mask is None else ops.cast(mask, "bool"))

    def mix(self, query: Any, key: Any, value: Any, mask: Any) -> Any:
        """Return what the heads mix: four times ``(B, T, heads, head_width)``, with ``mask (B, T)`` or None."""
        raise NotImplementedError(f"{type(self).__name__} must say how heads mix values.")

    def shares(self, query: Any, key: Any, mask: Any) -> Any:
        """Return the weights ``(B, heads, T, T)`` of queries and keys in float32."""
        raise NotImplementedError(f"{type(self).__name__} must say what its weights are.")

    def _split(self, x: Any) -> Any:  # (B, T, heads * head_width) -> (B, T, heads, head_width)
        return ops.reshape(x, (*ops.shape(x)[:2], self.heads, self.head_width))

    def compute_output_shape(self, x_shape: tuple[int | None, ...], mask_shape: Any = None) -> tuple[int | None, ...]:
        """Return the shape of the output, that of the tokens."""
        return tuple(x_shape)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the layer again."""
        names = ("heads", "head_width", "causal", "bias", "out_bias")
        return {
            **super().get_config(),
            **{name: getattr(self, name) for name in names},
            "initializer": keras.initializers.serialize(self.initializer),
            "dropout": self.dropout.rate,
        }
