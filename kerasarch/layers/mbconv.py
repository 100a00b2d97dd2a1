"""MBConv: the inverted residual block with squeeze-and-excitation, of MnasNet and EfficientNet."""

from typing import Any

import keras

from kerasarch.errors import UsageError
from kerasarch.layers.inverted_residual import InvertedResidual
from kerasarch.layers.squeeze_excite import SqueezeExcite


@keras.saving.register_keras_serializable(package="kerasarch")
class MBConv(InvertedResidual):
    """Expand, filter each channel, weigh the channels, project, with a shortcut between the narrow ends.

    ``x + drop(project(squeeze_excite(depthwise(expand(x)))))``: Tan et al., 2018, fig. 7
    (https://arxiv.org/abs/1807.11626), with the channel weights of Hu et al., 2017. Where there is a shortcut, training
    leaves the branch out for whole examples at random (Huang et al., 2016, eq. 2, https://arxiv.org/abs/1603.09382; the
    other examples are scaled up, instead of scaling down at inference).

    Args:
        filters: Output channels.
        squeeze: Channels of the squeeze, as a share of the input's channels, before the expansion.
        stochastic_depth: Rate at which the branch is left out.
        **kwargs: ``expansion``, ``kernel``, ``stride``, ... as in
            [`InvertedResidual`][kerasarch.layers.InvertedResidual].

    Shapes:
        ``(B, H, W, C) -> (B, ceil(H / stride), ceil(W / stride), filters)``.

    Raises:
        UsageError: ``squeeze`` is not in (0, 1], or ``stochastic_depth`` not in [0, 1).
        ShapeError: The number of channels is unknown at build time.
    """

    def __init__(self, filters: int, *, squeeze: float = 0.25, stochastic_depth: float = 0.0, **kwargs: Any):
        super().__init__(filters, **{"activation": "silu", **kwargs})
        if not 0.0 < squeeze <= 1.0 or not 0.0 <= stochastic_depth < 1.0:
            raise UsageError(
                f"{self.name}: squeeze must be in (0, 1] and stochastic_depth in [0, 1). "
                f"Received squeeze={squeeze}, stochastic_depth={stochastic_depth}."
            )
        self.squeeze = squeeze
        self.stochastic_depth = stochastic_depth
        self.drop = keras.layers.Dropout(
            stochastic_depth, noise_shape=(None, 1, 1, 1), dtype=self.dtype_policy, name="drop"
        )

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Build the branch; the squeeze's width follows from the input's."""
        super().build(input_shape)
        shape = input_shape if self.expand is None else self.expand.compute_output_shape(input_shape)
        channels: Any = input_shape[1 if self.data_format == "channels_first" else -1]
        self.squeeze_excite = SqueezeExcite(
            max(1, int(channels * self.squeeze)),
            activation=self.activation,
            data_format=self.data_format,
            dtype=self.dtype_policy,
            name="squeeze_excite",
        )
        self.squeeze_excite.build(self.depthwise.compute_output_shape(shape))

    def call(self, x: Any, training: bool | None = None) -> Any:  # (B, H, W, C)
        """Apply the block."""
        h = x if self.expand is None else self.expand(x, training=training)  # (B, H, W, C * expansion)
        h = self.squeeze_excite(self.depthwise(h, training=training))  # (B, H / S, W / S, C * expansion)
        h = self.project(h, training=training)  # (B, H / S, W / S, F)
        return x + self.drop(h, training=training) if self.residual else h

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the layer again."""
        return {**super().get_config(), "squeeze": self.squeeze, "stochastic_depth": self.stochastic_depth}
