"""Operations for which the backend has a fused or copy-free form that Keras does not reach.

On JAX and TensorFlow most are Keras' own: their compilers fuse. On PyTorch, Keras 3.15 copies the pictures twice at
each convolution (to channels-first and back) and normalises with four passes over the tensor.
"""

from collections.abc import Callable, Sequence
from typing import Any

import keras
from keras import ops

from kerasarch.backends import device_names


def add_bias(x: Any, bias: Any, data_format: str) -> Any:
    """Add a number a channel to pictures.

    Args:
        x: ``(B, H, W, C)``, or ``(B, C, H, W)``.
        bias: ``(C,)``.
        data_format: ``"channels_last"`` or ``"channels_first"``.
    """
    if data_format == "channels_last":
        return ops.add(x, bias)
    # On TensorFlow Keras 3.15 adds a bias (1, C, 1, 1) along the width where that is C as well.
    return ops.subtract(x, ops.reshape(ops.negative(bias), (1, -1, 1, 1)))


if keras.backend.backend() == "torch":
    from kerasarch.backends.attention_torch import attend as _attend
    from kerasarch.backends.attention_torch import attend_by_head as _attend_by_head
    from kerasarch.backends.attention_torch import write_places as _write_places
    from kerasarch.backends.recurrence_torch import CHUNK as _CHUNK
    from kerasarch.backends.recurrence_torch import linear_recurrence as _linear_recurrence
    from kerasarch.backends.recurrence_torch import scan_chunks as _scan_chunks
    from kerasarch.backends.torch_operations import convolve, convolve_depthwise, convolve_transposed, normalize_batch
else:
    ON_CPU = device_names()[0].startswith("cpu")
    # TensorFlow's CPU kernels take channels-last pictures alone, but where the processor has oneDNN's instructions.
    TURN = keras.backend.backend() == "tensorflow" and ON_CPU

    def _turned(operation: Any, x: Any, data_format: str) -> Any:
        if not TURN or data_format == "channels_last":
            return operation(x, data_format)
        return ops.transpose(operation(ops.transpose(x, (0, 2, 3, 1)), "channels_last"), (0, 3, 1, 2))

    def convolve(
        x: Any, kernel: Any, *, strides: Any, padding: str, dilation: Any, data_format: str, bias: Any = None
    ) -> Any:
        """Apply a two-dimensional convolution, ``keras.ops.conv``, and add a bias ``(out,)`` where there is one."""

        def apply(x: Any, data_format: str) -> Any:
            return ops.conv(x, kernel, list(strides), padding, data_format, dilation)

        x = _turned(apply, x, data_format)
        return x if bias is None else add_bias(x, bias, data_format)

    def convolve_transposed(x: Any, kernel: Any, *, strides: Any, padding: str, dilation: Any, data_format: str) -> Any:
        """Apply a two-dimensional transposed convolution: ``keras.ops.conv_transpose``."""

        def apply(x: Any, data_format: str) -> Any:
            return ops.conv_transpose(x, kernel, tuple(strides), padding, None, data_format, tuple(dilation))

        return _turned(apply, x, data_format)

    if keras.backend.backend() == "jax":
        from kerasarch.backends.attention_jax import attend as _attend
        from kerasarch.backends.attention_jax import attend_by_head as _attend_by_head
        from kerasarch.backends.attention_jax import write_places as _write_places
        from kerasarch.backends.recurrence_jax import CHUNK as _CHUNK
        from kerasarch.backends.recurrence_jax import linear_recurrence as _linear_recurrence
        from kerasarch.backends.recurrence_jax import scan_chunks as _scan_chunks
    else:
        from kerasarch.backends.attention_tensorflow import attend as _attend
        from kerasarch.backends.attention_tensorflow import attend_by_head as _attend_by_head
        from kerasarch.backends.attention_tensorflow import write_places as _write_places
        from kerasarch.backends.recurrence_tensorflow import CHUNK as _CHUNK
        from kerasarch.backends.recurrence_tensorflow import linear_recurrence as _linear_recurrence
        from kerasarch.backends.recurrence_tensorflow import scan_chunks as _scan_chunks

    if keras.backend.backend() == "jax" and ON_CPU:
        from kerasarch.backends.jax_operations import convolve_depthwise
    else:

        def convolve_depthwise(
            x: Any, kernel: Any, *, strides: Any, padding: str, dilation: Any, data_format: str
        ) -> Any:
            """Apply a two-dimensional depthwise convolution: ``keras.ops.depthwise_conv``."""

            def apply(x: Any, data_format: str) -> Any:
                return ops.depthwise_conv(x, kernel, tuple(strides), padding, data_format, dilation)

            return _turned(apply, x, data_format)

    def normalize_batch(
        x: Any, scale: Any, offset: Any, mean: Any, variance: Any, *, axis: int, epsilon: float, training: bool
    ) -> tuple[Any, Any, Any]:
        """Normalise over every axis but one: ``(normalised, mean, variance)`` of the batch, or those given.

        Args:
            x: Any shape with channels on ``axis``, in the precision to compute with.
            scale: ``(channels,)``.
            offset: ``(channels,)``.
            mean: ``(channels,)``: what is subtracted where not training.
            variance: ``(channels,)``.
            axis: Where the channels are.
            epsilon: Added to the variance.
            training: Whether the batch's own mean and (biased) variance are used.
        """
        if training:
            others = [i for i in range(len(x.shape)) if i != axis % len(x.shape)]
            mean, variance = (ops.squeeze(part, others) for part in moments(x, others))
        return ops.batch_normalization(x, mean, variance, axis, offset, scale, epsilon), mean, variance


