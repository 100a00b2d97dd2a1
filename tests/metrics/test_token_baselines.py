"""What counts say of the next token, against sums written out."""

import math

import numpy as np
import pytest

from kerasarch.metrics.token_baselines import bigram_loss, unigram_loss

pytestmark = pytest.mark.backend_free
TRAIN, TEST = np.array([0, 1, 0, 1, 2, 0]), np.array([0, 1, 2, 2])


def test_unigrams():
    chances = [4 / 10, 3 / 10, 2 / 10, 1 / 10]  # one added to each of four counts
    assert unigram_loss(TRAIN, TEST, 4) == pytest.approx(-np.mean(np.log([chances[token] for token in TEST])))


def test_bigrams():
    single = [4 / 10, 3 / 10, 2 / 10, 1 / 10]
    followed = {(0, 1): 2, (1, 0): 1, (1, 2): 1, (2, 0): 1}
    before = {0: 2, 1: 2, 2: 1, 3: 0}
    chances = [(followed.get(pair, 0) + single[pair[1]]) / (before[pair[0]] + 1) for pair in [(0, 1), (1, 2), (2, 2)]]
    assert bigram_loss(TRAIN, TEST, 4) == pytest.approx(-np.mean(np.log(chances)))
    for token in range(4):  # a distribution for each token before
        assert sum(math.exp(-bigram_loss(TRAIN, np.array([token, after]), 4)) for after in range(4)) == pytest.approx(1)
