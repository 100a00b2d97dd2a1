"""Texts with a class each, addressed by a short string."""

import dataclasses
import difflib
import logging
import re
import sysconfig
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from kerasarch.data.corpus import read_text
from kerasarch.data.splits import check_fractions, stratified
from kerasarch.data.text_tables import TABLES, part_of, read_table
from kerasarch.errors import DataError, UsageError

logger = logging.getLogger("kerasarch")
BUNDLED = ("modules",)
MODULES = ("argparse", "ast", "doctest", "inspect", "pickle", "tarfile", "typing", "zipfile")
"""Modules of the standard library whose lines are the bundled data."""
LINES, SHORTEST = 300, 20
"""Lines of each, at most, and the characters that one has at least."""
TEXT_COLUMNS = ("text", "sentence", "review", "content", "question", "document")
LABEL_COLUMNS = ("label", "class", "category", "sentiment", "target")
_LABELLED_LINE = re.compile(r"([A-Za-z]+)(:\w+)? (\S.*)")

Pairs = list[tuple[str, str]]


@dataclasses.dataclass(frozen=True)
class LabelledTexts:
    """Texts and their classes.

    Attributes:
        texts: The texts.
        labels: Number of each one's class, ``(N,)``.
    """

    texts: tuple[str, ...]
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.texts)

    def subset(self, indices: Sequence[int] | np.ndarray) -> "LabelledTexts":
        """The texts at these places, in this order."""
        return LabelledTexts(tuple(self.texts[index] for index in indices), self.labels[np.asarray(indices, int)])


@dataclasses.dataclass(frozen=True)
class TextSplits:
    """The parts of a set of labelled texts.

    Attributes:
        name: What was loaded, for titles and reports.
        classes: Name of each class.
        train: Texts to learn from.
        validation: Texts to choose by.
        test: Texts to report.
    """

    name: str
    classes: tuple[str, ...]
    train: LabelledTexts
    validation: LabelledTexts
    test: LabelledTexts


def load_labelled_texts(
    source: str | Path, *, seed: int = 0, validation: float = 0.1, test: float = 0.2, offline: bool = False
) -> TextSplits:
    """Read labelled texts and split them.

    Parts that the source brings with it (files or folders named train, validation, dev or test) are kept as they are;
    what is missing is split off the training part, class by class. Equal texts of such a split stay together.

    Args:
        source: ``"modules"``, lines of eight modules of Python's standard library with the module's name; a file .csv,
            .tsv or .jsonl with a column of texts (text, sentence, review, content, question, document) and one of
            classes (label, class, category, sentiment, target); a folder of such files by part; a folder with a
            folder of .txt files for each class, or such folders by part; a folder of files ``NAME.CLASS`` with a text
            a line; a folder of .txt files by part whose lines begin with the class, as in ``NUM:dist How far ...``, of
            which what stands before the colon is taken; or ``tfds:NAME``.
        seed: Of the split.
        validation: Part of the training texts to hold out where the source has no validation part.
        test: Part to hold out where it has no test part.
        offline: Download nothing.

    Raises:
        UsageError: There is no such source.
        DataError: The data are damaged, or there are not two classes.
        DependencyError: A package or the network is missing.
    """
    check_fractions(validation, test)
    name, parts = _read(str(source), seed, offline)
    if "train" not in parts:
        raise DataError(f"{name} has no training part. Name it train.")
    counts = Counter(label for part in parts.values() for _, label in part)
    classes = tuple(sorted(counts, key=_in_order))
    if len(classes) < 2:
        raise DataError(f"{name}: texts of two classes or more are needed. Received {', '.join(classes) or 'none'}.")
    unknown = sorted(counts.keys() - {label for _, label in parts["train"]})
    if unknown:
        raise DataError(f"{name}: the training part has no text of the class {unknown[0]!r}, which another part has.")
    found = {part: _labelled(pairs, classes) for part, pairs in parts.items()}
    wanted = {part: share for part, share in (("validation", validation), ("test", test)) if part not in found}
    if wanted:
        whole = found["train"]
        places = stratified(whole.labels, tuple(wanted.values()), seed=seed, identity=whole.texts, classes=classes)
        for part, held in zip(("train", *wanted), places, strict=True):
            found[part] = whole.subset(held)
    return TextSplits(name, classes, found["train"], found["validation"], found["test"])


def _labelled(pairs: Pairs, classes: Sequence[str]) -> LabelledTexts:
    numbers = {name: number for number, name in enumerate(classes)}
    return LabelledTexts(tuple(text for text, _ in pairs), np.array([numbers[label] for _, label in pairs], np.int64))


def _in_order(label: str) -> tuple[int, int, str]:
    """Numbers in the order of their size, then names."""
    return (0, int(label), "") if label.isdecimal() else (1, 0, label)


