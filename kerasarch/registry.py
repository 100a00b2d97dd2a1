"""Discovery: recipes, models and layers of every installed package, through entry points.

Listing reads names from the metadata of installed distributions and summaries from source text. Nothing is imported, so
a slow or broken plugin can neither slow nor break it. Loading imports the one module that was asked for.

Built-in names are reserved: a plugin's entry of the same name answers to ``distribution:name`` only, and so do the
entries of two plugins which share a name. ``KERASARCH_PLUGINS`` holds the distributions that may take part, separated
by commas; ``none`` leaves the built-in ones alone.
"""

import contextlib
import dataclasses
import functools
import importlib
import os
import sys
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import kerasarch
from kerasarch.errors import KerasarchError, PluginError, UsageError
from kerasarch.sources import Summary, find_source, read_summary

if TYPE_CHECKING:
    from kerasarch.recipe import Recipe  # imported where a recipe is loaded: listing has no need of it

Kind = Literal["recipes", "models", "layers"]
KINDS: tuple[Kind, ...] = ("recipes", "models", "layers")
HOME = "kerasarch"
"""The distribution whose entries are the built-in ones."""

REFUSED = frozenset({"keras", "tensorflow", "torch", "jax", "flax", "tf_keras"})
"""What a recipe's module may not import while its options are being read."""


@dataclasses.dataclass(frozen=True)
class Entry:
    """One thing that an installed distribution offers.

    Args:
        kind: ``recipes``, ``models`` or ``layers``.
        name: The name in the entry point.
        value: Where it is: ``package.module:attribute``.
        distribution: The distribution that offers it.
        version: That distribution's version.
    """

    kind: Kind
    name: str
    value: str
    distribution: str
    version: str

    @property
    def builtin(self) -> bool:
        """Whether kerasarch itself offers it."""
        return self.distribution == HOME

    @property
    def qualified(self) -> str:
        """The name that nothing else has: ``distribution:name``."""
        return f"{self.distribution}:{self.name}"

    @property
    def origin(self) -> str:
        """The distribution and its version, in words."""
        return f"{self.distribution} {self.version}".strip()

    @property
    def file(self) -> Path | None:
        """The source file, found without importing anything, or None."""
        return find_source(self.value.partition(":")[0])

    @functools.cached_property
    def summary(self) -> Summary:
        """What the source text tells; never an error."""
        file = self.file
        if file is None:
            return Summary(problem=f"its module {self.value.partition(':')[0]} cannot be found")
        found = read_summary(file, self.value.partition(":")[2])
        if self.kind == "models" and found.module:
            return dataclasses.replace(found, text=found.module)  # a family's file says more than its builder
        if self.kind == "recipes" and found.api != 1:
            from kerasarch.recipe import SUPPORTED_APIS

            if found.api not in SUPPORTED_APIS:
                return dataclasses.replace(found, problem=_outdated(found.api))
        return found

    def load(self) -> Any:
        """Import the module and return the object.

        A recipe's module is imported under a guard that refuses Keras and the backends.

        Raises:
            PluginError: The module cannot be imported, lacks the object, or was written for another contract.
        """
        return self._load_recipe() if self.kind == "recipes" else self._load()

    def _load(self) -> Any:
        module, _, attribute = self.value.partition(":")
        try:
            return functools.reduce(getattr, attribute.split("."), importlib.import_module(module))
        except KerasarchError:
            raise
        except (Exception, SystemExit) as error:
            raise self._broken(error) from error

    def _load_recipe(self) -> "Recipe":
        with _without_keras():
            found = self._load()
        return _checked(getattr(found, "recipe", None), f"{self.qualified} ({self.origin})")

    def _broken(self, error: BaseException) -> PluginError:
        cause = f"{type(error).__name__}: {error}".splitlines()[0].removesuffix(".")
        remedy = "Please report this." if self.builtin else f"Update or remove it: pip uninstall {self.distribution}"
        return PluginError(f"{self.kind[:-1]} {self.name!r} of {self.origin} cannot be loaded. {cause}. {remedy}")


def _checked(found: Any, where: str) -> "Recipe":
    from kerasarch.recipe import SUPPORTED_APIS, Recipe

    if not isinstance(found, Recipe):
        raise PluginError(f"{where} is not a recipe: decorate its function with kerasarch.recipe.recipe(...).")
    if found.api not in SUPPORTED_APIS:
        raise PluginError(f"{where} {_outdated(found.api)}.")
    found.validate()
    return found


