"""What source text alone tells of a recipe, model or layer: found and read without importing anything."""

import ast
import contextlib
import dataclasses
import sys
from collections.abc import Mapping
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any

from kerasarch.docstrings import summary

_LITERALS: dict[str, type] = {"task": str, "data": str, "expect": dict, "api": int}
"""The arguments of the decorator ``recipe`` that are read, and what they must be to be believed."""


@dataclasses.dataclass(frozen=True)
class Summary:
    """What source text alone tells of an entry.

    Args:
        text: The docstring's first line.
        task: The recipe's kind of work.
        data: What the recipe trains on by default.
        expect: Figures that the recipe is held against.
        api: Version of the contract.
        variants: The model's variants, the keys of its table ``VARIANTS``.
        module: The first line of the module's docstring.
        problem: Why nothing could be read, if so.
    """

    text: str = ""
    task: str = ""
    data: str = ""
    expect: Mapping[str, str] = dataclasses.field(default_factory=dict)
    api: int = 1
    variants: tuple[str, ...] = ()
    module: str = ""
    problem: str = ""


def read_summary(file: Path, attribute: str) -> Summary:
    """Read a docstring's first line and the decorator's literal arguments, without running the file.

    Args:
        file: The source file.
        attribute: The object in it, as an entry point names it.

    Returns:
        What there is; a file that cannot be read gives a summary with its ``problem``.
    """
    try:
        tree = ast.parse(file.read_bytes())
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError) as error:
        return Summary(problem=f"{file.name} cannot be read: {type(error).__name__}: {error}".splitlines()[0])
    module = summary(ast.get_docstring(tree))
    wanted = attribute.split(".")[0]
    node = next((node for node in tree.body if getattr(node, "name", None) == wanted), None)
    if not isinstance(node, (ast.FunctionDef, ast.ClassDef)):
        return Summary(text=module, module=module, variants=_variants(tree))
    literals: dict[str, Any] = {}
    for decorator in node.decorator_list:
        for keyword in getattr(decorator, "keywords", []):
            with contextlib.suppress(ValueError):
                value = ast.literal_eval(keyword.value)
                if keyword.arg in _LITERALS and isinstance(value, _LITERALS[keyword.arg]):
                    literals[keyword.arg] = value
    text = summary(ast.get_docstring(node)) or module
    return Summary(text=text, module=module, variants=_variants(tree), **literals)


def _variants(tree: ast.Module) -> tuple[str, ...]:
    for node in tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        value = getattr(node, "value", None)
        if any(isinstance(target, ast.Name) and target.id == "VARIANTS" for target in targets) and isinstance(
            value, ast.Dict
        ):
            return tuple(str(key.value) for key in value.keys if isinstance(key, ast.Constant))
    return ()


def find_source(module: str) -> Path | None:
    """Find a module's file by asking the import system's finders, part by part, without importing the parents.

    Args:
        module: The module's dotted name.

    Returns:
        The file, or None where there is none, or none of Python source.
    """
    path: Any = list(sys.modules[module.partition(".")[0]].__path__) if _is_known(module) else None
    parts = module.split(".")
    spec: ModuleSpec | None = None
    for end in range(2 if path is not None else 1, len(parts) + 1):
        spec = _find_spec(".".join(parts[:end]), path)
        if spec is not None:
            path = spec.submodule_search_locations
            continue
        # A folder without __init__ below a package: the import system would ask for the package, not imported here.
        path = [str(folder) for above in path or () if (folder := Path(above, parts[end - 1])).is_dir()]
        if not path:
            return None
    return Path(spec.origin) if spec is not None and spec.origin and spec.origin.endswith(".py") else None


def _is_known(module: str) -> bool:
    """Whether a module's package is imported already: then its search path, which may have grown, is the one to use."""
    top, dot, _ = module.partition(".")
    return bool(dot) and hasattr(sys.modules.get(top), "__path__")


def _find_spec(name: str, path: Any) -> ModuleSpec | None:
    for finder in sys.meta_path:
        find = getattr(finder, "find_spec", None)
        try:
            spec = find(name, path, None) if find else None
        except Exception:  # noqa: BLE001 - a stranger's finder must not break a listing
            spec = None
        if spec is not None:
            return spec
    return None
