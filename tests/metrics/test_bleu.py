"""BLEU by hand on sentences small enough to count."""

import builtins
import math

import pytest

from kerasarch.errors import DependencyError, UsageError
from kerasarch.metrics.bleu import bleu

pytestmark = pytest.mark.backend_free


def test_counts_by_hand():
    pytest.importorskip("sacrebleu")
    found = bleu(["the cat sat on the mat today"], ["the cat sat on a mat"])
    # 5 of 7 words, 3 of 6 pairs, 2 of 5 triples, 1 of 4 fours; longer than the reference
    assert found.precisions == pytest.approx((500 / 7, 50, 40, 25))
    assert found.brevity == 1
    assert found.score == pytest.approx(100 * (5 / 7 * 3 / 6 * 2 / 5 * 1 / 4) ** 0.25)
    assert "tok:13a" in found.signature
    short = bleu(["the cat sat on"], ["the cat sat on a mat"])
    assert short.score == pytest.approx(100 * math.exp(1 - 6 / 4))
    # Over all sentences together, not the mean of each
    both = bleu(["the cat sat on the mat today", "yes , it did so"], ["the cat sat on a mat", "yes , it did so"])
    assert both.score == pytest.approx(100 * (10 / 12 * 7 / 10 * 5 / 8 * 3 / 6) ** 0.25)
    assert bleu(["The CAT sat on"], ["the cat sat on"], lower=True).score == pytest.approx(100)
    assert bleu(["The CAT sat on"], ["the cat sat on"]).score < 50
    with pytest.raises(UsageError, match="1 translations and 2 references"):
        bleu(["a"], ["a", "b"])


def test_the_package_is_missing(monkeypatch):
    usual = builtins.__import__

    def without(name, *others, **more):
        if name.startswith("sacrebleu"):
            raise ImportError(name)
        return usual(name, *others, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(DependencyError, match=r"pip install 'kerasarch\[text\]'"):
        bleu(["a"], ["a"])
