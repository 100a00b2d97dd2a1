"""Marian's tokenizers against transformers, from its folders and back into them."""

import json

import numpy as np
import pytest

from kerasarch.data import MarianTokenizer, load_tokenizer
from kerasarch.errors import WeightsError

ENGLISH = ["The quick brown fox jumps over the lazy dog.", "A dog that barks does not bite; the fox bit 12 dogs."] * 3
GERMAN = ["Der schnelle braune Fuchs springt über den Hund.", "Ein Hund, der bellt, beißt nicht: 12 Hunde."] * 3
TEXTS = ["The foxes jumped", ">>deu<< a dog, über 2024", "", "  two  spaces ☃ beißt", ">>xyz<<the dog", "</s> fox"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder as the public ones are, with pieces of both languages in one vocabulary."""
    sentencepiece = pytest.importorskip("sentencepiece")
    folder = tmp_path_factory.mktemp("marian")
    pieces = []
    for name, texts in (("source", ENGLISH), ("target", GERMAN)):
        (folder / "corpus.txt").write_text("\n".join(texts), encoding="utf-8")
        sentencepiece.SentencePieceTrainer.train(
            input=str(folder / "corpus.txt"), model_prefix=str(folder / name), minloglevel=2, vocab_size=38,
        )  # fmt: skip
        (folder / f"{name}.model").rename(folder / f"{name}.spm")
        model = sentencepiece.SentencePieceProcessor(model_file=str(folder / f"{name}.spm"))
        pieces += [model.id_to_piece(number) for number in range(3, model.get_piece_size())]
    names = list(dict.fromkeys(["</s>", "<unk>", *sorted(pieces), ">>deu<<", "<pad>"]))
    (folder / "vocab.json").write_text(json.dumps({piece: number for number, piece in enumerate(names)}))
    config = {"tokenizer_class": "MarianTokenizer", "source_lang": "eng", "target_lang": "deu", "model_max_length": 40}
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    return folder


@pytest.mark.filterwarnings("ignore:Recommended. pip install sacremoses")
def test_tokens_and_texts_are_those_of_transformers(folder, tmp_path):
    transformers = pytest.importorskip("transformers")
    theirs, ours = transformers.MarianTokenizer.from_pretrained(folder), load_tokenizer(folder)
    assert isinstance(ours, MarianTokenizer)
    assert len(ours) == len(theirs)
    for text in TEXTS:
        assert ours.encode(text) == theirs.encode(text, add_special_tokens=False), text
    want = theirs(TEXTS, padding=True)
    found = ours(TEXTS)
    for name in ("input_ids", "attention_mask"):
        np.testing.assert_array_equal(found[name], want[name])
    assert ours.encode(TEXTS[1])[0] == ours.vocabulary[">>deu<<"]
    written = theirs(text_target=GERMAN[1]).input_ids
    assert written == [*(ours.vocabulary[piece] for piece in theirs.spm_target.encode(GERMAN[1], out_type=str)), 0]
    assert ours.decode(written) == GERMAN[1] == theirs.decode(written, skip_special_tokens=True)
    assert ours.decode(written, special=True).replace(" ", "") == theirs.decode(written).replace(" ", "")
    again = transformers.MarianTokenizer.from_pretrained(ours.write(tmp_path / "again"))
    assert again(TEXTS).input_ids == theirs(TEXTS).input_ids
    assert (again.source_lang, again.target_lang, again.model_max_length) == ("eng", "deu", 40)
    assert load_tokenizer(tmp_path / "again")(TEXTS)["input_ids"].tolist() == found["input_ids"].tolist()


def test_two_vocabularies_and_offsets(folder, tmp_path):
    ours = load_tokenizer(folder)
    text = ">>deu<< The über-dog</s> fox"
    ids, offsets = ours.locate(text)
    assert len(ids) == len(offsets)
    assert offsets[0] == (0, 7)
    assert [text[begin:end] for begin, end in offsets if text[begin:end] == "</s>"] == ["</s>"]
    covered = {place for begin, end in offsets for place in range(begin, end)}
    assert {place for place, letter in enumerate(text) if letter.strip()} <= covered
    numbers = {"</s>": 0, "<unk>": 1, "<pad>": 2, "\N{LOWER ONE EIGHTH BLOCK}Hund": 3}
    apart = MarianTokenizer(folder / "source.spm", folder / "target.spm", ours.vocabulary, numbers)
    again = load_tokenizer(apart.write(tmp_path / "apart"))
    assert again.encode("The dog") == ours.encode("The dog")
    assert again.decode([3, 0, 2]) == "Hund"
    with pytest.raises(WeightsError, match="lacks <pad>"):
        MarianTokenizer(folder / "source.spm", folder / "target.spm", {"</s>": 0, "<unk>": 1})
    (tmp_path / "apart" / "target.spm").unlink()
    with pytest.raises(WeightsError, match=r"there is no target\.spm"):
        load_tokenizer(tmp_path / "apart")
