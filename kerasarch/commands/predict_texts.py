"""``kerasarch predict RUN TEXTS``: what the model of a text run says of texts: classes, marked spans, or answers."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from kerasarch.commands import console
from kerasarch.errors import DataError, UsageError
from kerasarch.runs.folder import TOKENIZER, RunFolder

WIDEST = 60
"""Characters of a text in a table."""


def reads_texts(folder: RunFolder) -> bool:
    """Whether the model of a run reads texts: a tokenizer stands beside it."""
    return (folder.path / TOKENIZER).is_dir()


def read_texts(words: Sequence[str]) -> list[str]:
    """Return the texts that are meant: those given, and in the place of a file's name its lines.

    Raises:
        DataError: A file is no text, or there is no text at all.
    """
    texts: list[str] = []
    for word in words:
        if not _is_file(word):
            texts.append(word)
            continue
        try:
            texts += [line for line in Path(word).read_text(encoding="utf-8").split("\n") if line.strip()]
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(
                f"{word} cannot be read as text ({error}). Give a file in UTF-8 with a text a line."
            ) from error
    if not texts:
        raise DataError("There is no text in what was given. Give texts, or a file with a text a line.")
    return texts


def _is_file(word: str) -> bool:
    try:
        return Path(word).is_file()
    except OSError:  # a text may be longer than a file's name
        return False


def say_texts(folder: RunFolder, network: Any, words: Sequence[str], top: int, *, as_json: bool, as_csv: bool) -> None:
    """Say what a text run's model makes of texts.

    Args:
        folder: The run.
        network: Its model.
        words: Texts, and files with a text a line; first a question where the model answers questions.
        top: Classes to name a text.
        as_json: Print JSON.
        as_csv: Print CSV.

    Raises:
        UsageError: The model is of another kind, there is a question without a passage, or ``--top`` is not for this
            model.
    """
    head = getattr(network.config, "head", None) if hasattr(network, "config") else None
    if head == "classification":
        _say_classes(folder, network, read_texts(words), top, as_json, as_csv)
        return
    from kerasarch.models import RecurrentTagger

    says = {"tags": _say_spans, "question_answering": _say_answers}.get(head or "")
    if says is None and isinstance(network, RecurrentTagger):
        says = _say_spans
    if says is None:
        raise UsageError(
            f"run {folder.id} of {folder.recipe} neither classifies texts, marks spans nor answers questions. Where "
            f"its model writes: kerasarch generate {folder.id}."
        )
    if top > 1:
        raise UsageError(f"--top: received {top}, but run {folder.id} tells no classes: leave it out.")
    says(folder, network, words, as_json, as_csv)


def _say_classes(folder: RunFolder, network: Any, texts: Sequence[str], top: int, as_json: bool, as_csv: bool) -> None:
    from kerasarch.data import load_tokenizer
    from kerasarch.runs.text_classifier import TextClassifier

    classifier = TextClassifier(network, load_tokenizer(folder.path / TOKENIZER))
    chances = classifier.probabilities(texts)
    best = chances.argmax(axis=1)
    names = classifier.classes
    if as_json:
        console.say_json(
            [
                {
                    "text": text,
                    "class": names[place],
                    "probability": float(row[place]),
                    "probabilities": {name: float(chance) for name, chance in zip(names, row, strict=True)},
                }
                for text, place, row in zip(texts, best, chances, strict=True)
            ]
        )
    elif as_csv:
        rows = [
            [text, names[place], f"{row[place]:.6f}", *(f"{chance:.6f}" for chance in row)]
            for text, place, row in zip(texts, best, chances, strict=True)
        ]
        _say_csv(["text", "class", "probability", *names], rows)
    else:
        lines = []
        for text, row in zip(texts, chances, strict=True):
            guesses = [(names[place], f"{row[place]:.1%}") for place in row.argsort()[::-1][:top]]
            lines += [(_short(text) if number == 0 else "", *guess) for number, guess in enumerate(guesses)]
        console.say(console.table(("text", "class", "probability"), lines, right=("probability",), shrink="text"))


def _say_spans(folder: RunFolder, network: Any, words: Sequence[str], as_json: bool, as_csv: bool) -> None:
    from kerasarch.data.tag_readers import load_tag_reader
    from kerasarch.runs.tagger import Tagger

    texts = read_texts(words)
    length = int(_option(folder, "length") or 128)
    found = Tagger(network, load_tag_reader(folder.path / TOKENIZER, length)).marked(texts)
    if as_json:
        console.say_json([{"text": text, "spans": spans} for text, spans in zip(texts, found, strict=True)])
    elif as_csv:
        rows = [
            [text, span["text"], span["kind"], span["start"], span["end"]]
            for text, spans in zip(texts, found, strict=True)
            for span in spans
        ]
        _say_csv(["text", "span", "kind", "start", "end"], rows)
    else:
        lines = [
            (_short(text) if number == 0 else "", span["text"], span["kind"])
            for text, spans in zip(texts, found, strict=True)
            for number, span in enumerate(spans or [{"text": "", "kind": "nothing"}])
        ]
        console.say(console.table(("text", "span", "kind"), lines, shrink="text"))


def _say_answers(folder: RunFolder, network: Any, words: Sequence[str], as_json: bool, as_csv: bool) -> None:
    from kerasarch.data import Question, load_tokenizer
    from kerasarch.runs.answering import ask

    if len(words) < 2:
        raise UsageError(
            f"run {folder.id} answers questions: give the question, then passages or files with a passage a line."
        )
    asked, passages = words[0], read_texts(words[1:])
    tokenizer = load_tokenizer(folder.path / TOKENIZER)
    answers = ask(
        network, tokenizer, [Question(str(number), asked, text) for number, text in enumerate(passages)],
        length=int(tokenizer.length or _option(folder, "length") or 128), overlap=int(_option(folder, "overlap") or 0),
        longest=int(_option(folder, "longest") or 30),
    )  # fmt: skip
    threshold = folder.result.get("result", {}).get("threshold")
    found = [answer.decided(threshold) for answer in answers]
    if as_json:
        console.say_json(
            [
                {"question": asked, "passage": text, "answer": given, "score": answer.score, "no_answer": answer.none}
                for text, given, answer in zip(passages, found, answers, strict=True)
            ]
        )
    elif as_csv:
        _say_csv(["question", "passage", "answer"], [[asked, *pair] for pair in zip(passages, found, strict=True)])
    else:
        lines = [(_short(text), given or "(no answer)") for text, given in zip(passages, found, strict=True)]
        console.say(console.table(("passage", "answer"), lines, shrink="passage"))


def _option(folder: RunFolder, name: str) -> Any:
    """Return what the run's recipe was given."""
    return folder.config.get(name, {}).get("value")


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= WIDEST else line[: WIDEST - 3] + "..."


def _say_csv(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    click.echo(text.getvalue(), nl=False)
