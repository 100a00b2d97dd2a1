"""Statements of Python's standard library with their names marked: bundled sentences for taggers."""

import ast
import io
import sysconfig
import tokenize
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kerasarch.data.labelled_texts import MODULES
from kerasarch.errors import DataError

LONGEST, SHORTEST = 40, 4
"""Words of a statement."""
_UNSAID = (tokenize.NEWLINE, tokenize.NL, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER, tokenize.COMMENT)

Place = tuple[int, int]


def tagged_code() -> list[tuple[tuple[str, ...], tuple[str, ...]]]:
    """Return statements of eight modules, each of them once: words, and tags in the scheme BIO.

    Marked are what is called (``function``, with the dots before it), names of classes that are defined or inherited
    from (``class``), modules that are imported (``module``), and arguments that are given by name (``argument``). Words
    are Python's tokens.

    Raises:
        DataError: This Python has no source of its standard library.
    """
    folder = Path(sysconfig.get_paths()["stdlib"])
    found: dict[tuple[str, ...], tuple[str, ...]] = {}
    for name in MODULES:
        file = folder / f"{name}.py"
        if not file.is_file():
            raise DataError("This Python has no source of its standard library. Give sentences: --data PATH.")
        for words, tags in tagged_statements(file.read_text(encoding="utf-8")):
            found.setdefault(words, tags)
    return list(found.items())


def tagged_statements(source: str) -> Iterator[tuple[tuple[str, ...], tuple[str, ...]]]:
    """Yield the statements of a program of 4 to 40 words, with the tags of their words.

    Args:
        source: Of Python.
    """
    marks = dict(_marks(ast.parse(source), source.split("\n")))
    for words, places in _statements(source):
        yield words, tuple(_tags(places, marks))


def _statements(text: str) -> Iterator[tuple[tuple[str, ...], list[Place]]]:
    """Yield the words of each statement, and where they begin."""
    words: list[str] = []
    places: list[Place] = []
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.NEWLINE:
            if SHORTEST <= len(words) <= LONGEST:
                yield tuple(words), places
            words, places = [], []
        elif token.type not in _UNSAID and token.string.strip():
            words.append(" ".join(token.string.split()))
            places.append(token.start)


def _marks(tree: ast.AST, lines: list[str]) -> Iterator[tuple[Place, tuple[Place, str]]]:
    """Yield where a marked name begins, where it ends, and what it is."""

    def place(line: int, byte: int) -> Place:
        return line, len(lines[line - 1].encode()[:byte].decode())

    def of(node: ast.expr, kind: str) -> tuple[Place, tuple[Place, str]]:
        return place(node.lineno, node.col_offset), (place(node.end_lineno or 0, node.end_col_offset or 0), kind)

    def named(node: Any, name: str, kind: str, word: str = "") -> tuple[Place, tuple[Place, str]]:
        """Return the mark of a name that stands behind a word at the beginning of a node."""
        line, column = place(node.lineno, node.col_offset)
        start = lines[line - 1].index(name, column + len(word))
        return (line, start), ((line, start + len(name)), kind)

    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            if _is_dotted(node.func):
                yield of(node.func, "function")
            yield from (named(given, given.arg, "argument") for given in node.keywords if given.arg)
        elif isinstance(node, ast.ClassDef):
            yield named(node, node.name, "class", "class")
            yield from (of(base, "class") for base in node.bases if _is_dotted(base))
        elif isinstance(node, ast.Import):
            yield from (named(alias, alias.name, "module") for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield named(node, node.module, "module", "from")


def _is_dotted(node: ast.expr) -> bool:
    """Whether an expression is a name, or names with dots between them."""
    while isinstance(node, ast.Attribute):
        node = node.value
    return isinstance(node, ast.Name)


def _tags(places: list[Place], marks: dict[Place, tuple[Place, str]]) -> Iterator[str]:
    end, kind = (0, 0), ""
    for place in places:
        begins = place in marks and place >= end
        if begins:
            end, kind = marks[place]
        yield f"{'B' if begins else 'I'}-{kind}" if place < end else "O"
