"""Edit distances by hand, by all ways there are, and the share of wrong words."""

import functools

import numpy as np
import pytest

from kerasarch.errors import UsageError
from kerasarch.metrics import edit_distance, error_rate


def by_all_ways(first, second):
    """The definition: the cheapest way to treat the last parts, and what is left."""

    @functools.cache
    def cost(here, there):
        if not here or not there:
            return here + there
        exchanged = cost(here - 1, there - 1) + (first[here - 1] != second[there - 1])
        return min(exchanged, cost(here - 1, there) + 1, cost(here, there - 1) + 1)

    return cost(len(first), len(second))


def test_edit_distances():
    assert edit_distance("kitten", "sitting") == 3
    assert edit_distance(["one", "two"], ["two"]) == 1
    assert edit_distance("", "abc") == edit_distance("abc", "") == 3
    rng = np.random.default_rng(0)
    for _ in range(60):
        first, second = (rng.integers(0, 3, rng.integers(0, 8)).tolist() for _ in range(2))
        assert edit_distance(first, second) == by_all_ways(first, second)


def test_error_rates():
    assert error_rate([["one", "two"], ["three"]], [["one"], ["four", "three"]]) == pytest.approx(2 / 3)
    assert error_rate(["abc"], ["abc"]) == 0
    with pytest.raises(UsageError, match="2 and 1 rows"):
        error_rate(["a", "b"], ["a"])
    with pytest.raises(UsageError, match="0 parts"):
        error_rate([""], ["a"])
