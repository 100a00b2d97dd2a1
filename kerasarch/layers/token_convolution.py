"""A convolution over tokens beside a transformer block."""

from typing import Any

import keras
from keras import ops

from kerasarch.errors import UsageError

ACTIVATIONS = {"tanh": ops.tanh, "gelu": lambda x: ops.gelu(x, approximate=False), "relu": ops.relu}


@keras.saving.register_keras_serializable(package="kerasarch")
class TokenConvolution(keras.layers.Layer):
    """Add a convolution of what goes into a block to what comes out, and normalise.

    ``m norm(y + f(m conv(x)))`` with the mask m: the "nGiE" of DeBERTa-v2 (https://github.com/microsoft/DeBERTa),
    behind its first block, and its public code.

    Args:
        kernel: Tokens that it spans, an odd number.
        groups: Groups of channels that do not mix.
        activation: ``"tanh"``, ``"gelu"`` or ``"relu"``.
        dropout: Rate behind the convolution.
        epsilon: Added to the variance.
        **kwargs: Passed to ``keras.layers.Layer``.

    Shapes:
        B batch, T tokens, D width: ``x (B, T, D)`` into the block, ``y (B, T, D)`` out of it -> ``(B, T, D)``, zeros
        where ``mask (B, T)`` is false.

    Raises:
        UsageError: The kernel is even, or the activation unknown.
    """

    def __init__(
        self,
        kernel: int = 3,
        *,
        groups: int = 1,
        activation: str = "tanh",
        dropout: float = 0.0,
        epsilon: float = 1e-7,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.supports_masking = True
        if kernel % 2 == 0:
            raise UsageError(f"{self.name}: the kernel must span an odd number of tokens. Received kernel={kernel}.")
        if activation not in ACTIVATIONS:
            raise UsageError(
                f"{self.name}: activation must be one of {', '.join(ACTIVATIONS)}. Received {activation!r}."
            )
        self.kernel = kernel
        self.groups = groups
        self.activation = activation
        self.epsilon = epsilon
        self.norm = keras.layers.LayerNormalization(epsilon=epsilon, dtype=self.dtype_policy, name="norm")
        self.drop = keras.layers.Dropout(dropout, dtype=self.dtype_policy, name="drop")

    def build(self, x_shape: tuple[int | None, ...], y_shape: tuple[int | None, ...] | None = None) -> None:
        """Build the children."""
        self.convolution = keras.layers.Conv1D(
            x_shape[-1],
            self.kernel,
            padding="same",
            data_format="channels_last",
            groups=self.groups,
            dtype=self.dtype_policy,
            name="convolution",
        )
        self.convolution.build(x_shape)
        self.norm.build(x_shape)

    def call(self, x: Any, y: Any, mask: Any = None, training: bool | None = None) -> Any:  # (B, T, D) twice, (B, T)
        """Apply the layer."""
        seen = None if mask is None else ops.expand_dims(ops.cast(mask, y.dtype), -1)
        h = self.convolution(x)
        h = ACTIVATIONS[self.activation](self.drop(h if seen is None else h * seen, training=training))
        out = self.norm(y + h)
        return out if seen is None else out * seen

    def compute_output_shape(
        self, x_shape: tuple[int | None, ...], y_shape: tuple[int | None, ...] | None = None
    ) -> tuple[int | None, ...]:
        """Return the shape of the output, that of the tokens."""
        return tuple(x_shape)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the layer again."""
        names = ("kernel", "groups", "activation", "epsilon")
        return {
            **super().get_config(),
            **{name: getattr(self, name) for name in names},
            "dropout": self.drop.rate,
        }
