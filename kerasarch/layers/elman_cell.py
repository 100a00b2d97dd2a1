"""The plain recurrent network, one step of it."""

from typing import Any

import keras
from keras import ops

from kerasarch.layers.recurrent_cell import RecurrentCell


@keras.saving.register_keras_serializable(package="kerasarch")
class ElmanCell(RecurrentCell):
    """A layer whose input is joined by its own output of the step before.

    ``h' = tanh(x W + h U + b)``: Elman, 1990, figure 2 (https://doi.org/10.1207/s15516709cog1402_1), whose squashing
    function is logistic. Weights as in ``keras.layers.SimpleRNN``: W ``kernel``, U ``recurrent_kernel``, b ``bias``.

    Args:
        *args: ``units``, the width of the states.
        activation: Name or function.
        **kwargs: ``bias`` (True), ``initializer`` of the matrix of the input (``"glorot_uniform"``),
            ``recurrent_initializer`` of that of the state (``"orthogonal"``), and what ``keras.layers.Layer`` takes.

    Shapes:
        ``x (B, D)``, ``[h (B, units)]`` -> ``h' (B, units)``, ``[h']``.
    """

    gates = 1

    def __init__(self, *args: Any, activation: Any = "tanh", **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.activation = keras.activations.get(activation)

    def call(self, x: Any, states: Any) -> tuple[Any, list[Any]]:  # (B, D), [(B, units)]
        """Take a step."""
        (h,) = states
        h = ops.matmul(x, self.kernel) + ops.matmul(h, self.recurrent_kernel)
        h = self.activation(h if self.bias is None else h + self.bias)
        return h, [h]

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the layer again."""
        return {**super().get_config(), "activation": keras.activations.serialize(self.activation)}
