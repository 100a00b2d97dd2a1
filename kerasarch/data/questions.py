"""Questions about passages, whose answers are parts of them, addressed by a short string."""

import ast
import dataclasses
import difflib
import inspect
import json
import sysconfig
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kerasarch.data.corpus import read_text
from kerasarch.data.text_tables import part_of
from kerasarch.errors import DataError, UsageError

BUNDLED = ("signatures",)
SUFFIX = ".json"
PACKAGES = (
    "asyncio",
    "concurrent",
    "email",
    "http",
    "importlib",
    "json",
    "logging",
    "multiprocessing",
    "urllib",
    "xml",
)
"""Packages of the standard library whose functions are asked about, besides its modules."""
LONGEST, NAMED = 300, 40
"""Characters of a bundled passage at most, and of a default that is asked about."""


@dataclasses.dataclass(frozen=True)
class Question:
    """A question about a passage.

    Attributes:
        id: Its name.
        text: What is asked.
        passage: What the answer is a part of.
        answers: Answers that count as right; without one, the passage has no answer.
        starts: Where in the passage each of them begins, in characters.
    """

    id: str
    text: str
    passage: str
    answers: tuple[str, ...] = ()
    starts: tuple[int, ...] = ()


@dataclasses.dataclass(frozen=True)
class QuestionSplits:
    """The parts of a set of questions.

    Attributes:
        name: What was loaded, for titles and reports.
        train: Questions to learn from.
        validation: Questions to choose by.
        test: Questions to report.
    """

    name: str
    train: tuple[Question, ...]
    validation: tuple[Question, ...]
    test: tuple[Question, ...]


def load_questions(source: str | Path, *, seed: int = 0, validation: float = 0.05, test: float = 0.1) -> QuestionSplits:
    """Read questions and split them.

    Parts that the source brings with it are kept as they are; what is missing is split off the training part, passage
    by passage. Of a source with one more part, such as SQuAD's public files, that part is the one to report.

    Args:
        source: ``"signatures"``, questions about functions of the running Python's standard library; a file in the
            format of SQuAD, version 1.1 or 2.0 (.json); or a folder of such files by part: train, dev or validation,
            test.
        seed: Of the split.
        validation: Part of the passages to hold out where the source has no validation part.
        test: Part to hold out where it has neither a test nor a validation part.

    Raises:
        UsageError: There is no such source.
        DataError: A file is damaged or of another format, an answer is not where it should be, or there is too little.
    """
    name, parts = _read(str(source))
    if "train" not in parts:
        raise DataError(f"{name} has no training part. Name it train.")
    if "test" not in parts and "validation" in parts:
        parts["test"] = parts.pop("validation")
    for part, share in (("test", test), ("validation", validation)):
        if part not in parts:
            parts["train"], parts[part] = _split(parts["train"], share, seed, name)
    return QuestionSplits(name, *(tuple(parts[part]) for part in ("train", "validation", "test")))


def _read(source: str) -> tuple[str, dict[str, list[Question]]]:
    if source in BUNDLED:
        return "signatures of the standard library", {"train": list(_signatures())}
    path = Path(source).expanduser()
    if path.is_file():
        return path.name, {"train": read_squad(path)}
    if path.is_dir():
        parts: dict[str, list[Question]] = {}
        for file in sorted(path.glob(f"*{SUFFIX}")):
            part = part_of(file.stem)
            if part is not None:
                parts.setdefault(part, []).extend(read_squad(file))
        if not parts:
            raise DataError(f"{path} holds no file such as train{SUFFIX} and dev{SUFFIX}.")
        return path.resolve().name, parts
    close = difflib.get_close_matches(source, BUNDLED, n=1)
    raise UsageError(
        f"Unknown questions {source!r}: no such file or folder, and no name such as {', '.join(BUNDLED)}."
        f"{f' Did you mean {close[0]!r}?' if close else ''}"
    )


