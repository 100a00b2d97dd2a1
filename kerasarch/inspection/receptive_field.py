"""Which part of a picture one unit of a map depends on, through any graph of layers.

Along each axis unit ``i`` of a map sees the places ``low + i step ... high + i step`` of the input, places outside
included. A convolution of kernel ``k``, dilation ``d``, stride ``s`` and ``p`` places of padding in front makes of
this ``low - p step``, ``high + ((k - 1) d - p) step`` and ``s step`` (Araujo et al., 2019, section 2,
https://distill.pub/2019/computing-receptive-fields). Where paths meet, the union counts.
"""

import dataclasses
import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any, Literal

import keras

from kerasarch.inspection.graph import Step

layers = keras.layers


@dataclasses.dataclass(frozen=True)
class Axis:
    """What the units of a map see along one axis.

    Attributes:
        low: First place that unit 0 sees; negative in the padding.
        high: Last place that unit 0 sees.
        step: Places between what neighbouring units see: the product of the strides, a fraction where maps grow.
    """

    low: Fraction = Fraction(0)
    high: Fraction = Fraction(0)
    step: Fraction = Fraction(1)

    @property
    def size(self) -> int:
        """Places that a unit sees; where maps have grown, the most that any unit may see."""
        return math.floor(self.high - self.low) + 1


Field = tuple[Axis, ...] | Literal["all"] | None
"""An axis each of the map; ``"all"`` where a unit may depend on every place; None where units have no place."""


Places = dict[int, int | None]
"""The axes of a tensor that are neither batch nor channels, and their sizes."""


def first_field(tensor: Any, data_format: str) -> Field:
    """Return the field of an input: each unit sees itself."""
    return (Axis(),) * len(_places(tensor, data_format)) or None


def field_of(step: Step, fields: list[Field], data_format: str) -> Field:
    """Return the field of a step's first output.

    Args:
        step: The step.
        fields: Those of its inputs.
        data_format: Where the channels are in tensors whose operation does not say.
    """
    if not fields:
        return None
    operation = step.operation
    data_format = getattr(operation, "data_format", None) or data_format
    rule = _rule(operation)
    if rule is not None:
        first = fields[0]
        if not isinstance(first, tuple):
            return first
        places = _places(step.inputs[0], data_format)
        return rule(step, first, places) if len(places) == len(first) else "all"
    return _pointwise(step, fields, data_format)


def _places(tensor: Any, data_format: str) -> Places:
    count = len(tensor.shape)
    axes = range(2, count) if data_format == "channels_first" else range(1, count - 1)
    return {axis: tensor.shape[axis] for axis in axes}


def _pointwise(step: Step, fields: list[Field], data_format: str) -> Field:
    """Operations that keep places: elementwise ones, products over channels; others see all they are given."""
    output = step.outputs[0]
    places = _places(output, data_format)
    if not places:
        return "all" if len(output.shape) == 2 and any(field is not None for field in fields) else None
    kept: list[tuple[Axis, ...]] = []
    mixes = _mixes_places(step.operation)
    for tensor, field in zip(step.inputs, fields, strict=True):
        if field == "all":
            return "all"
        if not isinstance(field, tuple):
            if len(tensor.shape) == len(output.shape):
                return None
            continue
        given = _places(tensor, data_format)
        if mixes or given != places:
            same = math.prod(size or 1 for size in given.values()) == math.prod(size or 1 for size in places.values())
            return None if len(given) != len(places) or (same and not mixes) else "all"
        kept.append(field)
    return union(kept) if kept else None


def _mixes_places(operation: Any) -> bool:
    """Whether an operation that keeps the shape lets places see each other."""
    if isinstance(operation, layers.GroupNormalization):
        return True
    if isinstance(operation, layers.LayerNormalization):
        axes = operation.axis if isinstance(operation.axis, (list, tuple)) else [operation.axis]
        return len(axes) > 1
    return False


def union(fields: list[tuple[Axis, ...]]) -> Field:
    """Return what units see that see the places of several fields; "all" where their steps differ."""
    joined = []
    for axes in zip(*fields, strict=True):
        if len({axis.step for axis in axes}) > 1:
            return "all"
        joined.append(Axis(min(axis.low for axis in axes), max(axis.high for axis in axes), axes[0].step))
    return tuple(joined)


def _window(axis: Axis, kernel: int, stride: int, dilation: int, before: int) -> Axis:
    reach = (kernel - 1) * dilation
    return Axis(axis.low - before * axis.step, axis.high + (reach - before) * axis.step, axis.step * stride)


