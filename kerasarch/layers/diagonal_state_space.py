"""A state-space model with a diagonal matrix: a convolution in training, a recurrence in decoding."""

import math
from typing import Any, Literal

import keras
from keras import ops

from kerasarch.errors import ShapeError, UsageError
from kerasarch.layers.mamba_mixer import masked

INITIAL = ("lin", "inv", "real")
DISCRETIZATIONS = ("zoh", "bilinear")
# Powers are products of one within a block and one of the block: memory for the root of the tokens, nearly
BLOCK = 64


@keras.saving.register_keras_serializable(package="kerasarch")
class DiagonalStateSpace(keras.layers.Layer):
    """S4D: each channel drives N states that swing and fade, and reads them.

    ``h' = A h + u``, ``y = Re(C h) + skip u`` with a diagonal A of complex numbers and one step size a channel: Gu et
    al., 2022 (https://arxiv.org/abs/2206.11893), with B fixed at 1. In training a causal convolution by FFT with the
    kernel ``K_l = 2 Re(sum_n C_n B_n A_n^l)`` of the discretised A and B, their eq. 4; with a cache the recurrence
    ``h_t = A h_{t-1} + B u_t``. Complex numbers are pairs of float32, whatever the dtype policy says.

    The paper's code trains step sizes and A ten times slower than the rest, and without weight decay.

    Args:
        states: States of a channel (N). Complex ones come in conjugate pairs, of which one is kept: N / 2 numbers.
        initial: A at the beginning, their section 4: ``"lin"`` is ``-1/2 + pi n i``, ``"inv"``
            ``-1/2 + N/pi (N / (2n + 1) - 1) i``, ``"real"`` ``-(n + 1)``, which stays real.
        discretization: ``"zoh"`` holds the input through a step, ``"bilinear"`` is Tustin's rule; their eq. 3.
        steps: Least and largest step size at the beginning.
        **kwargs: Passed to ``keras.layers.Layer``.

    Shapes:
        B batch, T tokens, D channels: ``x (B, T, D) -> (B, T, D)``. ``mask (B, T)`` is true where there is a token.
        With ``cache`` of ``empty_cache``, ``(output, cache)`` comes back.

    Raises:
        UsageError: An argument is none of those.
        ShapeError: The number of states is odd, or that of channels unknown.
    """

    def __init__(
        self,
        states: int = 64,
        *,
        initial: Literal["lin", "inv", "real"] = "lin",
        discretization: Literal["zoh", "bilinear"] = "zoh",
        steps: tuple[float, float] = (1e-3, 0.1),
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.supports_masking = True
        if initial not in INITIAL or discretization not in DISCRETIZATIONS:
            raise UsageError(
                f"{self.name}: initial must be one of {', '.join(INITIAL)}, discretization one of "
                f"{', '.join(DISCRETIZATIONS)}. Received {initial!r}, {discretization!r}."
            )
        if initial != "real" and states % 2:
            raise ShapeError(f"{self.name}: complex states come in pairs. Received states={states}.")
        self.states = states
        self.initial = initial
        self.discretization = discretization
        self.steps = tuple(steps)

    def build(self, x_shape: tuple[int | None, ...]) -> None:
        """Make A, C, the step sizes and the skip."""
        channels = x_shape[-1]
        if channels is None:
            raise ShapeError(f"{self.name}: the number of channels must be known. Received {x_shape}.")
        real = self.initial == "real"
        kept = self.states if real else self.states // 2
        own: dict[str, Any] = {"dtype": "float32", "autocast": False}
        log_uniform = keras.initializers.RandomUniform(*map(math.log, self.steps))
        fading, frequencies = _first_matrix(self.initial, self.states)
        self.step_log = self.add_weight(shape=(channels,), initializer=log_uniform, name="step_log", **own)
        # Its exponential is subtracted, so that no state ever grows
        self.decay_log = self.add_weight(shape=(channels, kept), initializer=_Rows(fading), name="decay_log", **own)
        self.frequency = None
        if not real:
            self.frequency = self.add_weight(
                shape=(channels, kept), initializer=_Rows(frequencies), name="frequency", **own
            )
        spread = keras.initializers.RandomNormal(stddev=0.5**0.5)
        self.c = self.add_weight(shape=(channels, kept, 1 if real else 2), initializer=spread, name="c", **own)
        self.skip = self.add_weight(
            shape=(channels,), initializer=keras.initializers.RandomNormal(stddev=1.0), name="skip", **own
        )

    def empty_cache(self, batch: int) -> Any:
        """Return states of zeros for so many sequences: ``(batch, D, kept, 2)``."""
        return ops.zeros((batch, *self.decay_log.shape, 2), "float32")

    def call(self, x: Any, mask: Any = None, cache: Any = None) -> Any:  # (B, T, D), (B, T), (B, D, n, 2)
        """Apply the layer."""
        u = ops.swapaxes(ops.cast(masked(x, mask), "float32"), 1, 2)  # (B, D, T)
        poles, weights = self._discrete()
        if cache is not None and u.shape[2] == 1:
            cache = _times(cache, _power(poles, 1)) + ops.pad(u[..., None], [(0, 0)] * 3 + [(0, 1)])
            y = _real_sum(weights, cache)[..., None]
        else:
            y = _convolved(u, _kernel(poles, weights, u.shape[2] or ops.shape(u)[2]))
            if cache is not None:
                tokens = u.shape[2]
                y = y + _kernel(poles, _times(_times(weights, _power(poles, 1)), cache), tokens)
                cache = _times(cache, _power(poles, tokens)) + _final_state(poles, u)
        y = ops.cast(ops.swapaxes(y + u * self.skip[:, None], 1, 2), self.compute_dtype)
        return y if cache is None else (y, cache)

    def kernel(self, length: int) -> Any:
        """Return the kernel of the convolution, without the skip: ``(D, length)``, float32."""
        return _kernel(*self._discrete(), length)

    def _discrete(self) -> tuple[tuple[Any, Any], Any]:
        """Return logarithm of modulus and angle of A, and ``C B``, which counts the conjugates too, as pairs.

        States are kept divided by B: what drives them is then the input itself.
        """
        step = ops.exp(self.step_log)[:, None]
        real = -ops.exp(self.decay_log)
        imaginary = ops.zeros_like(real) if self.frequency is None else ops.convert_to_tensor(self.frequency)
        x, y = step * real, step * imaginary
        if self.discretization == "zoh":
            poles = x, y
            # exp(z) - 1 without loss where z is small, by A
            grown = _pair(ops.expm1(x) * ops.cos(y) - 2 * ops.square(ops.sin(y / 2)), ops.exp(x) * ops.sin(y))
            drive = _divided(grown, _pair(real, imaginary))
        else:
            over, under = ops.square(1 + x / 2) + ops.square(y / 2), ops.square(1 - x / 2) + ops.square(y / 2)
            modulus = (ops.log(ops.maximum(over, 1e-30)) - ops.log(under)) / 2
            poles = modulus, ops.arctan2(y / 2, 1 + x / 2) + ops.arctan2(y / 2, 1 - x / 2)
            drive = _divided(_pair(step + ops.zeros_like(x), ops.zeros_like(x)), _pair(1 - x / 2, -y / 2))
        if self.frequency is None:
            return poles, self.c * drive
        return poles, 2 * _times(ops.convert_to_tensor(self.c), drive)

    def compute_output_shape(self, x_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape of the output, that of the input."""
        return tuple(x_shape)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the layer again."""
        names = ("states", "initial", "discretization", "steps")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


class _Rows(keras.initializers.Initializer):
    """The same row for every channel."""

    def __init__(self, row: list[float]):
        self.row = row

    def __call__(self, shape: Any, dtype: Any = None) -> Any:
        return ops.zeros(shape, dtype) + ops.convert_to_tensor(self.row, dtype)


def _first_matrix(initial: str, states: int) -> tuple[list[float], list[float]]:
    """Return the logarithms of the rates at which states fade, and their frequencies."""
    if initial == "real":
        return [math.log(place + 1) for place in range(states)], []
    places = range(states // 2)
    if initial == "lin":
        return [math.log(0.5)] * len(places), [math.pi * place for place in places]
    return [math.log(0.5)] * len(places), [states / math.pi * (states / (2 * place + 1) - 1) for place in places]


def _pair(real: Any, imaginary: Any) -> Any:
    return ops.stack([real, imaginary], axis=-1)


def _times(x: Any, y: Any) -> Any:
    (a, b), (c, d) = (x[..., 0], x[..., 1]), (y[..., 0], y[..., 1])
    return _pair(a * c - b * d, a * d + b * c)


def _divided(x: Any, y: Any) -> Any:
    size = ops.sum(ops.square(y), axis=-1, keepdims=True)
    return _times(x, _pair(y[..., 0], -y[..., 1])) / size


def _power(poles: tuple[Any, Any], exponents: Any) -> Any:  # (D, n) or (D, n, 1) -> pairs
    modulus, angle = poles
    exponents = ops.cast(exponents, "float32")
    size, angle = ops.exp(modulus * exponents), angle * exponents
    return _pair(size * ops.cos(angle), size * ops.sin(angle))


def _real_sum(x: Any, y: Any) -> Any:  # (..., n, 2) twice -> (...)
    return ops.sum(x[..., 0] * y[..., 0] - x[..., 1] * y[..., 1], axis=-1)


def _kernel(poles: tuple[Any, Any], weights: Any, length: Any) -> Any:
    """Return ``Re(sum_n weights_n A_n^l)`` for each l below a length: ``(..., D, n, 2) -> (..., D, length)``."""
    size = min(BLOCK, length) if isinstance(length, int) else BLOCK
    poles = poles[0][..., None], poles[1][..., None]
    inner = _power(poles, ops.arange(size))  # (D, n, size, 2)
    outer = _times(weights[..., None, :], _power(poles, size * ops.arange((length + size - 1) // size)))
    outer = ops.concatenate([outer[..., 0], -outer[..., 1]], axis=-2)  # (..., D, 2 n, blocks)
    inner = ops.concatenate([inner[..., 0], inner[..., 1]], axis=-2)
    found = ops.matmul(ops.swapaxes(outer, -1, -2), inner)
    return ops.reshape(found, (*ops.shape(found)[:-2], -1))[..., :length]


def _convolved(u: Any, kernel: Any) -> Any:  # (B, D, T), (D, T)
    tokens = u.shape[2] or ops.shape(u)[2]
    length = 2 * tokens  # so that the end does not run into the beginning
    a, b = ops.rfft(u, length)
    c, d = ops.rfft(kernel, length)
    return ops.irfft((a * c - b * d, a * d + b * c), length)[..., :tokens]


def _final_state(poles: tuple[Any, Any], u: Any) -> Any:
    """Return ``sum_s A^(T - 1 - s) u_s``: ``(B, D, T) -> (B, D, n, 2)``."""
    size = min(BLOCK, u.shape[2])
    u = ops.pad(u, [(0, 0), (0, 0), (-u.shape[2] % size, 0)])
    u = ops.reshape(u, (*ops.shape(u)[:2], -1, size))
    blocks = u.shape[2]
    poles = poles[0][..., None], poles[1][..., None]
    inner = _power(poles, ops.arange(size - 1, -1, -1))  # (D, n, size, 2)
    inner = ops.transpose(inner, (0, 2, 1, 3))
    inner = ops.reshape(inner, (inner.shape[0], size, -1))
    sums = ops.matmul(u, inner)  # (B, D, blocks, n 2)
    sums = ops.reshape(sums, (*ops.shape(sums)[:3], -1, 2))
    outer = ops.swapaxes(_power(poles, size * ops.arange(blocks - 1, -1, -1)), 1, 2)  # (D, blocks, n, 2)
    return ops.sum(_times(sums, outer), axis=2)
