"""Attention for TensorFlow, which has no fused kernel: exact attention a chunk of queries at a time.

Rabe & Staats, 2021 (https://arxiv.org/abs/2112.05682): with the scores of a few queries at a time memory grows with the
number of tokens, not with its square. The backward pass computes the scores again from the two numbers a query that
normalise its softmax (Dao et al., 2022, algorithm 4, https://arxiv.org/abs/2205.14135).
"""

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf
from keras import ops

# Scores of an example and head up to which all are computed at once: measured on a CPU, chunks take longer below
PLAIN = 256 * 256
# Scores at a time: 8 MB stay in a CPU's cache; GPUs want more work at once.
SCORES = 2**26 if tf.config.list_physical_devices("GPU") else 2**21
MASKED = -1e30


def attend(query: Any, key: Any, value: Any, mask: Any, causal: bool, bias: Any = None) -> Any:
    """Apply attention: see ``operations.attend``. Second derivatives of chunks take memory for every score."""
    query, key, value = (ops.convert_to_tensor(part) for part in (query, key, value))
    shape = query.shape
    query, key, value = (tf.transpose(part, (0, 2, 1, 3)) for part in (query, key, value))
    mixed = tf.transpose(attend_by_head(query, key, value, mask, causal, bias), (0, 2, 1, 3))
    return tf.ensure_shape(mixed, shape)


def attend_by_head(query: Any, key: Any, value: Any, mask: Any, causal: bool, bias: Any = None) -> Any:
    """Apply attention to tensors ``(B, heads, tokens, width)``."""
    query = query * tf.cast(query.shape[-1] ** -0.5, query.dtype)
    mask = None if mask is None else tf.convert_to_tensor(mask, "bool")
    tokens, others = query.shape[2], key.shape[2]
    if tokens is not None and others is not None and tokens * others <= PLAIN:
        scores = _scores(query, key, _allowed(mask, causal, 0, query, key), bias)
        return tf.matmul(tf.cast(tf.nn.softmax(scores), value.dtype), value)
    return _chunked(query, key, value, mask, causal, bias)


def write_places(kept: Any, new: Any, start: Any) -> Any:
    """Write new places: see ``operations.write_places``."""
    start = tf.convert_to_tensor(start, "int32")
    new = tf.transpose(ops.convert_to_tensor(new), (0, 2, 1, 3))  # (B, heads, T, width)
    batch, heads, tokens, _ = new.shape
    if not start.shape.rank or batch == 1:
        return ops.slice_update(kept, (0, 0, tf.reshape(start, ()), 0), new)
    places = start[:, None] + tf.range(tokens)
    indices = tf.meshgrid(tf.range(batch), tf.range(heads), tf.range(tokens), indexing="ij")[:2]
    indices.append(tf.broadcast_to(places[:, None], (batch, heads, tokens)))
    return tf.tensor_scatter_nd_update(kept, tf.stack(indices, axis=-1), new)


def _allowed(mask: Any, causal: bool, start: Any, query: Any, key: Any) -> Any:
    """Mask of some queries, the first of which is number ``start``, or None."""
    if not causal:
        return mask
    past = tf.range(tf.shape(key)[2]) <= start + tf.range(tf.shape(query)[2])[:, None]
    return past if mask is None else mask & past


def _scores(query: Any, key: Any, allowed: Any, bias: Any) -> Any:  # (B, heads, C, S)
    scores = tf.cast(tf.matmul(query, key, transpose_b=True), "float32")
    scores = scores if bias is None else scores + bias
    return scores if allowed is None else tf.where(allowed, scores, MASKED)


