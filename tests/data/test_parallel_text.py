"""Sentence pairs in every layout, their parts, what is made by rules, and what is refused."""

import json
import logging

import pytest

from kerasarch.data.number_phrases import (
    english_number,
    english_ordinal,
    german_number,
    german_ordinal,
    number_phrases,
    time_in_words,
    year_in_words,
)
from kerasarch.data.parallel_text import load_parallel_text
from kerasarch.errors import DataError, UsageError

pytestmark = pytest.mark.backend_free
PAIRS = [(f"sentence {number}", f'Satz "{number}", ja') for number in range(20)]


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def write_lines(folder, stem, pairs):
    for place, language in enumerate(("en", "de")):
        write(folder / f"{stem}.{language}", "".join(f"{pair[place]}\n" for pair in pairs))


def make(kind, folder):
    if kind == "lines":
        write_lines(folder, "corpus", PAIRS)
        return folder
    if kind == "tsv":
        write(folder / "a.tsv", "id\tDE\ten\n" + "".join(f"7\t{de}\t{en}\n" for en, de in PAIRS))
        return folder / "a.tsv"
    if kind == "csv":
        rows = "".join('{},"{}"\n'.format(en, de.replace('"', '""')) for en, de in PAIRS)
        write(folder / "a.csv", "source,target\n" + rows)
        return folder / "a.csv"
    nested = kind == "nested jsonl"
    rows = [{"en": en, "de": de} for en, de in PAIRS]
    write(folder / "a.jsonl", "\n".join(json.dumps({"translation": row} if nested else row) for row in rows))
    return folder / "a.jsonl"


def pairs(part):
    return list(zip(part.sources, part.targets, strict=True))


@pytest.mark.parametrize("kind", ["lines", "tsv", "csv", "jsonl", "nested jsonl"])
def test_layouts(kind, tmp_path):
    splits = load_parallel_text(make(kind, tmp_path), validation=0.1, test=0.2)
    parts = [pairs(part) for part in (splits.train, splits.validation, splits.test)]
    assert [len(part) for part in parts] == [14, 2, 4]
    assert sorted(pair for part in parts for pair in part) == sorted(PAIRS)
    other = load_parallel_text(make(kind, tmp_path), validation=0.1, test=0.2, seed=5)
    assert pairs(other.test) != parts[2]


def test_the_other_direction(tmp_path):
    splits = load_parallel_text(make("lines", tmp_path), source="de", target="en")
    assert splits.languages == ("de", "en")
    assert splits.train.targets[0].startswith("sentence")


def test_parts_that_are_given_stay(tmp_path):
    for part, chosen in (("train", PAIRS[:12]), ("val", PAIRS[12:16]), ("test2016", PAIRS[16:])):
        write_lines(tmp_path, part, chosen)
    (tmp_path / "readme.md").write_text("no pairs")
    splits = load_parallel_text(tmp_path)
    assert [pairs(part) for part in (splits.train, splits.validation, splits.test)] == [
        PAIRS[:12],
        PAIRS[12:16],
        PAIRS[16:],
    ]
    assert pairs(splits.train.first(3)) == PAIRS[:3]


def test_a_sentence_is_in_one_part_alone(tmp_path):
    again = [*PAIRS, *((en, f"{de}!") for en, de in PAIRS)]
    write_lines(tmp_path, "corpus", again)
    splits = load_parallel_text(tmp_path, validation=0.2, test=0.2)
    parts = [set(part.sources) for part in (splits.train, splits.validation, splits.test)]
    assert sum(map(len, parts)) == len(PAIRS)
    assert len(set.union(*parts)) == len(PAIRS)
    assert len(splits.test) == 8


def test_gaps_are_left_out_and_counted(tmp_path, caplog):
    write_lines(tmp_path, "train", [*PAIRS, ("", "allein"), ("alone", " ")])
    with caplog.at_level(logging.WARNING, logger="kerasarch"):
        splits = load_parallel_text(tmp_path)
    assert sum(map(len, (splits.train, splits.validation, splits.test))) == len(PAIRS)
    assert "2 pairs with an empty side" in caplog.text


