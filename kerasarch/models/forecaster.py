"""What all forecasters share: each series by itself, its level taken away before the network and given back behind it.

Papers: Zeng et al., 2023, "Are Transformers Effective for Time Series Forecasting?" (https://arxiv.org/abs/2205.13504),
of which the linear one is NLinear; Nie et al., 2023 (https://arxiv.org/abs/2211.14730), for one network that reads all
series, each by itself.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any, Literal, get_args

import keras
from keras import ops

from kerasarch.errors import ShapeError, UsageError
from kerasarch.models.configured import ConfiguredModel, as_config
from kerasarch.models.family import choose

Level = Literal["last", "instance", "zero"]
EPSILON = 1e-5


@dataclasses.dataclass(frozen=True)
class ForecasterConfig:
    """Sizes and details that all forecasters have.

    Attributes:
        look_back: Rows that are known.
        horizon: Rows to forecast.
        level: What is taken from the known rows of a series and given back to the forecast: ``"last"``, its last value;
            ``"instance"``, mean and deviation of its known rows; ``"zero"``, nothing.
    """

    look_back: int = 336
    horizon: int = 96
    level: Level = "last"

    def __post_init__(self) -> None:
        """Check the values."""
        if min(self.look_back, self.horizon) < 1 or self.level not in get_args(Level):
            raise UsageError(
                f"look_back and horizon must be 1 or more, level one of {', '.join(get_args(Level))}. Received "
                f"look_back={self.look_back}, horizon={self.horizon}, level={self.level!r}."
            )


class Forecaster(ConfiguredModel):
    """Forecasts several series over time with one network, which sees one series at a time.

    A subclass gives ``ahead``. With ``level="instance"`` this is Kim et al., 2022, "Reversible Instance Normalization"
    (https://openreview.net/forum?id=cGDAkQo1C0p), without its learned scale and shift; with ``"last"`` what Zeng et al.
    and Lin et al. do.

    Args:
        config: The config, or its fields as a dictionary.
        **kwargs: Passed to ``keras.Model``.

    Shapes:
        B batch, L rows that are known, H rows to forecast, C series: ``(B, L, C) -> (B, H, C)``.

    Raises:
        ShapeError: There are not as many rows as the config says.
    """

    kind: type[ForecasterConfig] = ForecasterConfig

    def __init__(self, config: Any, **kwargs: Any):
        super().__init__(as_config(self.kind, config), **kwargs)

    def ahead(self, x: Any, columns: int, training: bool | None = None) -> Any:
        """Return what comes after series without their level.

        Args:
            x: ``(B C, L)``, the series of an example one after the other.
            columns: C.
            training: Whether there is dropout.

        Returns:
            ``(B C, H)``.
        """
        raise NotImplementedError

    def input_tensors(self, input_shape: Sequence[int] | None = None) -> Any:
        """Return a Keras tensor like that which the model is called with, to follow a call without numbers.

        Args:
            input_shape: Rows and series, ``(L, C)``; None for one series.
        """
        shape = input_shape or (self.config.look_back, 1)
        return keras.KerasTensor((None, *shape), "float32", name="past")

    def call(self, inputs: Any, training: bool | None = None) -> Any:  # (B, L, C)
        """Forecast."""
        if len(inputs.shape) != 3 or inputs.shape[1] != self.config.look_back or inputs.shape[2] is None:
            raise ShapeError(
                f"{self.name}: expected (batch, {self.config.look_back}, series). Received {tuple(inputs.shape)}."
            )
        columns = inputs.shape[2]
        x = ops.cast(ops.transpose(inputs, (0, 2, 1)), "float32")
        x = ops.reshape(x, (-1, self.config.look_back))
        shift, scale = self._level(x)
        found = self.ahead(ops.cast((x - shift) / scale, self.compute_dtype), columns, training=training)
        found = ops.cast(found, "float32") * scale + shift
        found = ops.transpose(ops.reshape(found, (-1, columns, self.config.horizon)), (0, 2, 1))
        return ops.cast(found, self.compute_dtype)

    def _level(self, x: Any) -> tuple[Any, Any]:
        if self.config.level == "last":
            return x[:, -1:], ops.ones_like(x[:, -1:])
        if self.config.level == "instance":
            return ops.mean(x, axis=1, keepdims=True), ops.sqrt(ops.var(x, axis=1, keepdims=True) + EPSILON)
        return ops.zeros_like(x[:, -1:]), ops.ones_like(x[:, -1:])

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape of the forecasts."""
        return (input_shape[0], self.config.horizon, input_shape[2])


@keras.saving.register_keras_serializable(package="kerasarch")
class LinearForecaster(Forecaster):
    """Each row to forecast is a sum of the known rows, with weights that all series share: NLinear.

    Zeng et al., 2023, section 4 (https://arxiv.org/abs/2205.13504), with ``level="last"``.

    Args:
        config: The config, or its fields as a dictionary.
        **kwargs: Passed to ``keras.Model``.

    Shapes:
        As for `Forecaster`.
    """

    family = "linear_forecaster"

    def __init__(self, config: ForecasterConfig | dict[str, Any], **kwargs: Any):
        super().__init__(config, **kwargs)
        self.head = keras.layers.Dense(self.config.horizon, name="head", dtype=self.dtype_policy)

    def build(self, input_shape: Any = None) -> None:
        """Build the children."""
        self.head.build((None, self.config.look_back))

    def ahead(self, x: Any, columns: int, training: bool | None = None) -> Any:
        """Return what comes after: ``(B C, L) -> (B C, H)``."""
        return self.head(x)


VARIANTS = {"linear_forecaster": ForecasterConfig()}


def linear_forecaster(
    variant: str | ForecasterConfig = "linear_forecaster",
    *,
    name: str = "linear_forecaster",
    dtype: Any = None,
    **overrides: Any,
) -> LinearForecaster:
    """Build a linear forecaster with fresh weights.

    Args:
        variant: A name in the table, or a config.
        name: Name of the model.
        dtype: Dtype policy; None for the global one.
        **overrides: Fields of the config to replace.

    Raises:
        UsageError: No such variant or field.
    """
    model = LinearForecaster(choose(VARIANTS, variant, overrides), name=name, dtype=dtype)
    model.build()
    return model
