"""A trained tagger: a model with what reads its sentences, and what it marks in texts."""

import dataclasses
import re
from collections.abc import Sequence
from typing import Any

from kerasarch.data.conll import bio
from kerasarch.data.tag_readers import TagReader
from kerasarch.metrics.spans import OUTSIDE, spans_of
from kerasarch.runs.rows_by_length import run_by_length

_WORD = re.compile(r"https?://\S+|[@#]?\w+(?:['’.-]\w+)*|[^\w\s]")


@dataclasses.dataclass(frozen=True)
class Tagger:
    """Marks spans in sentences.

    Attributes:
        model: Gives ``logits (B, T, labels)``; its config names the labels.
        reader: What reads the sentences.
    """

    model: Any
    reader: TagReader

    def tags(self, sentences: Sequence[Sequence[str]]) -> list[list[str]]:
        """Return a tag for each word of sentences, in the scheme BIO.

        Args:
            sentences: The words of each. Those that are cut off are outside.
        """
        labels = self.model.config.labels
        rows = [self.reader.read(words) for words in sentences]
        logits = run_by_length(
            self.model,
            [max(len(row.ids), 1) for row in rows],
            lambda places, width: self.reader.inputs([rows[place] for place in places], width),
        )
        return [
            bio([OUTSIDE if place is None else labels[scores[place].argmax()] for place in row.places])
            for row, scores in zip(rows, logits, strict=True)
        ]

    def marked(self, texts: Sequence[str]) -> list[list[dict[str, Any]]]:
        """Return what is marked in texts, which are cut into words and punctuation.

        Args:
            texts: The texts, a sentence each.

        Returns:
            For each text its spans: ``text``, ``kind``, and the ``start`` and ``end`` of its characters.
        """
        places = [[match.span() for match in _WORD.finditer(text)] for text in texts]
        words = [[text[start:end] for start, end in found] for text, found in zip(texts, places, strict=True)]
        result = []
        for text, found, tags in zip(texts, places, self.tags(words), strict=True):
            spans = [(span.kind, found[span.start][0], found[span.end - 1][1]) for span in spans_of(tags)]
            result.append(
                [{"text": text[start:end], "kind": kind, "start": start, "end": end} for kind, start, end in spans]
            )
        return result


def with_brackets(words: Sequence[str], tags: Sequence[str]) -> str:
    """Return a sentence with its spans in brackets: ``to [New York | location]``."""
    starts = {span.start: span for span in spans_of(tags)}
    ends = {span.end: span.kind for span in spans_of(tags)}
    parts = []
    for place, word in enumerate(words):
        behind = f" | {ends[place + 1]}]" if place + 1 in ends else ""
        parts.append(f"{'[' if place in starts else ''}{word}{behind}")
    return " ".join(parts)
