"""``kerasarch new NAME``: a plugin package that passes its own tests at once."""

import importlib.metadata
import importlib.util
import keyword
import re
import sys
from collections.abc import Mapping
from pathlib import Path

import click

import kerasarch
from kerasarch.errors import RunError, UsageError

TEMPLATES = Path(__file__).parent / "templates" / "plugin"
SUFFIX = ".in"


@click.command(
    "new",
    short_help="Start a plugin package that passes its own tests",
    help=(
        "Start a plugin package: a recipe, a model and a layer, with tests that pass at once.\n\nNAME is the package's "
        "name, such as my-plugin; its folder is made in the current one, or in --dir."
    ),
)
@click.argument("name")
@click.option(
    "--dir",
    "parent",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(),
    show_default="the current folder",
    help="Where the package's folder is made.",
)
def command(name: str, parent: Path) -> None:
    """Write the package and say what to type next."""
    words = words_of(name)
    folder = parent / name
    if folder.exists():
        raise UsageError(f"{folder} exists. Choose another name, or another place with --dir.")
    try:
        for file in write(folder, words):
            click.echo(f"  {file}")
    except OSError as error:
        raise RunError(f"{folder} cannot be written: {error.strerror or error}. Choose another place: --dir") from error
    click.echo(f"Made {folder}. Now:\n  cd {folder}\n  pip install -e '.[test]'\n  pytest")
    click.echo(f"  kerasarch run {words['recipe']}")


def words_of(name: str) -> dict[str, str]:
    """Return what stands for each placeholder of the templates.

    Args:
        name: The package's name.

    Raises:
        UsageError: No package can be called so, or one is already.
    """
    if not re.fullmatch(r"[a-z][a-z0-9]*([-_][a-z0-9]+)*", name):
        meant = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
        meant = meant if meant[:1].isalpha() else f"plugin-{meant}" if meant else ""
        hint = f" Did you mean {meant}?" if meant else ""
        raise UsageError(
            f"{name!r} cannot be the name of a package. Expected small letters, digits and single hyphens, with a "
            f"letter in front, such as my-plugin.{hint}"
        )
    package = name.replace("-", "_")
    if keyword.iskeyword(package) or keyword.issoftkeyword(package):
        raise UsageError(f"{name} is a word of the Python language. Choose another name, such as {name}-plugin.")
    if package in sys.stdlib_module_names:
        raise UsageError(f"{name} is a module of Python's library. Choose another name, such as {name}-plugin.")
    if importlib.util.find_spec(package) is not None or _is_distribution(name):
        raise UsageError(f"a package called {name} is installed here. Choose another name, such as my-{name}.")
    return {
        "name": name,
        "package": package,
        "recipe": f"{name.replace('_', '-')}-digits",
        "function": f"{package}_digits",
        "model": f"{package}_mlp",
        "layer": "".join(part.capitalize() for part in package.split("_")) + "Scale",
        "version": kerasarch.__version__,
    }


def write(folder: Path, words: Mapping[str, str]) -> list[Path]:
    """Write the package from the templates.

    Args:
        folder: The package's folder, which does not exist.
        words: What stands for each placeholder.

    Returns:
        The files.
    """
    files = []
    for template in sorted(TEMPLATES.rglob(f"*{SUFFIX}")):
        place = str(template.relative_to(TEMPLATES)).removesuffix(SUFFIX)
        # Installers and globs pass over names with a dot in front.
        place = place.replace("__package__", words["package"]).replace("gitignore", ".gitignore")
        text = re.sub(r"\{\{(\w+)\}\}", lambda match: words[match[1]], template.read_text())
        file = folder / place
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        files.append(file)
    return files


def _is_distribution(name: str) -> bool:
    try:
        importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True