def _read(source: str, seed: int, offline: bool) -> tuple[str, dict[str, Pairs]]:
    if source == "modules":
        return "lines of the standard library", {"train": _modules()}
    if source.startswith("tfds:"):
        from kerasarch.data.tfds_texts import read_tfds_texts

        parts = read_tfds_texts(source, offline=offline)
        for part in [part for part in parts if part != "train"]:
            if not all(set(row) & set(LABEL_COLUMNS) for row in parts[part]):
                logger.warning("%s: the split %s has texts without a class and is left out.", source, part)
                del parts[part]
        return source, {part: [_pair(row, source) for row in rows] for part, rows in parts.items()}
    path = Path(source).expanduser()
    if path.is_file() and path.suffix.lower() in TABLES:
        return path.name, {"train": _table(path)}
    if path.is_file():
        raise UsageError(f"{source} is a file, but none of {', '.join(TABLES)}. Other texts are given as folders.")
    if path.is_dir():
        return path.resolve().name, _folder(path)
    close = difflib.get_close_matches(source, BUNDLED, n=1)
    raise UsageError(
        f"Unknown texts {source!r}: no such file or folder, and no name such as {', '.join(BUNDLED)} or tfds:NAME."
        f"{f' Did you mean {close[0]!r}?' if close else ''}"
    )


def _folder(path: Path) -> dict[str, Pairs]:
    entries = sorted(entry for entry in path.iterdir() if not entry.name.startswith("."))
    folders = [entry for entry in entries if entry.is_dir()]
    files = [entry for entry in entries if entry.is_file()]
    by_part = _by_part(folders)
    if by_part:
        return {part: [pair for entry in entries for pair in _classes(entry)] for part, entries in by_part.items()}
    if any(next(folder.glob("*.txt"), None) for folder in folders):
        return {"train": _classes(path)}
    for reader, kinds in ((_table, TABLES), (_labelled_lines, (".txt",))):
        chosen = _by_part([file for file in files if file.suffix.lower() in kinds])
        if chosen:
            return {part: [pair for file in found for pair in reader(file)] for part, found in chosen.items()}
    suffixed = [file for file in files if file.suffix and file.suffix not in (*TABLES, ".txt", ".md")]
    if len({file.suffix for file in suffixed}) > 1:
        return {
            "train": [(line, file.suffix[1:]) for file in suffixed for line in map(str.strip, _lines(file)) if line]
        }
    raise DataError(
        f"{path} holds no labelled texts: no folder of .txt files a class, no train{TABLES[0]}, no train.txt whose "
        f"lines begin with a class, no files NAME.CLASS with a text a line."
    )


def _by_part(entries: Sequence[Path]) -> dict[str, list[Path]]:
    """Return the files or folders of each part; a part may be in several."""
    found: dict[str, list[Path]] = {}
    for entry in entries:
        if part := part_of(entry.name):
            found.setdefault(part, []).append(entry)
    return found


def _classes(path: Path) -> Pairs:
    return [
        (read_text(file).strip(), folder.name)
        for folder in sorted(entry for entry in path.iterdir() if entry.is_dir())
        for file in sorted(folder.glob("*.txt"))
    ]


def _lines(file: Path) -> list[str]:
    return read_text(file).split("\n")


def _labelled_lines(file: Path) -> Pairs:
    pairs: Pairs = []
    for number, line in enumerate(_lines(file), 1):
        if not line.strip():
            continue
        match = _LABELLED_LINE.fullmatch(line.strip())
        if match is None:
            raise DataError(f"{file}, line {number}: expected a class, a space and a text. Received {line[:60]!r}.")
        pairs.append((match[3], match[1]))
    return pairs


def _table(file: Path) -> Pairs:
    return [_pair(row, str(file)) for row in read_table(file)]


def _pair(row: dict[str, object], origin: str) -> tuple[str, str]:
    names = {str(name).strip().lower(): name for name in row if name is not None}
    text = next((names[name] for name in TEXT_COLUMNS if name in names), None)
    label = next((names[name] for name in LABEL_COLUMNS if name in names), None)
    if text is None or label is None or row[text] is None or row[label] is None:
        raise DataError(
            f"{origin}: expected a column of texts ({', '.join(TEXT_COLUMNS)}) and one of classes "
            f"({', '.join(LABEL_COLUMNS)}). Received {', '.join(str(name) for name in row)}."
        )
    return str(row[text]).strip(), str(row[label]).strip()


def _modules() -> Pairs:
    """Lines of modules, spread over each."""
    folder = Path(sysconfig.get_paths()["stdlib"])
    pairs: Pairs = []
    for name in MODULES:
        file = folder / f"{name}.py"
        if not file.is_file():
            raise DataError("This Python has no source of its standard library. Give texts: --data PATH.")
        lines = list(dict.fromkeys(line.strip() for line in _lines(file) if len(line.strip()) >= SHORTEST))
        chosen = np.linspace(0, len(lines) - 1, min(LINES, len(lines))).astype(int)
        pairs += [(lines[place], name) for place in chosen]
    return pairs
