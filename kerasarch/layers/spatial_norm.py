"""Group normalisation whose scale and offset come, pixel by pixel, from another map."""

from typing import Any

import keras

from kerasarch.errors import ShapeError
from kerasarch.layers.convolution import Conv2D
from kerasarch.layers.group_normalization import GroupNormalization


@keras.saving.register_keras_serializable(package="kerasarch")
class SpatialNorm(keras.layers.Layer):
    """Group normalisation modulated by a map of codes.

    ``group_norm(x) * scale(z) + offset(z)``, both 1x1 convolutions: MoVQ, Zheng et al., 2022, eq. 5
    (https://arxiv.org/abs/2209.09002). As in diffusers, the group normalisation keeps a scale and offset of its own.
    The map ``z`` must have the height and width of ``x``: enlarge it first.

    Args:
        groups: Groups of the normalisation.
        epsilon: Added to the variance.
        data_format: ``"channels_last"`` or ``"channels_first"``; None takes ``keras.config.image_data_format()``.
        **kwargs: Passed to ``keras.layers.Layer``.

    Shapes:
        C, Z channels: ``x (B, H, W, C), z (B, H, W, Z) -> (B, H, W, C)``.

    Raises:
        ShapeError: The shape of ``z`` is not given.
    """

    def __init__(
        self, groups: int = 32, *, epsilon: float = 1e-6, data_format: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.groups = groups
        self.epsilon = epsilon
        self.data_format = data_format or keras.config.image_data_format()
        self.axis = 1 if self.data_format == "channels_first" else -1
        self.norm = GroupNormalization(groups, axis=self.axis, epsilon=epsilon, dtype=self.dtype_policy, name="norm")

    def build(self, x_shape: tuple[int | None, ...], z_shape: tuple[int | None, ...] | None = None) -> None:
        """Build the children; the convolutions have as many filters as ``x`` has channels."""
        if z_shape is None:
            raise ShapeError(f"{self.name}: expected two maps, x and z. Received x of shape {x_shape} alone.")
        self.norm.build(x_shape)
        for name in ("scale", "offset"):
            layer = Conv2D(x_shape[self.axis], 1, data_format=self.data_format, dtype=self.dtype_policy, name=name)
            layer.build(z_shape)
            setattr(self, name, layer)

    def call(self, x: Any, z: Any) -> Any:  # (B, H, W, C), (B, H, W, Z)
        """Apply the layer."""
        return self.norm(x) * self.scale(z) + self.offset(z)

    def compute_output_shape(
        self, x_shape: tuple[int | None, ...], z_shape: tuple[int | None, ...] | None = None
    ) -> tuple[int | None, ...]:
        """Return the shape of the output, that of ``x``."""
        return tuple(x_shape)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the layer again."""
        return {
            **super().get_config(),
            "groups": self.groups,
            "epsilon": self.epsilon,
            "data_format": self.data_format,
        }
