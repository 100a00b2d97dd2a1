"""``kerasarch list``: the recipes of every installed package, by task, without importing any of them."""

from collections.abc import Mapping

import click

from kerasarch.commands import console
from kerasarch.errors import UsageError
from kerasarch.registry import Entry, names


def tasks_of(known: Mapping[str, Entry]) -> list[str]:
    """Return the tasks that some recipes are for."""
    return sorted({entry.summary.task for entry in known.values() if entry.summary.task})


def _complete_task(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    return [task for task in tasks_of(names("recipes")) if task.startswith(incomplete)]


@click.command(short_help="List the recipes, by task")
@click.argument("query", required=False)
@click.option("--task", metavar="TASK", shell_complete=_complete_task, help="Only recipes for this task.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(query: str | None, task: str | None, as_json: bool) -> None:
    """List the recipes, by task.

    QUERY is a word to look for in names, summaries, tasks and data.
    """
    known = names("recipes")
    if task and known:
        _check_task(task, known)
    chosen = {
        name: entry
        for name, entry in known.items()
        if (not query or matches(query, name, entry)) and (not task or entry.summary.task == task)
    }
    if as_json:
        console.say_json([as_record(name, entry) for name, entry in chosen.items()])
        return
    if not chosen:
        _say_none(query, task, known)
    else:
        _say_by_task({name: entry for name, entry in chosen.items() if not entry.summary.problem})
    for name, entry in known.items():
        if entry.summary.problem:
            console.note(f"Note: {name} ({entry.origin}) cannot be read: {entry.summary.problem}.")


def _check_task(task: str, known: Mapping[str, Entry]) -> None:
    """Refuse a task that no recipe is for."""
    tasks = tasks_of(known)
    if task not in tasks:
        from kerasarch.options import did_you_mean

        hint = did_you_mean(task, tasks) or f" There are: {', '.join(tasks)}."
        raise UsageError(f"--task: no recipe is for {task}.{hint}")


def matches(query: str, name: str, entry: Entry) -> bool:
    """Whether every word of a query occurs in what is known of an entry."""
    about = " ".join((name, entry.summary.text, entry.summary.task, entry.summary.data, entry.origin))
    about = about.lower().replace("-", " ").replace("_", " ")
    return all(word in about for word in query.lower().replace("-", " ").replace("_", " ").split())


def as_record(name: str, entry: Entry) -> dict[str, object]:
    """Return what is known of a recipe without importing it, as JSON values."""
    summary = entry.summary
    return {
        "name": name,
        "task": summary.task,
        "summary": summary.text,
        "data": summary.data,
        "expect": dict(summary.expect),
        "origin": entry.distribution,
        "version": entry.version,
        "module": entry.value,
        "problem": summary.problem or None,
    }


def _say_by_task(chosen: dict[str, Entry]) -> None:
    tasks: dict[str, list[tuple[str, Entry]]] = {}
    for name, entry in chosen.items():
        tasks.setdefault(entry.summary.task or "other", []).append((name, entry))
    wide = max((len(name) for name in chosen), default=0)
    for task in sorted(tasks, key=lambda task: (task == "other", task)):
        console.say(console.heading(task))
        rows = []
        for name, entry in tasks[task]:
            origin = "" if entry.builtin else f" (from {entry.origin})"
            rows.append((console.name(name.ljust(wide)), entry.summary.text + origin))
        console.say(console.definitions(rows, limit=36))
        console.say()
    if chosen:
        count = f"{len(chosen)} recipe{'s' if len(chosen) > 1 else ''}."
        console.say(console.dim(f"{count} More about one: kerasarch show NAME. To run it: kerasarch run NAME"))


def _say_none(query: str | None, task: str | None, known: dict[str, Entry]) -> None:
    if not known:
        console.say("No recipes are installed.")
    else:
        of_task = f" of the task {task}" if task else ""
        console.say(console.wrap(f"No recipe{of_task} matches {query}. All of them: kerasarch list"))
