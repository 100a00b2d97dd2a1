"""What recipes that forecast share: series to windows, training, figures, the forecast after the last row."""

import csv
import dataclasses
import io
from typing import Any

import numpy as np

from kerasarch.data.series import Series
from kerasarch.data.series_windows import SeriesWindows
from kerasarch.recipe import Run
from kerasarch.runs.atomic import write_file, write_json
from kerasarch.runs.forecasting_report import Forecast, report_forecasts
from kerasarch.training.forecast_options import ForecastOptions
from kerasarch.training.least_squares import least_squares_forecast

AT_ONCE, SMOKE_TESTED = 256, 512
"""Windows that the network forecasts together; test windows of a quick trial."""
SERIES, FORECAST = "series.json", "forecast.csv"


@dataclasses.dataclass(frozen=True)
class ForecastData:
    """Series as a forecaster learns them.

    Attributes:
        series: As they were read.
        mean: Of each one's training part.
        deviation: Of each one's training part, 1 where it does not change.
        train: Windows to learn from, standardised.
        validation: Windows to choose by.
        test: Windows to report.
    """

    series: Series
    mean: np.ndarray
    deviation: np.ndarray
    train: SeriesWindows
    validation: SeriesWindows
    test: SeriesWindows


def load_forecast_data(run: Run, options: ForecastOptions) -> ForecastData:
    """Read series, bring them to mean 0 and deviation 1 by their training part, cut windows.

    Windows of the validation and the test part begin in the part before, so that their first row is forecast too.

    Args:
        run: The run.
        options: Its options.

    Raises:
        UsageError: There are no such series.
        DataError: The file is damaged, or there are too few rows.
    """
    from kerasarch.data import load_series

    series = load_series(
        options.data, columns=options.columns, rows=options.rows, validation=options.validation, test=options.test
    )
    known = series.part("train")
    mean, deviation = known.mean(axis=0), known.std(axis=0)
    deviation = np.where(deviation > 0, deviation, 1.0)

    def windows(part: str, **keywords: Any) -> SeriesWindows:
        values = (series.part(part, 0 if part == "train" else options.look_back) - mean) / deviation
        if run.smoke and part != "train":
            values = values[: options.look_back + options.horizon + SMOKE_TESTED]
        return SeriesWindows(values, look_back=options.look_back, horizon=options.horizon, **keywords)

    run.say(
        f"{series.name}: {len(series.columns)} series; {series.rows[0]:,} rows to learn from, {series.rows[1]:,} to "
        f"choose by, {series.rows[2]:,} to report"
    )
    return ForecastData(
        series,
        mean,
        deviation,
        windows("train", batch=options.batch, seed=run.seed),
        windows("validation", batch=AT_ONCE, shuffle=False),
        windows("test", batch=AT_ONCE, shuffle=False),
    )


def train_forecaster(
    run: Run, model: Any, data: ForecastData, options: ForecastOptions, *, name: str, learning_rate: float
) -> dict[str, float]:
    """Train a forecaster, judge it beside forecasts that need no training, save it.

    Args:
        run: The run.
        model: A `kerasarch.models.Forecaster` with fresh weights.
        data: The series.
        options: The options.
        name: What to call it in tables.
        learning_rate: The highest, after the warm-up.

    Returns:
        ``mse`` and ``mae`` of the test part, standardised, and the same of least squares (``linear_mse``,
        ``linear_mae``) and of repeating the last value (``last_value_mse``, ``last_value_mae``).
    """
    from kerasarch.training import EarlyStopping

    compile_forecaster(model, options, learning_rate, data.train.steps * options.epochs)
    stopping = EarlyStopping(patience=options.patience or options.epochs)
    run.fit("training", model, data.train, epochs=options.epochs, validation_data=data.validation, callbacks=[stopping])
    known = (data.series.part("train") - data.mean) / data.deviation
    linear = least_squares_forecast(known, look_back=options.look_back, horizon=options.horizon)
    forecasts: dict[str, Forecast] = {
        name: lambda past: _ahead(model, past),
        "linear, least squares": linear,
        "the last value again": lambda past: np.repeat(past[:, -1:], options.horizon, axis=1),
    }
    errors = report_forecasts(run, data, forecasts)
    run.save(model)
    _write_next(run, model, data, options)
    keys = ("", "linear_", "last_value_")
    return {f"{key}{score}": found[score] for key, found in zip(keys, errors, strict=True) for score in ("mse", "mae")}


def compile_forecaster(model: Any, options: ForecastOptions, learning_rate: float, steps: int) -> None:
    """Say how a forecaster learns: AdamW with a warm-up and a cosine; what is no matrix does not decay.

    Args:
        model: A `kerasarch.models.Forecaster`, built.
        options: The options.
        learning_rate: The highest, after the warm-up.
        steps: Steps of training.
    """
    import keras

    from kerasarch.training import WarmupCosine

    rate = WarmupCosine(learning_rate, total=steps, warmup=min(options.warmup, steps - 1))
    optimizer = keras.optimizers.AdamW(rate, weight_decay=options.weight_decay)
    optimizer.exclude_from_weight_decay([one for one in model.trainable_variables if len(one.shape) < 2])
    model.compile(optimizer, loss=options.loss)


def _ahead(model: Any, past: np.ndarray) -> np.ndarray:
    """Forecast windows, at most ``AT_ONCE``: ``(B, L, C) -> (B, H, C)``. All batches have one size, compiled once."""
    filled = np.pad(past, ((0, AT_ONCE - len(past)), (0, 0), (0, 0)), mode="edge")
    return np.asarray(model.predict_on_batch(filled))[: len(past)]


def _write_next(run: Run, model: Any, data: ForecastData, options: ForecastOptions) -> None:
    """Write what comes after the last row, in the series' own units, and what brings series to the model's."""
    series = data.series
    scale = {"columns": series.columns, "mean": data.mean.tolist(), "deviation": data.deviation.tolist()}
    write_json(run.dir / SERIES, scale)
    past = (series.values[-options.look_back :] - data.mean) / data.deviation
    ahead = _ahead(model, past[None].astype("float32"))[0] * data.deviation + data.mean
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["date" if series.times else "row", *series.columns])
    times = series.times_after(options.horizon)
    writer.writerows([time, *(f"{value:.6g}" for value in row)] for time, row in zip(times, ahead, strict=True))
    write_file(run.dir / FORECAST, lambda file: file.write(text.getvalue().encode()))
    run.say(f"what comes after the last row is in {run.dir / FORECAST}")
