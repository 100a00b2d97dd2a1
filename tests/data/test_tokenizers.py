"""Tokenizers against transformers, from its folders and back into them."""

import json
import shutil

import numpy as np
import pytest

from kerasarch.data.tokenizers import (
    ByteTokenizer,
    CharacterTokenizer,
    PieceTokenizer,
    SentencePieceTokenizer,
    load_tokenizer,
)
from kerasarch.errors import DataError, UsageError, WeightsError

CORPUS = [
    "The quick brown fox jumps over the lazy dog.",
    "Der schnelle braune Fuchs springt über den faulen Hund.",
    "A dog that barks doesn't bite; the fox bit 12 dogs in 2024!",
    "quickly, quickest, quick: the fox's brownish dogs",
] * 3
TEXTS = ["The foxes jumped", "über 2024 dogs, doesn't it?", "", "  two  spaces \n and 漢字 ☃", "quick"]
PAIRS = ["a dog", "the lazy brown fox jumps", "dog", "", "quick quick quick quick quick"]


@pytest.fixture(scope="module")
def spiece(tmp_path_factory):
    """Make a model of sentencepiece."""
    sentencepiece = pytest.importorskip("sentencepiece")
    folder = tmp_path_factory.mktemp("spiece")
    (folder / "corpus.txt").write_text("\n".join(CORPUS), encoding="utf-8")

    def make(name: str, **options) -> object:
        if not (folder / f"{name}.model").is_file():
            sentencepiece.SentencePieceTrainer.train(
                input=str(folder / "corpus.txt"), model_prefix=str(folder / name), minloglevel=2,
                character_coverage=1.0, **{"vocab_size": 60, **options},
            )  # fmt: skip
        return folder / f"{name}.model"

    return make


def compare(ours, theirs, texts=TEXTS, pairs=PAIRS) -> None:
    for text in texts:
        assert ours.encode(text) == theirs.encode(text, add_special_tokens=False), text
    for side in ("left", "right"):
        theirs.padding_side = side
        for length in (None, 9):
            want = theirs(texts, padding="max_length" if length else True, max_length=length, truncation=bool(length))
            found = ours(texts, length=length, side=side)
            for name in ("input_ids", "attention_mask"):
                np.testing.assert_array_equal(found[name], want[name])
    want = theirs(texts, pairs, padding=True, return_token_type_ids=True)
    found = ours(texts, pairs)
    for name in ("input_ids", "attention_mask", "token_type_ids"):
        np.testing.assert_array_equal(found[name], want[name])
    ids = want["input_ids"][1]
    assert ours.decode(ids, special=True).replace(" ", "") == theirs.decode(ids).replace(" ", "")
    assert ours.decode(ids) == theirs.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False).strip()


def as_theirs(folder, kind="AutoTokenizer"):
    transformers = pytest.importorskip("transformers")
    return getattr(transformers, kind).from_pretrained(folder)


@pytest.mark.parametrize("kind", ["bpe", "wordpiece", "unigram"])
def test_learned_pieces_in_transformers(kind, tmp_path):
    pytest.importorskip("tokenizers")
    ours = PieceTokenizer.learn(CORPUS, size=330, kind=kind, lower=kind == "wordpiece", length=40)
    ours.write(tmp_path)
    again = load_tokenizer(tmp_path)
    assert again.special == ours.special
    assert again.length == 40
    assert len(again) == len(ours) <= 330
    theirs = as_theirs(tmp_path)
    assert len(theirs) == len(ours)
    compare(again, theirs)
    assert ours.decode(ours.encode("the quick fox")) == "the quick fox"


