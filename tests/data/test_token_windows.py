"""Windows of tokens: each token's target is the next one, draws depend on seed and place alone."""

import numpy as np
import pytest

from kerasarch.data import TokenPassages, TokenWindows, load_corpus
from kerasarch.errors import DataError, UsageError

ROW = np.arange(100)


def test_windows_are_drawn_by_seed_epoch_and_index():
    windows = TokenWindows(ROW, length=7, batch=5, steps=4, seed=3)
    seen = []
    for epoch in range(3):
        for index in range(4):
            ids, targets = windows.batch(epoch, index)
            assert ids.shape == targets["logits"].shape == (5, 7)
            assert ids.dtype == np.int32
            np.testing.assert_array_equal(ids + 1, targets["logits"])
            np.testing.assert_array_equal(np.diff(ids), 1)
            seen.append(ids[:, 0].tolist())
    assert len({tuple(row) for row in seen}) == 12
    again = TokenWindows(ROW, length=7, batch=5, steps=4, seed=3)
    np.testing.assert_array_equal(again.batch(2, 1)[0], windows.batch(2, 1)[0])
    other = TokenWindows(ROW, length=7, batch=5, steps=4, seed=4)
    assert other.batch(2, 1)[0].tolist() != windows.batch(2, 1)[0].tolist()
    whole = TokenWindows(np.arange(8), length=7, batch=2, steps=1)
    assert whole.batch(0, 0)[0].tolist() == [list(range(7))] * 2


def test_passages_hold_each_token_once():
    passages = TokenPassages(ROW, length=7, batch=4)
    targets = np.concatenate([passages.batch(0, index)[1]["logits"].ravel() for index in range(passages.steps)])
    assert targets.tolist() == list(range(1, 99))  # of 14 windows; one token is left over
    assert [len(passages.batch(0, index)[0]) for index in range(passages.steps)] == [4, 4, 4, 2]
    assert TokenPassages(np.arange(15), length=7, batch=4).places.tolist() == [0, 7]


def test_too_few_tokens():
    for kind, options in ((TokenWindows, {"steps": 1}), (TokenPassages, {})):
        with pytest.raises(DataError, match="8"):
            kind(np.arange(7), length=7, batch=1, **options)


def test_texts(tmp_path):
    (tmp_path / "b.txt").write_text("second", encoding="utf-8")
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "a.md").write_text("first\r\n", encoding="utf-8-sig")
    (tmp_path / "c.png").write_bytes(b"\x89")
    corpus = load_corpus(tmp_path, validation=0.25)
    assert (corpus.train, corpus.validation) == ("first\n\nsec", "ond")
    assert load_corpus(tmp_path / "b.txt", characters=4, validation=0.5).validation == "co"
    python = load_corpus("python", characters=5000)
    assert (len(python.train), len(python.validation)) == (4500, 500)
    assert load_corpus("python", characters=5000) == python
    assert "import" in python.train
    package = load_corpus("python:json", characters=5000)
    assert package.name == "the source of json"
    assert package.train.startswith('r"""JSON')
    with pytest.raises(UsageError, match="no package 'jsonn'"):
        load_corpus("python:jsonn")


def test_texts_that_there_are_not(tmp_path):
    (tmp_path / "latin.txt").write_bytes("über".encode("latin-1"))
    (tmp_path / "short.txt").write_text("a")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"byte 0\).*iconv"):
        load_corpus(tmp_path / "latin.txt")
    with pytest.raises(DataError, match="too little"):
        load_corpus(tmp_path / "short.txt")
    with pytest.raises(DataError, match=r"no file that ends in \.txt"):
        load_corpus(tmp_path / "empty")
    with pytest.raises(UsageError, match="Did you mean 'python'"):
        load_corpus("pyton")
    with pytest.raises(UsageError, match="above 0"):
        load_corpus(tmp_path / "short.txt", validation=1.0)
