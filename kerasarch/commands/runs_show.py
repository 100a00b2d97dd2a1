"""``kerasarch runs show RUN``: one run's options, environment and result."""

from pathlib import Path

import click

from kerasarch.commands import console
from kerasarch.commands.run_argument import RunName, age, out_option, status
from kerasarch.options import as_typed
from kerasarch.runs.folder import CHECKPOINTS, LOG, MODEL, REPORT, RunFolder, find


@click.command(short_help="Show one run: options, environment and result")
@click.argument("run", metavar="RUN", type=RunName())
@out_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(run: str, out: Path, as_json: bool) -> None:
    """Show one run: its options and where they came from, its environment and its result."""
    folder = find(run, out)
    if as_json:
        console.say_json(
            {
                **folder.summary(),
                "run": folder.run,
                "config": folder.config,
                "environment": folder.environment,
                "result_file": folder.result,
            }
        )
        return
    facts = folder.run
    console.say(console.heading(f"{folder.recipe} {folder.id}") + f"  {status(folder)}")
    rows = [
        ("Started:", _when(facts.get("created"))),
        ("Took:", console.seconds(facts["seconds"]) if facts.get("seconds") is not None else ""),
        ("Backend:", _backend(folder)),
        ("Seed:", str(facts.get("seed", ""))),
        ("Error:", str(facts.get("error") or "")),
        ("Folder:", str(folder.path)),
    ]
    console.say(console.definitions([(term, text) for term, text in rows if text], indent=0))
    _say_result(folder)
    if folder.config:
        console.say()
        console.say(console.heading("Options"))
        options = [
            (f"--{name.replace('_', '-')}", as_typed(entry.get("value")), str(entry.get("origin", "")))
            for name, entry in folder.config.items()
        ]
        console.say(console.table(("option", "value", "from"), options, shrink="value"))
    console.say()
    console.say(_next(folder))


def _say_result(folder: RunFolder) -> None:
    result = folder.summary()["result"]
    if not result:
        return
    console.say()
    console.say(console.heading("Result"))
    plain = [(metric, console.number(value)) for metric, value in result.items() if not isinstance(value, (dict, list))]
    console.say(console.definitions(plain))


def _backend(folder: RunFolder) -> str:
    backend = folder.run.get("backend")
    return str(backend) if backend else ""


def _when(created: str | None) -> str:
    return f"{created[:16].replace('T', ' ')}, {age(created)} ago" if created else ""


def _next(folder: RunFolder) -> str:
    """Say what a person may want to do with the run now."""
    if folder.status in ("interrupted", "died", "failed") and (folder.path / CHECKPOINTS).is_dir():
        return f"Go on with it:  kerasarch resume {folder.id}"
    if (folder.path / REPORT).is_file():
        return f"Its report:  kerasarch runs report {folder.id} --open"
    files = ", ".join(name for name in (LOG, MODEL) if (folder.path / name).is_file())
    return f"It holds: {files}" if files else "It holds no more than this."
