"""Hidden tokens: how many, which, what becomes of them, by the definition and by counts."""

import numpy as np
import pytest

from kerasarch.data import ByteTokenizer, PieceTokenizer
from kerasarch.data.packing import IGNORED
from kerasarch.data.token_masking import HiddenOneByOne, MaskedPassages, TokenMasking, masking_of, word_numbers
from kerasarch.errors import DataError, UsageError

MASKING = TokenMasking(mask=3, vocabulary=50, special=(0, 1, 2, 3))
BYTES = ByteTokenizer(special=("class", "start", "end", "mask"))


def test_shares():
    rng = np.random.default_rng(0)
    ids = rng.integers(0, 50, (400, 100))
    read, targets = MASKING(ids, rng)
    chosen = targets != IGNORED
    ordinary = ids > 3
    assert not (chosen & ~ordinary).any()
    np.testing.assert_array_equal(targets[chosen], ids[chosen])
    np.testing.assert_array_equal(read[~chosen], ids[~chosen])
    assert chosen[ordinary].mean() == pytest.approx(0.15, abs=0.006)
    assert (read[chosen] == 3).mean() == pytest.approx(0.8, abs=0.02)
    # One of 46 other tokens is the same
    assert (read[chosen] == ids[chosen]).mean() == pytest.approx(0.1 + 0.1 / 46, abs=0.015)
    changed = read[chosen & (read != 3) & (read != ids)]
    assert set(changed.tolist()) == set(range(4, 50))
    again, _ = MASKING(ids, np.random.default_rng(5))
    np.testing.assert_array_equal(again, MASKING(ids, np.random.default_rng(5))[0])
    assert not np.array_equal(again, read)


def test_whole_words():
    rng = np.random.default_rng(1)
    ids = rng.integers(4, 50, (300, 90))
    words = np.cumsum(rng.random(ids.shape) < 0.4, axis=1)
    _, targets = MASKING(ids, rng, words)
    chosen = targets != IGNORED
    for row in range(300):
        for word in np.unique(words[row]):
            assert len(set(chosen[row][words[row] == word])) == 1
    assert chosen.mean() == pytest.approx(0.15, abs=0.015)
    # Equal numbers in other rows are other words
    assert 0 < chosen[:, 0].mean() < 1


def test_where_words_begin():
    text = "The naïve foo_bar(1, x2) ends."
    pieces = [(0, 3), (3, 4), (4, 6), (6, 9), (9, 10), (10, 13), (13, 17), (17, 18), (18, 19), (19, 20), (20, 22)]
    assert word_numbers(text, pieces).tolist() == [0, 1, 2, 2, 3, 4, 4, 5, 6, 7, 8]
    ids, offsets = BYTES.locate("é a")
    assert len(ids) == 4
    assert word_numbers("é a", offsets).tolist() == [0, 0, 1, 2]  # the bytes of a character are one word
    pytest.importorskip("tokenizers")
    learned = PieceTokenizer.learn(["abcd abce abd"] * 3, size=20, kind="wordpiece")
    ids, offsets = learned.locate("abcde ab")
    assert word_numbers("abcde ab", offsets)[-1] == 1
    assert len(ids) > 2
    assert word_numbers("", []).tolist() == []


def test_passages():
    text = np.arange(32, 132)
    masking = masking_of(BYTES)
    assert masking.special == (256, 257, 258, 259)
    held_out = MaskedPassages(text, BYTES, masking, length=12, batch=4)
    assert held_out.steps == 3
    found = held_out.passages(held_out.places)
    assert found.shape == (10, 12)
    assert set(found[:, 0]) == {257}
    assert set(found[:, -1]) == {258}
    np.testing.assert_array_equal(found[:, 1:-1].ravel(), text)
    inputs, targets = held_out.batch(0, 2)
    assert inputs["input_ids"].shape == (4, 12)
    assert (targets["logits"][2:] == IGNORED).all()  # filled up
    np.testing.assert_array_equal(held_out.batch(7, 2)[0]["input_ids"], inputs["input_ids"])
    drawn = MaskedPassages(text, BYTES, masking, length=12, batch=4, steps=5, seed=2, words=np.arange(100) // 2)
    first, again, later = (drawn.batch(epoch, 1) for epoch in (0, 0, 1))
    np.testing.assert_array_equal(first[0]["input_ids"], again[0]["input_ids"])
    assert not np.array_equal(first[0]["input_ids"], later[0]["input_ids"])
    whole = np.where(first[1]["logits"] == IGNORED, first[0]["input_ids"], first[1]["logits"])
    np.testing.assert_array_equal(np.diff(whole[:, 1:-1]), 1)  # nothing but the chosen tokens was changed
    with pytest.raises(DataError, match="shorter context"):
        MaskedPassages(text, BYTES, masking, length=103, batch=4)


def test_one_by_one():
    rows = np.array([[257, 40, 41, 258], [257, 42, 256, 258]], "int32")
    hidden = HiddenOneByOne(rows, masking_of(BYTES), batch=2)
    assert hidden.steps == 2
    (first, wanted), (last, filled) = hidden.batch(0, 0), hidden.batch(0, 1)
    assert first["input_ids"].tolist() == [[257, 259, 41, 258], [257, 40, 259, 258]]
    assert wanted["logits"].tolist() == [[IGNORED, 40, IGNORED, IGNORED], [IGNORED, IGNORED, 41, IGNORED]]
    assert last["input_ids"][0].tolist() == [257, 259, 256, 258]
    assert filled["logits"][0].tolist() == [IGNORED, 42, IGNORED, IGNORED]
    assert (filled["logits"][1] == IGNORED).all()


def test_what_is_refused():
    with pytest.raises(UsageError, match="without a mask"):
        masking_of(ByteTokenizer())
    with pytest.raises(UsageError, match="above 0"):
        TokenMasking(3, 50, share=0.0)
    with pytest.raises(UsageError, match="nothing to guess"):
        TokenMasking(0, 2, special=(1,))
