"""Division by the root of the mean square of what a gate lets through."""

from typing import Any

import keras
from keras import ops

from kerasarch.errors import ShapeError


@keras.saving.register_keras_serializable(package="kerasarch")
class GatedRMSNormalization(keras.layers.Layer):
    """Gates its input, and normalises groups of channels by their root mean square.

    ``scale h / sqrt(mean(h^2) + epsilon)`` with ``h = x silu(gate)`` and the mean over a group: Dao and Gu, 2024,
    section 7 (https://arxiv.org/abs/2405.21060). In float32.

    Args:
        groups: Groups of neighbouring channels.
        epsilon: Added to the mean square.
        **kwargs: Passed to ``keras.layers.Layer``.

    Shapes:
        ``x (..., D)``, ``gate (..., D) -> (..., D)``.

    Raises:
        ShapeError: The number of channels is no multiple of ``groups``.
    """

    def __init__(self, groups: int = 1, *, epsilon: float = 1e-5, **kwargs: Any):
        super().__init__(**kwargs)
        self.supports_masking = True
        self.groups = groups
        self.epsilon = epsilon

    def build(self, x_shape: tuple[int | None, ...], gate_shape: Any = None) -> None:
        """Make the factors."""
        channels = x_shape[-1]
        if channels is None or channels % self.groups:
            raise ShapeError(
                f"{self.name}: channels must be a multiple of groups. Received {channels}, groups={self.groups}."
            )
        self.scale = self.add_weight(shape=(channels,), initializer="ones", name="scale")

    def call(self, x: Any, gate: Any) -> Any:
        """Apply the layer."""
        h = ops.cast(x, "float32") * ops.silu(ops.cast(gate, "float32"))
        shape = ops.shape(h)
        h = ops.reshape(h, (*shape[:-1], self.groups, -1))
        h = h * ops.rsqrt(ops.mean(ops.square(h), axis=-1, keepdims=True) + self.epsilon)
        return ops.cast(ops.reshape(h, shape), self.compute_dtype) * self.scale

    def compute_output_shape(self, x_shape: tuple[int | None, ...], gate_shape: Any = None) -> tuple[int | None, ...]:
        """Return the shape of the output, that of the input."""
        return tuple(x_shape)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the layer again."""
        return {**super().get_config(), "groups": self.groups, "epsilon": self.epsilon}
