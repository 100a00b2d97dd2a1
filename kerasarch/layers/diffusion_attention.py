"""Self-attention over the pixels of a map, with its normalisation and shortcut."""

from typing import Any

import keras
from keras import ops

from kerasarch.backends import operations
from kerasarch.errors import ShapeError
from kerasarch.layers.group_normalization import GroupNormalization
from kerasarch.layers.spatial_norm import SpatialNorm


@keras.saving.register_keras_serializable(package="kerasarch")
class DiffusionAttention(keras.layers.Layer):
    """Self-attention in which every pixel attends to every pixel, with group normalisation and a shortcut.

    ``(x + out(softmax(q k^T / sqrt(width of a head)) v)) / output_scale``, with q, k and v linear in ``norm(x)``: Ho et
    al., 2020, appendix B (https://arxiv.org/abs/2006.11239); diffusers' ``Attention`` as its autoencoders and
    unconditional U-Nets use it.

    Args:
        groups: Groups of the normalisation; None for no normalisation.
        head_width: Channels of a head; None for a single head.
        spatial: Normalise with ``SpatialNorm``, which takes a second map.
        epsilon: Added to the variance.
        output_scale: What the sum is divided by.
        data_format: ``"channels_last"`` or ``"channels_first"``; None takes ``keras.config.image_data_format()``.
        **kwargs: Passed to ``keras.layers.Layer``.

    Shapes:
        ``x (B, H, W, C) -> (B, H, W, C)``; the second map, where it is taken, ``(B, H, W, Z)``.

    Raises:
        ShapeError: The channels are no multiple of ``groups`` or ``head_width``.
    """

    def __init__(
        self,
        *,
        groups: int | None = 32,
        head_width: int | None = None,
        spatial: bool = False,
        epsilon: float = 1e-6,
        output_scale: float = 1.0,
        data_format: str | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.groups = groups
        self.head_width = head_width
        self.spatial = spatial
        self.epsilon = epsilon
        self.output_scale = output_scale
        self.data_format = data_format or keras.config.image_data_format()
        self.axis = 1 if self.data_format == "channels_first" else -1
        self.norm: keras.layers.Layer | None = None
        if groups is not None and spatial:
            self.norm = SpatialNorm(
                groups, epsilon=epsilon, data_format=self.data_format, dtype=self.dtype_policy, name="norm"
            )
        elif groups is not None:
            self.norm = GroupNormalization(
                groups, axis=self.axis, epsilon=epsilon, dtype=self.dtype_policy, name="norm"
            )

    def build(self, x_shape: tuple[int | None, ...], z_shape: tuple[int | None, ...] | None = None) -> None:
        """Build the normalisation and the four linear maps."""
        channels = x_shape[self.axis]
        if channels is None or channels % (self.groups or 1) or channels % (self.head_width or 1):
            raise ShapeError(
                f"{self.name}: channels must be a multiple of groups and of head_width. Received channels={channels}, "
                f"groups={self.groups}, head_width={self.head_width}."
            )
        if self.norm is not None:
            self.norm.build(x_shape, *((z_shape,) if self.spatial else ()))
        for name in ("query", "key", "value", "out"):
            layer = keras.layers.Dense(channels, dtype=self.dtype_policy, name=name)
            layer.build((None, None, channels))
            setattr(self, name, layer)

    def call(self, x: Any, z: Any = None) -> Any:  # (B, H, W, C)
        """Apply the layer."""
        h = x if self.norm is None else self.norm(x, *((z,) if self.spatial else ()))
        if self.axis == 1:
            h = ops.transpose(h, (0, 2, 3, 1))
        batch, height, width = ops.shape(h)[:3]
        channels = h.shape[-1]
        head_width = self.head_width or channels
        tokens = ops.reshape(h, (batch, height * width, channels))
        heads = (batch, height * width, channels // head_width, head_width)
        query, key, value = (ops.reshape(map_(tokens), heads) for map_ in (self.query, self.key, self.value))
        mixed = operations.attend(query, key, value)  # (B, H * W, heads, head_width)
        h = self.out(ops.reshape(mixed, (batch, height * width, channels)))
        h = ops.reshape(h, (batch, height, width, channels))
        total = x + (ops.transpose(h, (0, 3, 1, 2)) if self.axis == 1 else h)
        return total if self.output_scale == 1 else total / self.output_scale

    def compute_output_shape(
        self, x_shape: tuple[int | None, ...], z_shape: tuple[int | None, ...] | None = None
    ) -> tuple[int | None, ...]:
        """Return the shape of the output, that of the input."""
        return tuple(x_shape)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the layer again."""
        return {
            **super().get_config(),
            "groups": self.groups,
            "head_width": self.head_width,
            "spatial": self.spatial,
            "epsilon": self.epsilon,
            "output_scale": self.output_scale,
            "data_format": self.data_format,
        }
