"""What ``run`` and ``resume`` share: they start the work and say how it went."""

import contextlib
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import click

from kerasarch.commands import console
from kerasarch.commands.runner_options import read_devices
from kerasarch.errors import UsageError
from kerasarch.recipe import Recipe
from kerasarch.runs.folder import LOG, REPORT, RunFolder
from kerasarch.typing import BACKENDS

SEEDS_SHOWN = 3
"""Runs that get a column of their own where several seeds are tabulated; of more, mean and deviation are shown."""


def start(
    ctx: click.Context,
    name: str,
    recipe: Recipe,
    values: Mapping[str, Any],
    origins: Mapping[str, str],
    runner: Mapping[str, Any],
) -> int:
    """Run a recipe, once or several times, and print the result.

    Args:
        ctx: The context of the command.
        name: What the recipe was called on the command line.
        recipe: The recipe.
        values: What was given for its options.
        origins: Where each of these values came from.
        runner: The values of the runner's own options.

    Returns:
        The exit code.
    """
    from kerasarch.runs.execute import Request, execute
    from kerasarch.runs.several import PROGRESS, run_backends, run_seeds

    several = runner["backend"] == "all"
    request = Request(
        recipe=recipe,
        name=name,
        values=dict(values),
        origins=dict(origins),
        backend=None if several else runner["backend"],
        seed=runner["seed"],
        out=runner["out"],
        smoke=runner["smoke"],
        check=runner["check"],
        offline=runner["offline"],
        devices=runner["devices"],
        tensorboard=runner["tensorboard"],
        monitor=runner["monitor"],
        argv=list(sys.argv),
        traceback=_traceback(ctx),
        quiet=runner["as_json"] and PROGRESS not in os.environ,
    )
    if several:
        return _say_backends(run_backends(request, BACKENDS), runner["as_json"])
    if runner["seeds"]:
        return _say_seeds(run_seeds(request, runner["seeds"]), runner["as_json"])
    if not runner["as_json"]:
        from kerasarch.runs.environment import choose_backend

        _announce(f"{name} on {choose_backend(request.backend)}, seed {request.seed}{request.kind}")
    with _stdout_for_json(runner["as_json"]):
        outcome = execute(request)
    return _say_outcome(outcome, runner["as_json"])


def resume(
    ctx: click.Context, folder: RunFolder, recipe: Recipe, changes: Mapping[str, Any], runner: Mapping[str, Any]
) -> int:
    """Go on with a run and print the result.

    Args:
        ctx: The context of the command.
        folder: The run's folder.
        recipe: The recipe, as it is now.
        changes: What was given for the recipe's resumable options.
        runner: The values of the runner's own options.

    Returns:
        The exit code.

    Raises:
        UsageError: An option may not change, its value is not accepted, or no single backend was named.
    """
    for name, value in changes.items():
        option = recipe.options[name]
        if name not in recipe.resumable:
            may = ", ".join(recipe.options[known].flag for known in recipe.resumable) or "none"
            raise UsageError(f"{option.flag} may not change when a run is resumed. Options that may: {may}.")
        option.read(value)
    if runner["backend"] == "all":
        raise UsageError("--backend all: a run goes on on one backend. Name it, or leave the run on its own.")
    from kerasarch.runs.execute import resume as go_on

    if not runner["as_json"]:
        _announce(f"{folder.recipe} goes on, in {folder.path}")
    with _stdout_for_json(runner["as_json"]):
        outcome = go_on(
            folder.path,
            changes=dict(changes),
            backend=runner["backend"],
            offline=runner["offline"],
            devices=read_devices(runner["devices"]),
            argv=list(sys.argv),
            traceback=_traceback(ctx),
            quiet=runner["as_json"],
            recipe=recipe,
        )
    return _say_outcome(outcome, runner["as_json"])


def _traceback(ctx: click.Context) -> bool:
    return bool((ctx.find_root().obj or {}).get("traceback"))


def _announce(text: str) -> None:
    """Say what begins. It goes to stderr, where the progress is: stdout has the result."""
    click.echo(console.dim(text), err=True)


@contextlib.contextmanager
def _stdout_for_json(wanted: bool) -> Iterator[None]:
    """Keep stdout for the one JSON object: what a recipe or a library prints meanwhile goes to stderr."""
    with contextlib.redirect_stdout(sys.stderr) if wanted else contextlib.nullcontext():
        yield


