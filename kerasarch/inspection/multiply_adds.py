"""How many multiplications with an addition an operation takes for one example.

Counted as in the papers of convolutional networks and by fvcore: convolutions, matrix products and attention, one a
weight and place. Additions of biases, normalisation, activations and pooling are not counted.
"""

import math
from collections.abc import Callable
from typing import Any

import keras

from kerasarch.inspection.graph import Step
from kerasarch.layers import CausalDepthwiseConv1D

layers = keras.layers
_CONVOLUTIONS = (layers.Conv1D, layers.Conv2D, layers.Conv3D)
_DEPTHWISE = (layers.DepthwiseConv1D, layers.DepthwiseConv2D)
_SEPARABLE = (layers.SeparableConv1D, layers.SeparableConv2D)
_TRANSPOSED = (layers.Conv1DTranspose, layers.Conv2DTranspose, layers.Conv3DTranspose)
_RECURRENT = (layers.LSTM, layers.GRU, layers.SimpleRNN)


def is_known(layer: keras.Layer) -> bool:
    """Return whether a layer is counted by its class, so that it need not be taken apart."""
    if _rule(layer) is not None:
        return True
    return _is_keras(layer) and not list(layer._flatten_layers(include_self=False, recursive=False))


def _is_keras(layer: keras.Layer) -> bool:
    """Whether a layer is one of Keras', or made from one: those without a rule multiply nothing that is counted."""
    return any(
        kind.__module__.startswith("keras.src.layers.") and kind is not keras.Layer for kind in type(layer).__mro__
    )


def multiply_adds(step: Step) -> int | None:
    """Return the multiply-adds of a step for one example, or None where they are unknown.

    Args:
        step: A step of a model.
    """
    operation = step.operation
    rule = _rule(operation)
    if rule is not None:
        return int(rule(step))
    if step.opaque:
        return None
    if isinstance(operation, keras.Layer) and operation.weights and not _is_keras(operation):
        return None
    return 0


def _rule(operation: Any) -> Callable[[Step], int] | None:
    for kinds, rule in _LAYERS:
        if isinstance(operation, kinds):
            return rule
    return _OPERATIONS.get(type(operation).__name__) if not isinstance(operation, keras.Layer) else None


def _places(step: Step, tensor: Any) -> int:
    """Positions of a map of channels."""
    data_format = getattr(step.operation, "data_format", None) or keras.config.image_data_format()
    first = data_format == "channels_first"
    return math.prod(tensor.shape[2:] if first else tensor.shape[1:-1])


def _convolution(step: Step) -> int:
    kernel = step.operation.kernel  # already divided by the groups
    return math.prod(kernel.shape) * _places(step, step.outputs[0])


def _depthwise(step: Step) -> int:
    return math.prod(step.operation.kernel.shape) * _places(step, step.outputs[0])


def _separable(step: Step) -> int:
    kernels = step.operation.depthwise_kernel, step.operation.pointwise_kernel
    return sum(math.prod(kernel.shape) for kernel in kernels) * _places(step, step.outputs[0])


def _transposed(step: Step) -> int:
    return math.prod(step.operation.kernel.shape) * _places(step, step.inputs[0])


def _dense(step: Step) -> int:
    return step.inputs[0].shape[-1] * math.prod(step.outputs[0].shape[1:])


def _einsum_dense(step: Step) -> int:
    operation = step.operation
    return _einsum_cost(operation.equation, [step.inputs[0].shape, operation.kernel.shape])


def _recurrent(step: Step) -> int:
    cell = step.operation.cell
    return step.inputs[0].shape[1] * (math.prod(cell.kernel.shape) + math.prod(cell.recurrent_kernel.shape))


def _shapes(step: Step) -> list[tuple]:
    flat = keras.tree.flatten(step.arguments)
    return [tuple(part.shape) for part in flat if hasattr(part, "shape") and hasattr(part, "dtype")]


def _einsum(step: Step) -> int:
    return _einsum_cost(step.operation.subscripts, _shapes(step))


def _einsum_cost(equation: str, shapes: list[tuple]) -> int:
    """Product of the sizes of all indices but the batch, whose size is unknown."""
    sizes: dict[str, int] = {}
    left = equation.replace(" ", "").split("->")[0].split(",")
    if len(left) < 2:
        return 0
    dots = max(
        (len(shape) - len(names.replace("...", "")) for names, shape in zip(left, shapes, strict=True)), default=0
    )
    for names, shape in zip(left, shapes, strict=True):
        inside = "".join(chr(0x391 + place) for place in range(dots)) if "..." in names else ""
        for name, size in zip(names.replace("...", inside), shape, strict=True):
            sizes[name] = 1 if size is None else size
    return math.prod(sizes.values())


def _matmul(step: Step) -> int:
    first = _shapes(step)[0]
    inner = first[-1] or 1
    return inner * math.prod(size or 1 for size in step.outputs[0].shape)


def _kernel(step: Step) -> tuple:
    """Shape of the kernel that an operation was given."""
    return _shapes(step)[1]


def _attention(step: Step) -> int:
    """Scores and weighted sum: ``(B, T, heads, width)`` with ``(B, S, heads, width)``."""
    query, key = step.inputs[0].shape, step.inputs[1].shape
    return 2 * query[1] * key[1] * query[2] * query[3]


def _selective_scan(step: Step) -> int:
    """What is written to each state, its update and what is read: ``(B, T, D)`` with ``(D, N)``."""
    _, tokens, channels = step.inputs[0].shape
    return 3 * tokens * channels * step.outputs[1].shape[-1]


def _state_space_duality(step: Step) -> int:
    """Scores and weighted sums within chunks, writing and reading states: ``(B, T, H, P)`` with ``(B, T, G, N)``."""
    _, tokens, heads, width = step.inputs[0].shape
    groups, states = step.inputs[3].shape[2:]
    chunk = min(step.operation.chunk, tokens)
    return tokens * (chunk * (groups * states + heads * width) + 2 * heads * width * states)


_LAYERS: tuple[tuple[tuple[type, ...], Callable[[Step], int]], ...] = (
    (_SEPARABLE, _separable),
    (_DEPTHWISE, _depthwise),
    (_TRANSPOSED, _transposed),
    (_CONVOLUTIONS, _convolution),
    ((layers.Dense,), _dense),
    ((layers.EinsumDense,), _einsum_dense),
    ((CausalDepthwiseConv1D,), lambda step: math.prod(step.operation.kernel.shape) * step.outputs[0].shape[1]),
    (_RECURRENT, _recurrent),
)

_OPERATIONS: dict[str, Callable[[Step], int]] = {
    "Conv": lambda step: math.prod(_kernel(step)) * _places(step, step.outputs[0]),
    "ConvTranspose": lambda step: math.prod(_kernel(step)) * _places(step, step.inputs[0]),
    "DepthwiseConv": lambda step: math.prod(_kernel(step)) * _places(step, step.outputs[0]),
    "Matmul": _matmul,
    "Einsum": _einsum,
    "Dot": _matmul,
    "Attend": _attention,
    "DotProductAttention": _attention,
    "SelectiveScan": _selective_scan,
    "StateSpaceDuality": _state_space_duality,
}
