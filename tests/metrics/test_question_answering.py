"""Exact match and F1 of answers, on cases worked out by hand from the definition in the paper."""

import pytest

from kerasarch.metrics.question_answering import exact_match, normalized_answer, token_f1


def test_what_is_compared():
    assert normalized_answer(" The  Quick, brown-fox's\tA tail!") == "quick brownfoxs tail"
    assert normalized_answer("an anthem of the theatre") == "anthem of theatre"
    assert normalized_answer("...") == ""


@pytest.mark.parametrize(
    ("answer", "accepted", "exact", "f1"),
    [
        ("The Eiffel Tower", ["Eiffel tower.", "tower"], 1, 1),
        ("tall Eiffel Tower", ["Eiffel tower", "a hut"], 0, 2 * 2 / (3 + 2)),
        ("red red blue", ["red green"], 0, 2 * 1 / (3 + 2)),  # a word counts as often as both have it
        ("blue", ["red"], 0, 0),
        ("", [], 1, 1),
        ("blue", [], 0, 0),
        ("", ["red"], 0, 0),
        ("", ["the"], 1, 1),  # nothing is left of it
        ("red", ["the", "red"], 1, 1),
    ],
)
def test_by_hand(answer, accepted, exact, f1):
    assert exact_match(answer, accepted) == exact
    assert token_f1(answer, accepted) == pytest.approx(f1)