def _say_outcome(outcome: Any, as_json: bool) -> int:
    folder = RunFolder(outcome.folder)
    if as_json:
        console.say_json(
            {
                "status": outcome.status,
                "exit_code": outcome.exit_code,
                "folder": str(outcome.folder),
                "run": folder.summary(),
                "result": outcome.result,
                "expected": {
                    metric: {"expected": expected, "observed": observed, "met": met}
                    for metric, (expected, observed, met) in outcome.verdicts.items()
                },
                "error": outcome.error,
            }
        )
    elif outcome.status == "finished":
        _say_result(outcome, folder)
    elif outcome.status == "checked":
        console.say(console.good("Everything is ready.") + f" Nothing was trained.\nFolder:  {outcome.folder}")
    if outcome.error:
        error = " ".join(outcome.error.split())
        error += "" if error.endswith((".", "?", "!")) else "."
        click.echo(f"{click.style('Error:', fg='red')} {error} The log: {outcome.folder / LOG}", err=True)
    if outcome.status == "interrupted":
        click.echo(f"Interrupted. Go on with it:  kerasarch resume {outcome.folder}", err=True)
    return int(outcome.exit_code)


def _say_result(outcome: Any, folder: RunFolder) -> None:
    console.say()
    rows = []
    for metric, value in outcome.result.items():
        if isinstance(value, (dict, list)):
            continue
        expected, _, met = outcome.verdicts.get(metric, ("", None, True))
        verdict = (console.good("as expected") if met else console.bad("missed")) if expected else ""
        rows.append((metric, console.number(value), expected, verdict))
    for metric, (expected, observed, _) in outcome.verdicts.items():
        if observed is None:
            rows.append((metric, "", expected, console.bad("not given")))
    if rows:
        console.say(console.table(("result", "observed", "expected", ""), rows, right=("observed", "expected")))
        console.say()
    console.say(f"Folder:  {outcome.folder}")
    if (folder.path / REPORT).is_file():
        console.say(f"Report:  {outcome.folder / REPORT}")


def _say_backends(rows: Sequence[Mapping[str, Any]], as_json: bool) -> int:
    if as_json:
        console.say_json(list(rows))
    else:
        lines = [("status", *(_status(row) for row in rows)), *_metric_lines(rows)]
        seconds = ("" if row.get("seconds") is None else console.seconds(row["seconds"]) for row in rows)
        lines += [
            ("time", *seconds),
            ("memory", *(console.size(row["memory"]) if row.get("memory") else "" for row in rows)),
        ]
        heads = [row["backend"] for row in rows]
        console.say()
        console.say(console.table(("metric", *heads), lines, right=heads))
        _say_folders({row["backend"]: row for row in rows})
    return _worst(rows)


def _say_seeds(rows: Sequence[Mapping[str, Any]], as_json: bool) -> int:
    import statistics

    figures: dict[str, list[float]] = {}
    for metric in _metrics(rows):
        values = [row["result"][metric] for row in rows if isinstance(row["result"].get(metric), (int, float))]
        figures[metric] = [float(value) for value in values]
    summary = {
        metric: {
            "mean": statistics.fmean(values),
            "deviation": statistics.stdev(values) if len(values) > 1 else None,
            "count": len(values),
        }
        for metric, values in figures.items()
        if values
    }
    if as_json:
        console.say_json({"runs": list(rows), "summary": summary})
    else:
        # A column a run while they fit beside the two that matter.
        shown = rows if len(rows) <= SEEDS_SHOWN else []
        lines = [("status", *(_status(row) for row in shown), "", "")] if shown else []
        for metric, *cells in _metric_lines(shown) if shown else [(name,) for name in summary]:
            figures_of = summary[metric]
            deviation = "" if figures_of["deviation"] is None else console.number(figures_of["deviation"])
            lines.append((metric, *cells, console.number(figures_of["mean"]), deviation))
        heads = [*(f"seed {row['seed']}" for row in shown), "mean", "deviation"]
        console.say()
        console.say(console.table(("metric", *heads), lines, right=heads))
        _say_folders({f"seed {row['seed']}": row for row in rows})
    return _worst(rows)


def _say_folders(rows: Mapping[str, Mapping[str, Any]]) -> None:
    """Say where each of several runs is, and what it failed on."""
    for name, row in rows.items():
        if row.get("error"):
            console.note(f"{name}: {row['error']}")
    found = [(name, str(row["folder"])) for name, row in rows.items() if row.get("folder")]
    if found:
        console.say()
        console.say(console.table(("run", "folder"), found))


def _metric_lines(rows: Sequence[Mapping[str, Any]]) -> list[tuple[str, ...]]:
    """A line a metric, a cell a run."""
    return [(metric, *(console.number(row["result"].get(metric, "")) for row in rows)) for metric in _metrics(rows)]


def _metrics(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    names: dict[str, None] = {}
    for row in rows:
        names |= {
            metric: None
            for metric, value in row["result"].items()
            if isinstance(value, (int, float)) and not isinstance(value, bool)
        }
    return list(names)


def _status(row: Mapping[str, Any]) -> str:
    return (console.bad if row["exit_code"] else console.good)(str(row["status"]))


def _worst(rows: Sequence[Mapping[str, Any]]) -> int:
    """The exit code of several runs: that of the first which failed."""
    return next((int(row["exit_code"]) for row in rows if row["exit_code"]), 0)
