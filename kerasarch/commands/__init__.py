"""The command line: the click program, one command a file.

A command lives in the file of its name, as the object ``command``. `kerasarch.commands.program` holds the table of
them, so that nothing is imported before a command is named.
"""

from typing import NoReturn

__all__ = ["main"]


def main() -> NoReturn:
    """Run the program on the arguments of this process and exit with its code."""
    from kerasarch.commands.program import program

    program.main(prog_name="kerasarch")
    raise SystemExit(0)
