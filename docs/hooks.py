"""What mkdocs adds to the pages: one page a built-in recipe, and the public names of each floor on its API page.

Both are read from the code without importing Keras: recipes through the registry, names from each package's
``__all__`` and the imports that stand above it.
"""

import ast
import dataclasses
import inspect
import re
import sys
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from kerasarch import registry  # noqa: E402 - the line above makes the checkout importable
from kerasarch.options import Option  # noqa: E402
from kerasarch.recipe import Recipe  # noqa: E402


def builtin_recipes() -> dict[str, registry.Entry]:
    """Return the built-in recipes by name."""
    return {entry.name: entry for entry in registry.entries("recipes") if entry.builtin}


def on_config(config: Any) -> Any:
    """Put the recipes' pages into the navigation, below the page that lists them."""
    for item in config.nav or ():
        if isinstance(item, dict) and "Recipes" in item:
            item["Recipes"] += [{name: f"recipes/{name}.md"} for name in builtin_recipes()]
    return config


def on_files(files: Any, config: Any) -> Any:
    """Add one generated page a recipe."""
    for name, entry in builtin_recipes().items():
        files.append(File.generated(config, f"recipes/{name}.md", content=recipe_page(name, entry)))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Fill in what a page asks for: the list of recipes, or the public names of its floor."""
    if "<!-- recipes -->" in markdown:
        markdown = markdown.replace("<!-- recipes -->", recipe_table())
    if package := page.meta.get("floor"):
        markdown += "".join(f"\n\n::: {path}\n" for path in public_names(package))
    return markdown


def recipe_table() -> str:
    """Return the built-in recipes as a table."""
    rows = ["| recipe | task | what it does |", "|---|---|---|"]
    for name, entry in builtin_recipes().items():
        rows.append(f"| [{name}]({name}.md) | {entry.summary.task} | {entry.summary.text} |")
    return "\n".join(rows)


def recipe_page(name: str, entry: registry.Entry) -> str:
    """Return a recipe's page.

    Args:
        name: The recipe's name.
        entry: Where it is.
    """
    recipe: Recipe = entry.load()
    module = inspect.cleandoc(sys.modules[recipe.function.__module__].__doc__ or "")
    background = module.partition("\n")[2].strip()
    facts = [("Task", recipe.task), ("Data", recipe.data), ("Code", f"`{entry.value.partition(':')[0]}`")]
    if recipe.expect:
        facts.append(("Expected", ", ".join(f"{figure} {bound}" for figure, bound in recipe.expect.items())))
    if recipe.resumable:
        facts.append(("May change on resume", ", ".join(recipe.options[option].flag for option in recipe.resumable)))
    parts = [
        f"# {name}",
        f"{recipe.summary}.",
        f"```bash\nkerasarch run {name}\n```",
        "\n".join(f"- {title}: {value}" for title, value in facts if value),
        _flags_as_code(recipe.description),
        background,
        "## Options",
        "Besides these, every recipe has the [options of the runner](../command-line.md#kerasarch-run).",
    ]
    own = [option for option in recipe.options.values() if option.field_of is None]
    parts.append(_options(own))
    for owner in dict.fromkeys(option.field_of for option in recipe.options.values() if option.field_of):
        shared = [option for option in recipe.options.values() if option.field_of == owner]
        parts += [f"## Options of {owner}", "Shared with other recipes of the kind.", _options(shared)]
    source = inspect.getsource(sys.modules[recipe.function.__module__]).rstrip()
    indented = "\n".join(f"    {line}".rstrip() for line in source.splitlines())
    parts += [
        "## The source",
        f"`kerasarch copy {name} my_recipe.py` makes it yours, and `kerasarch run ./my_recipe.py` runs it.",
        f'??? example "{Path(inspect.getfile(recipe.function)).name}"\n\n    ```python\n{indented}\n    ```',
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _flags_as_code(text: str) -> str:
    return re.sub(r"(?<![\w`])--[a-z][a-z-]*", lambda flag: f"`{flag[0]}`", text)


def _options(options: list[Option]) -> str:
    rows = []
    for option in options:
        default = "required" if option.required else _shown(option.default)
        text = f"{_flags_as_code(option.text)}<br><small>{_accepted(option)}</small>"
        rows.append((f"`{option.flag}`", default, text))
    return _table(("option", "default", "meaning"), rows)


def _accepted(option: Option) -> str:
    if option.type is bool:
        return f"`{option.flag}` or `--no-{option.flag[2:]}`"
    return option.accepts


def _shown(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return {None: "none", True: "on", False: "off"}[value]
    if isinstance(value, tuple):
        return ", ".join(map(str, value)) or "empty"
    return f"`{value}`"


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    cells = [[cell.replace("|", "\\|").replace("*", "\\*") for cell in line] for line in lines]
    return "\n".join(f"| {' | '.join(line)} |" for line in cells)


@dataclasses.dataclass(frozen=True)
class Source:
    """A module's syntax tree and the place it stands at."""

    module: str
    tree: ast.Module

    @classmethod
    def of(cls, module: str) -> "Source":
        """Read a module of kerasarch by its dotted name."""
        path = ROOT.joinpath(*module.split("."))
        file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
        return cls(module, ast.parse(file.read_text()))

    @property
    def names(self) -> list[str]:
        """The names in ``__all__``, in its order."""
        for node in self.tree.body:
            if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "__all__":
                return ast.literal_eval(node.value)
        return []

    def home(self, name: str) -> str | None:
        """The dotted path at which a public name is defined, or None where that is outside kerasarch."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.ImportFrom) and any((alias.asname or alias.name) == name for alias in node.names):
                inside = (node.module or "").startswith("kerasarch.")
                return f"{node.module}.{name}" if inside else None
        return f"{self.module}.{name}"


def public_names(package: str) -> list[str]:
    """Return where the public names of a package or module are defined, in the order of its ``__all__``.

    What a page of a model family documents itself is left out: a name has one place.
    """
    source = Source.of(package)
    elsewhere = "\n".join(page.read_text() for page in (ROOT / "docs" / "models").glob("*.md"))
    return [home for name in source.names if (home := source.home(name)) and f"::: {home}\n" not in elsewhere]
