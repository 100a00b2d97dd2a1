"""``kerasarch runs ls``: the runs below a folder, the newest first."""

from pathlib import Path

import click

from kerasarch.commands import console
from kerasarch.commands.run_argument import age, headline, out_option, status
from kerasarch.runs.folder import list_runs


@click.command(short_help="List the runs, the newest first")
@click.argument("recipe", required=False)
@out_option
@click.option("--limit", "-n", type=click.IntRange(1), metavar="N", help="The newest N only.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(recipe: str | None, out: Path, limit: int | None, as_json: bool) -> None:
    """List the runs, the newest first.

    RECIPE is the name of a recipe whose runs alone are wanted.
    """
    runs = list_runs(out, recipe)[:limit]
    if as_json:
        console.say_json([run.summary() for run in runs])
        return
    if not runs:
        of = f" of {recipe}" if recipe else ""
        console.say(f"There are no runs{of} in {out}. Start one: kerasarch run {recipe or 'NAME'}")
        return
    rows = []
    for run in runs:
        facts = run.summary()
        rows.append(
            (
                console.name(run.id),
                run.recipe,
                str(facts["backend"] or ""),
                status(run),
                headline(facts["result"]),
                age(facts["created"]),
            )
        )
    heads = ("run", "recipe", "backend", "status", "result", "age")
    console.say(console.table(heads, rows, right=("age",), shrink="recipe"))