def moments(x: Any, axes: list[int]) -> tuple[Any, Any]:
    """Mean and variance over some axes, which stay with a length of one.

    Not ``tf.nn.moments``: it takes the mean for a constant in the variance, and the second derivative is wrong.

    Args:
        x: Any shape, float32 or more.
        axes: From 0.
    """
    mean = ops.mean(x, axes, keepdims=True)
    return mean, ops.mean(ops.square(x - mean), axes, keepdims=True)


def attend(query: Any, key: Any, value: Any, *, mask: Any = None, causal: bool = False, bias: Any = None) -> Any:
    """Apply scaled dot-product attention, with the softmax in float32 and memory that grows with the tokens alone.

    The backend's fused kernel where it has one: PyTorch everywhere, JAX in half precision on GPUs and TPUs where there
    is no bias. Otherwise a chunk of queries at a time where there are many scores, all at once where there are few.

    Args:
        query: ``(B, T, heads, width)``.
        key: ``(B, S, heads, width)``.
        value: ``(B, S, heads, width)``.
        mask: Boolean, of rank 4, to be broadcast to ``(B, heads, T, S)``: true where a query may attend to a key. What
            a query gets that may attend to none is finite and depends on the backend.
        causal: Query t sees the keys 0 to t alone.
        bias: ``(B, heads, 1, S)`` or ``(1, heads, 1, S)``, added in float32 to the scores that every query has with a
            key, after their division by ``sqrt(width)``. No gradient flows into it.

    Returns:
        ``(B, T, heads, width)``.
    """
    if any(isinstance(tensor, keras.KerasTensor) for tensor in (query, key, value)):
        return Attend(causal).symbolic_call(query, key, value, mask, bias)
    return _attend(query, key, value, mask, causal, _constant(bias))


FOLDED = 16
"""Tokens up to which the query heads of a group become queries of one head."""


