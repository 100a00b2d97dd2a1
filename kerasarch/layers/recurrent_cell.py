"""What the cells of recurrent networks share: their matrices, shaped as Keras shapes them, and their states."""

from typing import Any, ClassVar

import keras
from keras import ops

from kerasarch.errors import ShapeError, UsageError


class RecurrentCell(keras.layers.Layer):
    """One step of a recurrent network, for ``keras.layers.RNN(cell)``.

    Variables have the names, shapes and order of those of the fast layer of Keras, so that ``get_weights`` of the one
    goes into ``set_weights`` of the other.

    Args:
        units: Width of the states.
        bias: Whether there are biases.
        initializer: Of the matrix of the input.
        recurrent_initializer: Of the matrix of the state; orthogonal as Saxe et al., 2013
            (https://arxiv.org/abs/1312.6120).
        **kwargs: Passed to ``keras.layers.Layer``.

    Shapes:
        ``x (B, D)`` and a list of states, each ``(B, units)``: the output ``(B, units)`` and the list of new states.

    Raises:
        UsageError: ``units`` is not positive.
        ShapeError: The width of the input is unknown.
    """

    gates: ClassVar[int]
    """Blocks of ``units`` columns in each matrix."""
    states: ClassVar[int] = 1
    """States that go from step to step."""

    def __init__(
        self,
        units: int,
        *,
        bias: bool = True,
        initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        if units < 1:
            raise UsageError(f"{self.name}: units must be 1 or more. Received {units}.")
        self.units = units
        self.use_bias = bias
        self.initializer = keras.initializers.get(initializer)
        self.recurrent_initializer = keras.initializers.get(recurrent_initializer)
        self.state_size: Any = units if self.states == 1 else [units] * self.states
        self.output_size = units

    def bias_shape(self) -> tuple[int, ...]:
        """Return the shape of the biases."""
        return (self.gates * self.units,)

    def first_bias(self, shape: tuple[int, ...], dtype: Any = None) -> Any:
        """Return the biases that training begins with."""
        return ops.zeros(shape, dtype)

    def build(self, x_shape: tuple[int | None, ...], *_: Any) -> None:
        """Make the two matrices and the biases."""
        if x_shape[-1] is None:
            raise ShapeError(f"{self.name}: the width of the input must be known. Received {x_shape}.")
        columns = self.gates * self.units
        self.kernel = self.add_weight(shape=(x_shape[-1], columns), initializer=self.initializer, name="kernel")
        self.recurrent_kernel = self.add_weight(
            shape=(self.units, columns), initializer=self.recurrent_initializer, name="recurrent_kernel"
        )
        self.bias: Any = None
        if self.use_bias:
            self.bias = self.add_weight(shape=self.bias_shape(), initializer=self.first_bias, name="bias")

    def get_initial_state(self, batch_size: Any = None) -> list[Any]:
        """Return the states before the first step, zeros."""
        return [ops.zeros((batch_size, self.units), self.compute_dtype) for _ in range(self.states)]

    def compute_output_shape(self, x_shape: tuple[int | None, ...], *_: Any) -> tuple[Any, list[Any]]:
        """Return the shapes of the output and of the states."""
        shape = (x_shape[0], self.units)
        return shape, [shape] * self.states

    def get_build_config(self) -> dict[str, Any]:
        """Return nothing: the layer around a cell builds it, so that its variables have the same paths in a file."""
        return {}

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the layer again."""
        return {
            **super().get_config(),
            "units": self.units,
            "bias": self.use_bias,
            "initializer": keras.initializers.serialize(self.initializer),
            "recurrent_initializer": keras.initializers.serialize(self.recurrent_initializer),
        }
