"""Write docs/command-line.md from the program itself: ``python docs/command_line.py``. A test compares the two."""

import os
import sys
from pathlib import Path

import click

from kerasarch.commands.program import COMMANDS, program

PAGE = Path(__file__).with_name("command-line.md")

OPENING = """# The command line

<!-- Written by docs/command_line.py from the program; a test compares the two. -->

`kerasarch COMMAND --help` explains a command, `kerasarch run NAME --help` the options of a recipe. Every command that
reads something prints JSON with `--json`. From a checkout that is not installed, `python cli.py` is the same program.

| exit code | meaning |
|---|---|
| 0 | everything went well |
| 1 | the recipe failed |
| 2 | an option, an argument or a name is wrong |
| 3 | a backend or a dependency is missing |
| 4 | a plugin is broken |
| 130, 143 | the run was interrupted by Ctrl-C or SIGTERM; it can be resumed |

An error is one line on stderr: what was received, what was expected, what to do. `--traceback`, anywhere on the line,
shows where an error comes from.

| environment variable | meaning |
|---|---|
| `KERAS_BACKEND` | the backend where `--backend` is not given |
| `KERASARCH_PLUGINS` | distributions whose plugins take part, separated by commas; `none`: the built-in alone |
| `NO_COLOR` | set to anything: no colour |
"""


def page() -> str:
    """Return the page as it should be."""
    os.environ["COLUMNS"] = "82"  # click keeps two columns free
    root = click.Context(program, info_name="kerasarch", **program.context_settings)
    parts = [OPENING]
    for title, names in COMMANDS.items():
        parts.append(f"## {title}\n")
        for name in names:
            command = program.get_command(root, name)
            context = click.Context(command, info_name=name, parent=root)
            parts.append(_section(context))
            if name == "runs":
                for inner in command.list_commands(context):
                    below = command.get_command(context, inner)
                    parts.append(_section(click.Context(below, info_name=inner, parent=context)))
    return "\n".join(parts)


def _section(context: click.Context) -> str:
    return f"### {context.command_path}\n\n```text\n{context.get_help().rstrip()}\n```\n"


if __name__ == "__main__":
    sys.stdout.write(f"{PAGE} is written\n")
    PAGE.write_text(page())
