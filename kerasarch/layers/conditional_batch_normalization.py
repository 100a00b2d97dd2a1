"""Batch normalisation whose scale and offset come from a condition."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from kerasarch.layers.batch_normalization import BatchNormalization
from kerasarch.layers.spectral_normalization import SpectralNormalization


@keras.saving.register_keras_serializable(package="kerasarch")
class ConditionalBatchNormalization(keras.layers.Layer):
    """Normalises over the batch, then scales and shifts by what a linear layer makes of a vector.

    ``y = (1 + Wg c) * norm(x) + Wb c``: de Vries et al., 2017, eq. 4 to 6 (https://arxiv.org/abs/1707.00683); with a
    vector of class embedding and latent chunk it is that of BigGAN, Brock et al., 2018, appendix B
    (https://arxiv.org/abs/1809.11096).

    Args:
        spectral_norm: Whether the two linear layers are divided by their spectral norm.
        momentum: Share of the old value in the moving statistics.
        epsilon: Added to the variance.
        kernel_initializer: Of the two linear layers.
        data_format: ``"channels_last"`` or ``"channels_first"``; None takes ``keras.config.image_data_format()``.
        **kwargs: Passed to ``keras.layers.Layer``.

    Shapes:
        Maps ``(B, H, W, C)`` and conditions ``(B, D)``, in a list: ``-> (B, H, W, C)``.
    """

    def __init__(
        self,
        *,
        spectral_norm: bool = False,
        momentum: float = 0.9,
        epsilon: float = 1e-5,
        kernel_initializer: Any = "glorot_uniform",
        data_format: str | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.spectral_norm = spectral_norm
        self.momentum = momentum
        self.epsilon = epsilon
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.data_format = data_format or keras.config.image_data_format()
        self.norm = BatchNormalization(
            axis=1 if self.data_format == "channels_first" else -1,
            momentum=momentum,
            epsilon=epsilon,
            center=False,
            scale=False,
            dtype=self.dtype_policy,
            name="norm",
        )

    def _linear(self, units: int, name: str) -> keras.layers.Layer:
        dense = keras.layers.Dense(
            units,
            use_bias=False,
            kernel_initializer=self.kernel_initializer.clone(),
            dtype=self.dtype_policy,
            name=name,
        )
        if not self.spectral_norm:
            return dense
        return SpectralNormalization(dense, dtype=self.dtype_policy, name=f"{name}_spectral")

    def build(self, input_shape: Sequence[tuple[int | None, ...]]) -> None:
        """Build the normalisation and the two linear layers."""
        maps, condition = input_shape
        channels = maps[1 if self.data_format == "channels_first" else -1]
        self.norm.build(maps)
        self.gain = self._linear(channels, "gain")  # type: ignore[arg-type]
        self.offset = self._linear(channels, "offset")  # type: ignore[arg-type]
        self.gain.build(condition)
        self.offset.build(condition)

    def call(self, inputs: Sequence[Any], training: bool | None = None) -> Any:
        """Apply the layer."""
        x, condition = inputs
        arguments = {"training": training} if self.spectral_norm else {}
        shape = (-1, x.shape[1], 1, 1) if self.data_format == "channels_first" else (-1, 1, 1, x.shape[-1])
        gain = ops.reshape(self.gain(condition, **arguments), shape)
        offset = ops.reshape(self.offset(condition, **arguments), shape)
        return (1.0 + gain) * self.norm(x, training=training) + offset

    def compute_output_shape(self, input_shape: Sequence[tuple[int | None, ...]]) -> tuple[int | None, ...]:
        """Return the shape of the maps."""
        return tuple(input_shape[0])

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the layer again."""
        return {
            **super().get_config(),
            "spectral_norm": self.spectral_norm,
            "momentum": self.momentum,
            "epsilon": self.epsilon,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "data_format": self.data_format,
        }