def attend_kept(query: Any, keys: Any, values: Any, mask: Any, *, bias: Any = None) -> Any:
    """Apply scaled dot-product attention to keys and values as `write_places` keeps them.

    Args:
        query: ``(B, T, heads, width)``.
        keys: ``(B, kv_heads, S, width)``, where ``heads`` is a multiple of ``kv_heads``.
        values: ``(B, kv_heads, S, width)``.
        mask: Boolean, ``(1, 1, T, S)`` or ``(B, 1, T, S)``: true where a query may attend to a key.
        bias: As of `attend`.

    Returns:
        ``(B, T, heads, width)``.
    """
    batch, (tokens, heads, width) = ops.shape(query)[0], query.shape[1:]
    groups = heads // keys.shape[1]
    query = ops.transpose(query, (0, 2, 1, 3))
    if groups > 1 and bias is None and tokens is not None and tokens <= FOLDED:
        query = ops.reshape(query, (batch, keys.shape[1], groups * tokens, width))
        mask = ops.tile(mask, (1, 1, groups, 1))
    elif groups > 1:
        keys, values = ops.repeat(keys, groups, axis=1), ops.repeat(values, groups, axis=1)
    mixed = _attend_by_head(query, keys, values, mask, False, _constant(bias))
    return ops.transpose(ops.reshape(mixed, (batch, heads, tokens, width)), (0, 2, 1, 3))


def write_places(kept: Any, new: Any, start: Any) -> Any:
    """Return keys or values with some places written anew.

    On PyTorch, where nothing is recorded for gradients, they are written where they lie: what was given is changed.

    Args:
        kept: ``(B, heads, S, width)``, in which each head's places lie side by side.
        new: ``(B, T, heads, width)``, as a projection gives them.
        start: The first place, a scalar, or ``(B,)``.
    """
    return _write_places(kept, new, start)


def _constant(bias: Any) -> Any:
    return None if bias is None else ops.stop_gradient(ops.cast(bias, "float32"))


class Attend(keras.Operation):
    """Attention as an operation of Keras' graphs, where tensors hold no numbers yet; see `attend`.

    Args:
        causal: As there.
    """

    def __init__(self, causal: bool = False):
        super().__init__()
        self.causal = causal

    def call(self, query: Any, key: Any, value: Any, mask: Any = None, bias: Any = None) -> Any:
        """Apply attention."""
        return _attend(query, key, value, mask, self.causal, _constant(bias))

    def compute_output_spec(
        self, query: Any, key: Any, value: Any, mask: Any = None, bias: Any = None
    ) -> keras.KerasTensor:
        """Return shape and type of the result."""
        return keras.KerasTensor((*query.shape[:-1], value.shape[-1]), query.dtype)


RECURRENCE_CHUNK: int = _CHUNK
"""Tokens whose states `linear_recurrence` best holds at once on this backend."""


def scan_chunks(
    step: Callable[..., Any], constants: Sequence[Any], state: Any, sequences: Sequence[Any]
) -> tuple[Any, Any]:
    """Run a step over the chunks of sequences, each from the state that the one before left.

    Gradients compute each chunk again from the state at its start, so that memory holds one state a chunk and what
    happens within one chunk (Chen et al., 2016, https://arxiv.org/abs/1604.06174).

    Args:
        step: Takes constants, state and one chunk of each sequence; returns the state and an output of shape and type
            of the first sequence's chunk. It reads no variables.
        constants: float32 tensors that are the same for every chunk.
        state: float32 tensor.
        sequences: float32 tensors with the chunks along their first axis.

    Returns:
        Outputs, with chunks along the first axis, and the last state.
    """
    return _scan_chunks(step, constants, state, sequences)


def linear_recurrence(decay: Any, drive: Any, start: Any) -> Any:
    """Return every ``h_t = decay_t h_{t-1} + drive_t``, elementwise.

    Args:
        decay: ``(T, ...)``, T known.
        drive: The same shape.
        start: ``(...)``, what comes before the first.

    Returns:
        The shape of ``drive``.
    """
    return _linear_recurrence(decay, drive, start)


__all__ = [
    "RECURRENCE_CHUNK",
    "Attend",
    "attend",
    "attend_kept",
    "convolve",
    "convolve_depthwise",
    "convolve_transposed",
    "linear_recurrence",
    "moments",
    "normalize_batch",
    "scan_chunks",
    "write_places",
]
