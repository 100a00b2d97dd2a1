"""Batches of recordings for training and for judging: joined, shifted, with noise, filled up with silence."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from kerasarch.data.recordings import Recordings
from kerasarch.data.resumable import ResumableDataset
from kerasarch.errors import DataError, UsageError

MIXED = 8
"""Batches among which examples are sorted by length, so that a batch holds few silences."""
STEPS = 4
"""Lengths that batches have, at most: each is a compilation on some backends."""


@dataclasses.dataclass(frozen=True)
class WaveAugmentation:
    """What happens to a recording before it is learned from.

    Attributes:
        shift: Seconds of silence before it, at most.
        speed: Largest change of its speed, as a part; the pitch changes with it.
        noise: Decibels that white noise is below it, from and to; None for no noise.
        noisy: Share of the recordings that get noise.
    """

    shift: float = 0.1
    speed: float = 0.1
    noise: tuple[float, float] | None = (10.0, 40.0)
    noisy: float = 0.5

    def __post_init__(self) -> None:
        """Check the values."""
        if self.shift < 0 or not 0 <= self.speed < 1 or not 0 <= self.noisy <= 1:
            raise UsageError(
                "shift must be 0 or more, speed from 0 to below 1, noisy from 0 to 1. Received "
                f"shift={self.shift}, speed={self.speed}, noisy={self.noisy}."
            )

    def __call__(self, wave: np.ndarray, rate: int, rng: np.random.Generator) -> np.ndarray:
        """Change one recording ``(N,)``."""
        if self.speed:
            count = max(round(len(wave) / rng.uniform(1 - self.speed, 1 + self.speed)), 1)
            wave = np.interp(np.linspace(0, len(wave) - 1, count), np.arange(len(wave)), wave)
        wave = np.pad(wave, (int(rng.uniform(0, self.shift) * rate), 0))
        if self.noise is not None and rng.random() < self.noisy:
            level = np.sqrt(np.mean(wave**2)) * 10 ** (-rng.uniform(*self.noise) / 20)
            wave = wave + level * rng.normal(size=len(wave))
        return wave.astype("float32")


def filled_up(waves: Sequence[np.ndarray], length: int | None = None) -> dict[str, np.ndarray]:
    """Return recordings side by side, as a recogniser takes them: ``waves (B, N)`` and ``lengths (B,)``.

    Args:
        waves: Recordings, ``(n,)`` each.
        length: N, which silence fills up to; None for that of the longest.
    """
    lengths = np.array([len(wave) for wave in waves], "int32")
    filled = np.zeros((len(waves), length or lengths.max()), "float32")
    for row, wave in zip(filled, waves, strict=True):
        row[: len(wave)] = wave
    return {"waves": filled, "lengths": lengths}


class WaveBatches(ResumableDataset):
    """Batches of recordings; batch ``i`` of epoch ``e`` depends only on the seed, ``e`` and ``i``.

    ``batches[i]`` is ``({"waves": (B, N), "lengths": (B,)}, targets)``: float32, zero beyond the lengths, and
    the targets of each example's labels. ``N`` is one of a few lengths. ``labels_of`` tells the labels alone.

    Args:
        recordings: The recordings.
        targets: For each class the labels that spell it, 1 or more.
        between: Label between two classes of one example; None for none.
        whole: Give a class index instead of labels, ``(B,)``.
        batch: Examples of a batch.
        together: Recordings that are joined to an example: from 1 to this many when shuffled, else exactly this many.
        shuffle: A new order in each epoch; without it, that of the recordings, each of them once.
        augment: What happens to each recording; None for nothing.
        seed: Of order and changes.

    Raises:
        DataError: There are no recordings, or fewer than are joined.
        UsageError: Whole recordings are joined.
    """

    def __init__(
        self,
        recordings: Recordings,
        targets: Any,
        *,
        between: int | None = None,
        whole: bool = False,
        batch: int = 32,
        together: int = 1,
        shuffle: bool = True,
        augment: WaveAugmentation | None = None,
        seed: int = 0,
    ):
        if len(recordings) < together or not len(recordings):
            raise DataError(f"{together} recordings are needed at least. Received {len(recordings)}.")
        if whole and together > 1:
            raise UsageError("A class each is what single recordings have. Take together=1, or labels.")
        self.recordings, self.targets, self.between, self.whole = recordings, targets, between, whole
        self.size, self.together, self.shuffle, self.augment, self.seed = batch, together, shuffle, augment, seed
        self.examples = -(-2 * len(recordings) // (together + 1)) if shuffle else len(recordings) // together
        super().__init__(max(self.examples // batch, 1) if shuffle else -(-self.examples // batch))
        self._longest = self._most()
        self._longer = False
        self._planned: tuple[int, list[list[np.ndarray]]] | None = None

    def batch(self, epoch: int, index: int) -> tuple[dict[str, np.ndarray], np.ndarray]:
        """Batch ``index`` of an epoch, wherever the position stands."""
        groups = self.plan(epoch)[index]
        rng = np.random.default_rng([self.seed, epoch, index])
        waves = []
        for group in groups:
            parts = [self.recordings.wave(place) for place in group]
            if self.augment is not None:
                parts = [self.augment(part, self.recordings.rate, rng) for part in parts]
            waves.append(np.concatenate(parts))
        return filled_up(waves, self._padded(max(map(len, waves)))), self._labels(groups)

    def sample(self, epoch: int, index: int) -> tuple[dict[str, np.ndarray], np.ndarray]:
        """A batch of the longest length, and by turns one that is longer by a number, where lengths vary."""
        inputs, labels = self.batch(epoch, index)
        if self.steps == 1:
            return inputs, labels
        self._longer = not self._longer
        missing = self._longest + self._longer - inputs["waves"].shape[1]
        return {**inputs, "waves": np.pad(inputs["waves"], ((0, 0), (0, missing)))}, labels

    def plan(self, epoch: int) -> list[list[np.ndarray]]:
        """Return for each batch of an epoch the recordings of each of its examples."""
        if self._planned is None or self._planned[0] != epoch or not self.shuffle:
            self._planned = (epoch, self._plan(epoch))
        return self._planned[1]

    def _plan(self, epoch: int) -> list[list[np.ndarray]]:
        if not self.shuffle:
            ordered = np.arange(self.examples * self.together).reshape(self.examples, self.together)
            return [list(ordered[start : start + self.size]) for start in range(0, self.examples, self.size)]
        rng = np.random.default_rng([self.seed, 0x0BDE, epoch])
        order = rng.permutation(len(self.recordings))
        counts = rng.integers(1, self.together + 1, self.examples)
        ends = np.cumsum(counts)
        groups = [order[(end - count + np.arange(count)) % len(order)] for end, count in zip(ends, counts, strict=True)]
        lengths = self.recordings.lengths
        batches = []
        for start in range(0, len(groups), MIXED * self.size):
            some = sorted(groups[start : start + MIXED * self.size], key=lambda group: int(lengths[group].sum()))
            batches += [some[place : place + self.size] for place in range(0, len(some), self.size)]
        whole = [batch for batch in batches if len(batch) == self.size] or batches
        return [whole[place] for place in rng.permutation(len(whole))]

    def _labels(self, groups: list[np.ndarray]) -> np.ndarray:
        if self.whole:
            return self.recordings.labels[[group[0] for group in groups]].astype("int32")
        width = self.together * (max(len(target) for target in self.targets) + (self.between is not None))
        labels = np.zeros((len(groups), width), "int32")
        for row, group in zip(labels, groups, strict=True):
            spelled = self.spelled(group)
            row[: len(spelled)] = spelled
        return labels

    def spelled(self, group: np.ndarray) -> list[int]:
        """Return the labels of some recordings that are joined."""
        found: list[int] = []
        for place, label in enumerate(self.recordings.labels[group]):
            found += [self.between] if place and self.between is not None else []
            found += list(self.targets[label])
        return found

    def _most(self) -> int:
        """Return how long an example can be."""
        longest = int(np.sort(self.recordings.lengths)[-self.together :].sum())
        if self.augment is not None:
            each = self.together * int(self.augment.shift * self.recordings.rate)
            longest = int(np.ceil(longest / (1 - self.augment.speed))) + each + self.together
        return longest

    def _padded(self, longest: int) -> int:
        """Return the length of a batch: the longest that there can be, or a half of it, of that, and so on."""
        if self.steps == 1:
            return self._longest
        for step in reversed(range(STEPS)):
            length = -(-self._longest // 2**step)
            if longest <= length:
                return length
        return longest