def _outdated(api: int) -> str:
    from kerasarch.recipe import SUPPORTED_APIS

    first, newest = SUPPORTED_APIS[0], SUPPORTED_APIS[-1]
    window = str(newest) if first == newest else f"{first} to {newest}"
    side = "kerasarch" if api > newest else "the plugin"
    return f"speaks version {api} of the recipe contract, this kerasarch version {window}: update {side}"


def entries(kind: Kind, *, every: bool = False) -> list[Entry]:
    """List what the installed distributions offer, the built-in ones first, then by name.

    Args:
        kind: ``recipes``, ``models`` or ``layers``.
        every: Also what ``KERASARCH_PLUGINS`` keeps out.
    """
    _adopt_recipes()
    found = [
        entry
        for entry in _installed(f"kerasarch.{kind}", kind)
        if every or entry.builtin or allowed(entry.distribution)
    ]
    if not any(entry.builtin for entry in found):
        found += _from_checkout(kind)
    return sorted(set(found), key=lambda entry: (not entry.builtin, entry.name, entry.distribution))


def names(kind: Kind) -> dict[str, Entry]:
    """List entries by the shortest name that means just one of them.

    A built-in entry has its bare name; a plugin's has it where no other entry shares it, else ``distribution:name``.
    """
    everything = entries(kind)
    builtin = {entry.name for entry in everything if entry.builtin}
    count: dict[str, int] = {}
    for entry in everything:
        count[entry.name] = count.get(entry.name, 0) + 1
    alone = {name for name, times in count.items() if times == 1 and name not in builtin}
    return {entry.name if entry.builtin or entry.name in alone else entry.qualified: entry for entry in everything}


def find(kind: Kind, name: str) -> Entry:
    """Find an entry by its name or by ``distribution:name``.

    Raises:
        UsageError: No entry is called so, or several are; the message offers names.
    """
    known = names(kind)
    if name in known:
        return known[name]
    everything = entries(kind)
    for entry in everything:
        if entry.qualified == name:
            return entry
    same = [entry.qualified for entry in everything if entry.name == name]
    if same:
        raise UsageError(f"several packages have a {kind[:-1]} called {name}. Choose one: {', '.join(same)}.")
    from kerasarch.options import did_you_mean

    underscored = {known_name.replace("-", "_"): known_name for known_name in known}
    hint = (
        f" Did you mean {underscored[name.replace('-', '_')]}?"
        if name.replace("-", "_") in underscored
        else did_you_mean(name, known)
    )
    see = {"recipes": "list", "models": "models", "layers": "doctor"}[kind]
    raise UsageError(f"no {kind[:-1]} is called {name}.{hint} See: kerasarch {see}")


def load_recipe(name: str) -> "Recipe":
    """Load a recipe by name, by ``distribution:name``, or from a file: ``./my.py`` or ``./my.py:function``.

    Raises:
        UsageError: There is no such recipe or file.
        PluginError: It cannot be loaded.
    """
    path, _, function = name.partition(".py:")
    path = path if not function else f"{path}.py"
    return load_file(Path(path), function) if path.endswith(".py") else find("recipes", name).load()


def load_model_builder(name: str) -> Callable[..., Any]:
    """Load a model's builder by the name of its family or of one of its variants, built-in or a plugin's.

    Returns:
        A function of the builder's keyword arguments; for a variant's name the variant is filled in.

    Raises:
        UsageError: No model is called so.
        PluginError: It cannot be loaded.
    """
    known = names("models")
    if name not in known:
        for entry in known.values():
            if name in entry.summary.variants:
                return functools.partial(entry.load(), name)
        variants = [variant for entry in known.values() for variant in entry.summary.variants]
        if ":" not in name:
            from kerasarch.options import did_you_mean

            hint = did_you_mean(name, [*known, *variants])
            raise UsageError(f"no model is called {name}.{hint} See: kerasarch models")
    return find("models", name).load()


