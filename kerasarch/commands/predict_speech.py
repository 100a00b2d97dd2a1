"""What ``kerasarch predict`` prints of sound files."""

import csv
import io
from collections.abc import Iterable
from typing import Any

import click

from kerasarch.commands import console


def say_heard(words: tuple[str, ...], heard: Iterable[Any], top: int, *, as_json: bool, as_csv: bool) -> None:
    """Print what was heard in files.

    Args:
        words: The words that a recogniser tells apart.
        heard: A `kerasarch.runs.listening.HeardFile` for each file.
        top: Words to name a file, in a table.
        as_json: As JSON, with the probability of every word.
        as_csv: As CSV, a line a file as soon as it is known.
    """
    if as_json:
        console.say_json(
            [
                {
                    "file": str(file.path),
                    "class": words[int(file.probabilities.argmax())],
                    "probability": float(file.probabilities.max()),
                    "spelled": file.text,
                    "probabilities": dict(zip(words, map(float, file.probabilities), strict=True)),
                }
                for file in heard
            ]
        )
        return
    if as_csv:
        _say_csv(words, heard)
        return
    lines = []
    for file in heard:
        order = file.probabilities.argsort()[::-1][:top]
        guesses = [(words[place], f"{file.probabilities[place]:.1%}") for place in order]
        lines += [
            (str(file.path), *guess, file.text) if number == 0 else ("", *guess, "")
            for number, guess in enumerate(guesses)
        ]
    heads = ("recording", "class", "probability", "spelled")
    console.say(console.table(heads, lines, right=("probability",), shrink="recording", keep_end=True))


def _say_csv(words: tuple[str, ...], heard: Iterable[Any]) -> None:
    for number, file in enumerate(heard):
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        if number == 0:
            writer.writerow(["file", "class", "probability", "spelled", *words])
        best = int(file.probabilities.argmax())
        shares = [f"{chance:.6f}" for chance in file.probabilities]
        writer.writerow([str(file.path), words[best], shares[best], file.text, *shares])
        click.echo(text.getvalue(), nl=False)
