"""The gated recurrent unit, one step of it."""

from typing import Any

import keras
from keras import ops

from kerasarch.layers.recurrent_cell import RecurrentCell


@keras.saving.register_keras_serializable(package="kerasarch")
class GatedRecurrentCell(RecurrentCell):
    """A state that one gate updates, while another says how much of it the candidate sees.

    ``z, r = sigmoid(x W + h U + b)``, ``h' = z * h + (1 - z) * n``: Cho et al., 2014, eq. 5 to 8
    (https://arxiv.org/abs/1406.1078). The candidate is ``n = tanh(x W_n + (r * h) U_n + b_n)`` there. With
    ``reset_after`` it is ``n = tanh(x W_n + b_n + r * (h U_n + a_n))``, which takes one product less and is what cuDNN
    and PyTorch compute; biases a of their own belong to the state then. Weights as in ``keras.layers.GRU``: columns in
    the order z, r, n.

    Args:
        *args: ``units``, the width of the states.
        reset_after: Whether the reset gate r acts after the product with the state.
        **kwargs: ``bias`` (True), ``initializer`` of the matrix of the input (``"glorot_uniform"``),
            ``recurrent_initializer`` of that of the state (``"orthogonal"``), and what ``keras.layers.Layer`` takes.

    Shapes:
        ``x (B, D)``, ``[h (B, units)]`` -> ``h' (B, units)``, ``[h']``.
    """

    gates = 3

    def __init__(self, *args: Any, reset_after: bool = True, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.reset_after = reset_after

    def bias_shape(self) -> tuple[int, ...]:
        """Return the shape of the biases: a row for the input, another for the state with ``reset_after``."""
        shape = super().bias_shape()
        return (2, *shape) if self.reset_after else shape

    def call(self, x: Any, states: Any) -> tuple[Any, list[Any]]:  # (B, D), [(B, units)]
        """Take a step."""
        (h,) = states
        x_zr, x_n = self._columns(x, self.kernel, 0)
        recurrent = ops.convert_to_tensor(self.recurrent_kernel)
        if self.reset_after:
            h_zr, h_n = self._columns(h, recurrent, 1)
            z, r = ops.split(ops.sigmoid(x_zr + h_zr), 2, axis=-1)
            n = ops.tanh(x_n + r * h_n)
        else:
            z, r = ops.split(ops.sigmoid(x_zr + ops.matmul(h, recurrent[:, : 2 * self.units])), 2, axis=-1)
            n = ops.tanh(x_n + ops.matmul(r * h, recurrent[:, 2 * self.units :]))
        h = z * h + (1 - z) * n
        return h, [h]

    def _columns(self, x: Any, kernel: Any, row: int) -> tuple[Any, Any]:
        """Return a product with its biases: the columns of both gates, and those of the candidate."""
        columns = ops.matmul(x, kernel)
        if self.bias is not None:
            columns = columns + (ops.convert_to_tensor(self.bias)[row] if self.reset_after else self.bias)
        return columns[:, : 2 * self.units], columns[:, 2 * self.units :]

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the layer again."""
        return {**super().get_config(), "reset_after": self.reset_after}