def load_file(path: Path, function: str = "") -> "Recipe":
    """Load a recipe from a Python file, under the guard that refuses Keras.

    Args:
        path: The file.
        function: Name of the recipe's function, needed where the file holds several.

    Raises:
        UsageError: The file does not exist, or holds no or several recipes.
        PluginError: The file cannot be imported.
    """
    from importlib.util import module_from_spec, spec_from_file_location

    if not path.is_file():
        raise UsageError(f"no recipe file at {path}. Give the name of a recipe (kerasarch list) or a Python file.")
    module_name = f"kerasarch_recipe_{path.stem}"
    spec = spec_from_file_location(module_name, path)
    if spec is None or spec.loader is None:
        raise UsageError(f"{path} is not a Python file that can be imported.")
    module = module_from_spec(spec)
    sys.modules[module_name] = module
    try:
        with _without_keras():
            spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[module_name]
        if isinstance(error, KerasarchError):
            raise
        cause = f"{type(error).__name__}: {error}".splitlines()[0].removesuffix(".")
        raise PluginError(f"{path} cannot be imported. {cause}.") from error
    own = _recipes_in(module)
    if function and function not in own:
        raise UsageError(f"{path} has no recipe {function}. It has: {', '.join(own) or 'none'}.")
    if not function and len(own) != 1:
        what = "no recipe: decorate a function with kerasarch.recipe.recipe(...)" if not own else f"{len(own)} recipes"
        how = "" if not own else f". Choose one: {', '.join(f'{path}:{name}' for name in own)}"
        raise UsageError(f"{path} holds {what}{how}.")
    return _checked(own[function] if function else next(iter(own.values())), str(path))


def _recipes_in(module: types.ModuleType) -> dict[str, "Recipe"]:
    """The recipes that a module defines itself, by the names of their functions."""
    from kerasarch.recipe import Recipe

    found = {}
    for value in vars(module).values():
        attributes = getattr(type(value), "__dict__", None) and getattr(value, "__dict__", None)
        declared = attributes.get("recipe") if isinstance(attributes, dict) else None
        if isinstance(declared, Recipe) and value.__module__ == module.__name__:
            found[value.__name__] = declared
    return found


def allowed(distribution: str) -> bool:
    """Whether ``KERASARCH_PLUGINS`` lets a distribution take part."""
    wanted = os.environ.get("KERASARCH_PLUGINS")
    if wanted is None:
        return True
    listed = {_normal(name) for name in wanted.split(",")}
    return _normal(distribution) in listed


def _normal(name: str) -> str:
    return name.strip().lower().replace("_", "-").replace(".", "-")


def _installed(group: str, kind: Kind) -> Iterator[Entry]:
    import importlib.metadata

    for point in importlib.metadata.entry_points(group=group):
        yield Entry(kind, point.name, point.value, *_identity(point.dist))


def _identity(distribution: Any) -> tuple[str, str]:
    """A distribution's name and version, read off its metadata: the email parser that the library uses is slow."""
    if distribution is None:
        return "unknown", ""
    text = distribution.read_text("METADATA") or distribution.read_text("PKG-INFO") or ""
    found: dict[str, str] = {}
    for line in text.splitlines():
        key, colon, value = line.partition(":")
        if not colon:
            break  # the header ends here
        found.setdefault(key.lower(), value.strip())
    return found.get("name", "unknown"), found.get("version", "")


def _adopt_recipes() -> None:
    """In a checkout, make its folder recipes/ the package ``kerasarch.recipes``, installed or not."""
    package = Path(kerasarch.__file__).parent
    root = str(package.parent)
    if root not in kerasarch.__path__ and not (package / "recipes").is_dir() and Path(root, "recipes").is_dir():
        kerasarch.__path__.append(root)


def _from_checkout(kind: Kind) -> list[Entry]:
    """The built-in entries when kerasarch runs from a checkout that is not installed."""
    import tomllib

    file = Path(__file__).parent.parent / "pyproject.toml"
    if not file.is_file():
        return []
    project = tomllib.loads(file.read_text())["project"]
    if project["name"] != HOME:
        return []
    points = project.get("entry-points", {}).get(f"kerasarch.{kind}", {})
    return [Entry(kind, name, value, HOME, project["version"]) for name, value in points.items()]


class _Guard:
    """A finder, first in line, that refuses Keras and the backends."""

    def find_spec(self, name: str, path: Any = None, target: types.ModuleType | None = None) -> None:
        if name.partition(".")[0] in REFUSED:
            raise ImportError(
                f"it imports {name} at module level, but a recipe's module must leave the backend free to choose: "
                "move the import into the recipe's function"
            )


@contextlib.contextmanager
def _without_keras() -> Iterator[None]:
    guard = _Guard()
    # What is imported already is out of sight as well, so that a recipe's module is judged alike in every process.
    hidden = {name: sys.modules.pop(name) for name in REFUSED if name in sys.modules}
    sys.meta_path.insert(0, guard)
    try:
        yield
    finally:
        sys.meta_path.remove(guard)
        sys.modules.update(hidden)
