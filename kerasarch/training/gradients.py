"""Gradients of ordinary Keras code, written once for JAX, TensorFlow and PyTorch."""

import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import keras
from keras import ops, tree

from kerasarch import backends
from kerasarch.errors import ShapeError, TrainingError, UsageError

_STATE = threading.local()


def value_and_grad(fn: Callable, variables: Sequence[keras.Variable], has_aux: bool = False) -> Callable:
    """Return a function that gives the loss ``fn`` computes and its gradients with respect to variables.

    ``(L, dL/dv for v in variables)`` where ``L = fn(*args)``. ``fn`` is ordinary stateful Keras code: what it assigns
    (BatchNorm statistics, seed generators, metrics) is assigned. Inside ``fn`` there may be further `value_and_grad`
    and `grad`. A variable that the loss does not depend on gets zeros.

    Args:
        fn: Returns a scalar loss, or with ``has_aux`` a pair of a loss and any nest of tensors.
        variables: Keras variables, such as ``network.trainable_variables``.
        has_aux: Whether ``fn`` returns a pair.

    Returns:
        A function with the arguments of ``fn`` that returns ``(loss, gradients)``, or ``((loss, aux), gradients)``.

    Raises:
        UsageError: ``variables`` are not floating-point Keras variables, or the loss is not a floating-point tensor.
        ShapeError: The loss is not a scalar.
        TrainingError: The loss depends on none of the variables by a differentiable path.

    Example:
        >>> loss, gradients = value_and_grad(lambda x: ops.mean(network(x) ** 2), network.trainable_variables)(x)
    """
    variables = _checked_variables(variables)

    def differentiated(*args: Any, **keywords: Any) -> Any:
        loss, aux, gradients = _differentiate(
            fn, lambda _: fn(*args, **keywords), variables, [], has_aux, f"the {len(variables)} variables"
        )
        return ((loss, aux) if has_aux else loss), gradients

    return differentiated


def grad(fn: Callable, has_aux: bool = False) -> Callable:
    """Return a function that gives the gradient of a scalar with respect to the first argument of ``fn``.

    ``dL/dx`` where ``L = fn(x, *args)``. For one gradient an example of a batch take the sum over the batch:
    ``grad(lambda x: ops.sum(critic(x)))(images)``. It nests, in itself and in `value_and_grad`.

    Args:
        fn: Returns a scalar, or with ``has_aux`` a pair of a scalar and any nest of tensors.
        has_aux: Whether ``fn`` returns a pair.

    Returns:
        A function with the arguments of ``fn`` that returns the gradient, or ``(gradient, aux)``. The first argument
        is a floating-point tensor or a nest of them (a list of weights, for instance); the gradient is the same nest.

    Raises:
        UsageError: The first argument is no floating-point tensor, or the loss is not one.
        ShapeError: The loss is not a scalar.
        TrainingError: The loss does not depend on the first argument by a differentiable path.
    """

    def differentiated(x: Any, *args: Any, **keywords: Any) -> Any:
        tensors = [_checked_tensor(tensor) for tensor in tree.flatten(x)]

        def run(copies: list[Any]) -> Any:
            return fn(tree.pack_sequence_as(x, copies), *args, **keywords)

        _, aux, gradients = _differentiate(fn, run, [], tensors, has_aux, "its first argument")
        gradient = tree.pack_sequence_as(x, gradients)
        return (gradient, aux) if has_aux else gradient

    return differentiated


@contextlib.contextmanager
def shapes_only() -> Iterator[None]:
    """Within it differentiated code runs, but gradients are zeros: for building what a step uses from shapes alone."""
    before = getattr(_STATE, "shapes_only", False)
    _STATE.shapes_only = True
    try:
        yield
    finally:
        _STATE.shapes_only = before


def only_shapes() -> bool:
    """Whether code runs within `shapes_only`."""
    return getattr(_STATE, "shapes_only", False)


def _differentiate(
    fn: Callable, run: Callable, variables: Sequence[keras.Variable], tensors: list[Any], has_aux: bool, inputs: str
) -> tuple[Any, Any, list[Any]]:
    def checked(copies: list[Any]) -> tuple[Any, Any]:
        return _checked_loss(fn, run(copies), has_aux)

    if only_shapes():
        loss, aux = checked(tensors)
        return loss, aux, [ops.zeros(source.shape, source.dtype) for source in [*variables, *tensors]]
    loss, aux, gradients = backends.differentiate(checked, variables, tensors)
    if gradients is None:
        raise TrainingError(
            f"{_name(fn)}: the loss depends on none of {inputs} by a path that has a derivative. Expected a loss "
            "computed from them; argmax, comparisons, casts to integers, stop_gradient and NumPy have no derivative."
        )
    return loss, aux, list(gradients)


def _checked_variables(variables: Any) -> list[keras.Variable]:
    if isinstance(variables, keras.Variable) or not isinstance(variables, (list, tuple)):
        raise UsageError(
            f"value_and_grad: received variables={variables!r}. Expected a list of Keras variables, for instance "
            "network.trainable_variables."
        )
    if not variables:
        raise UsageError(
            "value_and_grad: received no variables. Expected at least one; build the network before (give it an Input, "
            "or call it once) and check that it is trainable."
        )
    for variable in variables:
        if not isinstance(variable, keras.Variable):
            raise UsageError(
                f"value_and_grad: received a {type(variable).__name__} among the variables. Expected Keras variables, "
                "for instance network.trainable_variables; for tensors there is grad."
            )
        if not _floating(variable):
            raise UsageError(
                f"value_and_grad: received variable {variable.path!r} of type {variable.dtype}. Expected floating "
                "point; leave it out."
            )
    return list(variables)


def _checked_tensor(tensor: Any) -> Any:
    tensor = ops.convert_to_tensor(tensor)
    if not _floating(tensor):
        raise UsageError(
            f"grad: received a first argument of type {keras.backend.standardize_dtype(tensor.dtype)}. Expected "
            "floating point; cast it, or differentiate with respect to another argument."
        )
    return tensor


def _checked_loss(fn: Callable, result: Any, has_aux: bool) -> tuple[Any, Any]:
    aux = None
    if has_aux:
        if not isinstance(result, (tuple, list)) or len(result) != 2:
            raise UsageError(
                f"{_name(fn)}: received has_aux=True and a {type(result).__name__}. Expected a pair (loss, aux)."
            )
        result, aux = result
    if isinstance(result, (tuple, list, dict)):
        raise UsageError(
            f"{_name(fn)}: received a {type(result).__name__} as loss. Expected one scalar; with has_aux=True a pair."
        )
    if isinstance(result, keras.Variable):
        result = ops.convert_to_tensor(result)
    if not ops.is_tensor(result):
        raise UsageError(
            f"{_name(fn)}: received a loss of type {type(result).__name__}. Expected a tensor computed by keras.ops."
        )
    if len(result.shape) != 0:
        raise ShapeError(
            f"{_name(fn)}: received a loss of shape {tuple(result.shape)}. Expected a scalar; take ops.mean or ops.sum."
        )
    if not _floating(result):
        raise UsageError(
            f"{_name(fn)}: received a loss of type {keras.backend.standardize_dtype(result.dtype)}. Expected floating "
            "point; cast it."
        )
    return result, aux


def _floating(value: Any) -> bool:
    return keras.backend.is_float_dtype(keras.backend.standardize_dtype(value.dtype))


def _name(fn: Callable) -> str:
    return getattr(fn, "__qualname__", None) or type(fn).__name__
