"""Scores of marked spans, such as names in sentences: precision, recall and F1 of whole spans."""

import dataclasses
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from kerasarch.errors import DataError

OUTSIDE = "O"


class Span(NamedTuple):
    """Words that belong together.

    Attributes:
        kind: What they are.
        start: Place of the first.
        end: Place behind the last.
    """

    kind: str
    start: int
    end: int


@dataclasses.dataclass(frozen=True)
class SpanScores:
    """How well spans were found.

    Attributes:
        right: Spans that were found with the right words and the right kind.
        found: Spans that were found.
        count: Spans that there are.
    """

    right: int
    found: int
    count: int

    @property
    def precision(self) -> float:
        """Share of the found ones that are right; 0 where none was found."""
        return self.right / self.found if self.found else 0.0

    @property
    def recall(self) -> float:
        """Share of those that there are which were found; 0 where there is none."""
        return self.right / self.count if self.count else 0.0

    @property
    def f1(self) -> float:
        """Harmonic mean of both: ``2 right / (found + count)``; 0 where there is none and none was found."""
        return 2 * self.right / (self.found + self.count) if self.found + self.count else 0.0


@dataclasses.dataclass(frozen=True)
class SpanSummary:
    """How well spans were found, over all and by kind.

    Attributes:
        overall: Over all spans (the micro average).
        kinds: By kind, in the order of their names.
    """

    overall: SpanScores
    kinds: dict[str, SpanScores]

    @property
    def macro_f1(self) -> float:
        """Mean of the kinds' F1; 0 where there is none."""
        return sum(scores.f1 for scores in self.kinds.values()) / len(self.kinds) if self.kinds else 0.0


def spans_of(tags: Sequence[str], *, strict: bool = False) -> list[Span]:
    """Return the spans of a sentence.

    ``B-x`` begins a span of the kind x, ``I-x`` goes on with it, ``O`` is outside. As the script of the shared task
    CoNLL-2000 reads them (conlleval, https://www.clips.uantwerpen.be/conll2000/chunking/output.html), an ``I-x`` that
    has nothing of its kind before it begins a span too; ``strict`` passes over it and what follows, as seqeval's strict
    mode for this scheme (https://github.com/chakki-works/seqeval).

    Args:
        tags: The tags of its words.
        strict: Whether ``B`` alone begins a span.

    Raises:
        DataError: A tag is none of these.
    """
    found: list[Span] = []
    kind, start = None, 0
    for place, tag in enumerate([*tags, OUTSIDE]):
        begin, _, here = tag.partition("-")
        if tag != OUTSIDE and (begin not in ("B", "I") or not here):
            raise DataError(f"Tag {place + 1} of a sentence is {tag!r}. Expected O, B-kind or I-kind.")
        if begin == "I" and here == kind:
            continue
        if kind is not None:
            found.append(Span(kind, start, place))
        starts = begin == "B" or (begin == "I" and not strict)
        kind, start = (here if starts else None), place
    return found


def span_scores(
    tags: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]], *, strict: bool = False
) -> SpanSummary:
    """Compare the spans of sentences: one is right where its words and its kind are.

    Tjong Kim Sang and De Meulder, 2003, section 2.4 (https://aclanthology.org/W03-0419).

    Args:
        tags: The right tags of each sentence.
        predicted: Those that were found, as many.
        strict: As in `spans_of`, on both sides.

    Raises:
        DataError: The numbers of sentences or words differ, or a tag is wrong.
    """
    if [len(sentence) for sentence in tags] != [len(sentence) for sentence in predicted]:
        raise DataError("Expected a predicted tag for each word. Received sentences of other lengths.")
    right: Counter[str] = Counter()
    found: Counter[str] = Counter()
    count: Counter[str] = Counter()
    for wanted, given in zip(tags, predicted, strict=True):
        ours, theirs = set(spans_of(wanted, strict=strict)), set(spans_of(given, strict=strict))
        right.update(span.kind for span in ours & theirs)
        found.update(span.kind for span in theirs)
        count.update(span.kind for span in ours)
    kinds = {kind: SpanScores(right[kind], found[kind], count[kind]) for kind in sorted({*found, *count})}
    return SpanSummary(SpanScores(right.total(), found.total(), count.total()), kinds)