def test_what_does_not_fit(tmp_path):
    write_lines(tmp_path / "a", "train", PAIRS)
    write(tmp_path / "a" / "train.de", "ein Satz\n")
    with pytest.raises(DataError, match=r"train\.en has 20 lines, .*train\.de has 1"):
        load_parallel_text(tmp_path / "a")
    write(tmp_path / "b" / "train.en", "a\n")
    with pytest.raises(DataError, match=r"train\.en has no partner train\.de"):
        load_parallel_text(tmp_path / "b")
    with pytest.raises(DataError, match=r"no files NAME\.fr and NAME\.es.*end in: en"):
        load_parallel_text(tmp_path / "b", source="fr", target="es")
    write(tmp_path / "c" / "train.de", "")
    write(tmp_path / "c" / "train.en", "")
    with pytest.raises(DataError, match="no sentence pair"):
        load_parallel_text(tmp_path / "c")
    write_lines(tmp_path / "d", "one", PAIRS)
    write_lines(tmp_path / "d", "two", PAIRS)
    with pytest.raises(DataError, match="does one belong to"):
        load_parallel_text(tmp_path / "d")
    write(tmp_path / "e.csv", "en,fr\na,b\n")
    with pytest.raises(DataError, match=r"en and de\. Received en, fr"):
        load_parallel_text(tmp_path / "e.csv")
    write(tmp_path / "f.jsonl", "[1]\n")
    with pytest.raises(DataError, match="Line 1 holds none"):
        load_parallel_text(tmp_path / "f.jsonl")
    write_lines(tmp_path / "g", "train", PAIRS[:2])
    with pytest.raises(DataError, match="2 different sentences, too few"):
        load_parallel_text(tmp_path / "g")


def test_what_is_no_source(tmp_path):
    with pytest.raises(UsageError, match="Did you mean 'numbers'"):
        load_parallel_text("number")
    with pytest.raises(UsageError, match="two languages"):
        load_parallel_text("numbers", source="en", target="en")
    write(tmp_path / "train.en", "a")
    with pytest.raises(UsageError, match=r"given by their folder.*NAME\.en and NAME\.de"):
        load_parallel_text(tmp_path / "train.en")


def test_phrases_are_right_and_always_the_same():
    # By hand, after the rules of both languages
    assert [english_number(n) for n in (0, 13, 40, 99, 100, 305, 1001, 20_000, 110_050)] == [
        "zero", "thirteen", "forty", "ninety-nine", "one hundred", "three hundred and five", "one thousand and one",
        "twenty thousand", "one hundred and ten thousand and fifty",
    ]  # fmt: skip
    assert [german_number(n) for n in (0, 1, 16, 17, 21, 30, 101, 1001, 71_600)] == [
        "null", "eins", "sechzehn", "siebzehn", "einundzwanzig", "dreißig", "einhunderteins", "eintausendeins",
        "einundsiebzigtausendsechshundert",
    ]  # fmt: skip
    assert [english_ordinal(n) for n in (1, 12, 20, 23, 28)] == [
        "first", "twelfth", "twentieth", "twenty-third", "twenty-eighth",
    ]  # fmt: skip
    assert [german_ordinal(n) for n in (1, 3, 7, 12, 20, 28)] == [
        "erste", "dritte", "siebte", "zwölfte", "zwanzigste", "achtundzwanzigste",
    ]  # fmt: skip
    assert year_in_words(1805) == ("eighteen oh five", "achtzehnhundertfünf")
    assert year_in_words(2024) == ("twenty twenty-four", "zweitausendvierundzwanzig")
    assert time_in_words(19, 25) == ("twenty-five past seven in the evening", "fünf vor halb acht abends")
    assert time_in_words(0, 45) == ("a quarter to one at night", "Viertel vor eins nachts")
    found = number_phrases(50)
    assert found == number_phrases(50) != number_phrases(50, seed=1)
    assert len({english for english, _ in found}) == 50
    splits = load_parallel_text("numbers")
    assert len(splits.train) > 5_000
    assert not set(splits.train.sources) & set(splits.test.sources)
