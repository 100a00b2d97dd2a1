"""Words replaced by others that mean the same: from a list of one's own, or from WordNet."""

import dataclasses
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np

from kerasarch.data.corpus import read_text
from kerasarch.errors import DataError, DependencyError, UsageError

Lookup = Callable[[str], Sequence[str]]
"""Gives the synonyms of a word in small letters, none where there are none."""

_WORD = re.compile(r"[^\W\d_]+(?:['-][^\W\d_]+)*")


@dataclasses.dataclass(frozen=True)
class Synonyms:
    """Replaces words by synonyms.

    The operation "synonym replacement" of Wei and Zou, 2019, section 2 (https://arxiv.org/abs/1901.11196), with a
    probability a word in the place of a number a text. A first capital letter stays one.

    Attributes:
        lookup: Gives the synonyms of a word: of `read_synonyms` or `wordnet_synonyms`, or a function of one's own.
        rate: Share of the words that have synonyms which are replaced.

    Raises:
        UsageError: The rate is not above 0 and at most 1.
    """

    lookup: Lookup
    rate: float = 0.1

    def __post_init__(self) -> None:
        if not 0 < self.rate <= 1:
            raise UsageError(f"A rate of words to replace is above 0 and at most 1. Received {self.rate}.")

    def __call__(self, text: str, draw: np.random.Generator) -> str:
        """Return the text with some words replaced."""

        def other(match: re.Match[str]) -> str:
            word = match[0]
            found = self.lookup(word.lower())
            if not found or draw.random() >= self.rate:
                return word
            chosen = found[int(draw.integers(len(found)))]
            return chosen[:1].upper() + chosen[1:] if word[0].isupper() else chosen

        return _WORD.sub(other, text)


def synonyms_of(groups: Iterable[Sequence[str]]) -> Lookup:
    """Return what looks synonyms up in groups of words that mean the same.

    Args:
        groups: Groups of words; a word in several groups has the synonyms of all.
    """
    table: dict[str, dict[str, None]] = {}
    for group in groups:
        for word in group:
            table.setdefault(word.lower(), {}).update(dict.fromkeys(other for other in group if other != word))
    found = {word: tuple(others) for word, others in table.items()}
    return lambda word: found.get(word, ())


def read_synonyms(path: str | Path) -> Lookup:
    """Read a list of synonyms: a line for each group of words that mean the same, separated by commas or tabs.

    Empty lines and lines that begin with # are passed over.

    Args:
        path: A text file in UTF-8.

    Raises:
        UsageError: There is no such file.
        DataError: It is no UTF-8, a line holds one word alone, or there is no line.
    """
    path = Path(path).expanduser()
    if not path.is_file():
        raise UsageError(f"There is no list of synonyms {path}. Give a file with a group of words a line, or wordnet.")
    groups = []
    for number, line in enumerate(read_text(path).split("\n"), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        words = [word.strip() for word in re.split(r"[,\t]", line) if word.strip()]
        if len(words) < 2:
            raise DataError(f"{path}, line {number}: expected two words or more with commas. Received {line[:60]!r}.")
        groups.append(words)
    if not groups:
        raise DataError(f"{path} holds no synonyms. Expected a group of words a line, such as: film, movie.")
    return synonyms_of(groups)


def wordnet_synonyms() -> Lookup:
    """Return what looks synonyms up in WordNet: words that share a meaning with the word.

    Raises:
        DependencyError: The package nltk or its corpus wordnet is missing.
    """
    try:
        from nltk.corpus import wordnet
    except ImportError as error:
        raise DependencyError(
            "Synonyms from WordNet need the package nltk: pip install nltk. A list of your own needs none: "
            "--synonyms FILE."
        ) from error
    try:
        wordnet.ensure_loaded()
    except LookupError as error:
        raise DependencyError(
            "The corpus wordnet is missing: python -m nltk.downloader wordnet. A list of your own needs none: "
            "--synonyms FILE."
        ) from error
    known: dict[str, tuple[str, ...]] = {}

    def lookup(word: str) -> tuple[str, ...]:
        if word not in known:
            names = (lemma.name().replace("_", " ") for meaning in wordnet.synsets(word) for lemma in meaning.lemmas())
            known[word] = tuple(dict.fromkeys(name for name in names if name.lower() != word))
        return known[word]

    return lookup
