"""A trained speech recogniser and sound files: what is heard in each."""

import dataclasses
import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kerasarch.data.wave_batches import filled_up
from kerasarch.data.wave_files import read_wave
from kerasarch.errors import DataError, UsageError
from kerasarch.generation.spoken_words import spelled_texts, word_probabilities

TOGETHER = 32
"""Files that are read and heard together."""


@dataclasses.dataclass(frozen=True)
class HeardFile:
    """What was heard in a file.

    Attributes:
        path: The file.
        probabilities: Of each word, if one word is said, ``(words,)``.
        text: What the network spells by itself; empty where it says classes.
    """

    path: Path
    probabilities: np.ndarray
    text: str


def hear_files(
    model: Any, paths: Sequence[Path], *, strict: bool = False, skipped: Callable[[str], None] = lambda reason: None
) -> Iterator[HeardFile]:
    """Hear files, and those of folders, one after the other.

    Args:
        model: A `kerasarch.models.SpeechRecognizer`.
        paths: WAV files, and folders with such files at any depth; of any rate.
        strict: Stop at the first that cannot be read in a folder; otherwise it is left out.
        skipped: Told of each that is left out, and why.

    Raises:
        UsageError: There is no such path.
        DataError: A file that was named is no sound, or a folder holds none.
    """
    waiting: list[tuple[Path, np.ndarray]] = []
    for path, wave in _waves(model.config.rate, paths, strict, skipped):
        waiting.append((path, wave))
        if len(waiting) == TOGETHER:
            yield from _heard(model, waiting)
            waiting.clear()
    if waiting:
        yield from _heard(model, waiting)


def _waves(
    rate: int, paths: Sequence[Path], strict: bool, skipped: Callable[[str], None]
) -> Iterator[tuple[Path, np.ndarray]]:
    for path in (path.expanduser() for path in paths):
        if path.is_file():
            yield path, read_wave(path, rate)[0]
            continue
        if not path.is_dir():
            raise UsageError(f"there is no file or folder {path}.")
        files = sorted(file for file in path.rglob("*") if file.suffix.lower() == ".wav")
        if not files:
            raise DataError(f"{path} holds no .wav files.")
        for file in files:
            try:
                yield file, read_wave(file, rate)[0]
            except DataError as error:
                if strict:
                    raise
                skipped(str(error))


def _length(longest: int, rate: int) -> int:
    """Return half a second, one, two, four and so on: each length is a compilation on some backends."""
    half = max(rate // 2, 1)
    return half * 2 ** max(math.ceil(math.log2(longest / half)), 0)


def _heard(model: Any, files: Sequence[tuple[Path, np.ndarray]]) -> Iterator[HeardFile]:
    waves = [wave for _, wave in files]
    outputs = model.predict_on_batch(filled_up(waves, _length(max(map(len, waves)), model.config.rate)))
    chances = word_probabilities(model.config, outputs)
    texts = [""] * len(files) if model.config.output == "classes" else spelled_texts(model.config, outputs)
    for (path, _), row, text in zip(files, chances, texts, strict=True):
        yield HeardFile(path, row, text)
