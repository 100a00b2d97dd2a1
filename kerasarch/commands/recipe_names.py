"""Names of recipes as arguments: what the shell offers for them, from metadata alone."""

from typing import Any

import click


class RecipeName(click.ParamType):
    """The name of a recipe, or a Python file that holds one."""

    name = "recipe"

    def shell_complete(self, ctx: click.Context, param: click.Parameter | None, incomplete: str) -> list[Any]:
        """Offer recipes and Python files."""
        return completions(incomplete)


def completions(incomplete: str) -> list[Any]:
    """Return the shell's offers for a name that has been begun."""
    from click.shell_completion import CompletionItem

    from kerasarch.registry import names

    if "/" in incomplete or incomplete.startswith("."):
        return [CompletionItem(incomplete, type="file")]
    return [
        CompletionItem(name, help=entry.summary.text)
        for name, entry in names("recipes").items()
        if name.startswith(incomplete)
    ]
