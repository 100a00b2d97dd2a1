"""The recurrence of Mamba-2, whose decay is one number a head: by matrix products within chunks of tokens."""

from typing import Any

import keras
from keras import ops

from kerasarch.backends import operations
from kerasarch.layers.selective_scan import chunks

MASKED = -1e30


def state_space_duality(
    x: Any, steps: Any, a: Any, b: Any, c: Any, state: Any = None, *, chunk: int = 256
) -> tuple[Any, Any]:
    """Run a state-space model with a matrix of states for each head.

    ``h_t = exp(steps_t a) h_{t-1} + steps_t x_t b_t^T``, ``y_t = h_t c_t``: Dao and Gu, 2024, eq. 2 and section 6
    (https://arxiv.org/abs/2405.21060). Within a chunk the outputs are those of masked attention,
    ``y = (L * c b^T) (steps x)`` with ``L_ij = exp(sum of steps a from j + 1 to i)``; what came before reaches it
    through the state. All in float32. Scores ``(B, H, chunk, chunk)`` of one chunk and one state a chunk are in memory.

    Args:
        x: ``(B, T, H, P)``, H heads of P channels.
        steps: ``(B, T, H)``, positive; where it is 0 the state stays.
        a: ``(H,)``, negative.
        b: ``(B, T, G, N)``, what each token writes; the heads of a group share it.
        c: ``(B, T, G, N)``, what each token reads.
        state: ``(B, H, P, N)``; None for zeros.
        chunk: Tokens of a chunk, which change nothing but time and memory.

    Returns:
        ``(B, T, H, P)`` and the state after the last token.
    """
    given = (x, steps, a, b, c) if state is None else (x, steps, a, b, c, state)
    if any(isinstance(tensor, keras.KerasTensor) for tensor in given):
        return StateSpaceDuality(chunk).symbolic_call(*given)
    return _scan(*given, chunk=chunk)


class StateSpaceDuality(keras.Operation):
    """The model as an operation of Keras' graphs, where tensors hold no numbers yet; see `state_space_duality`.

    Args:
        chunk: As there.
    """

    def __init__(self, chunk: int = 256):
        super().__init__()
        self.chunk = chunk

    def call(self, x: Any, steps: Any, a: Any, b: Any, c: Any, state: Any = None) -> tuple[Any, Any]:
        """Run the model."""
        return _scan(x, steps, a, b, c, state, chunk=self.chunk)

    def compute_output_spec(self, x: Any, steps: Any, a: Any, b: Any, c: Any, state: Any = None) -> tuple[Any, Any]:
        """Return shapes and types of outputs and state."""
        states = (x.shape[0], *x.shape[2:], b.shape[-1])
        return keras.KerasTensor(x.shape, "float32"), keras.KerasTensor(states, "float32")


def _scan(x: Any, steps: Any, a: Any, b: Any, c: Any, state: Any = None, *, chunk: int) -> tuple[Any, Any]:
    x, steps, a, b, c = (ops.cast(tensor, "float32") for tensor in (x, steps, a, b, c))
    heads, groups = x.shape[2], b.shape[2]
    # Heads by group: (B, T, G, R, P), (B, T, G, R), (G, R), state (B, G, R, P, N)
    shape = (*ops.shape(x)[:2], groups, heads // groups)
    x, steps, a = ops.reshape(x, (*shape, x.shape[3])), ops.reshape(steps, shape), ops.reshape(a, shape[2:])
    states = (shape[0], *shape[2:], x.shape[4], b.shape[3])
    state = ops.zeros(states, "float32") if state is None else ops.reshape(ops.cast(state, "float32"), states)
    if x.shape[1] == 1:
        outputs, state = _one_token(x, steps, a, b, c, state)
    else:
        sequences, tokens = chunks((x, steps, b, c), chunk)
        outputs, state = operations.scan_chunks(_chunk, (a,), state, sequences)
        outputs = ops.moveaxis(outputs, 0, 1)  # (B, chunks, Q, G, R, P)
        outputs = ops.reshape(outputs, (shape[0], -1, *ops.shape(outputs)[3:]))[:, :tokens]
    return ops.reshape(outputs, (*shape[:2], heads, x.shape[4])), ops.reshape(state, (shape[0], heads, *states[3:]))


def _one_token(x: Any, steps: Any, a: Any, b: Any, c: Any, state: Any) -> tuple[Any, Any]:
    decay = ops.exp(steps * a)[:, 0, ..., None, None]
    drive = (steps[..., None] * x)[:, 0, ..., None] * b[:, 0, :, None, None, :]
    state = decay * state + drive
    return ops.matmul(state, c[:, 0, :, None, :, None])[:, None, ..., 0], state


def _chunk(constants: Any, state: Any, parts: Any) -> tuple[Any, Any]:
    x, steps, b, c = parts  # (B, Q, G, R, P), (B, Q, G, R), (B, Q, G, N) twice
    logs = ops.cumsum(steps * constants[0], axis=1)
    by_head = ops.transpose(logs, (0, 2, 3, 1))  # (B, G, R, Q)
    places = ops.arange(x.shape[1])
    past = places[:, None] >= places
    # Masked before the exponential, which would be infinite where the future is
    between = ops.exp(ops.where(past, by_head[..., :, None] - by_head[..., None, :], MASKED))
    scores = ops.einsum("bign,bjgn->bgij", c, b)[:, :, None] * between  # (B, G, R, Q, Q)
    values = x * steps[..., None]
    y = ops.einsum("bgrij,bjgrp->bigrp", scores, values)
    y = y + ops.einsum("bign,bgrpn->bigrp", c, state) * ops.exp(logs)[..., None]
    left = ops.exp(logs[:, -1:] - logs)[..., None]  # what remains of a token at the end of the chunk
    written = ops.einsum("bjgrp,bjgn->bgrpn", values * left, b)
    return ops.exp(by_head[..., -1])[..., None, None] * state + written, y
