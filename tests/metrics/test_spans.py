"""Scores of spans against their definition on every short sentence, and against cases counted by hand."""

import itertools

import pytest

from kerasarch.errors import DataError
from kerasarch.metrics import span_scores, spans_of

pytestmark = pytest.mark.backend_free
TAGS = ("O", "B-x", "I-x", "B-y", "I-y")


def begins(tags, place):
    """conlleval: a B, or an I behind anything but its own kind."""
    tag, before = tags[place], tags[place - 1] if place else "O"
    return tag[0] == "B" or (tag[0] == "I" and before[1:] != tag[1:])


def goes_on(tags, place):
    return place < len(tags) and tags[place][0] == "I" and not begins(tags, place)


def by_definition(tags):
    """All (kind, start, end) whose first word begins a span, whose others go on with it, and which cannot be longer."""
    found = []
    for start, end in itertools.combinations(range(len(tags) + 1), 2):
        inner = all(goes_on(tags, place) for place in range(start + 1, end))
        if tags[start] != "O" and begins(tags, start) and inner and not goes_on(tags, end):
            found.append((tags[start][2:], start, end))
    return found


def test_spans_by_the_definition():
    for tags in itertools.product(TAGS, repeat=4):
        assert [tuple(span) for span in spans_of(tags)] == by_definition(tags), tags


def test_strict_spans_begin_with_b():
    for tags in itertools.product(TAGS, repeat=4):
        wanted = [(kind, start, end) for kind, start, end in by_definition(tags) if tags[start][0] == "B"]
        assert [tuple(span) for span in spans_of(tags, strict=True)] == wanted, tags


def test_scores_counted_by_hand():
    """Three spans there are; four are found: one right, one with a word too many, one of another kind, one of none."""
    tags = [["B-x", "I-x", "O", "B-y", "O"], ["B-x", "O"]]
    found = [["B-x", "I-x", "O", "B-y", "I-y"], ["B-y", "B-x"]]
    scores = span_scores(tags, found)
    assert (scores.overall.right, scores.overall.found, scores.overall.count) == (1, 4, 3)
    assert scores.overall.precision == 1 / 4
    assert scores.overall.recall == 1 / 3
    assert scores.overall.f1 == pytest.approx(2 / 7)
    assert list(scores.kinds) == ["x", "y"]
    assert scores.kinds["x"].f1 == pytest.approx(2 * (1 / 2) * (1 / 2))
    assert scores.kinds["y"].f1 == 0
    assert scores.macro_f1 == pytest.approx(1 / 4)


def test_seqeval_s_own_example():
    """The example on seqeval's page: F1 0.50; its strict mode agrees, as no span begins with I."""
    tags = [["O", "O", "O", "B-MISC", "I-MISC", "I-MISC", "O"], ["B-PER", "I-PER", "O"]]
    found = [["O", "O", "B-MISC", "I-MISC", "I-MISC", "I-MISC", "O"], ["B-PER", "I-PER", "O"]]
    for strict in (False, True):
        assert span_scores(tags, found, strict=strict).overall.f1 == 0.5


def test_nothing_to_find():
    scores = span_scores([["O"], []], [["O"], []])
    assert (scores.overall.precision, scores.overall.recall, scores.overall.f1, scores.macro_f1) == (0, 0, 0, 0)


@pytest.mark.parametrize("tag", ["S-x", "B", "I-", "x", "B_x"])
def test_tags_of_other_schemes(tag):
    with pytest.raises(DataError, match=f"Tag 2 of a sentence is '{tag}'"):
        spans_of(["O", tag])


def test_sentences_of_other_lengths():
    with pytest.raises(DataError, match="other lengths"):
        span_scores([["O"]], [["O", "O"]])
