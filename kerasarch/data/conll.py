"""Sentences with a tag for each word, in the columns of the CoNLL shared tasks."""

import dataclasses
import difflib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from kerasarch.data.corpus import read_text
from kerasarch.data.splits import check_fractions, stratified
from kerasarch.data.text_tables import part_of
from kerasarch.errors import DataError, UsageError

BUNDLED = ("code",)
OUTSIDE = "O"
OPENING, CLOSING, INNER = "BSUW", "ESULW", "IM"
"""Letters of tags that begin a span, end one, and go on with one, in all schemes: BIO, IOB1, BIOES, BILOU, BMEWO."""

Sentence = tuple[tuple[str, ...], tuple[str, ...]]


@dataclasses.dataclass(frozen=True)
class TaggedSentences:
    """Sentences and the tags of their words.

    Attributes:
        words: The words of each sentence.
        tags: A tag for each of them: ``O``, ``B-kind`` or ``I-kind``.
    """

    words: tuple[tuple[str, ...], ...]
    tags: tuple[tuple[str, ...], ...]

    def __len__(self) -> int:
        return len(self.words)

    def subset(self, indices: Sequence[int] | np.ndarray) -> "TaggedSentences":
        """The sentences at these places, in this order."""
        return TaggedSentences(tuple(self.words[i] for i in indices), tuple(self.tags[i] for i in indices))


@dataclasses.dataclass(frozen=True)
class TagSplits:
    """The parts of a set of tagged sentences.

    Attributes:
        name: What was loaded, for titles and reports.
        labels: The tags: ``O``, then ``B-`` and ``I-`` of each kind.
        train: Sentences to learn from.
        validation: Sentences to choose by.
        test: Sentences to report.
    """

    name: str
    labels: tuple[str, ...]
    train: TaggedSentences
    validation: TaggedSentences
    test: TaggedSentences


def load_conll(source: str | Path, *, seed: int = 0, validation: float = 0.1, test: float = 0.2) -> TagSplits:
    """Read tagged sentences and split them.

    Parts that the source brings with it (files named train, validation, dev or test) are kept as they are; what is
    missing is split off the training part. Equal sentences of such a split stay together.

    Args:
        source: A file that `read_conll` reads, a folder of such files by part, or ``"code"``, statements of modules of
            Python's standard library, in which modules, functions, classes and arguments are to be found.
        seed: Of the split.
        validation: Part of the training sentences to hold out where the source has no validation part.
        test: Part to hold out where it has no test part.

    Raises:
        UsageError: There is no such source.
        DataError: The data are damaged, or nothing is marked in the training part.
    """
    check_fractions(validation, test)
    name, parts = _read(str(source))
    if not parts.get("train"):
        raise DataError(f"{name} has no training sentences. Name their file train.")
    kinds = sorted({tag[2:] for part in parts.values() for _, tags in part for tag in tags if tag != OUTSIDE})
    known = {tag[2:] for _, tags in parts["train"] for tag in tags if tag != OUTSIDE}
    if not known:
        raise DataError(f"{name}: nothing is marked in the training part. Expected tags such as B-person.")
    found = {part: _tagged(sentences) for part, sentences in parts.items()}
    wanted = {part: share for part, share in (("validation", validation), ("test", test)) if not parts.get(part)}
    if wanted:
        whole = found["train"]
        alike = np.zeros(len(whole), int)
        places = stratified(alike, tuple(wanted.values()), seed=seed, identity=whole.words, classes=("sentence",))
        for part, held in zip(("train", *wanted), places, strict=True):
            found[part] = whole.subset(held)
    labels = (OUTSIDE, *(f"{begin}-{kind}" for kind in kinds for begin in "BI"))
    return TagSplits(name, labels, found["train"], found["validation"], found["test"])


def read_conll(file: str | Path) -> list[Sentence]:
    """Read sentences in columns: a line a word, the word in the first column and its tag in the last.

    Columns are separated by tabs, or by spaces where a line has no tab. Lines without a sign but white space end a
    sentence, and so do lines that begin with ``-DOCSTART-``. Tags of the schemes BIO (IOB2), IOB1, BIOES and BILOU are
    turned into BIO.

    Args:
        file: A text file in UTF-8.

    Returns:
        Words and tags of each sentence.

    Raises:
        DataError: It is no UTF-8, or a line has no tag or one that is not understood.
    """
    sentences: list[Sentence] = []
    words: list[str] = []
    tags: list[str] = []
    first = 1
    for number, line in enumerate([*read_text(Path(file)).split("\n"), ""], 1):
        if not line.strip() or line.startswith("-DOCSTART-"):
            if words:
                sentences.append((tuple(words), tuple(bio(tags, f"{file}, line {{}}", first))))
            words, tags = [], []
            continue
        columns = [column.strip() for column in line.split("\t")] if "\t" in line else line.split()
        columns = [column for column in columns if column]
        if len(columns) < 2:
            raise DataError(f"{file}, line {number}: expected a word and its tag in columns. Received {line[:60]!r}.")
        first = number if not words else first
        words.append(columns[0])
        tags.append(columns[-1])
    return sentences


def bio(tags: Sequence[str], where: str = "tag {}", first: int = 1) -> list[str]:
    """Return the tags of a sentence in the scheme BIO: the first word of each span has ``B``, the others ``I``.

    Args:
        tags: In the scheme BIO, IOB1, BIOES or BILOU, or any mixture.
        where: Where a tag stands, for errors, with a place for its number.
        first: Number of the first tag.

    Raises:
        DataError: A tag is none of any scheme.
    """
    found: list[str] = []
    open_kind = None
    for number, tag in enumerate(tags, first):
        letter, _, kind = tag.partition("-")
        if tag == OUTSIDE:
            open_kind = None
            found.append(OUTSIDE)
            continue
        if len(letter) != 1 or letter not in OPENING + CLOSING + INNER or not kind:
            raise DataError(
                f"{where.format(number)}: the tag {tag!r} is not understood. Expected O, or a letter of BIO, BIOES or "
                "BILOU and a kind, such as B-person."
            )
        begins = letter in OPENING or kind != open_kind
        found.append(f"{'B' if begins else 'I'}-{kind}")
        open_kind = None if letter in CLOSING else kind
    return found


def _tagged(sentences: Sequence[Sentence]) -> TaggedSentences:
    return TaggedSentences(tuple(words for words, _ in sentences), tuple(tags for _, tags in sentences))


def _read(source: str) -> tuple[str, dict[str, list[Sentence]]]:
    if source == "code":
        from kerasarch.data.tagged_code import tagged_code

        return "statements of the standard library", {"train": tagged_code()}
    path = Path(source).expanduser()
    if path.is_file():
        return path.name, {"train": read_conll(path)}
    if path.is_dir():
        parts: dict[str, list[Sentence]] = {}
        for file in sorted(entry for entry in path.iterdir() if entry.is_file() and not entry.name.startswith(".")):
            if (part := part_of(file.name)) is not None:
                parts.setdefault(part, []).extend(read_conll(file))
        if not parts:
            raise DataError(f"{path} holds no file with train, dev or test in its name, such as train.conll.")
        return path.resolve().name, parts
    close = difflib.get_close_matches(source, BUNDLED, n=1)
    raise UsageError(
        f"Unknown sentences {source!r}: no such file or folder, and no name such as {', '.join(BUNDLED)}."
        f"{f' Did you mean {close[0]!r}?' if close else ''}"
    )
