"""Gradient descent with momentum on PyTorch in one pass over the weights, where Keras makes three."""

import types
from typing import Any

import torch
from keras.src.backend.torch.optimizers.torch_sgd import SGD
from torch.autograd.graph import increment_version

from kerasarch.backends.memory_order_torch import in_memory_order, plain


def quicken_sgd(optimizer: Any) -> None:
    """Let PyTorch's fused kernel make the updates of an optimizer that is SGD with momentum.

    ``v = momentum v - rate g``, ``w = w + v``: Keras' form of Polyak, 1964. Nesterov's form, descent without momentum
    and weights that are not float32 on the CPU are left to Keras.

    Args:
        optimizer: A Keras optimizer of any kind.
    """
    own = getattr(type(optimizer), "_parallel_update_step", None)
    if own is SGD._parallel_update_step and optimizer.momentum and not optimizer.nesterov:
        optimizer._parallel_update_step = types.MethodType(_update, optimizer)


def _update(optimizer: Any, gradients: list[Any], variables: list[Any], learning_rate: Any) -> None:
    """What Keras asks for: assign weights and velocities of a step."""
    lists: tuple[list[torch.Tensor], ...] = ([], [], [])
    for variable, gradient in zip(variables, gradients, strict=True):
        velocity = optimizer.momentums[optimizer._get_variable_index(variable)]._value
        for found, one in zip(lists, in_memory_order(variable._value, gradient, velocity), strict=True):
            found.append(one)
    if not all(plain(tensor) for tensors in lists for tensor in tensors):
        SGD._parallel_update_step(optimizer, gradients, variables, learning_rate)
        return
    torch._fused_sgd_(
        *lists,
        weight_decay=0.0,
        momentum=optimizer.momentum,
        # PyTorch's velocity is momentum v + (1 - dampening) g, and the weight loses lr times it.
        dampening=1.0 + float(learning_rate),
        lr=-1.0,
        nesterov=False,
        maximize=False,
        is_first_step=False,
    )
    increment_version(lists[0])  # fused kernels do not
