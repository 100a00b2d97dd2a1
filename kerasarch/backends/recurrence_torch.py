"""Recurrences over long sequences on PyTorch, with memory that does not hold every state."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch.autograd.function import once_differentiable
from torch.utils.checkpoint import checkpoint

# Tokens whose states are in memory together: measured on a CPU, fewer take longer for the checkpoints
CHUNK = 64


def scan_chunks(
    step: Callable[..., Any], constants: Sequence[Any], state: Any, sequences: Sequence[Any]
) -> tuple[Any, Any]:
    """Run a step over chunks, one after the other: see ``operations.scan_chunks``."""
    found = []
    for parts in zip(*sequences, strict=True):
        if torch.is_grad_enabled():
            state, output = checkpoint(step, constants, state, parts, use_reentrant=False, preserve_rng_state=False)
        else:
            state, output = step(constants, state, parts)
        found.append(output)
    return torch.stack(found), state


def linear_recurrence(decay: Any, drive: Any, start: Any) -> Any:
    """Return ``h_t = decay_t h_{t-1} + drive_t``: see ``operations.linear_recurrence``. No second derivatives."""
    return _LinearRecurrence.apply(decay, drive, start)


class _LinearRecurrence(torch.autograd.Function):
    """One multiplication with an addition a step, forward and backward, where autograd would record three."""

    @staticmethod
    def forward(ctx: Any, decay: torch.Tensor, drive: torch.Tensor, start: torch.Tensor) -> torch.Tensor:
        states = torch.empty_like(drive)
        state = start
        for place in range(len(drive)):
            state = torch.addcmul(drive[place], decay[place], state, out=states[place])
        ctx.save_for_backward(decay, states, start)
        return states

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor, ...]:
        decay, states, start = ctx.saved_tensors
        to_drive = torch.empty_like(states)
        to_drive[-1] = gradient[-1]
        for place in range(len(states) - 2, -1, -1):
            torch.addcmul(gradient[place], decay[place + 1], to_drive[place + 1], out=to_drive[place])
        to_decay = torch.empty_like(decay)
        torch.mul(to_drive[1:], states[:-1], out=to_decay[1:])
        torch.mul(to_drive[0], start, out=to_decay[0])
        return to_decay, to_drive, decay[0] * to_drive[0]
