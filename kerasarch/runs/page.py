"""Pieces of an HTML page that needs no other file: headings, tables, pictures."""

import html
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

LONG = 40
"""Letters of a word that may be broken anywhere; others stay whole, but for underscores."""


def page(title: str, body: str) -> bytes:
    """Put a body into a page with its style."""
    style = (Path(__file__).parent / "report.css").read_text()
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>\n{style}</style></head><body>\n<main>\n{body}\n</main>\n</body></html>\n"
    ).encode()


def escape(text: Any) -> str:
    """Make text safe for a page."""
    return html.escape(str(text))


def number(value: Any) -> str:
    """Write a value: numbers with four significant digits."""
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, (list, tuple)):
        return ", ".join(number(item) for item in value)
    return "none" if value is None else str(value)


def table(rows: Sequence[Mapping[str, Any]], caption: str = "") -> str:
    """Write a table; the keys of the rows are its columns, numbers stand on the right."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    right = {name for name in columns if all(_is_number(row[name]) for row in rows if row.get(name) is not None)}

    def cell(tag: str, name: str, text: str) -> str:
        kinds = ["number"] * (name in right) + ["long"] * any(len(word) > LONG for word in text.split())
        kinds += ["lines"] * ("\n" in text)
        style = f' class="{" ".join(kinds)}"' if kinds else ""
        return f"<{tag}{style}>{escape(text).replace('_', '_<wbr>')}</{tag}>"

    head = "".join(cell("th", name, name) for name in columns)
    lines = [
        "<tr>" + "".join(cell("td", name, number(row[name]) if name in row else "") for name in columns) + "</tr>"
        for row in rows
    ]
    words = f"<caption>{escape(caption)}</caption>" if caption else ""
    return (
        f'<div class="wide"><table>{words}<thead><tr>{head}</tr></thead><tbody>{"".join(lines)}</tbody></table></div>'
    )


def figure(png: str, alt: str, caption: str = "", *, plot: bool = True) -> str:
    """Write a picture, its PNG given as base64.

    Args:
        png: The picture.
        alt: What it shows.
        caption: Below it.
        plot: Whether it is drawn in dark ink on white, which is inverted on a dark page; photos are not.
    """
    style = ' class="plot"' if plot else ""
    words = f"<figcaption>{escape(caption)}</figcaption>" if caption else ""
    return f'<figure><img{style} src="data:image/png;base64,{png}" alt="{escape(alt)}">{words}</figure>'


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
