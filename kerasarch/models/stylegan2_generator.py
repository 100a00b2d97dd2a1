"""The generator of StyleGAN2: z to w to pictures, with truncation and style mixing."""

from typing import Any

import keras
from keras import ops

from kerasarch.layers import ModulatedConv2D, NoiseInjection
from kerasarch.layers.equalized import scaled_leaky_relu


@keras.saving.register_keras_serializable(package="kerasarch")
class LearnedConstant(keras.layers.Layer):
    """A learned map, the same for every example: Karras et al., 2019, section 2 (https://arxiv.org/abs/1812.04948).

    Args:
        size: Height and width.
        filters: Channels.
        data_format: ``"channels_last"`` or ``"channels_first"``; None takes ``keras.config.image_data_format()``.
        **kwargs: Passed to ``keras.layers.Layer``.

    Shapes:
        ``(B, D) -> (B, size, size, filters)``; of the input only the batch matters.
    """

    def __init__(self, size: int, filters: int, *, data_format: str | None = None, **kwargs: Any):
        super().__init__(**kwargs)
        self.size = size
        self.filters = filters
        self.data_format = data_format or keras.config.image_data_format()

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Make the map."""
        self.constant = self.add_weight(
            name="constant",
            shape=(self.size, self.size, self.filters),
            initializer=keras.initializers.RandomNormal(stddev=1.0),
        )

    def call(self, x: Any) -> Any:  # (B, D)
        """Repeat the map for each example."""
        constant = ops.cast(self.constant, x.dtype)
        if self.data_format == "channels_first":
            constant = ops.transpose(constant, (2, 0, 1))
        return ops.ones_like(x[:, :1])[:, :, None, None] * constant[None]

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape of the output, without computing it."""
        sizes = (self.size, self.size)
        rest = (self.filters, *sizes) if self.data_format == "channels_first" else (*sizes, self.filters)
        return (input_shape[0], *rest)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the layer again."""
        return {
            **super().get_config(),
            "size": self.size,
            "filters": self.filters,
            "data_format": self.data_format,
        }


@keras.saving.register_keras_serializable(package="kerasarch")
class StyledConv2D(keras.layers.Layer):
    """Modulated convolution, noise, bias and LeakyReLU: Karras et al., 2020, figure 2d.

    Args:
        filters: Output channels.
        kernel_size: Pixels.
        demodulate: As in [`ModulatedConv2D`][kerasarch.layers.ModulatedConv2D].
        up: 1, or 2 to double the map.
        noise: Whether noise is injected.
        activated: Whether LeakyReLU (0.2) times ``sqrt(2)`` follows.
        data_format: ``"channels_last"`` or ``"channels_first"``; None takes ``keras.config.image_data_format()``.
        **kwargs: Passed to ``keras.layers.Layer``.

    Shapes:
        Maps ``(B, H, W, C)`` and w ``(B, D)``, in a list: ``-> (B, up H, up W, filters)``.
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int = 3,
        *,
        demodulate: bool = True,
        up: int = 1,
        noise: bool = True,
        activated: bool = True,
        data_format: str | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.activated = activated
        self.data_format = data_format or keras.config.image_data_format()
        self.convolution = ModulatedConv2D(
            filters,
            kernel_size,
            demodulate=demodulate,
            up=up,
            data_format=self.data_format,
            dtype=self.dtype_policy,
            name="convolution",
        )
        self.noise = (
            NoiseInjection(data_format=self.data_format, dtype=self.dtype_policy, name="noise") if noise else None
        )

    def build(self, input_shape: Any) -> None:
        """Build convolution and noise, make the bias."""
        self.convolution.build(input_shape)
        if self.noise is not None:
            self.noise.build(self.convolution.compute_output_shape(input_shape))
        self.bias = self.add_weight(name="bias", shape=(self.convolution.filters,), initializer="zeros")

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """Apply the layer."""
        x = self.convolution(inputs)
        if self.noise is not None:
            x = self.noise(x, training=training)
        x = x + ops.reshape(self.bias, (-1, 1, 1) if self.data_format == "channels_first" else (-1,))
        return scaled_leaky_relu(x) if self.activated else x

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        """Return the shape of the output, without computing it."""
        return self.convolution.compute_output_shape(input_shape)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the layer again."""
        return {
            **super().get_config(),
            "filters": self.convolution.filters,
            "kernel_size": self.convolution.kernel_size,
            "demodulate": self.convolution.demodulate,
            "up": self.convolution.up,
            "noise": self.noise is not None,
            "activated": self.activated,
            "data_format": self.data_format,
        }


@keras.saving.register_keras_serializable(package="kerasarch")
class StyleGAN2Generator(keras.Model):
    """Mapping network, moving average of w, synthesis network.

    ``picture = synthesis(w_average + truncation * (mapping(z) - w_average))``: Karras et al., 2019, section B
    (https://arxiv.org/abs/1812.04948). The synthesis network takes one w a layer, so that styles can be mixed.

    Args:
        mapping: z, or ``[z, labels]``, to w.
        synthesis: ``(B, layers, style)`` to pictures.
        average_decay: Share of the old value in the moving average.
        **kwargs: Passed to ``keras.Model``.

    Shapes:
        ``(B, latent) -> (B, size, size, channels)``.
    """

    def __init__(self, mapping: keras.Model, synthesis: keras.Model, *, average_decay: float = 0.995, **kwargs: Any):
        super().__init__(**kwargs)
        self.mapping = mapping
        self.synthesis = synthesis
        self.average_decay = average_decay
        self.styles = int(synthesis.input_shape[1])
        self.average = self.add_weight(
            name="average", shape=(mapping.output_shape[-1],), initializer="zeros", trainable=False, dtype="float32"
        )
        self.built = True

    def broadcast(self, w: Any, truncation: Any = 1.0) -> Any:
        """Give each layer the same w, nearer to the average: ``(B, style) -> (B, layers, style)``.

        Args:
            w: What the mapping network returned.
            truncation: 1 leaves w as it is, 0 makes it the average; a number, one a layer, or one an example,
                ``(B, 1)``.
        """
        average = ops.cast(self.average.value, w.dtype)
        factor = ops.cast(ops.convert_to_tensor(truncation), w.dtype)
        factor = factor[:, :, None] if len(factor.shape) == 2 else ops.reshape(factor, (1, -1, 1))
        repeated = ops.repeat(w[:, None], self.styles, axis=1)
        return average + factor * (repeated - average)

    def mix(self, first: Any, second: Any, crossover: Any) -> Any:
        """Take the coarse layers' w from one, the others' from another: style mixing.

        Args:
            first: ``(B, style)``.
            second: ``(B, style)``.
            crossover: ``(B,)`` integers: the first layer that takes the second; or one integer.

        Returns:
            ``(B, layers, style)``.
        """
        layer = ops.arange(self.styles, dtype="int32")[None, :, None]
        border = ops.reshape(ops.cast(ops.convert_to_tensor(crossover), "int32"), (-1, 1, 1))
        return ops.where(layer < border, first[:, None], second[:, None])

    def track(self, w: Any) -> None:
        """Move the average of w towards the mean of a batch."""
        mean = ops.cast(ops.mean(ops.stop_gradient(w), axis=0), "float32")
        self.average.assign(self.average.value * self.average_decay + mean * (1.0 - self.average_decay))

    def call(self, inputs: Any, training: bool | None = None, truncation: Any = 1.0) -> Any:
        """Make pictures; in training the average of w moves."""
        w = self.mapping(inputs, training=training)  # (B, style)
        if training:
            self.track(w)
        return self.synthesis(self.broadcast(w, truncation), training=training)

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        """Return the shape of the pictures."""
        shapes = input_shape if isinstance(input_shape[0], (list, tuple)) else [input_shape]
        return (shapes[0][0], *self.synthesis.output_shape[1:])

    def get_config(self) -> dict[str, Any]:
        """Return the two networks and the decay."""
        return {
            **super().get_config(),
            "mapping": keras.saving.serialize_keras_object(self.mapping),
            "synthesis": keras.saving.serialize_keras_object(self.synthesis),
            "average_decay": self.average_decay,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> "StyleGAN2Generator":
        """Make the model from what ``get_config`` returned."""
        config = dict(config)
        for part in ("mapping", "synthesis"):
            config[part] = keras.saving.deserialize_keras_object(config[part], custom_objects=custom_objects)
        return cls(**config)
