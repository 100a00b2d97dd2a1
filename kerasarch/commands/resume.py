"""``kerasarch resume RUN``: go on with a run, from what its folder holds."""

from pathlib import Path
from typing import Any

import click

from kerasarch.commands import recipe_options, running
from kerasarch.commands.run import RecipeCommand
from kerasarch.commands.run_argument import RunName
from kerasarch.commands.runner_options import parameters
from kerasarch.errors import UsageError
from kerasarch.recipe import Recipe
from kerasarch.runs.folder import RunFolder, find

KEPT = ("--backend", "--out", "--offline", "--devices", "--json")
"""The options of the runner that make sense for a run that has begun."""


class RunGroup(click.Group):
    """Runs as subcommands: the recipe of the run, once it is known, says which options may change."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Find the run's name; ``--out`` may stand before or after it."""
        if not args or args[0] in ctx.help_option_names:
            return click.Command.parse_args(self, ctx, ["--help"])
        values = {
            option for parameter in _runner() for option in parameter.opts if not getattr(parameter, "is_flag", 0)
        }
        place, out = None, Path("runs")
        for index, word in enumerate(args):
            before = args[index - 1] if index else ""
            if before == "--out":
                out = Path(word)
            elif word.startswith("--out="):
                out = Path(word.partition("=")[2])
            elif place is None and not word.startswith("-") and before not in values:
                place = index
        if place is None:
            raise UsageError("which run? Give its folder or its short id: kerasarch resume RUN. See: kerasarch runs ls")
        ctx.meta["out"] = out
        return super().parse_args(ctx, [args[place], *args[:place], *args[place + 1 :]])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command:
        """Open the run and make its command."""
        folder = find(cmd_name, ctx.meta.get("out", Path("runs")))
        recipe = recipe_of(folder)
        return RecipeCommand(
            cmd_name,
            params=[*recipe_options.parameters(recipe, shown=recipe.resumable), *_runner()],
            callback=click.pass_context(lambda ctx, **_: resume(ctx, folder, recipe)),
            help=f"Go on with a run of {folder.recipe}.\n\n{folder.path}",
        )

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name nothing: the runs are in ``runs ls``."""
        return []

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the runner's options that apply."""
        with formatter.section("Options of the runner"):
            formatter.write_dl([record for p in _runner() if (record := p.get_help_record(ctx))])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[Any]:
        """Offer the runs."""
        return RunName().shell_complete(ctx, None, incomplete)


command = RunGroup(
    "resume",
    short_help="Go on with a run that was interrupted",
    help=(
        "Go on with a run that was interrupted.\n\nRUN is the path of a run's folder, its short id or the beginning of "
        "it, `latest`, or `RECIPE/latest`. Of the recipe's options only those may change that it declares resumable: "
        "`kerasarch resume RUN --help` names them."
    ),
    subcommand_metavar="RUN [OPTIONS]",
    options_metavar="",
)


def recipe_of(folder: RunFolder) -> Recipe:
    """Load the recipe of a run: the installed one, or the file it was run from.

    Raises:
        UsageError: It is not there any more.
        PluginError: It is broken by now.
    """
    from kerasarch.registry import load_recipe

    name = str(folder.run.get("source") or folder.recipe)
    try:
        return load_recipe(name)
    except UsageError as error:
        raise UsageError(f"the recipe of {folder.path} is not there any more: {error}") from error


def resume(ctx: click.Context, folder: RunFolder, recipe: Recipe) -> None:
    """Go on with a run and say how it went."""
    changes = recipe_options.given(ctx)
    ctx.exit(running.resume(ctx, folder, recipe, changes, dict(ctx.params)))


def _runner() -> list[click.Parameter]:
    return [parameter for parameter in parameters(resuming=True) if parameter.opts[0] in KEPT]