@pytest.mark.parametrize("kind", ["GPT2Tokenizer", "RobertaTokenizer"])
def test_byte_pairs_of_two_files(kind, tmp_path):
    pytest.importorskip("tokenizers")
    learned = PieceTokenizer.learn(CORPUS, size=320)
    learned.pieces.add_special_tokens(["<|endoftext|>"])
    model = json.loads(learned.pieces.to_str())["model"]
    vocabulary = {**model["vocab"], **({"<|endoftext|>": len(model["vocab"])} if kind == "GPT2Tokenizer" else {})}
    (tmp_path / "vocab.json").write_text(json.dumps(vocabulary))
    merges = [pair if isinstance(pair, str) else " ".join(pair) for pair in model["merges"]]
    (tmp_path / "merges.txt").write_text("\n".join(["#version: 0.2", *merges]))
    fields: dict = {"tokenizer_class": kind, "model_max_length": 50}
    if kind == "RobertaTokenizer":  # as its files have it: the mask takes the space before it
        fields["mask_token"] = {"__type": "AddedToken", "content": "<mask>", "lstrip": True, "normalized": False}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(fields))
    theirs, ours = as_theirs(tmp_path, kind), load_tokenizer(tmp_path)
    if kind == "GPT2Tokenizer":
        theirs.pad_token = theirs.eos_token
        texts = [text for text in TEXTS if text]
        compare(ours, theirs, texts, PAIRS[: len(texts)])
    else:
        compare(ours, theirs)
        assert ours.encode("a <mask> dog") == theirs.encode("a <mask> dog", add_special_tokens=False)


@pytest.mark.parametrize("lower", [True, False])
def test_word_pieces_of_one_file(lower, tmp_path):
    pytest.importorskip("tokenizers")
    learned = PieceTokenizer.learn(CORPUS, size=150, kind="wordpiece", lower=lower)
    numbers = learned.pieces.get_vocab()
    (tmp_path / "vocab.txt").write_text("\n".join(sorted(numbers, key=numbers.get)), encoding="utf-8")
    (tmp_path / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": "BertTokenizer", "do_lower_case": lower, "model_max_length": 30})
    )
    compare(load_tokenizer(tmp_path), as_theirs(tmp_path, "BertTokenizer"))


@pytest.mark.parametrize(
    "kind", ["T5Tokenizer", "XLMRobertaTokenizer", "AlbertTokenizer", "DebertaV2Tokenizer", "LlamaTokenizer"]
)
def test_sentence_pieces(kind, tmp_path, spiece):
    transformers = pytest.importorskip("transformers")
    options = {
        "T5Tokenizer": {"pad_id": 0, "eos_id": 1, "unk_id": 2, "bos_id": -1},
        "XLMRobertaTokenizer": {},
        "LlamaTokenizer": {
            "model_type": "bpe", "byte_fallback": True, "vocab_size": 330, "normalization_rule_name": "identity",
            "remove_extra_whitespaces": False,
        },
        "DebertaV2Tokenizer": {
            "pad_id": 0, "bos_id": 1, "eos_id": 2, "unk_id": 3, "pad_piece": "[PAD]", "bos_piece": "[CLS]",
            "eos_piece": "[SEP]", "unk_piece": "[UNK]",
        },
        "AlbertTokenizer": {
            "pad_id": 0, "unk_id": 1, "bos_id": -1, "eos_id": -1, "control_symbols": "[CLS],[SEP],[MASK]",
        },
    }[kind]  # fmt: skip
    file = spiece(kind, **options)
    name = getattr(transformers, kind).vocab_files_names["vocab_file"]
    shutil.copy(file, tmp_path / name)
    fields: dict = {"tokenizer_class": kind, "model_max_length": 50}
    fields |= {"add_bos_token": True} if kind == "LlamaTokenizer" else {}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(fields))
    theirs, ours = as_theirs(tmp_path, kind), load_tokenizer(tmp_path)
    assert isinstance(ours, SentencePieceTokenizer)
    if kind == "LlamaTokenizer":
        theirs.pad_token = theirs.eos_token
        # Before a text that begins with a space theirs puts no second one, as sentencepiece does.
        compare(ours, theirs, [text.strip() for text in TEXTS], PAIRS)
    else:
        compare(ours, theirs)
    assert len(ours) == len(theirs)
    again = load_tokenizer(ours.write(tmp_path / "again"))
    assert again(TEXTS, PAIRS)["input_ids"].tolist() == ours(TEXTS, PAIRS)["input_ids"].tolist()
    if kind == "T5Tokenizer":
        text = "a <extra_id_0> dog<extra_id_99>"
        assert ours.encode(text) == theirs.encode(text, add_special_tokens=False)


