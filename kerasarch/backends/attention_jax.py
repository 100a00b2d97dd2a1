"""Attention for JAX: cuDNN's kernel where there is one, otherwise exact attention a chunk of queries at a time.

Rabe & Staats, 2021 (https://arxiv.org/abs/2112.05682): with the scores of a few queries at a time memory grows with the
number of tokens, not with its square. The backward pass computes the scores again from the two numbers a query that
normalise its softmax (Dao et al., 2022, algorithm 4, https://arxiv.org/abs/2205.14135). Its products are written so
that XLA never turns a matrix of scores: on CPUs that takes longer than the product.
"""

import functools
from typing import Any

import jax
import keras
from jax import numpy as jnp
from keras import ops

ON_CPU = jax.default_backend() == "cpu"
# Scores of an example and head up to which all are computed at once: measured on a CPU, chunks take longer below
PLAIN = 128 * 128
# Scores at a time: 8 MB stay in a CPU's cache; other devices want more work at once.
SCORES = 2**21 if ON_CPU else 2**26
MASKED = -1e30
HALVES = ("float16", "bfloat16")


def attend(query: Any, key: Any, value: Any, mask: Any, causal: bool, bias: Any = None) -> Any:
    """Apply attention: see ``operations.attend``. It has second derivatives; above ``PLAIN`` scores no forward mode."""
    query, key, value = (ops.convert_to_tensor(part) for part in (query, key, value))
    dtype = keras.backend.standardize_dtype(query.dtype)
    if not ON_CPU and bias is None and dtype in HALVES and query.shape[-1] % 8 == 0 and query.shape[-1] <= 128:
        if mask is not None:
            mask = jnp.broadcast_to(mask, (*mask.shape[:2], query.shape[1], key.shape[1]))
        return ops.dot_product_attention(query, key, value, mask=mask, is_causal=causal)
    query, key, value = (jnp.swapaxes(part, 1, 2) for part in (query, key, value))
    return jnp.swapaxes(attend_by_head(query, key, value, mask, causal, bias), 1, 2)


