"""The program ``kerasarch``: its table of commands, and what becomes of errors.

Exit codes: 0 ok; 1 the recipe failed; 2 usage; 3 a backend or dependency is missing; 4 a plugin is broken; 130 Ctrl-C.
"""

import importlib
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

import click

import kerasarch
from kerasarch.errors import KerasarchError, UsageError

COMMANDS: dict[str, dict[str, str]] = {
    "Recipes": {
        "list": "List the recipes, by task",
        "show": "Show one recipe: its options, data and expected figures",
        "run": "Run a recipe, by name or from a file",
        "resume": "Go on with a run that was interrupted",
    },
    "Results": {
        "runs": "List, show and compare runs, and open their reports",
        "sample": "Draw pictures from the model of a generative run",
        "generate": "Go on with a text, or translate it",
        "predict": "Classify pictures, recordings or texts with the model of a run",
        "explain": "Draw what a classifier looks at in pictures",
    },
    "Your own": {
        "copy": "Copy a recipe's source into a file of yours",
        "new": "Start a plugin package that passes its own tests",
        "test": "Test a recipe, model or layer of a plugin on the backends",
    },
    "This machine": {
        "models": "List the model families and their variants",
        "inspect": "Show what each layer of a model is and costs",
        "doctor": "Check versions, backends, devices, plugins and disk",
        "completion": "Print the completion script for your shell",
    },
}
"""Every command's one line, under the heading it stands below: ``--help`` needs no more than this table."""


class LazyGroup(click.Group):
    """A group whose commands are imported when they are named.

    Args:
        table: Headings, and below them the commands' names and their one line of help.
        prefix: What stands before a command's name in the name of its module.
    """

    def __init__(self, *args: Any, table: Mapping[str, Mapping[str, str]], prefix: str = "", **kwargs: Any) -> None:
        kwargs.setdefault("subcommand_metavar", "COMMAND ...")
        kwargs.setdefault("no_args_is_help", False)
        super().__init__(*args, **kwargs)
        self.table = table
        self.prefix = prefix

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the options before the command; without any argument, show the help."""
        return super().parse_args(ctx, args or ["--help"])

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of the table."""
        return [name for commands in self.table.values() for name in commands]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command."""
        if cmd_name not in self.list_commands(ctx):
            return None
        return importlib.import_module(f"kerasarch.commands.{self.prefix}{cmd_name}").command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that the arguments name, or say which ones there are."""
        if args[0] not in self.list_commands(ctx) and not args[0].startswith("-"):
            from kerasarch.options import did_you_mean

            known = self.list_commands(ctx)
            hint = did_you_mean(args[0], known) or f" There are: {', '.join(known)}."
            raise UsageError(f"no command is called {args[0]}.{hint} See: {ctx.command_path} --help")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the table, its columns aligned across the headings."""
        wide = max(len(name) for name in self.list_commands(ctx))
        for title, commands in self.table.items():
            with formatter.section(title):
                formatter.write_dl([(name.ljust(wide), text) for name, text in commands.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[Any]:
        """Offer the commands without importing them, then the options."""
        from click.shell_completion import CompletionItem

        rows = [(name, text) for commands in self.table.values() for name, text in commands.items()]
        found = [CompletionItem(name, help=text) for name, text in rows if name.startswith(incomplete)]
        return found + click.Command.shell_complete(self, ctx, incomplete)


class Program(LazyGroup):
    """The whole program: every error becomes one line on stderr and an exit code."""

    def main(self, args: Sequence[str] | None = None, prog_name: str | None = None, **extra: Any) -> NoReturn:  # type: ignore[override]
        """Run, report, exit.

        ``--traceback`` is taken from anywhere among the arguments: it concerns errors of the parsing too.
        """
        arguments = list(sys.argv[1:] if args is None else args)
        traceback = "--traceback" in arguments
        arguments = [argument for argument in arguments if argument != "--traceback"]
        extra.pop("standalone_mode", None)
        if os.environ.get("NO_COLOR"):
            extra.setdefault("color", False)
        try:
            code = super().main(
                arguments, prog_name or "kerasarch", standalone_mode=False, obj={"traceback": traceback}, **extra
            )
        except Exception as error:  # this is the one place where errors end
            if traceback:
                raise
            code = report(error)
        sys.exit(code if isinstance(code, int) else 0)


def report(error: Exception) -> int:
    """Print an error in one line to stderr and return the exit code that it stands for."""
    if isinstance(error, click.Abort):
        click.echo("Interrupted.", err=True)
        return 130
    if isinstance(error, KerasarchError):
        line, code = _one_line(error), error.exit_code
    elif isinstance(error, click.ClickException):
        line, code = _of_click(error), error.exit_code
    else:
        line = f"unexpected {type(error).__name__}: {_one_line(error)}. See where it comes from with --traceback"
        code = 1
    click.echo(f"{click.style('Error:', fg='red')} {line}", err=True)
    return code


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())


def _of_click(error: click.ClickException) -> str:
    """Say in the house's words what click has to complain of."""
    context = getattr(error, "ctx", None)
    help_command = f" See: {context.command_path} --help" if context is not None else ""
    if isinstance(error, click.NoSuchOption):
        from kerasarch.options import did_you_mean

        parameters = context.command.get_params(context) if context is not None else []
        known = [option for parameter in parameters for option in (*parameter.opts, *parameter.secondary_opts)]
        return f"no such option: {error.option_name}.{did_you_mean(error.option_name, known)}{help_command}"
    message = " ".join(error.format_message().split())
    return f"{message if message.endswith('.') else message + '.'}{help_command}"


def _version(context: click.Context, _: click.Parameter, given: bool) -> None:
    if given:
        click.echo(f"kerasarch {kerasarch.__version__}")
        context.exit()


program = Program(
    "kerasarch",
    table=COMMANDS,
    options_metavar="",
    help="Neural network architectures and training recipes for Keras 3, on JAX, TensorFlow and PyTorch.",
    epilog="Any command takes --traceback, which shows where an error comes from.",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    params=[
        click.Option(
            ["--version"],
            is_flag=True,
            is_eager=True,
            expose_value=False,
            help="Print the version and exit.",
            callback=_version,
        )
    ],
)
