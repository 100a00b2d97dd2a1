"""``kerasarch runs compare A B``: what two runs were given, what they gave, and where they differ."""

from pathlib import Path
from typing import Any

import click

from kerasarch.commands import console
from kerasarch.commands.run_argument import RunName, out_option, status
from kerasarch.options import as_typed
from kerasarch.runs.folder import RunFolder, find


@click.command(short_help="Compare the options and results of two runs")
@click.argument("first", metavar="A", type=RunName())
@click.argument("second", metavar="B", type=RunName())
@out_option
@click.option("--html", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Write a page as well.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(first: str, second: str, out: Path, html: Path | None, as_json: bool) -> None:
    """Compare the options, environments and results of the runs A and B.

    Options that both runs share are left out; the page of --html has the learning curves, too.
    """
    left, right = find(first, out), find(second, out)
    if html is not None:
        from kerasarch.runs.compare import write_comparison

        write_comparison([left, right], html)
    if as_json:
        console.say_json(as_record(left, right))
        return
    console.say(f"A  {console.name(left.id)}  {left.recipe}  {status(left)}")
    console.say(f"B  {console.name(right.id)}  {right.recipe}  {status(right)}")
    record = as_record(left, right)
    for title, rows in (
        ("Setting", record["settings"]),
        ("Option", record["options"]),
        ("Metric", record["result"]),
    ):
        _say_rows(title, rows)
    if html is not None:
        console.say(f"\nThe page is {html}")


def as_record(left: RunFolder, right: RunFolder) -> dict[str, Any]:
    """Return what differs, and all results, as JSON values."""
    before, after = left.summary(), right.summary()
    metrics = {**before["result"], **after["result"]}
    return {
        "a": {"id": left.id, "path": str(left.path), "status": left.status},
        "b": {"id": right.id, "path": str(right.path), "status": right.status},
        "settings": _differing(
            {name: before[name] for name in ("recipe", "backend", "seed")} | _versions(left),
            {name: after[name] for name in ("recipe", "backend", "seed")} | _versions(right),
        ),
        "options": _differing(_values(left), _values(right)),
        "result": [
            _row(metric, before["result"].get(metric), after["result"].get(metric))
            for metric, value in metrics.items()
            if not isinstance(value, (dict, list))
        ]
        + [_row("seconds", before["seconds"], after["seconds"])],
    }


def _values(folder: RunFolder) -> dict[str, Any]:
    return {f"--{name.replace('_', '-')}": entry.get("value") for name, entry in folder.config.items()}


def _versions(folder: RunFolder) -> dict[str, Any]:
    versions = folder.environment.get("versions") or folder.environment.get("packages") or {}
    return dict(versions) if isinstance(versions, dict) else {}


def _differing(before: dict[str, Any], after: dict[str, Any]) -> list[dict[str, Any]]:
    names = {**before, **after}
    return [_row(name, before.get(name), after.get(name)) for name in names if before.get(name) != after.get(name)]


def _row(name: str, before: Any, after: Any) -> dict[str, Any]:
    numbers = all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in (before, after))
    return {"name": name, "a": before, "b": after, "difference": after - before if numbers else None}


def _say_rows(title: str, rows: list[dict[str, Any]]) -> None:
    if not rows:
        return
    console.say()
    results = title == "Metric"
    write = console.number if results else as_typed
    cells = [
        (
            row["name"],
            *("" if row[side] is None and results else write(row[side]) for side in ("a", "b")),
            f"{row['difference']:+.4g}" if results and row["difference"] is not None else "",
        )
        for row in rows
    ]
    if results:
        console.say(console.table((title.lower(), "A", "B", "B - A"), cells, right=("A", "B", "B - A")))
    else:
        console.say(console.table((title.lower(), "A", "B"), [cell[:3] for cell in cells], shrink="B"))
