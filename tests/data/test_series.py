"""Tables over time: dates, gaps, parts, what is refused; the equation with a delay; least squares."""

import numpy as np
import pytest

from kerasarch.data import load_series
from kerasarch.data.mackey_glass import mackey_glass
from kerasarch.errors import DataError, UsageError
from kerasarch.training.least_squares import least_squares_forecast

pytestmark = pytest.mark.backend_free


def write(path, lines):
    path.write_text("\n".join(lines) + "\n")
    return path


def hours(count, *columns):
    return [
        f"2020-01-{1 + hour // 24:02d} {hour % 24:02d}:00:00,{','.join(column(hour) for column in columns)}"
        for hour in range(count)
    ]


def test_a_table_with_dates_and_gaps(tmp_path, caplog):
    lines = ["date,a,b", *hours(30, lambda hour: str(hour), lambda hour: "" if hour in (3, 4) else str(10 * hour))]
    found = load_series(write(tmp_path / "table.csv", lines))
    assert (found.name, found.columns, found.rows) == ("table", ("a", "b"), (18, 6, 6))
    np.testing.assert_allclose(found.values, np.arange(30)[:, None] * [1, 10])  # a line over the gap
    assert "b: 2" in caplog.text
    assert found.times_after(2) == ["2020-01-02 06:00:00", "2020-01-02 07:00:00"]
    np.testing.assert_array_equal(found.part("validation", 4)[:, 0], np.arange(14, 24))
    np.testing.assert_array_equal(found.part("test")[:, 0], np.arange(24, 30))
    assert load_series(tmp_path / "table.csv", columns=["b"], rows=(10, 5, 4)).part("test").tolist() == [
        [150.0], [160.0], [170.0], [180.0]
    ]  # fmt: skip


def test_a_table_without_dates(tmp_path):
    found = load_series(write(tmp_path / "t.tsv", ["x\ty", *(f"{row}\t{-row}" for row in range(10))]))
    assert (found.columns, found.times, found.times_after(2)) == (("x", "y"), (), ["10", "11"])
    days = write(tmp_path / "d.csv", ["Tag,x", *(f"2020-01-{day:02d},{day}" for day in range(1, 11))])
    assert load_series(days).times_after(1) == ["2020-01-11 00:00:00"]  # a first column of dates needs no name


def test_published_parts(tmp_path):
    lines = ["date,OT", *(f"{row},{row}" for row in range(14500))]
    assert load_series(write(tmp_path / "ETTh1.csv", lines)).rows == (8640, 2880, 2880)
    assert load_series(write(tmp_path / "other.csv", lines)).rows == (8700, 2900, 2900)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["date,a", "2020-01-01,1", "2020-01-02,x"], r"line 3: column 'a' holds 'x'"),
        (["date,a", "2020-01-02,1", "2020-01-01,2"], "2020-01-01 comes after 2020-01-02"),
        (["date,a", "2020-01-01,1,5", "2020-01-02,2"], "line 2: expected 2 columns"),
        (["a,a", "1,2", "3,4"], "two columns have one name"),
        (["date", "2020-01-01", "2020-01-02"], "a column of numbers beside"),
        (["a,b", "1,", "2,", "3,4"], "more than half of column 'b' is missing"),
        (["a,b"], "Received 1 lines"),
    ],
)
def test_what_is_no_table(lines, message, tmp_path):
    with pytest.raises(DataError, match=message):
        load_series(write(tmp_path / "t.csv", lines))


def test_what_is_refused(tmp_path):
    with pytest.raises(UsageError, match="Did you mean 'mackey-glass'"):
        load_series("mackey-glas")
    table = write(tmp_path / "t.csv", ["high,b", *(f"{row},1" for row in range(9))])
    with pytest.raises(UsageError, match=r"no column 'hig'\. Did you mean 'high'"):
        load_series(table, columns=["hig"])
    for rows in ((5, 5, 5), (1, 2), (0, 1, 1)):
        with pytest.raises(UsageError, match="rows must be three numbers"):
            load_series(table, rows=rows)


def test_the_equation_with_a_delay():
    """Against Euler's method with steps a hundred times as small."""
    delay, step = 17, 1e-3
    lag, values = round(delay / step), [1.2] * (round(delay / step) + 1)
    for _ in range(60_000):
        past = values[-1 - lag]
        values.append(values[-1] + step * (0.2 * past / (1 + past**10) - 0.1 * values[-1]))
    np.testing.assert_allclose(mackey_glass(61, (delay,), skip=0)[:, 0], values[lag :: round(1 / step)], atol=2e-3)
    later = mackey_glass(40, (17.0, 23.0), skip=21)
    np.testing.assert_array_equal(later[:, 0], mackey_glass(61, (17.0,), skip=0)[21:, 0])
    assert np.abs(later[:, 0] - later[:, 1]).max() > 0.05


def test_least_squares_are_those_of_numpy():
    values = np.cumsum(np.random.default_rng(0).normal(size=(60, 2)), axis=0)
    found = least_squares_forecast(values, look_back=5, horizon=3, ridge=0.0)
    windows = np.concatenate([np.lib.stride_tricks.sliding_window_view(column, 8) for column in values.T])
    centred = windows - windows[:, 4:5]
    # The last known value is zero then: its weight is whatever it is
    known = np.concatenate([centred[:, :4], np.ones((len(centred), 1))], axis=1)
    expected, *_ = np.linalg.lstsq(known, centred[:, 5:], rcond=None)
    past = values[None, 20:25]
    ahead = found(past)[0]
    own = (past[0] - past[0, -1]).T[:, :4] @ expected[:4] + expected[4] + past[0, -1][:, None]
    np.testing.assert_allclose(ahead, own.T, atol=1e-8)


def test_a_linear_rule_is_found():
    """Waves of two lengths obey a linear rule, which forecasts them exactly."""
    times = np.arange(200)
    values = np.stack([np.sin(times / 3) + 0.5 * np.cos(times / 7), 2 * np.sin(times / 3 + 1)], axis=1)
    found = least_squares_forecast(values[:150], look_back=12, horizon=6, ridge=1e-12)
    np.testing.assert_allclose(found(values[None, 170:182])[0], values[182:188], atol=1e-4)
    with pytest.raises(DataError, match="needs 18 rows"):
        least_squares_forecast(values[:17], look_back=12, horizon=6)
