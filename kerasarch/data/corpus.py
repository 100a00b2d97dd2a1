"""Running text, addressed by a short string: what language models learn from."""

import dataclasses
import difflib
import sysconfig
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from kerasarch.errors import DataError, UsageError

BUNDLED = ("python",)
SUFFIXES = (".txt", ".md", ".py", ".rst", ".text")
"""Files that are read in a folder."""


@dataclasses.dataclass(frozen=True)
class Corpus:
    """Running text in parts.

    Attributes:
        name: Where it comes from, for people.
        train: What is learned from.
        validation: What comes after it.
    """

    name: str
    train: str
    validation: str


def load_corpus(
    source: str | Path, *, validation: float = 0.1, characters: int | None = None, offline: bool = False
) -> Corpus:
    """Read running text and split it: the last part is held out.

    Args:
        source: ``"python"``, the source of the running Python's standard library (its top-level modules, in an order
            that is always the same); ``"python:NAME"``, that of one of its packages; a text file; a folder, whose files
            that end in .txt, .md, .rst, .text and .py are joined in the order of their names; or ``tfds:NAME``.
        validation: Part of the text that is held out.
        characters: Read so many at most; None for all.
        offline: Download nothing.

    Raises:
        UsageError: There is no such source, or the part is not between 0 and 1.
        DataError: There is too little text, or it is no UTF-8.
        DependencyError: A package or the network is missing.
    """
    if not 0 < validation < 1:
        raise UsageError(f"The part that is held out must be above 0 and below 1. Received {validation}.")
    name, text = _read(str(source), characters, offline)
    text = text[:characters]
    place = round(len(text) * (1 - validation))
    if place < 1 or place >= len(text):
        raise DataError(f"{name} has {len(text)} characters, which is too little to hold a part of it out.")
    return Corpus(name, text[:place], text[place:])


def _read(source: str, characters: int | None, offline: bool) -> tuple[str, str]:
    if source == "python":
        return "the standard library's source", _standard_library(characters)
    if source.startswith("python:"):
        package = Path(sysconfig.get_paths()["stdlib"]) / source.removeprefix("python:")
        if not (package / "__init__.py").is_file():
            raise UsageError(f"The standard library has no package {package.name!r}. Packages are json, email, ...")
        return f"the source of {package.name}", _joined(sorted(package.rglob("*.py")))
    if source.startswith("tfds:"):
        from kerasarch.data.tfds_texts import read_tfds_texts

        parts = read_tfds_texts(source, offline=offline)
        return source, "\n".join(max(example.values(), key=len) for part in parts.values() for example in part)
    path = Path(source).expanduser()
    if path.is_dir():
        files = sorted(file for file in path.rglob("*") if file.suffix.lower() in SUFFIXES and file.is_file())
        if not files:
            raise DataError(f"{path} holds no file that ends in {', '.join(SUFFIXES)}.")
        return path.name, _joined(files)
    if path.is_file():
        return path.name, read_text(path)
    close = difflib.get_close_matches(source, BUNDLED, n=1)
    raise UsageError(
        f"Unknown text {source!r}: no such file or folder, and no name such as {', '.join(BUNDLED)} or tfds:NAME."
        f"{f' Did you mean {close[0]!r}?' if close else ''}"
    )


def _joined(files: Sequence[Path]) -> str:
    return "\n".join(read_text(file) for file in files)


def read_text(path: Path) -> str:
    """Return the text of a file in UTF-8, its line ends as line feeds.

    Raises:
        DataError: It is no UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not in UTF-8 (byte {error.start}). Convert it: iconv -f ... -t utf-8.") from error


def _standard_library(characters: int | None) -> str:
    """Join the modules in an order without an alphabet's drift, so that the held-out part is of the same kind."""
    files = sorted(Path(sysconfig.get_paths()["stdlib"]).glob("*.py"))
    order = np.random.default_rng(0).permutation(len(files))
    parts: list[str] = []
    length = 0
    for number in order:
        if characters is not None and length >= characters:
            break
        parts.append(files[number].read_text(encoding="utf-8"))
        length += len(parts[-1])
    if not parts:
        raise DataError("This Python has no source of its standard library. Give a file: --data PATH.")
    return "\n".join(parts)
