"""Linear models of texts and words: they learn what linear models can, and what they look at."""

import numpy as np
import pytest

from kerasarch.metrics.tag_baselines import feature_tags, word_features, word_shape
from kerasarch.metrics.text_baselines import ngram_probabilities

pytestmark = pytest.mark.backend_free


def test_pairs_of_words_tell_what_words_do_not():
    """Both classes have the same words; their order is the class."""
    train = ["good not bad", "bad not good", "so good not bad", "so bad not good"] * 4
    labels = np.array([0, 2, 0, 2] * 4)
    found = ngram_probabilities(train, labels, train[:4], labels[:4], ["very good not bad", "very bad not good"], 3)
    assert found.argmax(axis=1).tolist() == [0, 2]
    np.testing.assert_allclose(found.sum(axis=1), 1)
    assert not found[:, 1].any()  # nobody has seen it


def test_shapes():
    shapes = {"Word": "Xxxx", "internationally": "xxx", "AB-12": "XX-dd", "iPhone7": "xXxxxd", "...": "...", "": ""}
    assert {word: word_shape(word) for word in shapes} == shapes


def test_what_a_linear_tagger_looks_at():
    found = word_features(("In", "Paris", ","), 1)
    assert found | {
        "word": "paris", "exactly": "Paris", "shape": "Xxxx", "ends2": "is", "begins3": "par", "word-1": "in",
        "shape-1": "Xx", "word+1": ",", "word+2": "(none)", "word-2": "(none)",
    } == found  # fmt: skip


def test_tags_of_unseen_words():
    """A capital letter in the middle of a sentence, and the word before it, say what a word is."""
    train = [("the", "man", verb, "to", name) for verb in ("goes", "runs") for name in ("Rome", "Oslo", "Lima", "Bonn")]
    tags = [("O", "O", "O", "O", "B-place")] * len(train)
    test = [("the", "dog", "runs", "to", "Kyiv"), ("the", "man")]
    assert feature_tags(train, tags, test) == [["O", "O", "O", "O", "B-place"], ["O", "O"]]
    assert feature_tags(train, tags, test, seed=1) == feature_tags(train, tags, test, seed=1)
    assert feature_tags(train[:1], [("O",) * 5], test) == [["O"] * 5, ["O"] * 2]
