"""The recurrence of Mamba, whose matrices depend on the token: one chunk of tokens at a time."""

from typing import Any

import keras
from keras import ops

from kerasarch.backends import operations


def selective_scan(x: Any, steps: Any, a: Any, b: Any, c: Any, state: Any = None) -> tuple[Any, Any]:
    """Run a diagonal state-space model with a state of its own for each channel.

    ``h_t = exp(steps_t a) h_{t-1} + steps_t x_t b_t^T``, ``y_t = h_t c_t``: Gu and Dao, 2023, algorithm 2
    (https://arxiv.org/abs/2312.00752), with their discretisation of b by Euler's rule. All in float32.

    The states of `RECURRENCE_CHUNK` tokens and one state a chunk are in memory, never those of all tokens, in gradients
    neither: the states of a chunk are computed again from the one at its start (their section 3.3.2).

    Args:
        x: ``(B, T, D)``.
        steps: ``(B, T, D)``, positive; where it is 0 the state stays.
        a: ``(D, N)``, negative.
        b: ``(B, T, N)``, what each token writes.
        c: ``(B, T, N)``, what each token reads.
        state: ``(B, D, N)``; None for zeros.

    Returns:
        ``(B, T, D)`` and the state after the last token.
    """
    given = (x, steps, a, b, c) if state is None else (x, steps, a, b, c, state)
    if any(isinstance(tensor, keras.KerasTensor) for tensor in given):
        return SelectiveScan().symbolic_call(*given)
    return _scan(*given)


class SelectiveScan(keras.Operation):
    """The scan as an operation of Keras' graphs, where tensors hold no numbers yet; see `selective_scan`."""

    def call(self, x: Any, steps: Any, a: Any, b: Any, c: Any, state: Any = None) -> tuple[Any, Any]:
        """Run the model."""
        return _scan(x, steps, a, b, c, state)

    def compute_output_spec(self, x: Any, steps: Any, a: Any, b: Any, c: Any, state: Any = None) -> tuple[Any, Any]:
        """Return shapes and types of outputs and state."""
        return keras.KerasTensor(x.shape, "float32"), keras.KerasTensor((x.shape[0], *a.shape), "float32")


def _scan(x: Any, steps: Any, a: Any, b: Any, c: Any, state: Any = None) -> tuple[Any, Any]:
    x, steps, a, b, c = (ops.cast(tensor, "float32") for tensor in (x, steps, a, b, c))
    state = ops.zeros((ops.shape(x)[0], *a.shape), "float32") if state is None else ops.cast(state, "float32")
    if x.shape[1] == 1:
        decay, drive = _discrete(x[:, 0], steps[:, 0], a, b[:, 0])
        state = decay * state + drive
        return ops.matmul(state, c[:, 0, :, None])[:, None, :, 0], state
    sequences, tokens = chunks((x, steps, b, c), operations.RECURRENCE_CHUNK, time_first=True)
    outputs, state = operations.scan_chunks(_chunk, (a,), state, sequences)
    outputs = ops.reshape(outputs, (-1, *ops.shape(outputs)[2:]))[:tokens]
    return ops.swapaxes(outputs, 0, 1), state


def _discrete(x: Any, steps: Any, a: Any, b: Any) -> tuple[Any, Any]:  # (..., D), (..., D), (D, N), (..., N)
    return ops.exp(steps[..., None] * a), (steps * x)[..., None] * b[..., None, :]


def _chunk(constants: Any, state: Any, parts: Any) -> tuple[Any, Any]:
    x, steps, b, c = parts  # (Q, B, D) or (Q, B, N)
    states = operations.linear_recurrence(*_discrete(x, steps, constants[0], b), state)  # (Q, B, D, N)
    return states[-1], ops.matmul(states, c[..., None])[..., 0]


def chunks(sequences: tuple[Any, ...], size: int, *, time_first: bool = False) -> tuple[list[Any], Any]:
    """Part sequences into chunks, with zeros behind the last token.

    Args:
        sequences: Tensors ``(B, T, ...)``.
        size: Tokens of a chunk; fewer where there are fewer.
        time_first: Whether the tokens come before the batch.

    Returns:
        Tensors ``(chunks, B, size, ...)`` or ``(chunks, size, B, ...)``, and the number of tokens.
    """
    tokens = sequences[0].shape[1]
    if tokens is None:
        tokens = ops.shape(sequences[0])[1]
    else:
        size = min(size, tokens)
    parted = []
    for tensor in sequences:
        tensor = ops.pad(tensor, [(0, 0), (0, -tokens % size), *[(0, 0)] * (len(tensor.shape) - 2)])
        batch, _, *rest = ops.shape(tensor)
        tensor = ops.reshape(tensor, (batch, -1, size, *rest))
        parted.append(ops.moveaxis(tensor, 0, 2 if time_first else 1))
    return parted, tokens
