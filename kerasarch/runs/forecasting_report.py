"""What a report says of forecasts: errors of several kinds of forecast, by step and by series, and pictures of some."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from kerasarch.recipe import Run
from kerasarch.runs.figures import INK
from kerasarch.runs.plots import COLOURS

Forecast = Callable[[np.ndarray], np.ndarray]
"""What is known, ``(B, L, C)``, to what comes, ``(B, H, C)``."""
SHOWN_SERIES, SHOWN_WINDOWS = 4, 3
STEPS_SHOWN = (1, 2, 4, 8, 24, 48, 96, 192, 336, 720)
"""Steps ahead that the table by step names, where the horizon reaches so far."""


def report_forecasts(run: Run, data: Any, forecasts: Mapping[str, Forecast]) -> list[dict[str, float]]:
    """Write the errors of forecasts on the test windows, and draw some.

    Args:
        run: The run.
        data: A `kerasarch.runs.forecasting.ForecastData`.
        forecasts: Each kind by its name, the model's own first.

    Returns:
        ``mse`` and ``mae`` of each, standardised.
    """
    squares, distances = mean_errors(data.test, forecasts)
    scores = {name: {"mse": float(squares[name].mean()), "mae": float(distances[name].mean())} for name in forecasts}
    horizon, count = data.test.horizon, data.test.count
    run.table(
        "models",
        [
            {"forecast": name, **{score: round(value, 4) for score, value in found.items()}}
            for name, found in scores.items()
        ],
        caption=f"{count:,} windows of the test part, {horizon} steps ahead, standardised by the training part",
    )
    by_step = {name: found.mean(axis=1) for name, found in squares.items()}
    steps = [step for step in STEPS_SHOWN if step <= horizon]
    run.table(
        "steps",
        [
            {"steps ahead": step, **{name: round(float(found[step - 1]), 4) for name, found in by_step.items()}}
            for step in steps
        ],
        caption="Mean squared error that many steps ahead",
    )
    by_series = {name: found.mean(axis=0) for name, found in squares.items()}
    run.table(
        "series",
        [
            {"series": series, **{name: round(float(found[place]), 4) for name, found in by_series.items()}}
            for place, series in enumerate(data.series.columns)
        ],
        caption="Mean squared error of each series",
    )
    with run.figure("error by step", caption="Mean squared error by steps ahead") as figure:
        _draw_steps(figure, by_step)
    caption = "Windows of the test part, standardised: what is known, what came, what was forecast"
    with run.figure("forecasts", caption=caption) as figure:
        _draw_forecasts(figure, data, forecasts)
    return list(scores.values())


def mean_errors(windows: Any, forecasts: Mapping[str, Forecast]) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Return the mean squared and the mean absolute error of each kind, ``(H, C)``, a batch of windows at a time.

    Args:
        windows: A `kerasarch.data.SeriesWindows` that is not shuffled.
        forecasts: Each kind by its name.
    """
    shape = (windows.horizon, windows.values.shape[1])
    squares, distances = ({name: np.zeros(shape) for name in forecasts} for _ in range(2))
    for index in range(windows.steps):
        past, future = windows.batch(0, index)
        for name, forecast in forecasts.items():
            error = (forecast(past) - future).astype("float64")
            squares[name] += np.square(error).sum(axis=0) / windows.count
            distances[name] += np.abs(error).sum(axis=0) / windows.count
    return squares, distances


def _draw_steps(figure: Any, by_step: Mapping[str, np.ndarray]) -> None:
    figure.set_size_inches(7.2, 3)
    figure.patch.set_alpha(0)
    axes = figure.subplots()
    for number, (name, found) in enumerate(by_step.items()):
        axes.plot(np.arange(1, len(found) + 1), found, color=COLOURS[number], linewidth=1.4, label=name)
    axes.set_xlabel("steps ahead", color=INK, fontsize=8)
    axes.set_ylabel("mean squared error", color=INK, fontsize=8)
    axes.set_ylim(bottom=0)
    _plain(axes)
    figure.legend(loc="outside upper right", ncols=3, frameon=False, fontsize=8, labelcolor=INK)


def _draw_forecasts(figure: Any, data: Any, forecasts: Mapping[str, Forecast]) -> None:
    """Draw some series in rows, some windows, spread over the test part, in columns."""
    rows = min(len(data.series.columns), SHOWN_SERIES)
    windows = np.unique(np.linspace(0, data.test.count - 1, SHOWN_WINDOWS).astype(int))
    past, future = data.test.windows(windows)
    drawn = {name: forecast(past) for name, forecast in list(forecasts.items())[:2]}
    horizon = data.test.horizon
    before = min(past.shape[1], 2 * horizon)
    figure.set_size_inches(7.2, 0.6 + 1.5 * rows)
    figure.patch.set_alpha(0)
    grid = figure.subplots(rows, len(windows), squeeze=False, sharex=True)
    for (row, column), axes in np.ndenumerate(grid):
        ahead = np.arange(1, horizon + 1)
        axes.plot(np.arange(1 - before, 1), past[column, -before:, row], color=INK, linewidth=0.9)
        axes.plot(ahead, future[column, :, row], color=INK, linewidth=0.9, linestyle=":", label="what came")
        for number, (name, found) in enumerate(drawn.items()):
            lines = {"color": COLOURS[number], "linewidth": 1.2, "zorder": 4 - number}  # the model's own in front
            axes.plot(ahead, found[column, :, row], label=name, **lines)
        axes.axvline(0, color=INK, linewidth=0.5)
        if not column:
            axes.set_ylabel(data.series.columns[row], color=INK, fontsize=8)
        if row == rows - 1:
            axes.set_xlabel("steps ahead", color=INK, fontsize=8)
        _plain(axes)
    handles, labels = grid[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper right", ncols=3, frameon=False, fontsize=8, labelcolor=INK)


def _plain(axes: Any) -> None:
    axes.patch.set_alpha(0)
    axes.tick_params(colors=INK, labelsize=7)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(INK)