def attend_by_head(query: Any, key: Any, value: Any, mask: Any, causal: bool, bias: Any = None) -> Any:
    """Apply attention to tensors ``(B, heads, tokens, width)``, a chunk of queries at a time."""
    dtype = query.dtype
    if ON_CPU and dtype == "float16":  # which XLA's products do not have there
        query, key, value = (part.astype("float32") for part in (query, key, value))
    query = query * query.shape[-1] ** -0.5
    batch, heads, tokens, _ = query.shape
    if tokens * key.shape[2] <= PLAIN:
        mixed = _plain(query, key, value, mask, causal, bias)
    else:
        size = min(tokens, max(32, SCORES // (batch * heads * key.shape[2])))
        padding = ((0, 0), (0, 0), (0, -tokens % size), (0, 0))
        query = jnp.pad(query, padding)
        mask = mask if mask is None or mask.shape[2] == 1 else jnp.pad(mask, padding)
        mixed = _chunked(query, key, value, mask, bias, causal, size)[:, :, :tokens]
    return mixed.astype(dtype)


def write_places(kept: Any, new: Any, start: Any) -> Any:
    """Write new places: see ``operations.write_places``."""
    kept, new, start = (ops.convert_to_tensor(part) for part in (kept, jnp.swapaxes(new, 1, 2), start))
    if start.ndim == 0 or len(kept) == 1:
        return jax.lax.dynamic_update_slice_in_dim(kept, new, start.reshape(()), axis=2)
    return jax.vmap(functools.partial(jax.lax.dynamic_update_slice_in_dim, axis=1))(kept, new, start)


def _plain(query: Any, key: Any, value: Any, mask: Any, causal: bool, bias: Any) -> Any:
    allowed = _allowed(mask, causal, 0, query, key)
    weights = jax.nn.softmax(_scores(query, key.swapaxes(2, 3), allowed, bias), axis=-1)
    return jnp.matmul(weights.astype(value.dtype), value)


def _allowed(mask: Any, causal: bool, start: Any, query: Any, key: Any) -> Any:
    """Mask of some queries, the first of which is number ``start``, or None."""
    if not causal:
        return mask
    past = jnp.arange(key.shape[2]) <= start + jnp.arange(query.shape[2])[:, None]
    return past if mask is None else mask & past


def _scores(query: Any, turned_key: Any, allowed: Any, bias: Any) -> Any:  # (B, heads, C, S)
    scores = jnp.matmul(query, turned_key, preferred_element_type="float32")
    scores = scores if bias is None else scores + bias
    return scores if allowed is None else jnp.where(allowed, scores, MASKED)


@functools.partial(jax.custom_vjp, nondiff_argnums=(5, 6))
def _chunked(query: Any, key: Any, value: Any, mask: Any, bias: Any, causal: bool, size: int) -> Any:
    return _forward(query, key, value, mask, bias, causal, size)[0]


def _forward(query: Any, key: Any, value: Any, mask: Any, bias: Any, causal: bool, size: int) -> tuple[Any, Any]:
    turned_key = key.swapaxes(2, 3)

    def one(chunk: Any) -> Any:
        start, part, rows = chunk
        scores = _scores(part, turned_key, _allowed(_rows(mask, rows), causal, start, part, key), bias)
        top = jnp.max(scores, axis=-1, keepdims=True)
        weights = jnp.exp(scores - top)
        share = 1 / jnp.sum(weights, axis=-1, keepdims=True)
        mixed = jnp.matmul(weights.astype(value.dtype), value, preferred_element_type="float32") * share
        return mixed.astype(query.dtype), top, share

    result = jax.lax.map(one, (_starts(query, size), _split(query, size), _split_mask(mask, size)))
    mixed, top, share = (_join(part) for part in result)
    return mixed, (query, key, value, mask, bias, mixed, top, share)


def _backward(causal: bool, size: int, saved: Any, gradient: Any) -> tuple[Any, ...]:
    query, key, value, mask, bias, mixed, top, share = saved
    turned_key, turned_value = key.swapaxes(2, 3), value.swapaxes(2, 3)

    @jax.checkpoint  # so that second derivatives save no scores either
    def one(totals: Any, chunk: Any) -> Any:
        start, part, rows, mixed, top, share, gradient = chunk
        scores = _scores(part, turned_key, _allowed(_rows(mask, rows), causal, start, part, key), bias)
        weights = jnp.exp(scores - top) * share
        along = jnp.sum(gradient.astype("float32") * mixed.astype("float32"), axis=-1, keepdims=True)
        slope = jnp.matmul(gradient, turned_value, preferred_element_type="float32")
        slope = (weights * (slope - along)).astype(query.dtype)
        to_value = jnp.matmul(
            gradient.swapaxes(2, 3), weights.astype(value.dtype), preferred_element_type="float32"
        )  # (B, heads, width, S)
        to_key = jnp.matmul(part.swapaxes(2, 3), slope, preferred_element_type="float32")
        return (totals[0] + to_key, totals[1] + to_value), jnp.matmul(slope, key)

    zeros = jnp.zeros(turned_key.shape, "float32"), jnp.zeros(turned_value.shape, "float32")
    parts = (_split(part, size) for part in (mixed, top, share, gradient))
    chunks = (_starts(query, size), _split(query, size), _split_mask(mask, size), *parts)
    (to_key, to_value), to_query = jax.lax.scan(one, zeros, chunks)
    turned = (total.swapaxes(2, 3).astype(key.dtype) for total in (to_key, to_value))
    return _join(to_query), *turned, None, None if bias is None else jnp.zeros_like(bias)


_chunked.defvjp(_forward, _backward)


def _starts(query: Any, size: int) -> Any:
    return jnp.arange(0, query.shape[2], size)


def _split(x: Any, size: int) -> Any:  # (B, heads, T, width) -> (chunks, B, heads, size, width)
    batch, heads, _, width = x.shape
    return jnp.moveaxis(x.reshape(batch, heads, -1, size, width), 2, 0)


def _join(x: Any) -> Any:  # (chunks, B, heads, size, width) -> (B, heads, T, width)
    chunks, batch, heads, size, width = x.shape
    return jnp.moveaxis(x, 0, 2).reshape(batch, heads, chunks * size, width)


def _split_mask(mask: Any, size: int) -> Any:
    """Chunks of a mask that has a row a query; None where it has none or one row for all."""
    return None if mask is None or mask.shape[2] == 1 else _split(mask, size)


def _rows(mask: Any, rows: Any) -> Any:
    return mask if rows is None else rows
