"""Series over time, several beside each other, addressed by a short string."""

import csv
import dataclasses
import datetime
import difflib
import io
import itertools
import logging
import math
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from kerasarch.data.corpus import read_text
from kerasarch.errors import DataError, UsageError

logger = logging.getLogger("kerasarch")
BUNDLED = ("mackey-glass",)
ROWS = 12_000
TIME_COLUMNS = ("date", "time", "datetime", "timestamp")
EMPTY = ("", "na", "nan", "null", "none", "?")
ETT = {"ETTh": (8640, 2880, 2880), "ETTm": (34560, 11520, 11520)}
"""Rows of each part of the electricity transformers' temperatures, hourly and by the quarter of an hour: Zhou et al.,
2021 (https://arxiv.org/abs/2012.07436): 12, 4 and 4 months of 30 days."""


@dataclasses.dataclass(frozen=True)
class Series:
    """Series over time and their parts.

    Attributes:
        name: What was loaded, for titles and reports.
        columns: What each series is called.
        values: Float64 ``(rows, columns)``.
        times: Of each row, as the file has them; empty where it has none.
        rows: How many rows are for training, for validation and for the test, one after the other.
    """

    name: str
    columns: tuple[str, ...]
    values: np.ndarray
    times: tuple[str, ...]
    rows: tuple[int, int, int]

    def part(self, name: str, before: int = 0) -> np.ndarray:
        """Return the rows of a part.

        Args:
            name: ``"train"``, ``"validation"`` or ``"test"``.
            before: So many rows before it as well, which forecasts of its first rows look back on.
        """
        place = ("train", "validation", "test").index(name)
        start = sum(self.rows[:place])
        return self.values[max(start - before, 0) : start + self.rows[place]]

    def times_after(self, count: int) -> list[str]:
        """Return the times of so many rows after the last, as far apart as the last two; numbers without times."""
        before, last = (_moment(text) for text in self.times[-2:]) if len(self.times) > 1 else (None, None)
        if before is None or last is None:
            return [str(len(self.values) + step) for step in range(count)]
        return [str(last + (last - before) * (step + 1)) for step in range(count)]


def load_series(
    source: str | Path,
    *,
    columns: Sequence[str] = (),
    rows: Sequence[int] = (),
    validation: float = 0.2,
    test: float = 0.2,
) -> Series:
    """Read series over time.

    Args:
        source: ``"mackey-glass"``, three solutions of an equation, or a file .csv or .tsv: a line of names, then a line
            for each time, in their order. A column named date, time, datetime or timestamp, or a first one that holds
            dates, tells the times; the others are numbers. What is missing within a column is drawn as a line between
            its neighbours, with a warning.
        columns: Names of the columns to read, in this order; none for all.
        rows: How many rows are for training, for validation and for the test; none for those of the published
            comparisons where the file is ETTh1, ETTh2, ETTm1 or ETTm2, and else for what the parts below come to.
        validation: Part of the rows, after those for training.
        test: Part of the rows, the last ones.

    Raises:
        UsageError: There is no such source or column, or the parts do not fit.
        DataError: The file is damaged, or holds what is no number.
    """
    if source == "mackey-glass":
        from kerasarch.data.mackey_glass import DELAYS, mackey_glass

        names, values = [f"delay {delay:g}" for delay in DELAYS], mackey_glass(ROWS)
        times: tuple[str, ...] = ()
    else:
        names, values, times = _read(Path(source).expanduser())
    if columns:
        missing = [name for name in columns if name not in names]
        if missing:
            close = difflib.get_close_matches(missing[0], names, n=1)
            hint = f" Did you mean {close[0]!r}?" if close else ""
            raise UsageError(f"{source} has no column {missing[0]!r}.{hint} There are: {', '.join(names)}.")
        values, names = values[:, [names.index(name) for name in columns]], list(columns)
    values = _filled(values, names, str(source))
    name = source if source in BUNDLED else Path(source).stem
    return Series(str(name), tuple(names), values, tuple(times), _rows(str(name), len(values), rows, validation, test))


