"""How commands print: aligned columns and wrapped text within the terminal's width, colour on a terminal only."""

import re
import shutil
import textwrap
from collections.abc import Iterable, Sequence
from typing import Any

import click

WIDEST = 100
"""Columns beyond which text gets hard to read, however wide the terminal is."""

JOINED = "\N{NO-BREAK SPACE}"
"""Between a number and its unit: they stay on one line, and it is printed as an ordinary space."""

_ANSI = re.compile(r"\x1b\[[0-9;]*m")


def width() -> int:
    """Return the columns that output may take."""
    return max(40, min(shutil.get_terminal_size((80, 24)).columns, WIDEST))


def heading(text: str) -> str:
    """Style the title of a section."""
    return click.style(text, bold=True)


def name(text: str) -> str:
    """Style a name that can be typed."""
    return click.style(text, fg="cyan")


def dim(text: str) -> str:
    """Style what may be overlooked."""
    return click.style(text, dim=True)


def good(text: str) -> str:
    """Style what is as it should be."""
    return click.style(text, fg="green")


def bad(text: str) -> str:
    """Style what is not as it should be."""
    return click.style(text, fg="red")


def length(text: str) -> int:
    """Count the columns that a styled text takes."""
    return len(_ANSI.sub("", text))


def wrap(text: str, indent: str = "", first: str | None = None) -> str:
    """Wrap one paragraph, or several with empty lines between them.

    Args:
        text: The paragraphs.
        indent: Before each line.
        first: Before the first line, when it differs.
    """
    parts = []
    for part in re.split(r"\n\s*\n", text.strip()):
        if all(line.startswith("    ") for line in part.splitlines()):  # a block of code stays as it is
            parts.append("\n".join(indent + line for line in part.splitlines()))
            continue
        parts.append(
            textwrap.fill(
                " ".join(part.split()),
                width(),
                initial_indent=indent if first is None else first,
                subsequent_indent=indent,
                break_long_words=False,
                break_on_hyphens=False,
            )
        )
        first = None
    return "\n\n".join(parts)


def definitions(rows: Sequence[tuple[str, str]], indent: int = 2, gap: int = 2, limit: int = 30) -> str:
    """Lay out terms and what they mean in two columns, the second one wrapped.

    Args:
        rows: Pairs of a term and its meaning.
        indent: Columns before the terms.
        gap: Columns between the two at least.
        limit: Widest term that shares its line with its meaning.
    """
    widest = max((length(term) for term, _ in rows if length(term) <= limit), default=0)
    left = indent + widest + gap
    lines = []
    for term, meaning in rows:
        pad = " " * max(gap, left - indent - length(term))
        body = textwrap.wrap(meaning, max(20, width() - left), break_long_words=False, break_on_hyphens=False) or [""]
        if length(term) > limit:
            lines.append(" " * indent + term)
            lines += [" " * left + line for line in body]
        else:
            lines.append((" " * indent + term + pad + body[0]).rstrip())
            lines += [" " * left + line for line in body[1:]]
    return "\n".join(lines)


def table(
    heads: Sequence[str],
    rows: Iterable[Sequence[str]],
    right: Iterable[str] = (),
    shrink: str = "",
    keep_end: bool = False,
) -> str:
    """Lay out a table; its columns are as wide as they need, one of them gives way where the terminal is narrow.

    Args:
        heads: Titles of the columns.
        rows: Cells, styled or not.
        right: Titles of columns that are flush right.
        shrink: Title of the column that is cut with an ellipsis when the table is too wide.
        keep_end: Cut it at the beginning: of a path, the end tells most.
    """
    cells = [[str(cell) for cell in row] for row in rows]
    widths = [max(length(row[i]) for row in [list(heads), *cells]) for i in range(len(heads))]
    excess = sum(widths) + 2 * len(widths) - width()
    if shrink and excess > 0:
        place = list(heads).index(shrink)
        widths[place] = max(8, widths[place] - excess)
    flush = set(right)

    def line(row: Sequence[str]) -> str:
        parts = []
        for title, cell, wide in zip(heads, row, widths, strict=True):
            if length(cell) > wide:
                plain = _ANSI.sub("", cell)
                cell = f"…{plain[1 - wide :]}" if keep_end else f"{plain[: wide - 1]}…"
            pad = " " * (wide - length(cell))
            parts.append(pad + cell if title in flush else cell + pad)
        return ("  " + "  ".join(parts)).rstrip()

    return "\n".join([dim(line(heads)), *(line(row) for row in cells)])


def say(text: str = "") -> None:
    """Print text for a person to stdout."""
    click.echo(text.replace(JOINED, " "))


def note(text: str) -> None:
    """Print a remark beside the output proper, wrapped and dim, to stderr."""
    click.echo(dim(wrap(text, indent="  ", first="")), err=True)


def say_json(value: Any) -> None:
    """Print one JSON document to stdout; what JSON does not know, such as a path, becomes text."""
    import json

    click.echo(json.dumps(value, indent=2, default=str, ensure_ascii=False))


def seconds(value: float) -> str:
    """Write a duration in words a person reads: ``0.8 s``, ``42 s``, ``3 min 20 s``, ``2 h 05 min``."""
    if value < 10:
        return f"{value:.1f}{JOINED}s"
    whole = round(value)
    if whole < 60:
        return f"{whole}{JOINED}s"
    if whole < 3600:
        return f"{whole // 60}{JOINED}min{JOINED}{whole % 60:02d}{JOINED}s"
    return f"{whole // 3600}{JOINED}h{JOINED}{whole % 3600 // 60:02d}{JOINED}min"


def size(count: float) -> str:
    """Write a number of bytes: ``812 KiB``, ``3.4 GiB``."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1024:
            return (
                f"{count:.0f}{JOINED}{unit}" if unit in ("B", "KiB") or count >= 100 else f"{count:.1f}{JOINED}{unit}"
            )
        count /= 1024
    return f"{count:.1f}{JOINED}TiB"


def number(value: Any) -> str:
    """Write a metric: four significant digits, other values as they are."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)
