"""Texts to texts: what a search is asked, in which order, and what comes back."""

import types

import pytest

from kerasarch.data import ByteTokenizer
from kerasarch.errors import UsageError
from kerasarch.generation import Hypothesis, TextTranslator

TOKENIZER = ByteTokenizer(("padding", "start", "end"))


class Backwards:
    """A search whose translation of a text is the text backwards."""

    reads, model = True, None

    def __init__(self):
        self.asked = []

    def __call__(self, rows, new):
        self.asked.append(([len(row) for row in rows], new))
        return [[Hypothesis(list(row[1:-1][::-1]), 0.0)] for row in rows]


def test_each_text_gets_its_own_translation():
    search = Backwards()
    translate = TextTranslator(search, TOKENIZER, batch=2, room=2.0, spare=3)
    texts = ["a long text", "ab", "abcde", "", "abc"]
    assert translate(texts) == [text[::-1] for text in texts]
    # Like lengths together, with start and end; the last batch is filled up
    assert search.asked == [([2, 4], 11), ([5, 7], 17), ([13, 13], 29)]
    search.asked.clear()
    assert translate(["abc"], new=7) == ["cba"]
    assert search.asked == [([5], 7)]


def test_what_is_refused():
    with pytest.raises(UsageError, match="model with read_source"):
        TextTranslator(types.SimpleNamespace(reads=False, model=None), TOKENIZER)
    with pytest.raises(UsageError, match="batch=0"):
        TextTranslator(Backwards(), TOKENIZER, batch=0)
