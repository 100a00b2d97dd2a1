"""Times of a diffusion process as vectors: sinusoids, and the small network that follows them."""

from typing import Any

import keras
import numpy as np
from keras import ops

from kerasarch.errors import UsageError


@keras.saving.register_keras_serializable(package="kerasarch")
class TimestepSinusoids(keras.layers.Layer):
    """Sines and cosines of numbers, at frequencies from 1 down to about ``1 / max_period``.

    ``[sin(t w_i), cos(t w_i)], w_i = max_period^(-i / (width / 2 - frequency_shift))``: Vaswani et al., 2017, section
    3.5 (https://arxiv.org/abs/1706.03762), for times as in Ho et al., 2020, appendix B
    (https://arxiv.org/abs/2006.11239); diffusers' ``Timesteps``. An odd width ends in a zero.

    They are computed in float32 whatever the policy: half precision cannot tell the time 999 from 1000.

    Args:
        width: Numbers that come out for each that goes in.
        cosine_first: Cosines before sines (``flip_sin_to_cos``).
        frequency_shift: What is taken from the number of frequencies (``freq_shift``, ``downscale_freq_shift``).
        max_period: The longest wave over 2 pi.
        scale: What the numbers are multiplied with.
        **kwargs: Passed to ``keras.layers.Layer``.

    Shapes:
        ``(B, ...) -> (B, ..., width)``; whole numbers or not.

    Raises:
        UsageError: The width leaves no frequency.
    """

    def __init__(
        self,
        width: int,
        *,
        cosine_first: bool = False,
        frequency_shift: float = 0.0,
        max_period: float = 10000.0,
        scale: float = 1.0,
        **kwargs: Any,
    ):
        super().__init__(autocast=False, **kwargs)
        if width // 2 <= frequency_shift:
            raise UsageError(
                f"{self.name}: half of the width must be more than frequency_shift. Received width={width}, "
                f"frequency_shift={frequency_shift}."
            )
        self.width = width
        self.cosine_first = cosine_first
        self.frequency_shift = frequency_shift
        self.max_period = max_period
        self.scale = scale

    def call(self, times: Any) -> Any:  # (B, ...)
        """Apply the layer."""
        count = self.width // 2
        places = np.arange(count, dtype="float32") / np.float32(count - self.frequency_shift)
        frequencies = np.exp(np.float32(-np.log(self.max_period)) * places)
        angles = ops.expand_dims(ops.cast(times, "float32"), -1) * ops.convert_to_tensor(self.scale * frequencies)
        waves = [ops.sin(angles), ops.cos(angles)]
        if self.cosine_first:
            waves.reverse()
        if self.width % 2:
            waves.append(ops.zeros_like(angles[..., :1]))
        return ops.cast(ops.concatenate(waves, axis=-1), self.compute_dtype)

    def compute_output_shape(self, times_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape of the output, without computing it."""
        return (*times_shape, self.width)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the layer again."""
        names = ("width", "cosine_first", "frequency_shift", "max_period", "scale")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


@keras.saving.register_keras_serializable(package="kerasarch")
class TimestepEmbedding(keras.layers.Layer):
    """Two dense layers, which make of sinusoids, or of any vector, what conditions the blocks of a network.

    ``linear2(f(linear1(x)))``, f the activation: Ho et al., 2020, appendix B (https://arxiv.org/abs/2006.11239);
    diffusers' ``TimestepEmbedding``. A second vector, that of the guidance's weight in a distilled model, enters as
    ``x + condition(c)``: Meng et al., 2022, section 3 (https://arxiv.org/abs/2210.03142).

    Args:
        width: Units of both layers.
        activation: Name or function, between them.
        final_activation: The same after the second; None for none.
        **kwargs: Passed to ``keras.layers.Layer``.

    Shapes:
        ``x (B, D) -> (B, width)``; the second vector, where there is one, ``(B, E)``.
    """

    def __init__(self, width: int, *, activation: Any = "silu", final_activation: Any = None, **kwargs: Any):
        super().__init__(**kwargs)
        self.width = width
        self.activation = keras.activations.get(activation)
        self.final_activation = keras.activations.get(final_activation)
        self.linear1 = keras.layers.Dense(width, dtype=self.dtype_policy, name="linear1")
        self.linear2 = keras.layers.Dense(width, dtype=self.dtype_policy, name="linear2")

    def build(self, x_shape: tuple[int | None, ...], condition_shape: tuple[int | None, ...] | None = None) -> None:
        """Build both layers for inputs of this shape, and that of the second vector where there is one."""
        self.linear1.build(x_shape)
        self.linear2.build((*x_shape[:-1], self.width))
        if condition_shape is not None:
            self.condition = keras.layers.Dense(x_shape[-1], use_bias=False, dtype=self.dtype_policy, name="condition")
            self.condition.build(condition_shape)

    def call(self, x: Any, condition: Any = None) -> Any:  # (B, D), (B, E)
        """Apply the layer."""
        if condition is not None:
            x = x + self.condition(condition)
        return self.final_activation(self.linear2(self.activation(self.linear1(x))))

    def compute_output_shape(
        self, x_shape: tuple[int | None, ...], condition_shape: tuple[int | None, ...] | None = None
    ) -> tuple[int | None, ...]:
        """Return the shape of the output, without computing it."""
        return (*x_shape[:-1], self.width)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the layer again."""
        return {
            **super().get_config(),
            "width": self.width,
            "activation": keras.activations.serialize(self.activation),
            "final_activation": keras.activations.serialize(self.final_activation),
        }
