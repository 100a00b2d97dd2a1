"""CLIP's tokenizer against transformers', on a small vocabulary."""

import builtins
import logging

import numpy as np
import pytest

from kerasarch.errors import DependencyError, UsageError, WeightsError
from kerasarch.models import CLIPTokenizer
from tests.pipelines import vocabulary
from tests.pipelines import write_tokenizer as write

tokenizers = pytest.importorskip("tokenizers")
transformers = pytest.importorskip("transformers")
pytestmark = pytest.mark.quick_on("torch")  # no backend has a part in it

TEXTS = [
    "a cat",
    "",
    "  A CAT's\thats,\n\n 12 of THEM!!  ",
    "café naïve cafe\u0301 ÅNGSTRÖM",
    "we're it'll DON'T 'tis",
    "日本語 🐈 \u00a0 x\u200by ﬁ İ",
    "<|startoftext|> a <|endoftext|> cat <|ENDOFTEXT|>",
    "wow!a!!! cat ! (the) [cat]; don't-stop",
    "the cat the hat the cat the hat the cat",
    "s t 3.14 1,000 a_b #cat",
]


def same(ours, theirs, texts=TEXTS) -> None:
    """Every text gives the same numbers, padded and cut."""
    got = ours(texts)
    expected = theirs(list(texts), padding="max_length", truncation=True)
    for text, one, other in zip(texts, got["input_ids"], expected["input_ids"], strict=True):
        assert one.tolist() == list(other), text
    np.testing.assert_array_equal(got["attention_mask"], expected["attention_mask"])


@pytest.mark.parametrize("padding", ["<|endoftext|>", "!"])
def test_numbers_are_those_of_transformers(padding, tmp_path):
    """From the public files, from the files that transformers writes, and from those that are written here."""
    theirs = transformers.CLIPTokenizer.from_pretrained(write(tmp_path / "public", padding))
    ours = CLIPTokenizer.from_folder(tmp_path / "public")
    assert ours.length == 20
    assert ours("a")["input_ids"][0, 3] == theirs.pad_token_id
    same(ours, theirs)
    theirs.save_pretrained(tmp_path / "theirs")
    same(CLIPTokenizer.from_folder(tmp_path / "theirs"), theirs)
    ours.write(tmp_path / "ours")
    same(CLIPTokenizer.from_folder(tmp_path / "ours"), theirs)
    again = transformers.CLIPTokenizer.from_pretrained(tmp_path / "ours")
    assert again.model_max_length == 20
    same(ours, again)


def test_added_tokens(tmp_path):
    """A textual inversion adds a word, which is found whole."""
    theirs = transformers.CLIPTokenizer.from_pretrained(write(tmp_path / "public"))
    theirs.add_tokens(["<hat-style>"])
    theirs.save_pretrained(tmp_path / "more")
    texts = ["a cat in <hat-style>, <hat-style>"]
    ours = CLIPTokenizer.from_folder(tmp_path / "more")
    assert len(ours) == len(theirs)
    same(ours, theirs, texts)
    ours.write(tmp_path / "ours")
    same(CLIPTokenizer.from_folder(tmp_path / "ours"), theirs, texts)
    same(ours, transformers.CLIPTokenizer.from_pretrained(tmp_path / "ours"), texts)


def test_what_is_cut_is_said(tmp_path, caplog):
    ours = CLIPTokenizer.from_folder(write(tmp_path / "public"))
    with caplog.at_level(logging.WARNING, "kerasarch"):
        numbers = ours("the cat the hat the cat", length=6)["input_ids"][0]
    assert ours.decode(numbers) == "the cat the hat"
    assert "6 tokens, 4 fit" in caplog.text
    assert "'the cat'" in caplog.text
    caplog.clear()
    ours("the cat the hat", length=6)
    assert not caplog.text
    with pytest.raises(UsageError, match="at least 3"):
        CLIPTokenizer(*vocabulary(), length=2)
    with pytest.raises(UsageError, match="lacks: <none>"):
        CLIPTokenizer({"a": 0}, [], start="a", end="a", padding="a", unknown="<none>")


def test_folders_that_do_not_fit(tmp_path):
    def refused(match, change):
        folder = write(tmp_path / match[:3])
        change(folder)
        with pytest.raises(WeightsError, match=match):
            CLIPTokenizer.from_folder(folder)

    refused("merges.txt: no such file", lambda folder: (folder / "merges.txt").unlink())
    refused("tokenizer.json: no such file", lambda folder: (folder / "vocab.json").unlink())
    refused("not readable as JSON", lambda folder: (folder / "vocab.json").write_text("{"))
    refused("joins two tokens", lambda folder: (folder / "merges.txt").write_text("a b c\n"))
    refused("do_lower_case", lambda folder: write(folder, do_lower_case=False))
    refused("has number 99999", lambda folder: (folder / "added_tokens.json").write_text('{"<x>": 99999}'))

    def words(folder):
        (folder / "vocab.json").unlink()
        (folder / "tokenizer.json").write_text('{"model": {"type": "WordPiece"}}')

    refused("expected CLIP's byte pairs", words)


def test_without_the_package(tmp_path, monkeypatch):
    write(tmp_path / "public")
    original = builtins.__import__

    def missing(name, *arguments, **keywords):
        if name == "tokenizers":
            raise ImportError(name)
        return original(name, *arguments, **keywords)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(DependencyError, match="pip install"):
        CLIPTokenizer.from_folder(tmp_path / "public")


def test_learned_pairs(tmp_path):
    texts = ["a handwritten three"] * 3 + ["a handwritten seven"] * 2 + ["ein Hütchen"]
    tokenizer = CLIPTokenizer.learn(texts)
    assert tokenizer.length == 2 + max(tokenizer([text], length=77)["attention_mask"].sum() - 2 for text in texts)
    assert tokenizer("a handwritten three")["attention_mask"].sum() == 5  # one token a word, start and end
    assert tokenizer.decode(tokenizer("A handwritten  SEVEN")["input_ids"][0]) == "a handwritten seven"
    assert (tokenizer("日本語 🐈", length=77)["input_ids"][0, 1:4] != tokenizer.end).all()  # nothing is unknown
    small = CLIPTokenizer.learn(texts, size=516, length=20)
    assert (len(small), len(small.merges), small.length) == (516, 2, 20)
    longer = CLIPTokenizer.learn(texts, length=40)
    theirs = transformers.CLIPTokenizer.from_pretrained(str(longer.write(tmp_path / "learned")))
    same(longer, theirs)
    with pytest.raises(UsageError, match="514 tokens"):
        CLIPTokenizer.learn(texts, size=500)