def _chunked(query: Any, key: Any, value: Any, mask: Any, causal: bool, bias: Any) -> Any:
    batch, heads, tokens = (tf.shape(query)[axis] for axis in range(3))
    size = tf.clip_by_value(SCORES // (batch * heads * tf.shape(key)[2]), 32, tf.maximum(tokens, 32))
    by_row = mask is not None and mask.shape[2] != 1
    padding = ((0, 0), (0, 0), (0, -tokens % size), (0, 0))
    query = tf.pad(query, padding)
    mask = tf.pad(mask, padding) if by_row else mask

    def scores(start: Any, part: Any, key: Any) -> Any:
        rows = _cut(mask, start, size) if by_row else mask
        return _scores(part, key, _allowed(rows, causal, start, part, key), bias)

    apply = tf.custom_gradient(lambda query, key, value: _differentiable(query, key, value, scores, size))
    return apply(query, key, value)[:, :, :tokens]


def _differentiable(query: Any, key: Any, value: Any, scores: Callable[..., Any], size: Any) -> Any:
    """Return the output and the function that gives its gradients, as ``tf.custom_gradient`` wants it."""
    chunks = tf.shape(query)[2] // size

    def forward(start: Any) -> Any:
        logits = scores(start, _cut(query, start, size), key)
        top = tf.reduce_max(logits, axis=-1, keepdims=True)
        weights = tf.exp(logits - top)
        share = 1 / tf.reduce_sum(weights, axis=-1, keepdims=True)
        mixed = tf.cast(tf.matmul(tf.cast(weights, value.dtype), value), "float32") * share
        return tf.cast(mixed, query.dtype), top, share

    mixed, top, share = _loop(forward, chunks, size, (query.dtype, tf.float32, tf.float32))

    def backward(gradient: Any) -> Any:
        def one(start: Any, to_key: Any, to_value: Any) -> Any:
            part, slopes = _cut(query, start, size), _cut(gradient, start, size)
            weights = tf.exp(scores(start, part, key) - _cut(top, start, size)) * _cut(share, start, size)
            along = tf.cast(_cut(mixed, start, size), "float32") * tf.cast(slopes, "float32")
            slope = tf.cast(tf.matmul(slopes, value, transpose_b=True), "float32")
            slope = tf.cast(weights * (slope - tf.reduce_sum(along, axis=-1, keepdims=True)), query.dtype)
            to_value += tf.cast(tf.matmul(slopes, tf.cast(weights, value.dtype), transpose_a=True), "float32")
            to_key += tf.cast(tf.matmul(part, slope, transpose_a=True), "float32")  # (B, heads, width, S)
            return tf.matmul(slope, key), to_key, to_value

        totals = tuple(tf.zeros(tf.shape(_turn(part)), "float32") for part in (key, value))
        to_query, to_key, to_value = _loop(one, chunks, size, (query.dtype,), totals)
        return to_query, tf.cast(_turn(to_key), key.dtype), tf.cast(_turn(to_value), value.dtype)

    return mixed, backward


def _loop(
    one: Callable[..., Sequence[Any]], chunks: Any, size: Any, dtypes: Sequence[Any], totals: Sequence[Any] = ()
) -> tuple[Any, ...]:
    """Return what ``one(start, *totals)`` gives for each chunk, joined, and behind it the totals."""

    def step(index: Any, arrays: Any, totals: Any) -> Any:
        result = one(index * size, *totals)
        arrays = tuple(array.write(index, part) for array, part in zip(arrays, result, strict=False))
        return index + 1, arrays, tuple(result[len(dtypes) :])

    arrays = tuple(tf.TensorArray(dtype, chunks) for dtype in dtypes)
    _, arrays, totals = tf.while_loop(
        lambda index, *_: index < chunks,
        step,
        (tf.constant(0), arrays, tuple(totals)),
        parallel_iterations=1,
        maximum_iterations=chunks,
    )
    return *(_join(array.stack()) for array in arrays), *totals


def _cut(x: Any, start: Any, size: Any) -> Any:  # (B, heads, T, width) -> (B, heads, size, width)
    shape = tf.shape(x)
    return tf.slice(x, (0, 0, start, 0), (shape[0], shape[1], size, shape[3]))


def _turn(x: Any) -> Any:
    return tf.transpose(x, (0, 1, 3, 2))


def _join(x: Any) -> Any:  # (chunks, B, heads, size, width) -> (B, heads, T, width)
    shape = tf.shape(x)
    x = tf.transpose(x, (1, 2, 0, 3, 4))
    return tf.reshape(x, (shape[1], shape[2], shape[0] * shape[3], shape[4]))