def read_squad(file: Path) -> list[Question]:
    """Return the questions of a file in SQuAD's format.

    Args:
        file: ``{"data": [{"paragraphs": [{"context", "qas": [{"id", "question", "answers": [{"text",
            "answer_start"}]}]}]}]}``.

    Raises:
        DataError: It is no JSON, has another format, or an answer is not where it should be.
    """
    try:
        paragraphs = [part for article in json.loads(read_text(file))["data"] for part in article["paragraphs"]]
        found = [_question(row, part["context"]) for part in paragraphs for row in part["qas"]]
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{file} is not in SQuAD's format ({type(error).__name__}: {error}). Expected data, paragraphs, context, "
            f"qas, question and answers with text and answer_start."
        ) from error
    if not found:
        raise DataError(f"{file} holds no question.")
    for question in found:
        for text, start in zip(question.answers, question.starts, strict=True):
            if question.passage[start : start + len(text)] != text:
                raise DataError(
                    f"{file}, question {question.id}: the answer {text!r} is not at character {start} of its passage."
                )
    return found


def _question(row: dict[str, Any], passage: str) -> Question:
    answers = [] if row.get("is_impossible") else row["answers"]
    texts = tuple(str(answer["text"]) for answer in answers)
    return Question(str(row["id"]), row["question"], passage, texts, tuple(int(one["answer_start"]) for one in answers))


def _split(questions: Sequence[Question], share: float, seed: int, name: str) -> tuple[list[Question], list[Question]]:
    """Split questions into those to keep and those to hold out; those of one passage stay together."""
    passages = list(dict.fromkeys(question.passage for question in questions))
    count = max(1, round(share * len(passages)))
    if count >= len(passages):
        raise DataError(f"{name} has {len(passages)} passages, too few to hold some out.")
    order = np.random.default_rng([seed, 0x51AD]).permutation(len(passages))
    held = {passages[place] for place in order[:count]}
    return (
        [question for question in questions if question.passage not in held],
        [question for question in questions if question.passage in held],
    )


def _signatures() -> Iterator[Question]:
    """Ask about arguments and their defaults, in the order of the files' names."""
    seen: set[str] = set()
    library = Path(sysconfig.get_paths()["stdlib"])
    files = [*library.glob("*.py"), *(file for package in PACKAGES for file in (library / package).rglob("*.py"))]
    for file in sorted(file for file in files if "test" not in file.parts):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                passage, places = _passage(node)
                if any(places.values()) and passage not in seen and len(passage) <= LONGEST:
                    seen.add(passage)
                    module = ".".join(file.relative_to(library).with_suffix("").parts)
                    yield from _ask(f"{module}.{node.name}:{node.lineno}", passage, places)
    if not seen:
        raise DataError("This Python has no source of its standard library. Give a file: --data PATH.")


def _passage(node: ast.FunctionDef | ast.AsyncFunctionDef) -> tuple[str, dict[str, tuple[int, str] | None]]:
    """Return a function's first line with the first paragraph of what it says of itself, and its arguments.

    Returns:
        The passage, and for each argument where its default begins and what it is, None where it has none.
    """
    given = node.args
    ordered = [*given.posonlyargs, *given.args]
    defaults: list[ast.expr | None] = [*[None] * (len(ordered) - len(given.defaults)), *given.defaults]
    arguments = [*zip(ordered, defaults, strict=True), *zip(given.kwonlyargs, given.kw_defaults, strict=True)]
    text, separator = f"def {node.name}(", ""
    places: dict[str, tuple[int, str] | None] = {}
    for argument, default in arguments:
        text += f"{separator}{argument.arg}"
        separator = ", "
        value = None if default is None else ast.unparse(default)
        if value is not None:
            text += "="
            places[argument.arg] = (len(text), value)
            text += value
        elif argument.arg not in ("self", "cls"):
            places[argument.arg] = None
    said = (inspect.cleandoc(ast.get_docstring(node) or "").split("\n\n")[0]).replace("\n", " ")
    return f"{text}): {said}".strip(), places


def _ask(name: str, passage: str, places: dict[str, tuple[int, str] | None]) -> Iterator[Question]:
    values = [found[1] for found in places.values() if found is not None]
    for argument, found in places.items():
        asked = f"What is the default of {argument}?"
        if found is None:
            yield Question(f"{name}.{argument}", asked, passage)
            continue
        start, value = found
        if len(value) > NAMED:
            continue
        if any(sign.isalnum() for sign in value):  # others are equal to no answer, see the metric
            yield Question(f"{name}.{argument}", asked, passage, (value,), (start,))
        if values.count(value) == 1 and argument.strip("_"):
            place = start - len(argument) - 1
            yield Question(f"{name}={value}", f"Which argument defaults to {value}?", passage, (argument,), (place,))