def test_offsets_point_into_the_text(spiece):
    text = "The quick über-fox 漢"
    made = [ByteTokenizer(), CharacterTokenizer.learn(text), SentencePieceTokenizer(spiece("plain"))]
    made += [PieceTokenizer.learn(CORPUS, size=300, kind=kind) for kind in ("bpe", "unigram")]
    for tokenizer in made:
        ids, offsets = tokenizer.locate(text)
        assert len(ids) == len(offsets) > 0
        assert all(0 <= begin <= end <= len(text) for begin, end in offsets)
        covered = {place for begin, end in offsets for place in range(begin, end)}
        assert {place for place, letter in enumerate(text) if letter.strip()} <= covered
        assert tokenizer.encode("") == []


def test_rare_pairs_stay_apart_and_an_end_alone_stands_behind(tmp_path):
    texts = ["abab abab abab", "cdcd"]
    learned = {often: PieceTokenizer.learn(texts, size=400, framed="end", frequency=often) for often in (1, 2, 3)}
    assert [len(one.encode("abab")) for one in learned.values()] == [1, 1, 1]
    assert [len(one.encode("cdcd")) for one in learned.values()] == [1, 2, 4]
    learned[2].write(tmp_path)
    again = load_tokenizer(tmp_path)
    end = again.special["end"]
    assert again.frame([7, 8]) == ([7, 8, end], [0, 0, 0])
    assert again.frame([7], [8])[0] == [7, end, 8, end]


def test_characters_and_bytes(tmp_path):
    characters = CharacterTokenizer.learn(["hello", "wörld"])
    assert characters.characters == "dehlorwö"
    assert characters.decode(characters.encode("drow")) == "drow"
    with pytest.raises(DataError, match="'x'"):
        characters.encode("ox")
    values = ByteTokenizer(("padding", "start", "end"))
    assert values.decode(values.encode("ü 漢 ☃")) == "ü 漢 ☃"
    rows = values(["a", "abc"], side="left")
    assert rows["input_ids"].tolist() == [[256, 256, 257, 97, 258], [257, 97, 98, 99, 258]]
    assert rows["attention_mask"].tolist() == [[0, 0, 1, 1, 1], [1, 1, 1, 1, 1]]
    assert values.decode([257, 97, 0xFF], special=True) == "<start>a�"
    for tokenizer in (characters, values):
        again = load_tokenizer(tokenizer.write(tmp_path / type(tokenizer).__name__))
        assert type(again) is type(tokenizer)
        assert again(["hello"])["input_ids"].tolist() == tokenizer(["hello"])["input_ids"].tolist()
    with pytest.raises(UsageError, match="once"):
        CharacterTokenizer("aa")
    with pytest.raises(UsageError, match="side"):
        values(["a"], side="top")


def test_pairs_are_cut_the_longer_one_first():
    values = ByteTokenizer(("end",))
    rows = values(["abcdef"], ["xy"], length=6)
    assert values.decode(rows["input_ids"][0], special=True) == "ab<end>xy<end>"
    assert rows["token_type_ids"].tolist() == [[0, 0, 0, 1, 1, 1]]


def test_what_is_missing_is_said(tmp_path):
    with pytest.raises(WeightsError, match=r"tokenizer\.json"):
        load_tokenizer(tmp_path)
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "ByteTokenizer"}))
    with pytest.raises(WeightsError, match="needs 'special'"):
        load_tokenizer(tmp_path)
    (tmp_path / "tokenizer_config.json").unlink()
    with pytest.raises(WeightsError, match="no such folder"):
        load_tokenizer(tmp_path / "nowhere")
    (tmp_path / "tokenizer.json").write_text("{")
    with pytest.raises(WeightsError, match="cannot be read"):
        load_tokenizer(tmp_path)
    (tmp_path / "tokenizer.json").unlink()
    (tmp_path / "spiece.model").write_bytes(b"no model")
    with pytest.raises(WeightsError, match="tokenizer_class"):
        load_tokenizer(tmp_path)
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "T5Tokenizer"}))
    with pytest.raises(WeightsError, match="sentencepiece model"):
        load_tokenizer(tmp_path)
    with pytest.raises(UsageError, match="size=10"):
        PieceTokenizer.learn(CORPUS, size=10)
