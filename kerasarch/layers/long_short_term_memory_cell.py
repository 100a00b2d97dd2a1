"""Long short-term memory, one step of it."""

from typing import Any

import keras
from keras import ops

from kerasarch.layers.recurrent_cell import RecurrentCell


@keras.saving.register_keras_serializable(package="kerasarch")
class LongShortTermMemoryCell(RecurrentCell):
    """A memory that gates write to, forget and read.

    ``i, f, o = sigmoid(x W + h U + b)`` and ``g = tanh(x W + h U + b)``, each with columns of its own;
    ``c' = f * c + i * g``, ``h' = o * tanh(c')``: Hochreiter & Schmidhuber, 1997
    (https://doi.org/10.1162/neco.1997.9.8.1735), with the forget gate f of Gers et al., 2000
    (https://doi.org/10.1162/089976600300015015) and without peepholes. Weights as in ``keras.layers.LSTM``: columns in
    the order i, f, g, o.

    Args:
        *args: ``units``, the width of the states.
        forget_bias: What the biases of the forget gate begin with, so that the memory keeps at first.
        **kwargs: ``bias`` (True), ``initializer`` of the matrix of the input (``"glorot_uniform"``),
            ``recurrent_initializer`` of that of the state (``"orthogonal"``), and what ``keras.layers.Layer`` takes.

    Shapes:
        ``x (B, D)``, ``[h, c]``, both ``(B, units)`` -> ``h' (B, units)``, ``[h', c']``.
    """

    gates = 4
    states = 2

    def __init__(self, *args: Any, forget_bias: float = 1.0, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.forget_bias = forget_bias

    def first_bias(self, shape: tuple[int, ...], dtype: Any = None) -> Any:
        """Return zeros, but for the forget gate."""
        others = ops.zeros((self.units,), dtype)
        return ops.concatenate([others, others + self.forget_bias, others, others])

    def call(self, x: Any, states: Any) -> tuple[Any, list[Any]]:  # (B, D), [(B, units), (B, units)]
        """Take a step."""
        h, c = states
        columns = ops.matmul(x, self.kernel) + ops.matmul(h, self.recurrent_kernel)
        i, f, g, o = ops.split(columns if self.bias is None else columns + self.bias, 4, axis=-1)
        c = ops.sigmoid(f) * c + ops.sigmoid(i) * ops.tanh(g)
        h = ops.sigmoid(o) * ops.tanh(c)
        return h, [h, c]

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the layer again."""
        return {**super().get_config(), "forget_bias": self.forget_bias}
