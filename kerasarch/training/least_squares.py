"""The best linear forecast there is, without training: least squares."""

import dataclasses

import numpy as np

from kerasarch.errors import DataError

ROWS_AT_ONCE = 2048


@dataclasses.dataclass(frozen=True)
class LinearForecast:
    """A forecast that is a sum of the known rows less the last one, which is added to it again.

    Attributes:
        kernel: ``(look_back, horizon)``, for all series.
        bias: ``(horizon,)``.
    """

    kernel: np.ndarray
    bias: np.ndarray

    def __call__(self, past: np.ndarray) -> np.ndarray:
        """Forecast: ``(B, L, C) -> (B, H, C)``, float64."""
        last = past[:, -1:].astype("float64")
        found = np.einsum("blc,lh->bhc", past - last, self.kernel, optimize=True)
        return found + self.bias[:, None] + last


def least_squares_forecast(values: np.ndarray, *, look_back: int, horizon: int, ridge: float = 1e-3) -> LinearForecast:
    """Solve for the linear forecast with the least squared error on every window of some series.

    ``(X'X + n ridge I) W = X'Y`` for all n windows of all series, less their last known value: the model of Zeng et
    al., 2023 (NLinear, https://arxiv.org/abs/2205.13504), for which there is nothing to train.

    Args:
        values: The series, ``(rows, columns)``.
        look_back: Rows that are known.
        horizon: Rows to forecast.
        ridge: What large weights cost, a part of the windows' number.

    Raises:
        DataError: There are fewer rows than a window has.
    """
    count = len(values) - look_back - horizon + 1
    if count < 1:
        raise DataError(f"A window needs {look_back + horizon} rows. Received {len(values)}.")
    size = look_back + 1  # a column of ones is the bias
    squares, products = np.zeros((size, size)), np.zeros((size, horizon))
    for column in np.asarray(values, "float64").T:
        windows = np.lib.stride_tricks.sliding_window_view(column, look_back + horizon)
        for start in range(0, count, ROWS_AT_ONCE):
            some = windows[start : start + ROWS_AT_ONCE] - windows[start : start + ROWS_AT_ONCE, look_back - 1, None]
            known = np.concatenate([some[:, :look_back], np.ones((len(some), 1))], axis=1)
            squares += known.T @ known
            products += known.T @ some[:, look_back:]
    squares[np.arange(look_back), np.arange(look_back)] += ridge * count * values.shape[1]
    found, *_ = np.linalg.lstsq(squares, products, rcond=None)  # the last value less itself is always 0
    return LinearForecast(found[:-1], found[-1])
