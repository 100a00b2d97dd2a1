"""Spellings of connectionist temporal classification against all paths that there are."""

import itertools

import numpy as np
import pytest

from kerasarch.errors import UsageError
from kerasarch.generation import ctc_beam_search, ctc_greedy

RNG = np.random.default_rng(0)
LOGITS = (2 * RNG.normal(size=(3, 5, 3))).astype("float32")
LENGTHS = [5, 3, 4]


def spelled(path, blank):
    return tuple(label for label, _ in itertools.groupby(path) if label != blank)


def all_spellings(logits, blank):
    """Every spelling with the sum of its paths' probabilities, and the best path's spelling."""
    shares = np.exp(logits.astype("float64")) / np.exp(logits.astype("float64")).sum(-1, keepdims=True)
    totals, paths = {}, {}
    for path in itertools.product(range(logits.shape[1]), repeat=len(logits)):
        paths[path] = np.prod([shares[frame, label] for frame, label in enumerate(path)])
        totals[spelled(path, blank)] = totals.get(spelled(path, blank), 0) + paths[path]
    return sorted(totals.items(), key=lambda pair: -pair[1]), spelled(max(paths, key=paths.get), blank)


@pytest.mark.parametrize("blank", [0, 2])
def test_beams_that_are_wide_enough_find_the_best_of_all(blank):
    found = ctc_beam_search(LOGITS, LENGTHS, beams=100, best=6, blank=blank)
    for row, logits, length in zip(found, LOGITS, LENGTHS, strict=True):
        expected, _ = all_spellings(logits[:length], blank)
        assert [tuple(one.tokens) for one in row] == [spelling for spelling, _ in expected[:6]]
        np.testing.assert_allclose([np.exp(one.score) for one in row], [share for _, share in expected[:6]], rtol=1e-5)


@pytest.mark.parametrize("blank", [0, 2])
def test_greedy_spelling_is_that_of_the_best_path(blank):
    found = ctc_greedy(LOGITS, LENGTHS, blank)
    assert found == [
        list(all_spellings(logits[:length], blank)[1]) for logits, length in zip(LOGITS, LENGTHS, strict=True)
    ]


def test_the_best_spelling_need_not_be_that_of_the_best_path():
    """The blank is likeliest in each frame, yet a label in some frame is likelier than none in any."""
    logits = np.log(np.array([[[0.6, 0.4], [0.6, 0.4]]], "float32"))
    assert ctc_greedy(logits) == [[]]
    ((best, none),) = ctc_beam_search(logits, beams=2, best=2)
    assert (best.tokens, none.tokens) == ([1], [])
    np.testing.assert_allclose(np.exp([best.score, none.score]), [0.64, 0.36], rtol=1e-6)


def test_repetitions_need_a_blank_between():
    sure = np.full((1, 5, 3), -20.0, "float32")
    sure[0, np.arange(5), [1, 1, 0, 1, 2]] = 20.0
    assert ctc_greedy(sure) == [[1, 1, 2]]
    assert ctc_beam_search(sure, beams=4)[0][0].tokens == [1, 1, 2]
    assert ctc_greedy(sure, [2]) == [[1]]
    assert ctc_beam_search(sure, [0])[0][0].tokens == []


def test_what_cannot_be_spelled_is_refused():
    with pytest.raises(UsageError, match="best must be from 1 to beams"):
        ctc_beam_search(LOGITS, beams=2, best=3)
    for lengths in ([6, 1, 1], [5, 5], [-1, 2, 2]):
        with pytest.raises(UsageError, match="lengths must be one a row, 0 to 5"):
            ctc_greedy(LOGITS, lengths)
