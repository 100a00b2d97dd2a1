"""Texts changed at random for training: words left out, sentences in another order, one change after the other.

A change is a function of a text and a generator of random numbers that gives a text. The same state of the generator
gives the same text. `kerasarch.data.Synonyms` and `kerasarch.data.Paraphrases` are changes too.
"""

import dataclasses
import re
from collections.abc import Callable

import numpy as np

from kerasarch.errors import UsageError

Change = Callable[[str, np.random.Generator], str]

_SENTENCE_END = re.compile(r"(?<=[.!?\u3002])\s+|\n+")


@dataclasses.dataclass(frozen=True)
class WordDropout:
    """Leaves words out: each with the same probability, but at least one stays.

    The operation "random deletion" of Wei and Zou, 2019, section 2 (https://arxiv.org/abs/1901.11196); words are what
    white space separates.

    Attributes:
        rate: Share of the words that are left out.

    Raises:
        UsageError: The rate is not at least 0 and below 1.
    """

    rate: float

    def __post_init__(self) -> None:
        if not 0 <= self.rate < 1:
            raise UsageError(f"A rate of words to leave out is at least 0 and below 1. Received {self.rate}.")

    def __call__(self, text: str, draw: np.random.Generator) -> str:
        """Return the text without some of its words."""
        words = text.split()
        if not words:
            return text
        kept = draw.random(len(words)) >= self.rate
        if not kept.any():
            kept[draw.integers(len(words))] = True
        return text if kept.all() else " ".join(word for word, stays in zip(words, kept, strict=True) if stays)


@dataclasses.dataclass(frozen=True)
class SentenceShuffle:
    """Puts the sentences of a text in another order; one sentence alone stays as it is.

    A sentence ends with a full stop, an exclamation or a question mark before white space, or with a line.
    """

    def __call__(self, text: str, draw: np.random.Generator) -> str:
        """Return the text with its sentences in another order."""
        sentences = [sentence for sentence in _SENTENCE_END.split(text.strip()) if sentence]
        if len(sentences) < 2:
            return text
        return " ".join(sentences[place] for place in draw.permutation(len(sentences)))


@dataclasses.dataclass(frozen=True)
class TextChanges:
    """One change after the other.

    Attributes:
        changes: The changes, in the order in which they are made.
    """

    changes: tuple[Change, ...]

    def __call__(self, text: str, draw: np.random.Generator) -> str:
        """Return the changed text."""
        for change in self.changes:
            text = change(text, draw)
        return text
