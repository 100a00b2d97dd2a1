"""Multi-head attention of tokens to themselves or to a context of another width."""

from typing import Any

import keras
from keras import ops

from kerasarch.backends import operations
from kerasarch.errors import ShapeError


@keras.saving.register_keras_serializable(package="kerasarch")
class CrossAttention(keras.layers.Layer):
    """Multi-head attention of tokens to a context, or to themselves where none is given.

    ``out(concat_h(softmax(q_h k_h^T / sqrt(head_width)) v_h))``, q linear in the tokens, k and v in the context:
    Vaswani et al., 2017, section 3.2.2 (https://arxiv.org/abs/1706.03762); between pictures and captions Rombach et
    al., 2021, section 3.3 (https://arxiv.org/abs/2112.10752). The linear maps are those of diffusers' ``Attention``.

    Args:
        heads: Heads.
        head_width: Channels of a head; ``heads * head_width`` need not be the width of the tokens.
        bias: Whether query, key and value have biases.
        out_bias: Whether the output has one.
        causal: Token t sees the tokens 0 to t alone.
        scale: Factor of the scores; None for ``head_width ** -0.5``.
        initializer: Of kernels.
        dropout: Rate behind the output.
        **kwargs: Passed to ``keras.layers.Layer``.

    Shapes:
        B batch, T and S tokens: ``x (B, T, D)``, ``context (B, S, E)`` -> ``(B, T, D)``. ``mask (B, T)``, used where
        the tokens attend to themselves, and ``context_mask (B, S)`` are true where a token may be attended to.

    Raises:
        ShapeError: A width is unknown, or the attention is causal and there is a context.
    """

    def __init__(
        self,
        heads: int,
        head_width: int,
        *,
        bias: bool = False,
        out_bias: bool = True,
        causal: bool = False,
        scale: float | None = None,
        initializer: Any = "glorot_uniform",
        dropout: float = 0.0,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.supports_masking = True
        self.heads = heads
        self.head_width = head_width
        self.bias = bias
        self.out_bias = out_bias
        self.causal = causal
        self.scale = scale
        self.initializer = initializer if isinstance(initializer, str) else keras.initializers.get(initializer)
        inner = heads * head_width
        self.query = self._linear(inner, bias, "query")
        self.key = self._linear(inner, bias, "key")
        self.value = self._linear(inner, bias, "value")
        self.dropout = keras.layers.Dropout(dropout, dtype=self.dtype_policy, name="dropout")

    def _linear(self, width: int, bias: bool, name: str) -> keras.layers.Dense:
        # One initializer without a seed would draw the same numbers for each kernel of one shape.
        start = self.initializer if isinstance(self.initializer, str) else self.initializer.clone()
        return keras.layers.Dense(width, None, bias, start, dtype=self.dtype_policy, name=name)

    def build(self, x_shape: tuple[int | None, ...], context_shape: tuple[int | None, ...] | None = None) -> None:
        """Build the four linear maps."""
        if context_shape is not None and self.causal:
            raise ShapeError(f"{self.name}: causal attention is within one sequence. Leave out the context.")
        source = context_shape or x_shape
        if x_shape[-1] is None or source[-1] is None:
            raise ShapeError(f"{self.name}: widths must be known. Received x {x_shape}, context {context_shape}.")
        self.query.build(x_shape)
        self.key.build(source)
        self.value.build(source)
        self.out = self._linear(x_shape[-1], self.out_bias, "out")
        self.out.build((*x_shape[:-1], self.heads * self.head_width))

    def call(
        self,
        x: Any,
        context: Any = None,
        mask: Any = None,
        context_mask: Any = None,
        training: bool | None = None,
    ) -> Any:  # (B, T, D), (B, S, E), (B, T), (B, S)
        """Apply the layer."""
        source, source_mask = (x, mask) if context is None else (context, context_mask)
        return self.read(x, self.remember(source), source_mask, training)

    def remember(self, context: Any) -> tuple[Any, Any]:
        """Return the keys and values of a context, ``(B, S, heads, head_width)``, which `read` may take many times."""
        return self._split(self.key(context)), self._split(self.value(context))

    def read(self, x: Any, memory: tuple[Any, Any], mask: Any = None, training: bool | None = None) -> Any:
        """Attend to what `remember` returned.

        Args:
            x: ``(B, T, D)``.
            memory: Keys and values.
            mask: ``(B, S)``, true where a token may be attended to; None for everywhere.
            training: Whether there is dropout.

        Returns:
            ``(B, T, D)``.
        """
        key, value = memory
        mixed = operations.attend(self._query(x), key, value, mask=_columns(mask), causal=self.causal)
        mixed = ops.reshape(mixed, (*ops.shape(x)[:2], self.heads * self.head_width))
        return self.dropout(self.out(mixed), training=training)

    def attention_weights(self, x: Any, context: Any = None, mask: Any = None, context_mask: Any = None) -> Any:
        """Return with what weight each token takes each value: ``(B, heads, T, S)``, float32, rows that sum to 1.

        ``call`` never has them as a whole, which is why it needs little memory; these are computed for themselves.
        """
        source, source_mask = (x, mask) if context is None else (context, context_mask)
        allowed = _columns(source_mask)
        query, key = self._query(x), self._split(self.key(source))
        scores = ops.cast(ops.einsum("bthd,bshd->bhts", query * self.head_width**-0.5, key), "float32")
        if self.causal:
            tokens = ops.arange(ops.shape(x)[1])
            past = (tokens[:, None] >= tokens)[None, None]
            allowed = past if allowed is None else ops.logical_and(past, allowed)
        if allowed is not None:
            scores = ops.where(allowed, scores, -1e30)
        return ops.softmax(scores, axis=-1)

    def _query(self, x: Any) -> Any:  # (B, T, D) -> (B, T, heads, head_width)
        query = self._split(self.query(x))
        # The kernels divide by the root of the width.
        return query if self.scale is None else query * (self.scale * self.head_width**0.5)

    def _split(self, x: Any) -> Any:  # (B, T, heads * head_width) -> (B, T, heads, head_width)
        return ops.reshape(x, (*ops.shape(x)[:2], self.heads, self.head_width))

    def compute_output_shape(
        self, x_shape: tuple[int | None, ...], context_shape: tuple[int | None, ...] | None = None
    ) -> tuple[int | None, ...]:
        """Return the shape of the output, that of the tokens."""
        return tuple(x_shape)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the layer again."""
        return {
            **super().get_config(),
            "heads": self.heads,
            "head_width": self.head_width,
            "bias": self.bias,
            "out_bias": self.out_bias,
            "causal": self.causal,
            "scale": self.scale,
            "initializer": self.initializer
            if isinstance(self.initializer, str)
            else keras.initializers.serialize(self.initializer),
            "dropout": self.dropout.rate,
        }


def _columns(mask: Any) -> Any:
    """Return where attention is allowed, ``(B, 1, 1, S)``, or None."""
    return None if mask is None else ops.cast(mask, "bool")[:, None, None, :]
