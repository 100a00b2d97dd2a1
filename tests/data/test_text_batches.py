"""Batches of labelled texts and of tagged sentences: shapes, order, resuming, changes, and where labels stand."""

import numpy as np
import pytest

from kerasarch.data import (
    ByteTokenizer,
    CharacterTokenizer,
    LabelledTexts,
    PieceTokenizer,
    TagBatches,
    TaggedSentences,
    TextBatches,
    TokenTagReader,
    WordDropout,
    WordTagReader,
    WordVocabulary,
)
from kerasarch.data.tag_readers import load_tag_reader
from kerasarch.errors import DataError

TEXTS = LabelledTexts(tuple("ab" * count for count in (1, 9, 2, 8, 3, 20, 1, 9, 2, 8, 3)), np.arange(11) % 3)
LETTERS = CharacterTokenizer("ab .")


def of_epoch(batches, epoch):
    return [batches.batch(epoch, index) for index in range(batches.steps)]


def test_texts_of_like_length_go_together():
    batches = TextBatches(TEXTS, LETTERS, batch=2, length=30, seed=3)
    assert batches.steps == 5
    assert len(batches.widths) == 4
    assert batches.widths[-1] == 30
    seen = []
    for inputs, targets in of_epoch(batches, 0):
        ids, mask = inputs["input_ids"], inputs["attention_mask"]
        assert ids.shape == mask.shape == (2, ids.shape[1])
        assert ids.shape[1] in batches.widths
        for row, there, label in zip(ids, mask, targets["logits"], strict=True):
            text = LETTERS.decode(row[: there.sum()])
            assert there.tolist() == sorted(there, reverse=True)
            assert (text, label) in {(whole[:30], kind) for whole, kind in zip(TEXTS.texts, TEXTS.labels, strict=True)}
            seen.append(text)
    assert len(seen) == 10
    filled = sum(inputs["attention_mask"].mean() for inputs, _ in of_epoch(batches, 0)) / 5
    assert filled > 0.75  # all padded to the longest would be 0.4


def test_epochs_differ_and_come_again():
    batches = TextBatches(TEXTS, LETTERS, batch=2, length=30, seed=3)
    first, second = (np.concatenate(batches.places(epoch)) for epoch in (0, 1))
    assert len(set(first)) == 10
    assert first.tolist() != second.tolist()
    again = TextBatches(TEXTS, LETTERS, batch=2, length=30, seed=3)
    assert np.concatenate(again.places(1)).tolist() == second.tolist()
    np.testing.assert_array_equal(again.batch(1, 4)[0]["input_ids"], batches.batch(1, 4)[0]["input_ids"])
    in_order = TextBatches(TEXTS, LETTERS, batch=2, length=30, shuffle=False)
    assert sorted(np.concatenate(in_order.places(5))) == list(range(11))
    assert in_order.batch(5, in_order.steps - 1)[1]["logits"].shape == (1,)
    few = TextBatches(TEXTS.subset([0, 1]), LETTERS, batch=64, length=30)
    assert (few.steps, few.batch(0, 0)[0]["input_ids"].shape) == (1, (2, 18))
    with pytest.raises(DataError, match="one row at least"):
        TextBatches(TEXTS.subset([]), LETTERS, batch=2, length=30)


def test_changes_differ_by_epoch_and_come_again():
    texts = LabelledTexts(("a b a b a b a b",) * 4, np.zeros(4, int))
    batches = TextBatches(texts, LETTERS, batch=4, length=40, seed=1, change=WordDropout(0.4))
    plain, other = (batches.batch(epoch, 0)[0]["attention_mask"].sum(axis=1).tolist() for epoch in (0, 1))
    assert max(plain) <= 15
    assert len({*plain, *other}) > 2
    again = TextBatches(texts, LETTERS, batch=4, length=40, seed=1, change=WordDropout(0.4))
    assert again.batch(1, 0)[0]["attention_mask"].sum(axis=1).tolist() == other
    longer = TextBatches(texts, LETTERS, batch=4, length=40, change=lambda text, draw: text * 3)
    assert longer.batch(0, 0)[0]["input_ids"].shape == (4, 40)


WORDS = (("New", "York", "is", "big"), ("I", "like", "Yorkshire"))
TAGS = (("B-place", "I-place", "O", "O"), ("O", "O", "B-place"))
SENTENCES = TaggedSentences(WORDS, TAGS)
LABELS = ("O", "B-place", "I-place")


def byte_pairs():
    """RoBERTa's kind: what stands before a word belongs to its first token."""
    pytest.importorskip("tokenizers")
    return PieceTokenizer.learn([" ".join(words) for words in WORDS] * 3, size=290)


def word_pieces():
    pytest.importorskip("tokenizers")
    return PieceTokenizer.learn([" ".join(words) for words in WORDS] * 3, size=40, kind="wordpiece")


@pytest.mark.parametrize("make", [byte_pairs, word_pieces, lambda: ByteTokenizer(("start", "end"))])
def test_a_label_stands_at_the_first_token_of_its_word(make):
    tokenizer = make()
    batches = TagBatches(SENTENCES, LABELS, TokenTagReader(tokenizer, 64), batch=2, shuffle=False)
    inputs, targets = batches.batch(0, 0)
    for row, labels in zip(inputs["input_ids"], targets["logits"], strict=True):
        number = 0 if (labels == 2).any() else 1
        places = np.flatnonzero(labels != -100)
        assert [LABELS[labels[place]] for place in places] == list(TAGS[number])
        ends = [*places[1:], len(row)]
        for word, start, end in zip(WORDS[number], places, ends, strict=True):
            text = tokenizer.decode(row[start:end]).replace(" ", "")
            assert text.startswith(word)
            if end != len(row):
                assert text == word


def test_words_that_are_cut_off_have_no_label():
    reader = TokenTagReader(LETTERS, 5)
    row = reader.read(("ab", "b", "a", "aab"))
    assert list(row.places) == [0, 3, None, None]
    assert len(row.ids) == 5


def test_words_and_their_spelling(tmp_path):
    vocabulary = WordVocabulary.learn([*WORDS, ("is",)], 5)
    assert vocabulary.words[0] == "is"
    assert vocabulary.sizes == (7, 2 + len(set("NewYorkisbigIlikeYorkshire")))
    reader = WordTagReader(vocabulary, 3, unknown=1.0)
    rows = [reader.read(words) for words in (("IS", "xyz", "is", "is"), ("Y" * 20 + "k",))]
    assert list(rows[0].places) == [0, 1, 2, None]
    inputs = reader.inputs(rows, 3)
    assert inputs["word_ids"].tolist() == [[2, 1, 2], [1, 0, 0]]
    assert inputs["character_ids"].shape == (2, 3, 16)
    decoded = [
        "".join(("", "?", *vocabulary.characters)[number] for number in row) for row in inputs["character_ids"][0]
    ]
    assert decoded == ["I?", "???", "is"]
    assert (inputs["character_ids"][1, 0] > 1).all()
    assert not inputs["character_ids"][1, 1:].any()
    rare = reader.read((vocabulary.words[1], "is"))
    assert reader.inputs([rare], 2)["word_ids"].tolist() == [[3, 2]]
    assert reader.inputs([rare], 2, np.random.default_rng(0))["word_ids"].tolist() == [[1, 2]]
    loaded = load_tag_reader(reader.write(tmp_path), 3)
    assert (loaded.vocabulary.words, loaded.vocabulary.rare) == (vocabulary.words, vocabulary.rare)
