"""The mixer of Mamba: a gate, a short convolution and a selective state-space model."""

import math
from typing import Any

import keras
from keras import ops

from kerasarch.errors import ShapeError
from kerasarch.layers.causal_depthwise_conv1d import CausalDepthwiseConv1D
from kerasarch.layers.selective_scan import selective_scan
from kerasarch.layers.step_sizes import StepSizeBias, linear_start


@keras.saving.register_keras_serializable(package="kerasarch")
class MambaMixer(keras.layers.Layer):
    """Mixes tokens by a state-space model whose step sizes and matrices depend on the token.

    ``u, z = split(project_in(x))``, ``u = silu(convolution(u))``, ``r, b, c = split(project_scan(u))``,
    ``s = softplus(project_steps(r) + step_bias)``,
    ``project_out((scan(u, s, -exp(decay_log), b, c) + skip u) silu(z))``: Gu and Dao, 2023, algorithm 2 and section 3.4
    (https://arxiv.org/abs/2312.00752). The scan is
    [`selective_scan`][kerasarch.layers.selective_scan.selective_scan], in float32.

    Args:
        expansion: Channels of the scan by those of a token.
        states: States of a channel (N).
        taps: Tokens that the convolution sees.
        rank: Width of the map to the step sizes; None for a sixteenth of the width, rounded up.
        convolution_bias: Whether the convolution has one.
        bias: Whether the first and last map have biases.
        steps: Least, largest step size at the beginning, and what smaller ones are raised to.
        branches: Mixers that are added up in the network: the last kernel begins smaller by its root.
        **kwargs: Passed to ``keras.layers.Layer``.

    Shapes:
        B batch, T tokens: ``x (B, T, D) -> (B, T, D)``. ``mask (B, T)`` is true where there is a token: others are
        passed over, and before the first one nothing changes the state. With ``cache`` of ``empty_cache``,
        ``(output, cache)`` comes back.

    Raises:
        ShapeError: The width is unknown.
    """

    def __init__(
        self,
        *,
        expansion: float = 2,
        states: int = 16,
        taps: int = 4,
        rank: int | None = None,
        convolution_bias: bool = True,
        bias: bool = False,
        steps: tuple[float, float, float] = (1e-3, 0.1, 1e-4),
        branches: int = 1,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.supports_masking = True
        self.expansion = expansion
        self.states = states
        self.taps = taps
        self.rank = rank
        self.convolution_bias = convolution_bias
        self.use_bias = bias
        self.steps = tuple(steps)
        self.branches = branches
        self.convolution = CausalDepthwiseConv1D(
            taps, bias=convolution_bias, dtype=self.dtype_policy, name="convolution"
        )

    def build(self, x_shape: tuple[int | None, ...]) -> None:
        """Build the children, and make what belongs to the states."""
        width = x_shape[-1]
        if width is None:
            raise ShapeError(f"{self.name}: the width must be known. Received {x_shape}.")
        self.channels = int(self.expansion * width)
        rank = self.rank or math.ceil(width / 16)
        scanned = (*x_shape[:-1], self.channels)
        self.split = [rank, rank + self.states]
        self.project_in = self._linear("project_in", 2 * self.channels, x_shape, self.use_bias)
        self.convolution.build(scanned)
        self.project_scan = self._linear("project_scan", rank + 2 * self.states, scanned)
        self.project_steps = self._linear("project_steps", self.channels, (*x_shape[:-1], rank))
        self.project_out = self._linear("project_out", width, scanned, self.use_bias, self.branches)
        one = (self.channels,)
        # Half precision would move the slow decays that make up a long memory.
        own: dict[str, Any] = {"dtype": "float32", "autocast": False}
        self.step_bias = self.add_weight(shape=one, initializer=StepSizeBias(self.steps), name="step_bias", **own)
        self.decay_log = self.add_weight(
            shape=(self.channels, self.states), initializer=from_one_upwards, name="decay_log", **own
        )
        self.skip = self.add_weight(shape=one, initializer="ones", name="skip", **own)

    def _linear(
        self, name: str, width: int, x_shape: tuple[int | None, ...], bias: bool = False, branches: int = 1
    ) -> keras.layers.Dense:
        layer = keras.layers.Dense(width, None, bias, linear_start(branches), dtype=self.dtype_policy, name=name)
        layer.build(x_shape)
        return layer

    def empty_cache(self, batch: int) -> tuple[Any, Any]:
        """Return what is remembered before the first token: inputs of the convolution and states, all zeros."""
        return self.convolution.empty_cache(batch), ops.zeros((batch, self.channels, self.states), "float32")

    def call(self, x: Any, mask: Any = None, cache: tuple[Any, Any] | None = None) -> Any:  # (B, T, D), (B, T)
        """Apply the layer."""
        u, gate = ops.split(self.project_in(x), 2, axis=-1)
        window, state = (None, None) if cache is None else cache
        u = self.convolution(masked(u, mask), cache=window)
        if cache is not None:
            u, window = u
        u = masked(ops.silu(u), mask)
        low, b, c = ops.split(self.project_scan(u), self.split, axis=-1)
        steps = ops.softplus(ops.cast(self.project_steps(low), "float32") + self.step_bias)
        y, state = selective_scan(u, steps, -ops.exp(self.decay_log), b, c, state)
        y = ops.cast(y + ops.cast(u, "float32") * self.skip, gate.dtype)
        y = self.project_out(y * ops.silu(gate))
        return y if cache is None else (y, (window, state))

    def compute_output_shape(self, x_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape of the output, that of the input."""
        return tuple(x_shape)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the layer again."""
        names = ("expansion", "states", "taps", "rank", "convolution_bias", "steps", "branches")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}, "bias": self.use_bias}


def masked(x: Any, mask: Any) -> Any:
    """Return a sequence with zeros where there is no token: ``(B, T, D)``, ``(B, T)``; None for tokens everywhere."""
    return x if mask is None else x * ops.cast(mask, x.dtype)[..., None]


def from_one_upwards(shape: tuple[int, ...], dtype: Any = None) -> Any:
    """Return the logarithms of 1 to N in each row: S4D-Real, Gu et al., 2022, section 4 (https://arxiv.org/abs/2206.11893)."""
    return ops.zeros(shape, dtype) + ops.log(ops.arange(1, shape[-1] + 1, dtype=dtype))
