"""``kerasarch copy NAME``: a recipe's source as a file of yours, which runs by its path."""

import ast
import importlib.util
import inspect
import re
import sys
from pathlib import Path

import click

from kerasarch.commands.recipe_names import RecipeName
from kerasarch.errors import PluginError, RunError, UsageError
from kerasarch.recipe import Recipe
from kerasarch.registry import load_recipe


@click.command(
    "copy",
    short_help="Copy a recipe's source into a file of yours",
    help=(
        "Copy a recipe's source into a file of yours, to change and to run by its path.\n\nDEST is a file or a folder, "
        "by default a file with the recipe's name in this folder. Relative imports become absolute ones, so that the "
        "copy goes on using the package that it comes from."
    ),
)
@click.argument("name", type=RecipeName())
@click.argument("dest", required=False, type=click.Path(path_type=Path))
@click.option("--force", is_flag=True, help="Overwrite a file that exists.")
def command(name: str, dest: Path | None, force: bool) -> None:
    """Copy, and say what to type next."""
    if name.endswith(".py"):
        raise UsageError(f"{name} is a file of yours already. Give the name of an installed recipe: kerasarch list")
    recipe = load_recipe(name)
    target = destination(name, dest)
    if target.exists() and not force:
        raise UsageError(f"{target} exists. Give another file, or overwrite it with --force.")
    text, package = source(recipe)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(absolute(text, package))
    except OSError as error:
        raise RunError(f"{target} cannot be written: {error.strerror or error}. Choose another place.") from error
    shown = str(target) if target.is_absolute() else f"./{target}"
    click.echo(f"Copied {name} to {shown}")
    for number, word in self_references(text):
        click.echo(f"Mind line {number}: {word} now means the copy, not the package {package}.")
    several = [function for function in recipes_in(text) if function != recipe.function.__name__]
    click.echo(f"Run it:  kerasarch run {shown}{f':{recipe.function.__name__}' if several else ''}")


def destination(name: str, dest: Path | None) -> Path:
    """Return the file that a copy goes to.

    Args:
        name: The recipe's name.
        dest: File or folder that the user gave.

    Raises:
        UsageError: It is neither a folder nor a Python file.
    """
    default = f"{name.rpartition(':')[2].replace('-', '_')}.py"
    if dest is None:
        return Path(default)
    if dest.is_dir():
        return dest / default
    if dest.suffix != ".py":
        raise UsageError(
            f"{dest} is neither a folder that exists nor a Python file. Expected a name such as {default}."
        )
    return dest


def source(recipe: Recipe) -> tuple[str, str]:
    """Return the text of the module that defines a recipe, and the name of its package.

    Raises:
        PluginError: The text is not there, as in a package of compiled files only.
    """
    module = sys.modules[recipe.function.__module__]
    try:
        return inspect.getsource(module), module.__package__ or ""
    except (OSError, TypeError) as error:
        raise PluginError(f"{module.__name__} has no source text to copy: {error}.") from error


def absolute(text: str, package: str) -> str:
    """Make relative imports absolute, wherever they stand; everything else stays as it is.

    Args:
        text: A module's source.
        package: The package that the module is in.
    """
    lines = text.splitlines(keepends=True)
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.ImportFrom) or not node.level:
            continue
        name = importlib.util.resolve_name("." * node.level + (node.module or ""), package)
        # The parser counts columns in bytes of UTF-8.
        line = lines[node.lineno - 1].encode()
        before, after = line[: node.col_offset].decode(), line[node.col_offset :].decode()
        lines[node.lineno - 1] = before + re.sub(
            r"from\s*[.\s]+[\w.]*?(?=\s+import\b|\s*\\)", f"from {name}", after, count=1
        )
    return "".join(lines)


def self_references(text: str) -> list[tuple[int, str]]:
    """List lines that speak of their own place: ``__file__``, ``__package__``, ``__name__``."""
    words = ("__file__", "__package__", "__name__")
    named = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Name) and node.id in words]
    return sorted((node.lineno, node.id) for node in named)


def recipes_in(text: str) -> list[str]:
    """List the functions of a module that are decorated with ``recipe(...)``."""
    found = []
    for node in ast.parse(text).body:
        for decorator in getattr(node, "decorator_list", []):
            called = decorator.func if isinstance(decorator, ast.Call) else decorator
            if getattr(called, "attr", getattr(called, "id", "")) == "recipe" and isinstance(node, ast.FunctionDef):
                found.append(node.name)
    return found
