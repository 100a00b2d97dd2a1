"""Recurrent forecasters that read and write series in segments.

Paper: Lin et al., 2023, "SegRNN: Segment Recurrent Neural Network for Long-Term Time Series Forecasting"
(https://arxiv.org/abs/2308.11200). Where we differ: a plain recurrent layer and an LSTM may stand in for the GRU, and
several layers on each other; a vector of the series joins the vector of the place only where ``columns`` are given.
"""

import dataclasses
from typing import Any, Literal

import keras
from keras import ops

from kerasarch.errors import ShapeError, UsageError
from kerasarch.layers.recurrent_stack import KINDS, RecurrentStack
from kerasarch.models.configured import as_config
from kerasarch.models.family import choose
from kerasarch.models.forecaster import Forecaster, ForecasterConfig


@dataclasses.dataclass(frozen=True)
class SegmentRNNConfig(ForecasterConfig):
    """Sizes and details.

    Attributes:
        look_back: Rows that are known.
        horizon: Rows to forecast.
        level: As for `ForecasterConfig`.
        segment: Rows that a step reads or writes; 1 reads row by row.
        units: Of the recurrent layers.
        depth: Recurrent layers.
        kind: ``"gru"``, ``"lstm"`` or ``"rnn"``.
        columns: Series that the network tells apart by a learned vector each; 0 for none.
        dropout: Rate between the layers and before the head.
    """

    segment: int = 48
    units: int = 256
    depth: int = 1
    kind: Literal["gru", "lstm", "rnn"] = "gru"
    columns: int = 0
    dropout: float = 0.5

    def __post_init__(self) -> None:
        """Check the values."""
        super().__post_init__()
        if not 1 <= self.segment <= self.look_back or self.units < 2 or self.depth < 1 or self.columns < 0:
            raise UsageError(
                "segment must be from 1 to look_back, units 2 or more, depth 1 or more, columns 0 or more. Received "
                f"segment={self.segment}, look_back={self.look_back}, units={self.units}, depth={self.depth}, "
                f"columns={self.columns}."
            )
        if self.kind not in KINDS:
            raise UsageError(f"kind must be one of {', '.join(KINDS)}. Received {self.kind!r}.")

    @property
    def steps(self) -> tuple[int, int]:
        """Segments that are read, and segments that are written."""
        return self.look_back // self.segment, -(-self.horizon // self.segment)


VARIANTS = {"segment_rnn": SegmentRNNConfig()}


@keras.saving.register_keras_serializable(package="kerasarch")
class SegmentRNN(Forecaster):
    """A recurrent network that reads a series by the segment, and writes all segments of the forecast at once.

    Segments are projected, passed through a relu and read one after the other. From the last state one step is taken
    for each segment of the forecast, all side by side, whose input is a learned vector of that segment's place
    ("parallel multi-step forecasting": Lin et al., 2023, section 3.3, https://arxiv.org/abs/2308.11200). The oldest
    rows are left out where the look-back is no multiple of the segment.

    Args:
        config: The config, or its fields as a dictionary.
        **kwargs: Passed to ``keras.Model``.

    Shapes:
        As for `Forecaster`.

    Raises:
        ShapeError: There is another number of series than ``columns``.
    """

    family = "segment_rnn"
    kind = SegmentRNNConfig

    def __init__(self, config: SegmentRNNConfig | dict[str, Any], **kwargs: Any):
        super().__init__(config, **kwargs)
        config = as_config(SegmentRNNConfig, config)
        own: dict[str, Any] = {"dtype": self.dtype_policy}
        self.projection = keras.layers.Dense(config.units, activation="relu", name="projection", **own)
        self.recurrent = RecurrentStack(
            config.units,
            kind=config.kind,
            depth=config.depth,
            dropout=config.dropout,
            return_states=True,
            name="recurrent",
            **own,
        )
        self.drop = keras.layers.Dropout(config.dropout, name="drop", **own)
        self.head = keras.layers.Dense(config.segment, name="head", **own)

    def build(self, input_shape: Any = None) -> None:
        """Build the children."""
        config = self.config
        self.projection.build((None, None, config.segment))
        self.recurrent.build((None, None, config.units))
        self.head.build((None, config.units))
        of_column = config.units // 2 if config.columns else 0
        self.places = self.add_weight(
            name="places", shape=(config.steps[1], config.units - of_column), initializer="random_normal"
        )
        if config.columns:
            self.series = self.add_weight(name="series", shape=(config.columns, of_column), initializer="random_normal")

    def ahead(self, x: Any, columns: int, training: bool | None = None) -> Any:
        """Return what comes after: ``(B C, L) -> (B C, H)``."""
        config = self.config
        if config.columns not in (0, columns):
            raise ShapeError(f"{self.name}: expected {config.columns} series. Received {columns}.")
        read, written = config.steps
        x = ops.reshape(x[:, config.look_back - read * config.segment :], (-1, read, config.segment))
        _, states = self.recurrent(self.projection(x), training=training)
        states = [[ops.repeat(state, written, axis=0) for state in states_of] for states_of in states]
        count = ops.shape(x)[0]
        asked = ops.tile(ops.cast(self.places, self.compute_dtype), (count, 1))  # (B C written, ...)
        if config.columns:
            of_series = ops.repeat(ops.cast(self.series, self.compute_dtype), written, axis=0)
            asked = ops.concatenate([asked, ops.tile(of_series, (count // columns, 1))], axis=-1)
        drops = self.recurrent.drawn_drops(asked, training)
        h, _ = self.recurrent.step(asked, states, drops)
        ahead = self.head(self.drop(h, training=training))
        return ops.reshape(ahead, (-1, written * config.segment))[:, : config.horizon]


def segment_rnn(
    variant: str | SegmentRNNConfig = "segment_rnn", *, name: str = "segment_rnn", dtype: Any = None, **overrides: Any
) -> SegmentRNN:
    """Build a recurrent forecaster with fresh weights.

    Args:
        variant: A name in the table, or a config.
        name: Name of the model.
        dtype: Dtype policy; None for the global one.
        **overrides: Fields of the config to replace.

    Raises:
        UsageError: No such variant or field.
    """
    model = SegmentRNN(choose(VARIANTS, variant, overrides), name=name, dtype=dtype)
    model.build()
    return model
