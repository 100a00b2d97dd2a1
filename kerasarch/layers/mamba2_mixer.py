"""The mixer of Mamba-2: one linear map into gate, values, matrices and steps, and a model by heads."""

from typing import Any

import keras
from keras import ops

from kerasarch.errors import ShapeError
from kerasarch.layers.causal_depthwise_conv1d import CausalDepthwiseConv1D
from kerasarch.layers.gated_rms_normalization import GatedRMSNormalization
from kerasarch.layers.mamba_mixer import from_one_upwards, masked
from kerasarch.layers.state_space_duality import state_space_duality
from kerasarch.layers.step_sizes import StepSizeBias, linear_start


@keras.saving.register_keras_serializable(package="kerasarch")
class Mamba2Mixer(keras.layers.Layer):
    """Mixes tokens by a state-space model that forgets at one rate a head.

    ``z, u, r = split(project_in(x))``, ``v, b, c = split(silu(convolution(u)))``, ``s = softplus(r + step_bias)``,
    ``project_out(norm(model(v, s, -exp(decay_log), b, c) + skip v, z))``: Dao and Gu, 2024, section 7 and figure 6
    (https://arxiv.org/abs/2405.21060). The model is
    [`state_space_duality`][kerasarch.layers.state_space_duality.state_space_duality].

    Args:
        heads: Heads (H).
        head_width: Channels of a head (P).
        states: States of a channel (N).
        groups: Groups of heads that share b and c, and of channels that are normalised together (G).
        taps: Tokens that the convolution sees.
        chunk: Tokens that are computed at once by matrix products.
        convolution_bias: Whether the convolution has one.
        bias: Whether the first and last map have biases.
        epsilon: Of the normalisation.
        steps: Least, largest step size at the beginning, and what smaller ones are raised to.
        step_limit: What step sizes are held between, in training and decoding; None for no bound.
        branches: Mixers that are added up in the network: the last kernel begins smaller by its root.
        **kwargs: Passed to ``keras.layers.Layer``.

    Shapes:
        As [`MambaMixer`][kerasarch.layers.MambaMixer]: ``(B, T, D) -> (B, T, D)``, with ``mask (B, T)`` and ``cache``.

    Raises:
        ShapeError: The width is unknown, or ``heads`` is no multiple of ``groups``.
    """

    def __init__(
        self,
        heads: int,
        head_width: int = 64,
        *,
        states: int = 128,
        groups: int = 1,
        taps: int = 4,
        chunk: int = 256,
        convolution_bias: bool = True,
        bias: bool = False,
        epsilon: float = 1e-5,
        steps: tuple[float, float, float] = (1e-3, 0.1, 1e-4),
        step_limit: tuple[float | None, float | None] = (None, None),
        branches: int = 1,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.supports_masking = True
        if heads % groups:
            raise ShapeError(f"{self.name}: heads must be a multiple of groups. Received {heads}, {groups}.")
        self.heads = heads
        self.head_width = head_width
        self.states = states
        self.groups = groups
        self.taps = taps
        self.chunk = chunk
        self.convolution_bias = convolution_bias
        self.use_bias = bias
        self.epsilon = epsilon
        self.steps = tuple(steps)
        self.step_limit = tuple(step_limit)
        self.branches = branches
        own: dict[str, Any] = {"dtype": self.dtype_policy}
        self.convolution = CausalDepthwiseConv1D(taps, bias=convolution_bias, name="convolution", **own)
        self.norm = GatedRMSNormalization(groups, epsilon=epsilon, name="norm", **own)

    def build(self, x_shape: tuple[int | None, ...]) -> None:
        """Build the children, and make what belongs to the heads."""
        width = x_shape[-1]
        if width is None:
            raise ShapeError(f"{self.name}: the width must be known. Received {x_shape}.")
        inner = self.heads * self.head_width
        shared = self.groups * self.states
        self.split = [inner, 2 * inner + 2 * shared]  # gate; what is convolved; steps
        self.parts = [inner, inner + shared]  # of what is convolved: values, b, c
        self.project_in = self._linear("project_in", self.split[1] + self.heads)
        self.project_in.build(x_shape)
        self.convolution.build((*x_shape[:-1], inner + 2 * shared))
        self.norm.build((*x_shape[:-1], inner))
        self.project_out = self._linear("project_out", width, self.branches)
        self.project_out.build((*x_shape[:-1], inner))
        one = (self.heads,)
        # Half precision would move the slow decays that make up a long memory.
        own: dict[str, Any] = {"dtype": "float32", "autocast": False}
        self.step_bias = self.add_weight(shape=one, initializer=StepSizeBias(self.steps), name="step_bias", **own)
        self.decay_log = self.add_weight(shape=one, initializer=from_one_upwards, name="decay_log", **own)
        self.skip = self.add_weight(shape=one, initializer="ones", name="skip", **own)

    def _linear(self, name: str, width: int, branches: int = 1) -> keras.layers.Dense:
        start = linear_start(branches)
        return keras.layers.Dense(width, None, self.use_bias, start, dtype=self.dtype_policy, name=name)

    def empty_cache(self, batch: int) -> tuple[Any, Any]:
        """Return what is remembered before the first token: inputs of the convolution and states, all zeros."""
        states = (batch, self.heads, self.head_width, self.states)
        return self.convolution.empty_cache(batch), ops.zeros(states, "float32")

    def call(self, x: Any, mask: Any = None, cache: tuple[Any, Any] | None = None) -> Any:  # (B, T, D), (B, T)
        """Apply the layer."""
        gate, u, steps = ops.split(self.project_in(x), self.split, axis=-1)
        window, state = (None, None) if cache is None else cache
        u = self.convolution(masked(u, mask), cache=window)
        if cache is not None:
            u, window = u
        v, b, c = ops.split(masked(ops.silu(u), mask), self.parts, axis=-1)
        tokens = ops.shape(x)[:2]
        v = ops.reshape(v, (*tokens, self.heads, self.head_width))
        b, c = (ops.reshape(part, (*tokens, self.groups, self.states)) for part in (b, c))
        y, state = state_space_duality(v, self._bounded(steps), -ops.exp(self.decay_log), b, c, state, chunk=self.chunk)
        y = y + ops.cast(v, "float32") * self.skip[:, None]
        y = self.project_out(self.norm(ops.reshape(y, (*tokens, self.heads * self.head_width)), gate))
        return y if cache is None else (y, (window, state))

    def _bounded(self, steps: Any) -> Any:
        least, most = self.step_limit
        steps = ops.softplus(ops.cast(steps, "float32") + self.step_bias)
        steps = steps if least is None else ops.maximum(steps, least)
        return steps if most is None else ops.minimum(steps, most)

    def compute_output_shape(self, x_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape of the output, that of the input."""
        return tuple(x_shape)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the layer again."""
        names = ["heads", "head_width", "states", "groups", "taps", "chunk", "convolution_bias", "epsilon", "steps"]
        names += ["step_limit", "branches"]
        return {**super().get_config(), **{name: getattr(self, name) for name in names}, "bias": self.use_bias}
