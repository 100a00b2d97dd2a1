"""A recipe's options on the command line: how they are written, explained and taken from there."""

from pathlib import Path
from typing import Any

import click

from kerasarch.options import Option, as_typed
from kerasarch.recipe import Recipe

PREFIX = "recipe__"
"""Before the names of a recipe's options among click's parameters, so that none meets one of the runner's."""


def term(option: Option) -> str:
    """Write an option as it is typed: ``--epochs N``, ``--cache/--no-cache``."""
    if is_switch(option):
        return f"{option.flag}/--no-{option.flag[2:]}"
    return f"{option.flag} {metavar(option)}"


def is_switch(option: Option) -> bool:
    """Whether an option is typed without a value."""
    return option.type is bool and not option.many and not option.optional and not option.choices


def metavar(option: Option) -> str:
    """Name the value of an option: its choices where they are short, else its type."""
    one = {int: "INTEGER", float: "NUMBER", str: "TEXT", Path: "PATH", bool: "BOOLEAN"}[option.type]
    words = "|".join(str(choice) for choice in option.choices)
    if words and len(words) <= 18:
        one = words
    elif words:
        one = "CHOICE"
    return f"{one},..." if option.many else one


def meaning(option: Option) -> str:
    """Say what an option means, what it accepts and what it is when not given."""
    said = is_switch(option) or (option.type in (str, Path) and not option.choices and not option.many)
    accepts = "" if said else option.accepts
    facts = [accepts] if accepts else []
    facts.append("required" if option.required else f"default: {default(option)}")
    text = option.text if not option.text or option.text.endswith((".", "!", "?")) else option.text + "."
    return f"{text} [{'; '.join(facts)}]".strip()


def default(option: Option) -> str:
    """Write an option's default as it would be typed."""
    return as_typed(option.default) or "empty"


class RecipeOption(click.Option):
    """A recipe's option. It hands on the text as typed: the recipe itself reads and judges it.

    Args:
        option: The option.
        hidden: Whether the help keeps silent about it.
    """

    def __init__(self, option: Option, hidden: bool = False) -> None:
        self.option = option
        declaration = f"{option.flag}/--no-{option.flag[2:]}" if is_switch(option) else option.flag
        kind = {"is_flag": True, "default": None} if is_switch(option) else {"type": click.STRING}
        super().__init__([declaration, PREFIX + option.name], hidden=hidden, **kind)

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        """Return the two columns of the help."""
        return None if self.hidden else (term(self.option), meaning(self.option))

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[Any]:
        """Offer the choices, or files where a path is wanted."""
        from click.shell_completion import CompletionItem

        if self.option.type is Path:
            return [CompletionItem(incomplete, type="file")]
        return [CompletionItem(str(choice)) for choice in self.option.choices if str(choice).startswith(incomplete)]


def parameters(recipe: Recipe, shown: tuple[str, ...] | None = None) -> list[click.Parameter]:
    """Return click's parameters for a recipe's options.

    Args:
        recipe: The recipe.
        shown: Names of the options that the help shows, or None for all.
    """
    return [
        RecipeOption(option, hidden=shown is not None and name not in shown) for name, option in recipe.options.items()
    ]


def given(ctx: click.Context) -> dict[str, Any]:
    """Return what was typed for a recipe's options, by name; take it out of the context's parameters."""
    typed = {name: value for name, value in ctx.params.items() if name.startswith(PREFIX)}
    for name in typed:
        del ctx.params[name]
    return {name.removeprefix(PREFIX): value for name, value in typed.items() if value is not None}
