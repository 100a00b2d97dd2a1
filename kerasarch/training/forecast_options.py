"""The options of recipes that forecast series over time; no Keras import: recipes name them."""

import dataclasses
from typing import Annotated, Literal

from annotated_types import Ge, Gt, Interval

from kerasarch.errors import UsageError


@dataclasses.dataclass(frozen=True)
class ForecastOptions:
    """Options of every recipe that forecasts series over time.

    Args:
        data: File .csv or .tsv with a line for each time, or mackey-glass for three solutions of an equation.
        columns: Columns to forecast, such as HUFL,OT; none is all but that of the times.
        rows: Rows for training, for validation and for the test, one after the other, such as 8640,2880,2880; none is
            what published comparisons use for ETTh1, ETTh2, ETTm1 and ETTm2, and else what --validation and --test say.
        validation: Part of the rows that the number of epochs is chosen by.
        test: Part of the rows, the last ones, that the result is about.
        look_back: Rows that a forecast looks back on.
        horizon: Rows to forecast.
        level: What is taken from the known rows and given back to the forecast: their last value, mean and deviation of
            the instance, or zero for nothing; none is what the model's paper takes.
        epochs: Epochs of training at most, a look at the validation part after each.
        patience: Stop after so many epochs without a better validation loss and keep the best weights; none trains all
            epochs, and keeps the best weights too.
        batch: Windows a step.
        learning_rate: Highest learning rate, after the warm-up; none is 5e-4, 2e-3 for a transformer and 5e-3 for a
            linear map.
        warmup: Steps over which the rate rises; then it falls along a cosine.
        weight_decay: Decoupled weight decay.
        loss: What is made small: the mean absolute error, or the mean squared error.
    """

    data: str = "mackey-glass"
    columns: tuple[str, ...] = ()
    rows: tuple[Annotated[int, Ge(1)], ...] = ()
    validation: Annotated[float, Interval(gt=0, lt=1)] = 0.2
    test: Annotated[float, Interval(gt=0, lt=1)] = 0.2
    look_back: Annotated[int, Ge(1)] = 336
    horizon: Annotated[int, Ge(1)] = 96
    level: Literal["last", "instance", "zero"] | None = None
    epochs: Annotated[int, Ge(1)] = 12
    patience: Annotated[int, Ge(1)] | None = None
    batch: Annotated[int, Ge(1)] = 64
    learning_rate: Annotated[float, Gt(0)] | None = None
    warmup: Annotated[int, Ge(0)] = 50
    weight_decay: Annotated[float, Ge(0)] = 1e-4
    loss: Literal["mae", "mse"] = "mae"

    def __post_init__(self) -> None:
        """Check what goes together.

        Raises:
            UsageError: There are not three numbers of rows, or the parts leave none for training.
        """
        if len(self.rows) not in (0, 3):
            raise UsageError(f"--rows: received {len(self.rows)} numbers, expected three: train, validation, test.")
        if self.validation + self.test >= 1:
            raise UsageError(
                f"--validation: received {self.validation} with --test {self.test}, expected less than 1 together."
            )
