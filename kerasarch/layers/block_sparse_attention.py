"""Attention of blocks of tokens to some other blocks: those near, some for all, and those at regular distances."""

from typing import Any

import keras
import numpy as np
from keras import ops

from kerasarch.backends import operations
from kerasarch.errors import ShapeError
from kerasarch.layers.headed_attention import HeadedAttention


def block_pattern(blocks: int, *, near: int, shared: int, stride: int | None, causal: bool) -> np.ndarray:
    """Return which blocks see which: ``(blocks, blocks)``, true where row i sees column j.

    Args:
        blocks: How many there are.
        near: Blocks on each side of its own that a block sees.
        shared: Blocks at the start that see all and are seen by all.
        stride: Every block sees the last one of each run of so many; None for none of them.
        causal: Whether a block sees itself and those before alone.
    """
    row, column = np.arange(blocks)[:, None], np.arange(blocks)[None]
    seen = (abs(row - column) <= near) | (column < shared) | (row < shared)
    if stride is not None:
        seen |= (column + 1) % stride == 0
    return seen & (column <= row) if causal else seen


@keras.saving.register_keras_serializable(package="kerasarch")
class BlockSparseAttention(HeadedAttention):
    """Attention by blocks, whose memory grows with the number of tokens, not with its square.

    ``out(concat_h(softmax(q_h k_h^T / sqrt(head_width)) v_h))`` where a block of tokens sees the ``near`` blocks on
    each side, and the ``shared`` ones at the start, which see all: Zaheer et al., 2020, section 2
    (https://arxiv.org/abs/2007.14062), without its blocks at random. With ``stride`` it also sees the last block of
    each run of so many: the fixed pattern of Child et al., 2019, section 4.3 (https://arxiv.org/abs/1904.10509), by
    blocks; with ``stride`` near the root of the number of blocks memory grows as its power 1.5.

    Args:
        heads: Heads.
        head_width: Channels of a head.
        block: Tokens of a block.
        near: Blocks on each side of its own that a block sees.
        shared: Blocks at the start that see all and are seen by all.
        stride: Run of blocks whose last one all blocks see; None for none.
        causal: Whether a token sees itself and those before alone.
        **kwargs: ``bias`` (whether query, key and value have biases; they have none), ``out_bias`` (the output has
            one), ``initializer`` of kernels, ``dropout`` behind the output, and what ``keras.layers.Layer`` takes.

    Shapes:
        B batch, T tokens, a number that is known: ``x (B, T, D) -> (B, T, D)``; ``mask (B, T)`` is true where a token
        may be seen.

    Raises:
        ShapeError: The width or the number of tokens is unknown, or a size is out of its range.
    """

    def __init__(
        self,
        heads: int,
        head_width: int,
        *,
        block: int = 64,
        near: int = 1,
        shared: int = 1,
        stride: int | None = None,
        causal: bool = False,
        **kwargs: Any,
    ):
        super().__init__(heads, head_width, causal=causal, **kwargs)
        if block < 1 or near < 0 or shared < 0 or (stride is not None and stride < 1):
            raise ShapeError(
                f"{self.name}: block and stride are 1 or more, near and shared 0 or more. Received block={block}, "
                f"near={near}, shared={shared}, stride={stride}."
            )
        self.block = block
        self.near = near
        self.shared = shared
        self.stride = stride

    def pattern(self, tokens: int | None) -> np.ndarray:
        """Return which blocks of so many tokens see which: ``(blocks, blocks)``.

        Raises:
            ShapeError: The number of tokens is unknown.
        """
        if tokens is None:
            raise ShapeError(f"{self.name}: the number of tokens must be known. Pad texts to one length.")
        return block_pattern(
            -(-tokens // self.block), near=self.near, shared=self.shared, stride=self.stride, causal=self.causal
        )

    def mix(self, query: Any, key: Any, value: Any, mask: Any) -> Any:
        """Return what the heads mix, (B, T, heads, head_width)."""
        tokens = query.shape[1]
        seen = self.pattern(tokens)
        # Blocks that see all would make every row of the others as long: they are read by themselves.
        apart = 0 if self.causal else min(self.shared, len(seen))
        first = min(apart * self.block, tokens)
        parts = []
        if first:
            parts.append(operations.attend(query[:, :first], key, value, mask=_columns(mask)))
        if first < tokens:
            parts.append(self._sparse(query[:, first:], key, value, mask, seen[apart:], apart))
        return parts[0] if len(parts) == 1 else ops.concatenate(parts, axis=1)

    def _sparse(self, query: Any, key: Any, value: Any, mask: Any, seen: np.ndarray, apart: int) -> Any:
        """Return what the blocks of queries from number ``apart`` on mix, each of the blocks that it sees."""
        batch, tokens, own = ops.shape(query)[0], key.shape[1], query.shape[1]
        rows, columns = seen.shape
        most = int(seen.sum(axis=1).max())
        read = np.argsort(~seen, axis=1, kind="stable")[:, :most]  # (rows, most): those that are seen come first
        there = np.take_along_axis(seen, read, axis=1)
        places = (read[..., None] * self.block + np.arange(self.block)).reshape(rows, -1)  # of the keys
        allowed = np.repeat(there, self.block, axis=1) & (places < tokens)
        allowed = np.broadcast_to(allowed[:, None], (rows, self.block, most * self.block))
        if self.causal:
            own_places = (np.arange(rows)[:, None] + apart) * self.block + np.arange(self.block)
            allowed = allowed & (places[:, None] <= own_places[..., None])

        def read_blocks(x: Any) -> Any:  # (B, T, heads, width) -> (B * rows, most * block, heads, width)
            x = self._blocks(x, columns)
            x = ops.take(x, read.reshape(-1).astype("int32"), axis=1)
            return ops.reshape(x, (batch * rows, most * self.block, *x.shape[3:]))

        queries = ops.reshape(self._blocks(query, rows), (batch * rows, self.block, self.heads, self.head_width))
        visible = ops.tile(ops.convert_to_tensor(allowed), (batch, 1, 1))
        if mask is not None:
            visible = ops.logical_and(visible, read_blocks(mask[..., None, None])[:, None, :, 0, 0])
        mixed = operations.attend(queries, read_blocks(key), read_blocks(value), mask=visible[:, None])
        return ops.reshape(mixed, (batch, rows * self.block, self.heads, self.head_width))[:, :own]

    def _blocks(self, x: Any, count: int) -> Any:  # (B, T, heads, width) -> (B, count, block, heads, width)
        x = ops.pad(x, ((0, 0), (0, count * self.block - x.shape[1]), (0, 0), (0, 0)))
        return ops.reshape(x, (ops.shape(x)[0], count, self.block, *x.shape[2:]))

    def shares(self, query: Any, key: Any, mask: Any) -> Any:
        """Return with what weight each token takes each value, (B, heads, T, T)."""
        tokens = query.shape[1]
        allowed = np.kron(self.pattern(tokens), np.ones((self.block, self.block), bool))[:tokens, :tokens]
        allowed = ops.convert_to_tensor(np.tril(allowed) if self.causal else allowed)[None, None]
        if mask is not None:
            allowed = ops.logical_and(allowed, _columns(mask))
        scores = ops.einsum("bthd,bshd->bhts", query * self.head_width**-0.5, key)
        return ops.softmax(ops.where(allowed, scores, -1e30), axis=-1)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the layer again."""
        names = ("block", "near", "shared", "stride")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


def _columns(mask: Any) -> Any:
    """Return where attention is allowed, ``(B, 1, 1, S)``, or None."""
    return None if mask is None else mask[:, None, None, :]
