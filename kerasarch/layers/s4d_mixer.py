"""The mixer of S4D: a diagonal state-space model by channel, then a gated map over the channels."""

from typing import Any

import keras
from keras import ops

from kerasarch.errors import ShapeError
from kerasarch.layers.diagonal_state_space import DiagonalStateSpace
from kerasarch.layers.step_sizes import linear_start


@keras.saving.register_keras_serializable(package="kerasarch")
class S4DMixer(keras.layers.Layer):
    """Mixes tokens within each channel, then channels within each token.

    ``a sigmoid(b)`` with ``a, b = split(project_out(gelu(model(x))))``: Gu et al., 2022, appendix B
    (https://arxiv.org/abs/2206.11893). The model is a
    [`DiagonalStateSpace`][kerasarch.layers.DiagonalStateSpace].

    Args:
        states: States of a channel.
        initial: ``"lin"``, ``"inv"`` or ``"real"``.
        discretization: ``"zoh"`` or ``"bilinear"``.
        steps: Least and largest step size at the beginning.
        **kwargs: Passed to ``keras.layers.Layer``.

    Shapes:
        As [`MambaMixer`][kerasarch.layers.MambaMixer]: ``(B, T, D) -> (B, T, D)``, with ``mask (B, T)`` and ``cache``.

    Raises:
        ShapeError: The width is unknown.
    """

    def __init__(
        self,
        states: int = 64,
        *,
        initial: str = "lin",
        discretization: str = "zoh",
        steps: tuple[float, float] = (1e-3, 0.1),
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.supports_masking = True
        settings: dict[str, Any] = {"initial": initial, "discretization": discretization, "steps": steps}
        self.model = DiagonalStateSpace(states, **settings, dtype=self.dtype_policy, name="model")

    def build(self, x_shape: tuple[int | None, ...]) -> None:
        """Build the children."""
        width = x_shape[-1]
        if width is None:
            raise ShapeError(f"{self.name}: the width must be known. Received {x_shape}.")
        self.model.build(x_shape)
        self.project_out = keras.layers.Dense(
            2 * width, kernel_initializer=linear_start(), dtype=self.dtype_policy, name="project_out"
        )
        self.project_out.build(x_shape)

    def empty_cache(self, batch: int) -> Any:
        """Return states of zeros for so many sequences."""
        return self.model.empty_cache(batch)

    def call(self, x: Any, mask: Any = None, cache: Any = None) -> Any:  # (B, T, D), (B, T)
        """Apply the layer."""
        h = self.model(x, mask=mask, cache=cache)
        if cache is not None:
            h, cache = h
        h, gate = ops.split(self.project_out(ops.gelu(h, approximate=False)), 2, axis=-1)
        h = h * ops.sigmoid(gate)
        return h if cache is None else (h, cache)

    def compute_output_shape(self, x_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape of the output, that of the input."""
        return tuple(x_shape)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the layer again."""
        own = self.model.get_config()
        names = ("states", "initial", "discretization", "steps")
        return {**super().get_config(), **{name: own[name] for name in names}}
