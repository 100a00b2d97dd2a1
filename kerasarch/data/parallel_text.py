"""Sentences with their translations, addressed by a short string: what translators learn from."""

import dataclasses
import difflib
import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kerasarch.data.corpus import read_text
from kerasarch.data.splits import check_fractions
from kerasarch.data.text_tables import TABLES, part_of, read_table
from kerasarch.errors import DataError, UsageError

logger = logging.getLogger("kerasarch")
BUNDLED = ("numbers",)
NESTED = "translation"
"""Column in which the tables of Hugging Face's hub hold the sentences of all languages."""

Pairs = list[tuple[str, str]]


@dataclasses.dataclass(frozen=True)
class ParallelText:
    """Sentences and their translations.

    Attributes:
        sources: Sentences of the language that is read.
        targets: The same in the language that is written.
    """

    sources: tuple[str, ...]
    targets: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.sources)

    def first(self, count: int | None) -> "ParallelText":
        """The first pairs; None for all."""
        return ParallelText(self.sources[:count], self.targets[:count])


@dataclasses.dataclass(frozen=True)
class ParallelSplits:
    """The parts of a set of sentence pairs.

    Attributes:
        name: What was loaded, for titles and reports.
        languages: The language that is read, and the one that is written.
        train: Pairs to learn from.
        validation: Pairs to choose by.
        test: Pairs to report.
    """

    name: str
    languages: tuple[str, str]
    train: ParallelText
    validation: ParallelText
    test: ParallelText


def load_parallel_text(
    data: str | Path,
    *,
    source: str = "en",
    target: str = "de",
    seed: int = 0,
    validation: float = 0.05,
    test: float = 0.05,
    offline: bool = False,
) -> ParallelSplits:
    """Read sentence pairs and split them.

    Parts that the data bring with them (files named train, validation, dev or test) are kept as they are; what is
    missing is split off the training part, so that equal sentences stay together. Pairs with an empty side are left
    out, and counted in a warning.

    Args:
        data: ``"numbers"``, phrases of numbers, dates and times in English and German that are made by rules (see
            `kerasarch.data.number_phrases`); a folder of text files ``NAME.LANGUAGE`` with a sentence a line, line i
            of one language with line i of the other (``train.en`` and ``train.de``, as in Multi30k and WMT); a file
            .csv, .tsv or .jsonl with a column for each language, under its name (or ``source`` and ``target``), or a
            folder of such files by part; or ``tfds:NAME``, a set of TensorFlow Datasets with a text for each language.
        source: The language that is read, as the files or columns name it.
        target: The language that is written.
        seed: Of the split.
        validation: Part of the training pairs to hold out where the data have no validation part.
        test: Part to hold out where they have no test part.
        offline: Download nothing.

    Raises:
        UsageError: There are no such data, or the two languages are one.
        DataError: A language is missing, files do not fit each other, or there is too little.
        DependencyError: A package or the network is missing.
    """
    check_fractions(validation, test)
    if source == target:
        raise UsageError(f"A translation has two languages. Received source={source!r}, target={target!r}.")
    languages = (source, target)
    name, parts = _read(str(data), languages, offline)
    if "train" not in parts:
        raise DataError(f"{name} has no training part. Name it train.")
    parts = {part: _without_gaps(pairs, f"{name}, {part}") for part, pairs in parts.items()}
    wanted = {part: share for part, share in (("validation", validation), ("test", test)) if part not in parts}
    if wanted:
        parts |= zip(("train", *wanted), _split(parts["train"], list(wanted.values()), seed, name), strict=True)
    found = {part: ParallelText(*zip(*pairs, strict=True)) for part, pairs in parts.items()}
    return ParallelSplits(name, languages, found["train"], found["validation"], found["test"])


def _read(data: str, languages: tuple[str, str], offline: bool) -> tuple[str, dict[str, Pairs]]:
    if data in BUNDLED:
        from kerasarch.data.number_phrases import number_phrases

        rows = [{"en": english, "de": german} for english, german in number_phrases()]
        return "phrases of numbers", {"train": _pairs(rows, languages, data)}
    if data.startswith("tfds:"):
        from kerasarch.data.tfds_texts import read_tfds_texts

        parts = read_tfds_texts(data, offline=offline)
        return data, {part: _pairs(rows, languages, data) for part, rows in parts.items()}
    path = Path(data).expanduser()
    if path.is_file() and path.suffix.lower() in TABLES:
        return path.name, {"train": _pairs(read_table(path), languages, str(path))}
    if path.is_file():
        raise UsageError(
            f"{data} is a file, but none of {', '.join(TABLES)}. Files with a sentence a line are given by their "
            f"folder, in which they are named NAME.{languages[0]} and NAME.{languages[1]}."
        )
    if path.is_dir():
        return path.resolve().name, _folder(path, languages)
    close = difflib.get_close_matches(data, BUNDLED, n=1)
    raise UsageError(
        f"Unknown sentence pairs {data!r}: no such file or folder, and no name such as {', '.join(BUNDLED)} or "
        f"tfds:NAME.{f' Did you mean {close[0]!r}?' if close else ''}"
    )


