"""ROUGE on the paper's examples, cases worked out by hand, and against trying all subsequences."""

import itertools

import numpy as np
import pytest

from kerasarch.errors import UsageError
from kerasarch.metrics.rouge import Overlap, common_subsequence, rouge, rouge_l, rouge_n, words


def test_the_examples_of_the_paper():
    # Lin, 2004, section 3.1: S1 to S3
    reference = "police killed the gunman"
    assert rouge_n("police kill the gunman", reference, 2).recall == pytest.approx(1 / 3)
    assert rouge_n("the gunman kill police", reference, 2).recall == pytest.approx(1 / 3)
    assert rouge_l("police kill the gunman", reference).f1 == pytest.approx(3 / 4)
    assert rouge_l("the gunman kill police", reference).f1 == pytest.approx(2 / 4)
    assert rouge_l("the gunman police killed", reference).f1 == pytest.approx(2 / 4)


def test_by_hand():
    assert words("Don't stop_2 Größe!") == ["don", "t", "stop", "2", "größe"]
    # "a" is there three times and twice; rows of two: a a, a a, a b / a a, a c
    assert rouge_n("a a a b", "A a, c", 1) == Overlap(2 / 4, 2 / 3, pytest.approx(4 / 7))
    assert rouge_n("a a a b", "A a, c", 2) == Overlap(1 / 3, 1 / 2, pytest.approx(2 / 5))
    assert rouge_n("a", "a b", 2) == Overlap(0, 0, 0)
    assert rouge_l("", "a b") == Overlap(0, 0, 0)
    found = rouge(["a b c", "x"], ["a c", "y"])
    assert found == pytest.approx({"rouge1": 40, "rouge2": 0, "rougeL": 40})
    with pytest.raises(UsageError, match="1 or more"):
        rouge_n("a", "a", 0)
    with pytest.raises(UsageError, match="a reference for each"):
        rouge(["a"], [])


def test_against_all_subsequences():
    rng = np.random.default_rng(0)
    for _ in range(60):
        first, second = (list(rng.choice(list("abc"), rng.integers(0, 8))) for _ in range(2))
        rows = [
            {
                tuple(one[place] for place in places)
                for n in range(9)
                for places in itertools.combinations(range(len(one)), n)
            }
            for one in (first, second)
        ]
        assert common_subsequence(first, second) == max(map(len, rows[0] & rows[1]))
