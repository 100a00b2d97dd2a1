"""Labelled recordings with random access, and their parts."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kerasarch.data.wave_files import read_wave
from kerasarch.errors import DataError


class Recordings(ABC):
    """Labelled recordings of one rate.

    Args:
        labels: Class index of each.
        classes: Name of each class.
        rate: Numbers a second.
        names: What each recording is called.
    """

    def __init__(self, labels: np.ndarray, classes: Sequence[str], rate: int, names: Sequence[str]):
        self.labels = np.asarray(labels, np.int64)
        self.classes, self.rate, self.names = tuple(classes), rate, tuple(names)

    def __len__(self) -> int:
        return len(self.labels)

    @abstractmethod
    def wave(self, index: int) -> np.ndarray:
        """One recording: float32 ``(N,)``."""

    @property
    @abstractmethod
    def lengths(self) -> np.ndarray:
        """How many numbers each recording has."""

    @abstractmethod
    def subset(self, indices: Sequence[int] | np.ndarray) -> "Recordings":
        """The recordings at these places, in this order; the classes stay."""


class MadeRecordings(Recordings):
    """Recordings that lie in memory.

    Args:
        waves: Float32 ``(N,)`` each.
        labels: Class index of each.
        classes: Name of each class.
        rate: Numbers a second.
        names: What each is called.

    Raises:
        DataError: There are not as many of each.
    """

    def __init__(
        self, waves: Sequence[np.ndarray], labels: np.ndarray, classes: Sequence[str], rate: int, names: Sequence[str]
    ):
        super().__init__(labels, classes, rate, names)
        self.waves = tuple(waves)
        if not len(self.waves) == len(self.labels) == len(self.names):
            raise DataError(
                f"Every recording needs a label and a name. Received {len(self.waves)} recordings, {len(self.labels)} "
                f"labels, {len(self.names)} names."
            )

    def wave(self, index: int) -> np.ndarray:
        """One recording: float32 ``(N,)``."""
        return self.waves[index]

    @property
    def lengths(self) -> np.ndarray:
        """How many numbers each recording has."""
        return np.array([len(wave) for wave in self.waves], np.int64)

    def subset(self, indices: Sequence[int] | np.ndarray) -> "MadeRecordings":
        """The recordings at these places, in this order; the classes stay."""
        names = [self.names[index] for index in indices]
        labels = self.labels[np.asarray(indices, np.int64)]
        return MadeRecordings([self.waves[index] for index in indices], labels, self.classes, self.rate, names)


class FileRecordings(Recordings):
    """Sound files, read when they are asked for: a folder may be larger than memory.

    Args:
        paths: The files.
        lengths: How many numbers each has at this rate.
        labels: Class index of each.
        classes: Name of each class.
        rate: Numbers a second that files are brought to.
    """

    def __init__(
        self, paths: Sequence[Path], lengths: np.ndarray, labels: np.ndarray, classes: Sequence[str], rate: int
    ):
        super().__init__(labels, classes, rate, [path.name for path in paths])
        self.paths, self._lengths = tuple(paths), np.asarray(lengths, np.int64)

    def wave(self, index: int) -> np.ndarray:
        """Read one file: float32 ``(N,)``.

        Raises:
            DataError: The file is damaged, or gone.
        """
        return read_wave(self.paths[index], self.rate)[0]

    @property
    def lengths(self) -> np.ndarray:
        """How many numbers each recording has."""
        return self._lengths

    def subset(self, indices: Sequence[int] | np.ndarray) -> "FileRecordings":
        """The recordings at these places, in this order; the classes stay."""
        places = np.asarray(indices, np.int64)
        paths = [self.paths[index] for index in places]
        return FileRecordings(paths, self._lengths[places], self.labels[places], self.classes, self.rate)


@dataclass(frozen=True)
class RecordingSplits:
    """The parts of a set of labelled recordings.

    Attributes:
        name: What was loaded, for titles and reports.
        train: Recordings to learn from.
        validation: Recordings to choose by.
        test: Recordings to report.
        skipped: Files that were left out, each with its reason.
    """

    name: str
    train: Recordings
    validation: Recordings
    test: Recordings
    skipped: tuple[str, ...] = ()

    @property
    def classes(self) -> tuple[str, ...]:
        """Name of each class; a label is an index into it."""
        return self.train.classes

    @property
    def rate(self) -> int:
        """Numbers a second."""
        return self.train.rate
