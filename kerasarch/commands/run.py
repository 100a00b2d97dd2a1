"""``kerasarch run NAME``: one recipe, its options made from its signature once its name is known."""

from pathlib import Path
from typing import Any

import click

from kerasarch.commands import recipe_options
from kerasarch.commands.recipe_names import completions
from kerasarch.commands.runner_options import parameters, read_config, read_devices, takes_value
from kerasarch.errors import UsageError
from kerasarch.recipe import Recipe
from kerasarch.registry import load_recipe


class RecipeCommand(click.Command):
    """``run`` for one recipe: its own options first, then the runner's."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options in two sections."""
        own: list[tuple[str, str]] = []
        runner: list[tuple[str, str]] = []
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None:
                (own if isinstance(parameter, recipe_options.RecipeOption) else runner).append(record)
        for title, rows in (("Options of the recipe", own), ("Options of the runner", runner)):
            if rows:
                with formatter.section(title):
                    formatter.write_dl(rows, col_max=30)


class RecipeGroup(click.Group):
    """Recipes as subcommands. A recipe's module is imported when it is named, never to list or complete names."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Find the recipe's name; options of the runner may stand before it."""
        if not args or args[0] in ctx.help_option_names:
            return click.Command.parse_args(self, ctx, ["--help"])
        options, place = parameters(), 0
        while place < len(args) and args[place].startswith("-"):
            place += 2 if takes_value(args[place], options) else 1
        if place >= len(args):
            raise UsageError("which recipe? Give its name or a Python file: kerasarch run NAME [OPTIONS]")
        return super().parse_args(ctx, [args[place], *args[:place], *args[place + 1 :]])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command:
        """Load a recipe and make its command."""
        recipe = load_recipe(cmd_name)
        return RecipeCommand(
            cmd_name,
            params=[*recipe_options.parameters(recipe), *parameters()],
            callback=click.pass_context(lambda ctx, **_: run(ctx, cmd_name, recipe)),
            help="\n\n".join(filter(None, (f"{recipe.summary}.", recipe.description))),
        )

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name nothing: help and completion must not import all recipes."""
        return []

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the runner's options; the recipe's stand in ``run NAME --help``."""
        with formatter.section("Options of the runner"):
            formatter.write_dl([record for p in parameters() if (record := p.get_help_record(ctx))])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[Any]:
        """Offer the recipes by name."""
        return completions(incomplete)


command = RecipeGroup(
    "run",
    short_help="Run a recipe, by name or from a file",
    help=(
        "Run a recipe.\n\nNAME is a recipe of `kerasarch list`, or a Python file that holds one, such as ./my.py. "
        "The recipe's own options are in `kerasarch run NAME --help`. The run gets a folder of its own, with a report."
    ),
    subcommand_metavar="NAME|FILE [OPTIONS]",
    options_metavar="",
)


def run(ctx: click.Context, name: str, recipe: Recipe) -> None:
    """Judge the options, run, and say how it went."""
    from kerasarch.commands import running  # not at the top: help has no need of the runs floor

    values = recipe_options.given(ctx)
    runner: dict[str, Any] = dict(ctx.params)
    origins = dict.fromkeys(values, "command line")
    if runner["config"] is not None:
        path: Path = runner["config"]
        found = read_config(path, recipe)
        origins = dict.fromkeys(found, f"config {path}") | origins
        values = found | values
    if runner["resume"] is not None:
        ctx.exit(_resume(ctx, name, recipe, values))
    runner["devices"] = read_devices(runner["devices"])
    recipe.bind(values)  # a wrong option ends here, before a folder is made
    if runner["backend"] == "all" and runner["seeds"]:
        raise UsageError("--backend all and --seeds cannot be combined: choose one backend for --seeds.")
    ctx.exit(running.start(ctx, name, recipe, values, origins, runner))


def _resume(ctx: click.Context, name: str, recipe: Recipe, changes: dict[str, Any]) -> int:
    """``run NAME --resume RUN``: what ``resume RUN`` does, once it is certain that the two belong together.

    Raises:
        UsageError: The run is another recipe's, or something is to change that may not.
    """
    from kerasarch.commands import running
    from kerasarch.runs.folder import find

    for option in ("seed", "seeds", "check", "smoke", "tensorboard"):
        if ctx.get_parameter_source(option) is click.core.ParameterSource.COMMANDLINE:
            raise UsageError(f"--{option} cannot be given with --resume: the run keeps what it was started with.")
    folder = find(ctx.params["resume"], ctx.params["out"])
    if folder.recipe not in (name, recipe.name):
        raise UsageError(f"--resume: {folder.path} is a run of {folder.recipe}, not of {name}.")
    return running.resume(ctx, folder, recipe, changes, ctx.params)
