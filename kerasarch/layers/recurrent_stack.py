"""Recurrent layers on top of each other, in one direction or both, made of Keras' fast layers."""

from typing import Any, Literal, get_args

import keras
from keras import ops

from kerasarch.errors import ShapeError, UsageError

Kind = Literal["rnn", "lstm", "gru"]
KINDS = get_args(Kind)
_LAYERS = {"rnn": keras.layers.SimpleRNN, "lstm": keras.layers.LSTM, "gru": keras.layers.GRU}


@keras.saving.register_keras_serializable(package="kerasarch")
class RecurrentStack(keras.layers.Layer):
    """Several recurrent layers, each over the outputs of the one below: torch's ``nn.RNN``, ``nn.LSTM`` and ``nn.GRU``.

    The steps are those of [`ElmanCell`][kerasarch.layers.ElmanCell],
    [`LongShortTermMemoryCell`][kerasarch.layers.LongShortTermMemoryCell] and
    [`GatedRecurrentCell`][kerasarch.layers.GatedRecurrentCell]; the layers are Keras' own, which know the backend's
    kernels. In both directions: Schuster & Paliwal, 1997 (https://doi.org/10.1109/78.650093). Steps that a mask leaves
    out give zeros and change no state, hence a sequence that is padded on the right gives backwards too what it gives
    alone, as torch's packed sequences do. On TensorFlow with a GPU, cuDNN takes masks of that kind alone, with one step
    or more in each sequence.

    Args:
        units: Width of a state.
        kind: ``"rnn"``, ``"lstm"`` or ``"gru"``.
        depth: Layers.
        bidirectional: Whether each layer reads backwards too, with weights of its own, and joins both outputs.
        dropout: Rate between the layers.
        return_states: Whether the last states come back too.
        **kwargs: Passed to ``keras.layers.Layer``.

    Shapes:
        B batch, T steps: ``x (B, T, D) -> (B, T, units)``, or ``(B, T, 2 units)`` in both directions. ``mask (B, T)``
        is true where there is a step. With ``return_states`` a list follows, for each layer a list of states
        ``(B, units)``: h, with ``"lstm"`` also c, then those of the other direction. ``initial_state`` is such a list.

    Raises:
        UsageError: An argument is out of its range.
        ShapeError: The width is unknown, or there are not as many initial states as layers.
    """

    def __init__(
        self,
        units: int,
        *,
        kind: Kind = "gru",
        depth: int = 1,
        bidirectional: bool = False,
        dropout: float = 0.0,
        return_states: bool = False,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        if kind not in KINDS or min(units, depth) < 1 or not 0 <= dropout < 1:
            raise UsageError(
                f"{self.name}: kind must be one of {', '.join(KINDS)}, units and depth 1 or more, dropout from 0 to "
                f"below 1. Received kind={kind!r}, units={units}, depth={depth}, dropout={dropout}."
            )
        self.supports_masking = True
        self.units = units
        self.kind = kind
        self.depth = depth
        self.bidirectional = bidirectional
        self.return_states = return_states
        self.dropout = keras.layers.Dropout(dropout, dtype=self.dtype_policy, name="dropout")
        self.recurrent_layers = [self._layer(index) for index in range(depth)]

    def _layer(self, index: int) -> keras.layers.Layer:
        one = _LAYERS[self.kind](
            self.units,
            return_sequences=True,
            return_state=True,
            zero_output_for_mask=True,
            dtype=self.dtype_policy,
            name=f"layer{index}",
        )
        if not self.bidirectional:
            return one
        return keras.layers.Bidirectional(one, dtype=self.dtype_policy, name=f"layer{index}")

    @property
    def states(self) -> int:
        """States of a layer."""
        return (2 if self.kind == "lstm" else 1) * (2 if self.bidirectional else 1)

    @property
    def width(self) -> int:
        """Width of the outputs."""
        return self.units * (2 if self.bidirectional else 1)

    def build(self, x_shape: tuple[int | None, ...], *_: Any) -> None:
        """Build the layers."""
        if x_shape[-1] is None:
            raise ShapeError(f"{self.name}: the width must be known. Received {x_shape}.")
        for layer in self.recurrent_layers:
            layer.build(x_shape)
            x_shape = (*x_shape[:-1], self.width)

    def call(self, x: Any, mask: Any = None, initial_state: Any = None, training: bool | None = None) -> Any:
        """Apply the layers."""  # (B, T, D), (B, T)
        if initial_state is not None and len(initial_state) != self.depth:
            raise ShapeError(f"{self.name}: expected {self.depth} initial states. Received {len(initial_state)}.")
        last = []
        for index, layer in enumerate(self.recurrent_layers):
            first = None if initial_state is None else list(initial_state[index])
            x = self.dropout(x, training=training) if index else x
            x, *states = layer(x, mask=mask, initial_state=first, training=training)
            last.append(states)
        return (x, last) if self.return_states else x

    def first_states(self, batch: Any) -> list[list[Any]]:
        """Return the states before the first step, zeros, for so many sequences."""
        shape = (batch, self.units)
        return [[ops.zeros(shape, self.compute_dtype) for _ in range(self.states)] for _ in range(self.depth)]

    def step(self, x: Any, states: Any, drops: Any = None) -> tuple[Any, list[list[Any]]]:
        """Take one step: for loops whose next input hangs on this output.

        Args:
            x: ``(B, D)``.
            states: Of ``first_states`` or an earlier step.
            drops: What the inputs of each layer but the first are multiplied by, of ``drawn_drops``; None for nothing.

        Returns:
            The output ``(B, units)``, and the states.

        Raises:
            UsageError: The layers read in both directions.
        """
        if self.bidirectional:
            raise UsageError(f"{self.name}: layers that read backwards too need the whole sequence. Call the stack.")
        after = []
        for index, (layer, before) in enumerate(zip(self.recurrent_layers, states, strict=True)):
            x = x * drops[index - 1] if drops and index else x
            x, now = layer.cell(x, list(before))
            after.append(list(now))
        return x, after

    def drawn_drops(self, x: Any, training: bool | None = None) -> list[Any]:
        """Return dropout for ``step``, the same at each step of a sequence.

        Gal & Ghahramani, 2016, section 4 (https://arxiv.org/abs/1512.05287).

        Args:
            x: Anything of as many rows as there are sequences: ``(B, ...)``.
            training: Whether there is dropout.
        """
        if not (training and self.dropout.rate):
            return []
        ones = ops.ones((ops.shape(x)[0], self.units), self.compute_dtype)
        return [self.dropout(ones, training=training) for _ in range(self.depth - 1)]

    def compute_mask(self, x: Any, mask: Any = None) -> Any:
        """Return the mask, which the outputs keep."""
        return mask

    def compute_output_shape(self, x_shape: tuple[int | None, ...], *_: Any, **__: Any) -> Any:
        """Return the shapes of the outputs and, where they come back, of the states."""
        shape = (*x_shape[:-1], self.width)
        return (shape, [[(x_shape[0], self.units)] * self.states] * self.depth) if self.return_states else shape

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the layer again."""
        names = ("units", "kind", "depth", "bidirectional", "return_states")
        return {
            **super().get_config(),
            **{name: getattr(self, name) for name in names},
            "dropout": self.dropout.rate,
        }