def _rows(name: str, count: int, given: Sequence[int], validation: float, test: float) -> tuple[int, int, int]:
    known = ETT.get(name[:4]) if re.fullmatch(r"ETT[hm]\d", name) else None
    if not given and known is not None and sum(known) <= count:
        return known
    if given:
        if len(given) != 3 or min(given) < 1 or sum(given) > count:
            raise UsageError(
                f"rows must be three numbers from 1 on, for training, validation and test, together at most the "
                f"{count} that there are. Received {', '.join(str(number) for number in given)}."
            )
        train, held, last = given
        return train, held, last
    if min(validation, test) <= 0 or validation + test >= 1:
        raise UsageError(
            "validation and test must be parts above 0 that leave some rows for training. Received "
            f"validation={validation}, test={test}."
        )
    held, last = int(count * validation), int(count * test)
    return count - held - last, held, last


def _read(path: Path) -> tuple[list[str], np.ndarray, tuple[str, ...]]:
    if not path.is_file():
        close = difflib.get_close_matches(str(path), BUNDLED, n=1)
        raise UsageError(
            f"Unknown series {str(path)!r}: no such file, and no name such as {', '.join(BUNDLED)}."
            f"{f' Did you mean {close[0]!r}?' if close else ''}"
        )
    text = read_text(path)
    tabs = path.suffix.lower() == ".tsv"
    lines = [line for line in csv.reader(io.StringIO(text), delimiter="\t" if tabs else ",") if line]
    if len(lines) < 3:
        raise DataError(f"{path}: expected a line of names and a line for each time. Received {len(lines)} lines.")
    names = [name.strip() for name in lines[0]]
    for number, line in enumerate(lines[1:], 2):
        if len(line) != len(names):
            raise DataError(
                f"{path}, line {number}: expected {len(names)} columns as in its first. Received {len(line)}."
            )
    if len(set(names)) != len(names):
        raise DataError(f"{path}: two columns have one name. Received {', '.join(names)}.")
    body = list(zip(*lines[1:], strict=True))
    clock = next((place for place, name in enumerate(names) if name.lower() in TIME_COLUMNS), None)
    if clock is None and _number(body[0][0]) is None and _moment(body[0][0]) is not None:
        clock = 0
    times = () if clock is None else tuple(cell.strip() for cell in body[clock])
    _check_times(times, str(path))
    kept = [place for place in range(len(names)) if place != clock]
    if not kept:
        raise DataError(f"{path}: expected a column of numbers beside {names[0]!r}. Received none.")
    values = np.array([_column(body[place], names[place], str(path)) for place in kept]).T
    return [names[place] for place in kept], values, times


def _column(cells: Sequence[str], name: str, origin: str) -> list[float]:
    found = []
    for number, cell in enumerate(cells, 2):
        value = _number(cell)
        if value is None:
            raise DataError(
                f"{origin}, line {number}: column {name!r} holds {cell!r}, which is no number. Leave columns of words "
                "out: --columns A,B."
            )
        found.append(value)
    return found


def _number(cell: str) -> float | None:
    """A number, NaN where there is none, None where there is something else."""
    if cell.strip().lower() in EMPTY:
        return math.nan
    try:
        value = float(cell)
    except ValueError:
        return None
    return value if math.isfinite(value) else math.nan


def _moment(text: str) -> datetime.datetime | None:
    try:
        return datetime.datetime.fromisoformat(text.strip())
    except ValueError:
        return None


def _check_times(times: Sequence[str], origin: str) -> None:
    """Refuse times that go back, where they can be read."""
    moments = [_moment(text) for text in times]
    for number, (before, after) in enumerate(itertools.pairwise(moments), 3):
        if before is not None and after is not None and after <= before:
            raise DataError(
                f"{origin}, line {number}: {times[number - 2]} comes after {times[number - 3]}. Sort the lines by "
                "time, one for each."
            )


def _filled(values: np.ndarray, names: Sequence[str], origin: str) -> np.ndarray:
    """Draw lines over what is missing."""
    missing = np.isnan(values)
    if not missing.any():
        return values
    rows = np.arange(len(values))
    values = values.copy()
    for place, name in enumerate(names):
        gaps = missing[:, place]
        if gaps.mean() > 0.5:
            raise DataError(f"{origin}: more than half of column {name!r} is missing. Leave it out: --columns A,B.")
        values[gaps, place] = np.interp(rows[gaps], rows[~gaps], values[~gaps, place])
    counts = ", ".join(f"{name}: {count}" for name, count in zip(names, missing.sum(axis=0), strict=True) if count)
    logger.warning("%s: what is missing was drawn as lines between neighbours (%s)", origin, counts)
    return values