def _folder(path: Path, languages: tuple[str, str]) -> dict[str, Pairs]:
    files = sorted(entry for entry in path.iterdir() if entry.is_file() and not entry.name.startswith("."))
    sides = [{file.stem: file for file in files if file.suffix == f".{language}"} for language in languages]
    tables = [file for file in files if file.suffix.lower() in TABLES]
    if any(sides):
        alone = sorted(sides[0].keys() ^ sides[1].keys())
        if alone:
            here = next(side[alone[0]] for side in sides if alone[0] in side)
            there = languages[1] if here.suffix == f".{languages[0]}" else languages[0]
            raise DataError(f"{here} has no partner {alone[0]}.{there} beside it. Add it, or name other languages.")
        found = {stem: _aligned(file, sides[1][stem]) for stem, file in sides[0].items()}
    elif tables:
        found = {file.stem: _pairs(read_table(file), languages, str(file)) for file in tables}
    else:
        endings = sorted({file.suffix[1:] for file in files if file.suffix})
        raise DataError(
            f"{path} holds no sentence pairs: no files NAME.{languages[0]} and NAME.{languages[1]}, and no tables "
            f"({', '.join(TABLES)}). Files in it end in: {', '.join(endings) or 'nothing'}."
        )
    parts: dict[str, Pairs] = {}
    for stem, pairs in found.items():
        # One file alone needs no word for its part
        part = part_of(stem) or ("train" if len(found) == 1 else None)
        if part is None:
            raise DataError(f"{path}: does {stem} belong to train, validation or test? Put the word into its name.")
        parts.setdefault(part, []).extend(pairs)
    return parts


def _aligned(source: Path, target: Path) -> Pairs:
    """Pair the lines of two files."""
    sides = []
    for file in (source, target):
        lines = read_text(file).split("\n")  # none of the other signs for it in Unicode ends a line
        sides.append(lines[:-1] if lines[-1] == "" else lines)
    if len(sides[0]) != len(sides[1]):
        raise DataError(
            f"{source} has {len(sides[0])} lines, {target} has {len(sides[1])}. Line i of one must be the translation "
            "of line i of the other."
        )
    return list(zip(*sides, strict=True))


def _pairs(rows: Sequence[Mapping[str, Any]], languages: tuple[str, str], origin: str) -> Pairs:
    return [_pair(row, languages, origin) for row in rows]


def _pair(row: Mapping[str, Any], languages: tuple[str, str], origin: str) -> tuple[str, str]:
    nested = row.get(NESTED)
    row = nested if isinstance(nested, Mapping) else row
    names = {str(name).strip().lower(): name for name in row if name is not None}
    for wanted in (languages, ("source", "target")):
        if all(name.lower() in names for name in wanted):
            source, target = (row[names[name.lower()]] for name in wanted)
            return str(source or ""), str(target or "")
    raise DataError(
        f"{origin}: expected a column for each language, {languages[0]} and {languages[1]}. Received "
        f"{', '.join(str(name) for name in row)}."
    )


def _without_gaps(pairs: Pairs, origin: str) -> Pairs:
    """Leave pairs out that have an empty side."""
    stripped = [(source.strip(), target.strip()) for source, target in pairs]
    found = [pair for pair in stripped if all(pair)]
    if not found:
        raise DataError(f"{origin}: there is no sentence pair in it.")
    if len(found) < len(pairs):
        logger.warning("%s: %d pairs with an empty side are left out.", origin, len(pairs) - len(found))
    return found


def _split(pairs: Pairs, shares: Sequence[float], seed: int, name: str) -> list[Pairs]:
    """Split pairs into the rest and parts of these shares; pairs of one source sentence stay together."""
    counts = Counter(source for source, _ in pairs)
    different = list(counts)
    sizes = [max(1, round(share * len(different))) for share in shares]
    if sum(sizes) >= len(different):
        raise DataError(
            f"{name} has {len(different)} different sentences, too few for {1 + len(sizes)} parts. Add some, or give "
            "train, validation and test parts of your own."
        )
    order = np.random.default_rng([seed, 0x5317]).permutation(len(different))
    home: dict[str, int] = {}
    for part, places in enumerate(np.split(order, np.cumsum(sizes)), 1):
        home |= {different[place]: part % (len(sizes) + 1) for place in places}
    parts: list[Pairs] = [[] for _ in range(len(sizes) + 1)]
    for pair in pairs:
        parts[home[pair[0]]].append(pair)
    return parts
