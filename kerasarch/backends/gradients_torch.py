"""Gradients of stateful Keras code on PyTorch."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import torch

from kerasarch.backends.scope import Scope, current_scope, value_in


def differentiate(
    fn: Callable[[list[Any]], tuple[Any, Any]], variables: Sequence[keras.Variable], tensors: Sequence[Any]
) -> tuple[Any, Any, list[Any] | None]:
    """Run ``fn(tensors)`` and differentiate the loss it returns.

    The gradients can be differentiated again where PyTorch records operations: inside another differentiation, and
    in code outside ``torch.no_grad()``.

    Args:
        fn: Returns a scalar loss and anything else.
        variables: Variables to differentiate with respect to.
        tensors: Tensors to differentiate with respect to.

    Returns:
        The loss, what else ``fn`` returned, and the gradients of the variables and then of the tensors; None in place
        of all the gradients where the loss depends on none of them.
    """
    recorded = torch.is_grad_enabled()
    outer = current_scope()
    with torch.enable_grad():
        copies = [_copy(tensor) if recorded else tensor.detach().requires_grad_() for tensor in tensors]
        values = [value_in(outer, variable) for variable in variables]
        if recorded or not all(value.requires_grad for value in values):
            values = [_copy(value) for value in values]
            loss, aux = _run_with(fn, copies, variables, values, outer)
        else:
            loss, aux = fn(copies)
    sources = [*values, *copies]
    gradients: list[Any] | None = None
    if loss.requires_grad:
        found = torch.autograd.grad(loss, sources, create_graph=recorded, allow_unused=True)
        if any(gradient is not None for gradient in found):
            gradients = [
                torch.zeros_like(source) if gradient is None else gradient
                for gradient, source in zip(found, sources, strict=True)
            ]
    if not recorded:
        loss, aux = keras.tree.map_structure(_detached, (loss, aux))
    return loss, aux, gradients


def _run_with(
    fn: Any, copies: list[Any], variables: Sequence[Any], values: list[Any], outer: keras.StatelessScope | None
) -> tuple[Any, Any]:
    scope = Scope(outer, zip(variables, values, strict=True))
    with scope:
        loss, aux = fn(copies)
    for variable in scope.assigned.values():
        variable.assign(scope.get_current_value(variable))
    return loss, aux


def _copy(value: torch.Tensor) -> torch.Tensor:
    """Return a tensor that only this differentiation knows, connected to what the value was computed from.

    ``torch.autograd`` follows every path to a tensor; of one that is also used outside ``fn``, also those outside.
    """
    return value.view_as(value) if value.requires_grad else value.detach().requires_grad_()


def _detached(value: Any) -> Any:
    return value.detach() if isinstance(value, torch.Tensor) else value
