"""Spans taken out of texts: how many, how long, in what order, and back again."""

import numpy as np
import pytest

from kerasarch.data.span_corruption import CorruptedSpans, SpanCorruption, restored
from kerasarch.errors import DataError, UsageError

SENTINELS = tuple(range(99, 79, -1))
SPANS = SpanCorruption(SENTINELS, end=1)


def test_counts_and_order():
    rng = np.random.default_rng(0)
    ids = rng.integers(2, 80, 100)
    assert SPANS.counts(100) == (15, 5)
    assert SPANS.lengths(100) == (85 + 5 + 1, 15 + 5 + 1)
    taken, lengths = np.zeros(100), []
    for _ in range(400):
        read, written = SPANS(np.arange(100) + 200, rng)
        assert (len(read), len(written)) == SPANS.lengths(100)
        assert (read[-1], written[-1]) == (1, 1)
        # The first sentinel stands for the first span, on both sides
        assert [token for token in read if token in SENTINELS] == list(SENTINELS[:5])
        assert [token for token in written if token in SENTINELS] == list(SENTINELS[:5])
        places = np.flatnonzero(np.isin(written, SENTINELS))
        lengths += np.diff([*places, len(written) - 1]).tolist()
        gone = np.array([token - 200 for token in written if token >= 200])
        taken[gone] += 1
        assert read[0] == 200
        assert gone[-1] == 99  # as in the authors' code
        assert restored(read[:-1], written[:-1], SENTINELS) == list(range(200, 300))
    assert np.mean(np.array(lengths) - 1) == pytest.approx(3)
    # All ways to divide 15 tokens into 5 spans alike: the first has 1 with probability 4/14
    assert np.mean(np.array(lengths) == 2) == pytest.approx(4 / 14, abs=0.03)
    assert taken[10:80].mean() / 400 == pytest.approx(0.13, abs=0.03)
    read, written = SPANS(ids, rng)
    assert restored(read[:-1], written[:-1], SENTINELS) == ids.tolist()


def test_edges():
    assert SPANS.counts(2) == (1, 1)
    read, written = SpanCorruption(SENTINELS)(np.array([7, 8]), np.random.default_rng(0))
    assert read.tolist() == [7, 99]
    assert written.tolist() == [99, 8]
    for length in (3, 10, 91, 92, 150):
        longest = SPANS.longest(length)
        assert SPANS.lengths(longest)[0] <= length < SPANS.lengths(longest + 1)[0]
    half = SpanCorruption(SENTINELS, share=0.5, mean=1.0)
    assert half.counts(8) == (4, 4)
    # A model that forgets a sentinel loses its span alone
    assert restored([7, 99, 5, 98], [98, 8, 9], SENTINELS) == [7, 5, 8, 9]
    with pytest.raises(UsageError, match="2 tokens or more"):
        SPANS.counts(1)
    with pytest.raises(UsageError, match="there are 20 sentinels"):
        SPANS.counts(2000)
    with pytest.raises(UsageError, match="between 0 and 1"):
        SpanCorruption(SENTINELS, share=1.0)
    with pytest.raises(UsageError, match="Give more"):
        SPANS.longest(2)


def test_batches():
    tokens = np.arange(1000) % 70 + 2
    batches = CorruptedSpans(tokens, SPANS, length=40, batch=4, steps=3, start=0, seed=5)
    inputs, targets = batches.batch(1, 2)
    assert inputs["source_ids"].shape == (4, SPANS.lengths(batches.inner)[0])
    assert inputs["source_mask"].all()
    np.testing.assert_array_equal(inputs["target_ids"][:, 1:], targets["logits"][:, :-1])
    assert set(inputs["target_ids"][:, 0]) == {0}
    for read, written in zip(inputs["source_ids"], targets["logits"], strict=True):
        whole = restored(read[:-1], written[:-1], SENTINELS)
        assert len(whole) == batches.inner
        assert set(np.diff(whole) % 70) == {1}  # nothing but the spans was changed
    np.testing.assert_array_equal(batches.batch(1, 2)[1]["logits"], targets["logits"])
    assert not np.array_equal(batches.batch(0, 2)[1]["logits"], targets["logits"])
    judged = CorruptedSpans(tokens, SPANS, length=40, batch=4)
    first = judged.batch(0, 0)
    assert restored(first[0]["source_ids"][1][:-1], first[1]["logits"][1][:-1], SENTINELS) == (
        tokens[judged.inner : 2 * judged.inner].tolist()
    )
    np.testing.assert_array_equal(judged.batch(3, 0)[1]["logits"], first[1]["logits"])
    with pytest.raises(DataError, match="too few"):
        CorruptedSpans(tokens[:30], SPANS, length=40, batch=4, steps=1)