def _padding(padding: str, size: int | None, kernel: int, stride: int, dilation: int) -> int:
    """Places in front under TensorFlow's rules."""
    reach = (kernel - 1) * dilation
    if padding == "causal":
        return reach
    if padding != "same":
        return 0
    if size is None:
        return reach // 2
    return max((-(-size // stride) - 1) * stride + reach + 1 - size, 0) // 2


def _tuple(value: Any, count: int) -> tuple[int, ...]:
    return tuple(value) if isinstance(value, (list, tuple)) else (value,) * count


def _windows(step: Step, field: tuple[Axis, ...], places: Places) -> Field:
    """Convolutions and pooling."""
    operation, count = step.operation, len(field)
    kernel = getattr(operation, "kernel_size", None) or getattr(operation, "pool_size", None)
    kernel = _tuple(kernel or _kernel_shape(step)[:-2], count)
    stride = _tuple(operation.strides or kernel, count)  # pooling steps by its size unless told otherwise
    dilation = _tuple(getattr(operation, "dilation_rate", 1), count)
    rows = zip(field, places.values(), kernel, stride, dilation, strict=True)
    return tuple(_window(axis, k, s, d, _padding(operation.padding, size, k, s, d)) for axis, size, k, s, d in rows)


def _kernel_shape(step: Step) -> tuple[int, ...]:
    """Shape of the kernel that an operation, not a layer, was given."""
    given = [part for part in keras.tree.flatten(step.arguments) if hasattr(part, "shape") and hasattr(part, "dtype")]
    return tuple(given[1].shape)


def _grown(step: Step, field: tuple[Axis, ...], places: Places) -> Field:
    """Transposed convolutions: output ``o`` sees the inputs ``(o + p - (k - 1) d) / s ... (o + p) / s``."""
    operation, count = step.operation, len(field)
    kernel, stride = operation.kernel_size, _tuple(operation.strides, count)
    dilation = _tuple(operation.dilation_rate, count)
    outputs = _places(step.outputs[0], operation.data_format).values()
    found = []
    for axis, size, out, k, s, d in zip(field, places.values(), outputs, kernel, stride, dilation, strict=True):
        reach = (k - 1) * d
        whole = None if size is None else (size - 1) * s + reach + 1
        cut = 0 if whole is None or out is None else max(whole - out, 0) // 2
        low = Fraction(cut - reach, s)
        high = Fraction(cut, s)
        found.append(Axis(axis.low + low * axis.step, axis.high + high * axis.step, axis.step / s))
    return tuple(found)


def _padded(step: Step, field: tuple[Axis, ...], places: Places) -> Field:
    pairs = step.operation.padding
    pairs = [pairs] if len(field) == 1 and isinstance(pairs[0], int) else pairs
    return tuple(
        Axis(axis.low - before * axis.step, axis.high - before * axis.step, axis.step)
        for axis, (before, _) in zip(field, pairs, strict=True)
    )


def _padded_by_operation(step: Step, field: tuple[Axis, ...], places: Places) -> Field:
    pairs = step.operation.pad_width
    return tuple(
        Axis(axis.low - pairs[place][0] * axis.step, axis.high - pairs[place][0] * axis.step, axis.step)
        for axis, place in zip(field, places, strict=True)
    )


def _cropped(step: Step, field: tuple[Axis, ...], places: Places) -> Field:
    pairs = step.operation.cropping
    pairs = [pairs] if len(field) == 1 and isinstance(pairs[0], int) else pairs
    return tuple(
        Axis(axis.low + before * axis.step, axis.high + before * axis.step, axis.step)
        for axis, (before, _) in zip(field, pairs, strict=True)
    )


def _repeated(step: Step, field: tuple[Axis, ...], places: Places) -> Field:
    if getattr(step.operation, "interpolation", "nearest") != "nearest":
        return "all"  # depends on the filter
    factors = _tuple(step.operation.size, len(field))
    return tuple(
        Axis(axis.low - axis.step * Fraction(factor - 1, factor), axis.high, axis.step / factor)
        for axis, factor in zip(field, factors, strict=True)
    )


def _everything(step: Step, field: tuple[Axis, ...], places: Places) -> Field:
    return "all"


def _unplaced(step: Step, field: tuple[Axis, ...], places: Places) -> Field:
    """Flattened or reshaped maps: a vector holds all places, rows of tokens have none that is known here."""
    return "all" if len(step.outputs[0].shape) == 2 else None


def _rule(operation: Any) -> Callable[[Step, tuple[Axis, ...], Places], Field] | None:
    for kinds, rule in _LAYERS:
        if isinstance(operation, kinds):
            return rule
    return None if isinstance(operation, keras.Layer) else _OPERATIONS.get(type(operation).__name__)


_LAYERS: tuple[tuple[tuple[type, ...], Any], ...] = (
    ((layers.Conv1DTranspose, layers.Conv2DTranspose, layers.Conv3DTranspose), _grown),
    (
        (
            *(layers.Conv1D, layers.Conv2D, layers.Conv3D),
            *(layers.DepthwiseConv1D, layers.DepthwiseConv2D, layers.SeparableConv1D, layers.SeparableConv2D),
            *(layers.MaxPooling1D, layers.MaxPooling2D, layers.MaxPooling3D),
            *(layers.AveragePooling1D, layers.AveragePooling2D, layers.AveragePooling3D),
        ),
        _windows,
    ),
    ((layers.ZeroPadding1D, layers.ZeroPadding2D, layers.ZeroPadding3D), _padded),
    ((layers.Cropping1D, layers.Cropping2D, layers.Cropping3D), _cropped),
    ((layers.UpSampling1D, layers.UpSampling2D, layers.UpSampling3D), _repeated),
    (
        (
            *(layers.GlobalAveragePooling1D, layers.GlobalAveragePooling2D, layers.GlobalAveragePooling3D),
            *(layers.GlobalMaxPooling1D, layers.GlobalMaxPooling2D, layers.GlobalMaxPooling3D),
        ),
        _everything,
    ),
    ((layers.Flatten, layers.Reshape), _unplaced),
)

_OPERATIONS: dict[str, Any] = {
    "AveragePool": _windows,
    "Conv": _windows,
    "DepthwiseConv": _windows,
    "MaxPool": _windows,
    "Pad": _padded_by_operation,
}
