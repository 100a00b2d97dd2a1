"""Rotary positions, with the ways to stretch them over longer texts than were trained on."""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any, Literal, get_args

import keras
import numpy as np
from keras import ops

from kerasarch.errors import ShapeError, UsageError

Kind = Literal["linear", "dynamic", "llama3", "yarn"]
KINDS = get_args(Kind)


@dataclasses.dataclass(frozen=True)
class RotaryScaling:
    """How the angles of a [`RotaryEmbedding`][kerasarch.layers.RotaryEmbedding] are stretched.

    Attributes:
        kind: ``"linear"`` divides every angle (Chen et al., 2023, https://arxiv.org/abs/2306.15595); ``"dynamic"``
            raises the base with the length beyond ``trained``; ``"llama3"`` divides the slow angles alone, with a
            smooth passage (the Llama 3.1 release); ``"yarn"`` mixes by the number of turns within ``trained`` and
            sharpens the attention (Peng et al., 2023, section 3, https://arxiv.org/abs/2309.00071).
        factor: How many times longer texts may be.
        trained: Tokens of the texts of training; ``"linear"`` does not use it.
        low: ``"llama3"``: turns within ``trained`` below which an angle is divided by ``factor``.
        high: ``"llama3"``: turns above which it stays.
        slow: ``"yarn"``: turns below which an angle is divided.
        fast: ``"yarn"``: turns above which it stays.
        attention: ``"yarn"``: factor of queries and keys; None for ``0.1 ln(factor) + 1``.
    """

    kind: Kind
    factor: float
    trained: int = 2048
    low: float = 1.0
    high: float = 4.0
    slow: float = 1.0
    fast: float = 32.0
    attention: float | None = None


def scaling_of(given: RotaryScaling | Mapping[str, Any] | None) -> RotaryScaling | None:
    """Return a scaling, given it or its fields.

    Raises:
        UsageError: A field is unknown or missing.
    """
    if given is None or isinstance(given, RotaryScaling):
        return given
    names = [field.name for field in dataclasses.fields(RotaryScaling)]
    if not {"kind", "factor"} <= set(given) <= set(names):
        raise UsageError(
            f"A scaling of rotary positions has kind, factor and perhaps {', '.join(names[2:])}. "
            f"Received {', '.join(given)}."
        )
    return RotaryScaling(**given)


