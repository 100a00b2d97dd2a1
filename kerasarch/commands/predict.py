"""``kerasarch predict RUN PICTURES``: what the model of a classification run says of picture files."""

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


@click.command(short_help="Classify pictures with the model of a run")
@click.argument("run", metavar="RUN", type=RunName())
@click.argument("pictures", metavar="PICTURE|FOLDER...", type=click.Path(path_type=Path), nargs=-1, required=True)
@click.option("--top", type=click.IntRange(min=1), default=1, show_default=True, help="Classes to name a picture.")
@click.option("--tta", is_flag=True, help="Average over the picture and five crops of it (test-time augmentation).")
@click.option("--mirror", is_flag=True, help="With --tta: over their mirror images too.")
@click.option("--strict", is_flag=True, help="Stop at the first unreadable file of a folder.")
@model_options
@click.option("--json", "as_json", is_flag=True, help="Print JSON, with the probability of every class.")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV, with the probability of every class.")
def command(
    run: str,
    pictures: tuple[Path, ...],
    top: int,
    tta: bool,
    mirror: bool,
    strict: bool,
    backend: str | None,
    runs: Path,
    as_json: bool,
    as_csv: bool,
) -> None:
    """Classify pictures with the model that a classification run saved.

    RUN is the path of a run's folder, its short id or the beginning of it, latest, or RECIPE/latest. Folders are
    searched for pictures at any depth. Pictures are brought to the size of the model's.
    """
    if as_json and as_csv:
        raise UsageError("--json and --csv exclude each other.")
    if mirror and not tta:
        raise UsageError("--mirror adds to the views of --tta: give both.")
    folder = find(run, runs)
    path = model_of(folder)
    start(backend or folder.run.get("backend"))
    from kerasarch.runs.classifier import classifier_of

    classifier = classifier_of(open_file(path), folder)
    rows = _rows(classifier, pictures, strict, tta, mirror)
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
    console.say(console.table(("picture", "class", "probability"), lines, right=("probability",), shrink="picture"))


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
