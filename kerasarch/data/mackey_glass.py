"""Series of Mackey and Glass: an equation with a delay whose solutions never repeat."""

import numpy as np

DELAYS = (17.0, 23.0, 30.0)
STEP = 0.1
"""Time from a step of the integration to the next."""
START = 1.2
"""The value at all times before 0."""


def mackey_glass(rows: int, delays: tuple[float, ...] = DELAYS, skip: int = 500) -> np.ndarray:
    """Integrate ``x'(t) = 0.2 x(t - d) / (1 + x(t - d)^10) - 0.1 x(t)``, of which there is a row at each whole time.

    Mackey & Glass, 1977, eq. 4b (https://doi.org/10.1126/science.267326), with the numbers that became usual in tests
    of forecasts (Lapedes & Farber, 1987). Above a delay d of about 17 the solutions are chaotic. The integration is
    Runge's and Kutta's of fourth order, with the mean of two neighbours for what lies between steps. It draws nothing.

    Args:
        rows: Rows.
        delays: A series each.
        skip: Times that are left out at the beginning, where the start still shows.

    Returns:
        Float64 ``(rows, delays)``.
    """
    return np.stack([_solution(rows + skip, delay)[skip:] for delay in delays], axis=1)


def _solution(times: int, delay: float) -> np.ndarray:
    lag, each = round(delay / STEP), round(1 / STEP)
    values = [START] * (lag + 1)
    for _ in range((times - 1) * each):
        x, before, after = values[-1], values[-1 - lag], values[-lag]
        gain = [_gain(past) for past in (before, (before + after) / 2, after)]
        first = gain[0] - 0.1 * x
        second = gain[1] - 0.1 * (x + STEP / 2 * first)
        third = gain[1] - 0.1 * (x + STEP / 2 * second)
        fourth = gain[2] - 0.1 * (x + STEP * third)
        values.append(x + STEP / 6 * (first + 2 * second + 2 * third + fourth))
    return np.array(values[lag::each])


def _gain(past: float) -> float:
    square = past * past
    fourth = square * square
    return 0.2 * past / (1 + fourth * fourth * square)