def plain_rotary(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of a `RotaryEmbedding` as plain values, which a file can hold."""
    scaling = scaling_of(arguments.get("scaling"))
    return {**arguments, "scaling": None if scaling is None else dataclasses.asdict(scaling)}


@keras.saving.register_keras_serializable(package="kerasarch")
class RotaryEmbedding(keras.layers.Layer):
    """Rotate queries or keys by their positions, so that products depend on distances alone.

    The pair ``(x_i, x_{i + d/2})`` turns by ``position * base ** (-2 i / d)``: Su et al., 2021, eq. 34
    (https://arxiv.org/abs/2104.09864). Pairs are made of halves, as in transformers, not of neighbours as in the paper;
    public weights of Llama, GPT-NeoX and others are stored for that. Angles are computed in float32.

    Args:
        base: The base of the angles.
        share: Share of the channels of a head that turn, from the first on.
        scaling: A [`RotaryScaling`][kerasarch.layers.RotaryScaling], or its fields; None for none.
        **kwargs: Passed to ``keras.layers.Layer``.

    Shapes:
        ``x (B, T, heads, width)``, ``positions (B, T)`` or ``(T,)``, whole numbers; None counts from 0. Returns the
        shape of x.

    Raises:
        UsageError: The scaling is of an unknown kind, or its factor is below 1.
        ShapeError: The channels that turn are no pairs.
    """

    def __init__(
        self,
        *,
        base: float = 10000.0,
        share: float = 1.0,
        scaling: RotaryScaling | dict[str, Any] | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        scaling = scaling_of(scaling)
        if scaling is not None and (scaling.kind not in KINDS or scaling.factor < 1):
            raise UsageError(
                f"{self.name}: scaling must be one of {', '.join(KINDS)}, with a factor of 1 or more. Received "
                f"{scaling.kind!r}, {scaling.factor}."
            )
        self.base = base
        self.share = share
        self.scaling = scaling

    def build(self, x_shape: tuple[int | None, ...], positions_shape: Any = None) -> None:
        """Check the width."""
        self._turning(x_shape[-1])

    def _turning(self, width: int | None) -> int:
        turning = int((width or 0) * self.share)
        least = 4 if self.scaling is not None and self.scaling.kind == "dynamic" else 2
        if turning < least or turning % 2:
            raise ShapeError(
                f"{self.name}: an even number of channels turns, at least {least}. Received a width of {width}, a "
                f"share of {self.share}."
            )
        return turning

    def call(self, x: Any, positions: Any = None) -> Any:  # (B, T, heads, width), (B, T) or (T,)
        """Return the rotated tensor."""
        turning = self._turning(x.shape[-1])
        if positions is None:
            positions = ops.arange(ops.shape(x)[1], dtype="int32")
        positions = ops.cast(positions, "float32")
        angles = ops.expand_dims(positions, -1) * self._speeds(turning, positions)  # (B, T, turning / 2), or without B
        angles = ops.expand_dims(angles, -2)  # one axis for the heads
        cosine, sine = ops.cos(angles) * self._size(), ops.sin(angles) * self._size()
        cosine = ops.cast(ops.concatenate([cosine, cosine], axis=-1), x.dtype)
        sine = ops.cast(ops.concatenate([-sine, sine], axis=-1), x.dtype)
        part = x[..., :turning]
        turned = part * cosine + ops.roll(part, turning // 2, axis=-1) * sine  # halves change places
        return turned if turning == x.shape[-1] else ops.concatenate([turned, x[..., turning:]], axis=-1)

    def _size(self) -> float:
        scaling = self.scaling
        if scaling is None or scaling.kind != "yarn":
            return 1.0
        return scaling.attention if scaling.attention is not None else 0.1 * math.log(scaling.factor) + 1

    def _speeds(self, turning: int, positions: Any) -> Any:
        """Return the angle from one position to the next for each pair."""
        exponents = np.arange(0, turning, 2, dtype="float64") / turning
        scaling = self.scaling
        if scaling is None:
            return ops.convert_to_tensor(self.base**-exponents, "float32")
        if scaling.kind == "dynamic":
            length = ops.maximum(ops.max(positions) + 1, scaling.trained)
            longer = scaling.factor * length / scaling.trained - (scaling.factor - 1)
            base = self.base * longer ** (turning / (turning - 2))
            return base ** -ops.convert_to_tensor(exponents, "float32")
        speeds = self.base**-exponents
        if scaling.kind == "linear":
            kept = np.zeros_like(speeds)
        elif scaling.kind == "llama3":
            turns = scaling.trained * speeds / (2 * math.pi)
            kept = np.clip((turns - scaling.low) / (scaling.high - scaling.low), 0, 1)
        else:
            kept = 1 - self._yarn_ramp(scaling, turning)
        return ops.convert_to_tensor(speeds * (kept + (1 - kept) / scaling.factor), "float32")

    def _yarn_ramp(self, scaling: RotaryScaling, turning: int) -> np.ndarray:
        """Return 0 for the pairs that stay, 1 for those that are divided, between them a straight line."""

        def pair(turns: float) -> float:
            return turning * math.log(scaling.trained / (turns * 2 * math.pi)) / (2 * math.log(self.base))

        low, high = max(math.floor(pair(scaling.fast)), 0), min(math.ceil(pair(scaling.slow)), turning - 1)
        return np.clip((np.arange(turning // 2) - low) / max(high - low, 1e-3), 0, 1)

    def compute_output_shape(self, x_shape: tuple[int | None, ...], positions_shape: Any = None) -> Any:
        """Return the shape of the output, that of the first input."""
        return tuple(x_shape)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the layer again."""
        scaling = None if self.scaling is None else dataclasses.asdict(self.scaling)
        return {**super().get_config(), "base": self.base, "share": self.share, "scaling": scaling}
