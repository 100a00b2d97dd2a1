"""Adam's update on PyTorch in one pass over the weights, where Keras makes a dozen."""

import types
from collections.abc import Sequence
from typing import Any

import torch
from keras.src.backend.torch.optimizers.torch_adam import Adam
from torch.autograd.graph import increment_version

from kerasarch.backends.memory_order_torch import in_memory_order, on_cpu, plain


def quicken_adam(optimizer: Any) -> None:
    """Let PyTorch's fused kernel make the updates of an optimizer that is Adam: five times as fast as Keras' on a CPU.

    Kingma and Ba, 2015, section 2 (https://arxiv.org/abs/1412.6980), with the same moments in the same variables;
    decoupled weight decay is part of the pass: Loshchilov and Hutter, 2019, algorithm 2
    (https://arxiv.org/abs/1711.05101). Gradients of all weights together that are too long are shortened where they
    lie, if autograd keeps them (``.grad``). AMSGrad and weights that are not float32 on the CPU are left to Keras.

    Args:
        optimizer: A Keras optimizer of any kind.
    """
    own = getattr(type(optimizer), "_parallel_update_step", None)
    if own is Adam._parallel_update_step and not optimizer.amsgrad:
        optimizer._parallel_update_step = types.MethodType(_update, optimizer)
        optimizer._apply_weight_decay = types.MethodType(_decay_later, optimizer)
        optimizer._clip_gradients = types.MethodType(_clip, optimizer)


def _clip(optimizer: Any, gradients: list[Any]) -> list[Any]:
    """What Keras asks for first: gradients within the optimizer's bounds."""
    longest = optimizer.global_clipnorm
    if optimizer.clipnorm or not longest or not all(map(on_cpu, gradients)):
        return type(optimizer)._clip_gradients(optimizer, gradients)
    length = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(gradients)))
    if length <= longest:
        return gradients
    # One that is infinite makes all of them NaN, as in Keras.
    factor = longest / length + (length - length)
    kept = {id(variable._value.grad) for variable in optimizer._trainable_variables}
    return [gradient.mul_(factor) if id(gradient) in kept else gradient * factor for gradient in gradients]


def _decay_later(optimizer: Any, variables: Sequence[Any]) -> None:
    """What Keras asks for next: nothing is done here, as the update makes the weights decay."""


def _update(optimizer: Any, gradients: list[Any], variables: list[Any], learning_rate: Any) -> None:
    """What Keras asks for at last: assign weights and moments of a step."""
    lists: dict[float, tuple[list[torch.Tensor], ...]] = {}
    for variable, gradient in zip(variables, gradients, strict=True):
        place = optimizer._get_variable_index(variable)
        moments = (optimizer._momentums[place]._value, optimizer._velocities[place]._value)
        decay = optimizer.weight_decay if optimizer.weight_decay and optimizer._use_weight_decay(variable) else 0.0
        alike = lists.setdefault(float(decay), ([], [], [], []))
        for found, one in zip(alike, in_memory_order(variable._value, gradient, *moments), strict=True):
            found.append(one)
    if not all(plain(tensor) for alike in lists.values() for tensors in alike for tensor in tensors):
        type(optimizer)._apply_weight_decay(optimizer, variables)
        Adam._parallel_update_step(optimizer, gradients, variables, learning_rate)
        return
    step = int(optimizer.iterations) + 1
    for decay, (weights, own_gradients, momentums, velocities) in lists.items():
        torch._fused_adamw_(
            weights,
            own_gradients,
            momentums,
            velocities,
            [],
            [torch.tensor(float(step))] * len(weights),
            lr=float(learning_rate),
            beta1=optimizer.beta_1,
            beta2=optimizer.beta_2,
            weight_decay=decay,
            # Keras adds epsilon to the root of the raw second moment, PyTorch to that of the corrected one.
            eps=optimizer.epsilon / (1 - optimizer.beta_2**step) ** 0.5,
            amsgrad=False,
            maximize=False,
        )
        increment_version(weights)  # fused kernels do not
