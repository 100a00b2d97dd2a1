"""Tables of texts: .csv, .tsv and .jsonl files, and what the names of files and folders say of their part."""

import csv
import io
import json
import re
from pathlib import Path
from typing import Any

from kerasarch.data.corpus import read_text
from kerasarch.errors import DataError

TABLES = (".csv", ".tsv", ".jsonl")
PARTS = {
    "train": ("train", "training"),
    "validation": ("validation", "valid", "val", "dev"),
    "test": ("test",),
}
"""Words that stand for each part."""


def read_table(file: Path) -> list[dict[str, Any]]:
    """Return the rows of a table, each by the names of its columns.

    Args:
        file: A file .csv or .tsv with a line of names, or .jsonl with an object a line.

    Raises:
        DataError: It is no UTF-8, or a line is no JSON object.
    """
    if file.suffix.lower() == ".jsonl":
        try:
            rows = [json.loads(line) for line in read_text(file).split("\n") if line.strip()]
        except ValueError as error:
            raise DataError(f"{file}: a line is no JSON ({error}).") from error
        wrong = next((number for number, row in enumerate(rows, 1) if not isinstance(row, dict)), None)
        if wrong is not None:
            raise DataError(f'{file}: expected an object a line, as in {{"text": ...}}. Line {wrong} holds none.')
        return rows
    tabs = file.suffix.lower() == ".tsv"
    # Tables with tabs have quotation marks as part of the text.
    reader = csv.DictReader(
        io.StringIO(read_text(file), newline=""),
        delimiter="\t" if tabs else ",",
        quoting=csv.QUOTE_NONE if tabs else csv.QUOTE_MINIMAL,
    )
    return list(reader)


def part_of(name: str) -> str | None:
    """Return the part that the name of a file or folder speaks of: that of one of its words; None for no part."""
    words = re.split(r"[^a-z]+", name.lower())
    return next((part for part, names in PARTS.items() if set(names) & set(words)), None)
