"""Errors of forecasts over batches of windows against NumPy; a network forecasts any number of windows alike."""

import types

import numpy as np

from kerasarch.data import SeriesWindows
from kerasarch.runs import forecasting
from kerasarch.runs.forecasting_report import mean_errors

VALUES = np.random.default_rng(0).normal(size=(20, 2))


def test_errors_are_those_of_all_windows_at_once():
    windows = SeriesWindows(VALUES, look_back=5, horizon=3, batch=6, shuffle=False)
    assert (windows.count, windows.steps) == (13, 3)  # the last batch is smaller
    squares, distances = mean_errors(
        windows, {"zero": lambda past: np.zeros((len(past), 3, 2)), "first": lambda past: past[:, :3]}
    )
    rolled = np.lib.stride_tricks.sliding_window_view(VALUES, 8, axis=0).transpose(0, 2, 1)
    past, future = rolled[:, :5], rolled[:, 5:]
    for name, error in (("zero", future), ("first", past[:, :3] - future)):
        np.testing.assert_allclose(squares[name], np.square(error).mean(axis=0), rtol=1e-5)
        np.testing.assert_allclose(distances[name], np.abs(error).mean(axis=0), rtol=1e-5)


def test_batches_are_filled_up_and_cut_again():
    shapes = []

    def predict_on_batch(past):
        shapes.append(past.shape)
        return 2 * past[:, -3:]

    model = types.SimpleNamespace(predict_on_batch=predict_on_batch)
    for count in (1, 4, forecasting.AT_ONCE):
        past = np.random.default_rng(1).normal(size=(count, 5, 2))
        np.testing.assert_array_equal(forecasting._ahead(model, past), 2 * past[:, -3:])
    assert set(shapes) == {(forecasting.AT_ONCE, 5, 2)}
