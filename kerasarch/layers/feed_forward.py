"""The two linear maps of a transformer block with their activation, plain or gated."""

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from kerasarch.errors import ShapeError, UsageError


def _gelu(x: Any) -> Any:
    return keras.activations.gelu(x, approximate=False)


def _gelu_tanh(x: Any) -> Any:
    return keras.activations.gelu(x, approximate=True)


def _gelu_sigmoid(x: Any) -> Any:
    return x * ops.sigmoid(1.702 * x)


# Name, mostly diffusers': the function, and whether it gates a second half of the hidden units
ACTIVATIONS: dict[str, tuple[Callable[[Any], Any], bool]] = {
    "gelu": (_gelu, False),
    "gelu-approximate": (_gelu_tanh, False),
    "geglu": (_gelu, True),
    "quick_gelu": (_gelu_sigmoid, False),  # transformers' name
    "geglu-approximate": (_gelu_sigmoid, False),  # not gated, whatever its name says
    "geglu-tanh": (_gelu_tanh, True),
    "reglu": (keras.activations.relu, True),
    "swiglu": (keras.activations.silu, True),
    "linear-silu": (keras.activations.silu, False),
    "relu": (keras.activations.relu, False),
}


@keras.saving.register_keras_serializable(package="kerasarch")
class FeedForward(keras.layers.Layer):
    """Two linear maps with an activation between them, plain or gated.

    ``project_out(f(project_in(x)))``: Vaswani et al., 2017, eq. 2 (https://arxiv.org/abs/1706.03762); gated
    ``project_out(u * f(g))`` with ``u, g = split(project_in(x))``: Shazeer, 2020, eq. 6 (https://arxiv.org/abs/2002.05202).

    Args:
        activation: A name of diffusers' ``FeedForward``: ``"gelu"``, ``"gelu-approximate"`` (tanh), ``"geglu"``,
            ``"quick_gelu"`` or ``"geglu-approximate"`` (both ``x sigmoid(1.702 x)``, not gated), ``"swiglu"``,
            ``"linear-silu"`` or ``"relu"``; or ``"geglu-tanh"`` and ``"reglu"``, gated by GELU (tanh) and by ReLU.
        hidden: Hidden units; None for four times the width.
        bias: Whether the linear maps have biases.
        initializer: Of the first map's kernel.
        out_initializer: Of the second's; None for the same.
        dropout: Rate behind the activation.
        final_dropout: Whether there is dropout of this rate at the end too.
        **kwargs: Passed to ``keras.layers.Layer``.

    Shapes:
        ``(B, T, D) -> (B, T, D)``.

    Raises:
        UsageError: The activation is unknown.
        ShapeError: The width is unknown.
    """

    def __init__(
        self,
        activation: str = "geglu",
        *,
        hidden: int | None = None,
        bias: bool = True,
        initializer: Any = "glorot_uniform",
        out_initializer: Any = None,
        dropout: float = 0.0,
        final_dropout: bool = False,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.supports_masking = True
        if activation not in ACTIVATIONS:
            raise UsageError(
                f"{self.name}: activation must be one of {', '.join(ACTIVATIONS)}. Received {activation!r}."
            )
        self.activation = activation
        self.hidden = hidden
        self.bias = bias
        self.initializer = keras.initializers.get(initializer)
        self.out_initializer = keras.initializers.get(initializer if out_initializer is None else out_initializer)
        self.final_dropout = final_dropout
        self.dropout = keras.layers.Dropout(dropout, dtype=self.dtype_policy, name="dropout")

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Build the two linear maps."""
        width = input_shape[-1]
        if width is None:
            raise ShapeError(f"{self.name}: the width must be known. Received {input_shape}.")
        hidden = self.hidden or 4 * width
        gated = ACTIVATIONS[self.activation][1]
        own: dict[str, Any] = {"use_bias": self.bias, "dtype": self.dtype_policy}
        self.project_in = keras.layers.Dense(
            hidden * (1 + gated), kernel_initializer=self.initializer.clone(), name="project_in", **own
        )
        self.project_in.build(input_shape)
        self.project_out = keras.layers.Dense(
            width, kernel_initializer=self.out_initializer.clone(), name="project_out", **own
        )
        self.project_out.build((*input_shape[:-1], hidden))

    def call(self, x: Any, training: bool | None = None) -> Any:  # (B, T, D)
        """Apply the layer."""
        function, gated = ACTIVATIONS[self.activation]
        h = self.project_in(x)  # (B, T, hidden or twice as many)
        if gated:
            h, gate = ops.split(h, 2, axis=-1)
            h = h * function(gate)
        else:
            h = function(h)
        h = self.project_out(self.dropout(h, training=training))
        return self.dropout(h, training=training) if self.final_dropout else h

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape of the output, that of the input."""
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the layer again."""
        return {
            **super().get_config(),
            "activation": self.activation,
            "hidden": self.hidden,
            "bias": self.bias,
            "initializer": keras.initializers.serialize(self.initializer),
            "out_initializer": keras.initializers.serialize(self.out_initializer),
            "dropout": self.dropout.rate,
            "final_dropout": self.final_dropout,
        }
