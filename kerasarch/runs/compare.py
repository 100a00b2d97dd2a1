"""Runs side by side: options that differ, results, learning curves; as records and as a page."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kerasarch.options import as_typed
from kerasarch.runs import plots
from kerasarch.runs.atomic import write_file
from kerasarch.runs.folder import METRICS, RunFolder
from kerasarch.runs.page import escape, figure, page, table
from kerasarch.runs.record import read_record
from kerasarch.runs.report import metrics_of


def differing(folders: Sequence[RunFolder]) -> list[dict[str, Any]]:
    """List the options and settings in which runs differ, one column a run."""
    settings = [
        {
            "recipe": folder.recipe,
            "backend": folder.run.get("backend"),
            "seed": folder.run.get("seed"),
            **{f"--{name.replace('_', '-')}": entry.get("value") for name, entry in folder.config.items()},
        }
        for folder in folders
    ]
    names = dict.fromkeys(name for setting in settings for name in setting)
    return [
        {
            "setting": name,
            **{folder.id: as_typed(setting.get(name)) for folder, setting in zip(folders, settings, strict=True)},
        }
        for name in names
        if any(setting.get(name) != settings[0].get(name) for setting in settings)
    ]


def results(folders: Sequence[RunFolder]) -> list[dict[str, Any]]:
    """List what runs found, and how long they took, one column a run; of two runs also the difference."""
    found = [{**folder.summary()["result"], "seconds": folder.run.get("seconds")} for folder in folders]
    names = dict.fromkeys(name for result in found for name in result)
    rows = []
    for name in names:
        values = [result.get(name) for result in found]
        row = {"metric": name, **{folder.id: value for folder, value in zip(folders, values, strict=True)}}
        if len(values) == 2:
            numbers = [value for value in values if isinstance(value, (int, float)) and not isinstance(value, bool)]
            row["difference"] = f"{numbers[1] - numbers[0]:+.4g}" if len(numbers) == 2 else ""
        rows.append(row)
    return rows


def write_comparison(folders: Sequence[RunFolder], path: Path) -> Path:
    """Write a page that holds runs against each other; it opens offline.

    Args:
        folders: The runs' folders.
        path: The page.

    Raises:
        RunError: It cannot be written.
    """
    records = {folder.id: read_record(folder.path / METRICS) for folder in folders}
    names = dict.fromkeys(name for record in records.values() for name in metrics_of(record))
    phases = {run: record.phases for run, record in records.items()}
    drawn = [figure(png, f"{name} of every run") for name in names if (png := plots.curves(phases, name))]
    title = " and ".join(f"{folder.recipe} {folder.id}" for folder in folders)
    body = f"<h1>{escape(title)}</h1>"
    for heading, content in (
        ("Results", table(results(folders))),
        ("What differs", table(differing(folders)) if differing(folders) else "<p>No option differs.</p>"),
        ("Learning curves", "".join(drawn)),
    ):
        body += f"<section><h2>{heading}</h2>{content}</section>" if content else ""
    write_file(path, lambda file: file.write(page(title, body)))
    return path
