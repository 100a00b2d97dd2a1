"""``kerasarch predict RUN FILES|TEXTS``: what a run's model says of pictures, of recordings, or of texts."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from kerasarch.commands import console
from kerasarch.commands.opening import open_file, start
from kerasarch.commands.run_argument import RunName, model_options
from kerasarch.commands.sample import model_of
from kerasarch.errors import UsageError
from kerasarch.runs.folder import find

TOGETHER = 64
"""Pictures that are decoded and looked at together: a folder may be larger than memory."""


@click.command(short_help="Classify pictures, recordings or texts with the model of a run")
@click.argument("run", metavar="RUN", type=RunName())
@click.argument("what", metavar="FILE|FOLDER|TEXT...", type=click.Path(), nargs=-1, required=True)
@click.option("--top", type=click.IntRange(min=1), default=1, show_default=True, help="Classes to name of each.")
@click.option("--tta", is_flag=True, help="Average over the picture and five crops of it (test-time augmentation).")
@click.option("--mirror", is_flag=True, help="With --tta: over their mirror images too.")
@click.option("--strict", is_flag=True, help="Stop at the first unreadable file of a folder.")
@model_options
@click.option("--json", "as_json", is_flag=True, help="Print JSON, with the probability of every class.")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV, with the probability of every class.")
def command(
    run: str,
    what: tuple[str, ...],
    top: int,
    tta: bool,
    mirror: bool,
    strict: bool,
    backend: str | None,
    runs: Path,
    as_json: bool,
    as_csv: bool,
) -> None:
    """Classify pictures, recordings or texts with the model that a run saved, mark spans in texts, or answer questions.

    RUN is the path of a run's folder, its short id or the beginning of it, latest, or RECIPE/latest. Folders are
    searched for pictures, or for WAV files, at any depth. Pictures are brought to the size of the model's,
    recordings to its rate. For a run of finetune-text or tag give texts, or files with a text a line; for one of
    question-answering a question, then passages.
    """
    if as_json and as_csv:
        raise UsageError("--json and --csv exclude each other.")
    if mirror and not tta:
        raise UsageError("--mirror adds to the views of --tta: give both.")
    folder = find(run, runs)
    path = model_of(folder)
    start(backend or folder.run.get("backend"))
    from kerasarch.commands.predict_texts import reads_texts, say_texts
    from kerasarch.models import SpeechRecognizer

    model = open_file(path)
    if reads_texts(folder):
        if tta or strict:
            raise UsageError(f"--{'tta' if tta else 'strict'} is for files. Run {folder.id} reads texts: leave it out.")
        say_texts(folder, model, what, top, as_json=as_json, as_csv=as_csv)
        return
    files = tuple(map(Path, what))
    if isinstance(model, SpeechRecognizer):
        _hear(model, files, top, strict, tta=tta, as_json=as_json, as_csv=as_csv)
        return
    from kerasarch.runs.classifier import classifier_of

    classifier = classifier_of(model, folder)
    rows = _rows(classifier, files, strict, tta, mirror)
    if as_json:
        console.say_json([_described(classifier, file, chances) for file, chances in rows])
        return
    if as_csv:
        _say_csv(classifier, rows)
        return
    lines = []
    for file, chances in rows:
        order = chances.argsort()[::-1][:top]
        guesses = [(classifier.classes[place], f"{chances[place]:.1%}") for place in order]
        lines += [(str(file) if number == 0 else "", *guess) for number, guess in enumerate(guesses)]
    heads = ("picture", "class", "probability")
    console.say(console.table(heads, lines, right=("probability",), shrink="picture", keep_end=True))


def _hear(
    model: Any, files: tuple[Path, ...], top: int, strict: bool, *, tta: bool, as_json: bool, as_csv: bool
) -> None:
    """Say what is heard in recordings."""
    from kerasarch.commands.predict_speech import say_heard
    from kerasarch.runs.listening import hear_files

    if tta:
        raise UsageError("--tta averages over views of a picture. Leave it out for recordings.")
    heard = hear_files(model, files, strict=strict, skipped=lambda why: console.note(f"Left out: {why}"))
    say_heard(model.config.words, heard, top, as_json=as_json, as_csv=as_csv)


def _rows(
    classifier: Any, pictures: tuple[Path, ...], strict: bool, tta: bool, mirror: bool
) -> Iterator[tuple[Path, Any]]:
    """Look at pictures, some together."""
    import numpy as np

    from kerasarch.runs.classifier import read_pictures

    waiting: list[tuple[Path, Any]] = []

    def answers() -> Iterator[tuple[Path, Any]]:
        images = np.stack([image for _, image in waiting])
        yield from zip(
            [file for file, _ in waiting], classifier.probabilities(images, tta=tta, mirror=mirror), strict=True
        )
        waiting.clear()

    for file, image in read_pictures(pictures, strict=strict, skipped=lambda why: console.note(f"Left out: {why}")):
        waiting.append((file, classifier.prepared(image)))
        if len(waiting) == TOGETHER:
            yield from answers()
    if waiting:
        yield from answers()


def _described(classifier: Any, file: Path, chances: Any) -> dict[str, Any]:
    best = int(chances.argmax())
    return {
        "file": str(file),
        "class": classifier.classes[best],
        "probability": float(chances[best]),
        "probabilities": {name: float(chance) for name, chance in zip(classifier.classes, chances, strict=True)},
    }


def _say_csv(classifier: Any, rows: Iterator[tuple[Path, Any]]) -> None:
    """Print a line a picture as soon as it is known."""
    for number, (file, chances) in enumerate(rows):
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        if number == 0:
            writer.writerow(["file", "class", "probability", *classifier.classes])
        best = int(chances.argmax())
        shares = [f"{chance:.6f}" for chance in chances]
        writer.writerow([str(file), classifier.classes[best], shares[best], *shares])
        click.echo(text.getvalue(), nl=False)
