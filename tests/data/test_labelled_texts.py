"""Labelled texts in every layout, their parts, and what is refused."""

import json

import pytest

from kerasarch.data.labelled_texts import load_labelled_texts
from kerasarch.errors import DataError, UsageError

ROWS = [(f"text {number} of it", "yes" if number % 2 else "no") for number in range(20)]


def pairs(splits, part):
    texts = getattr(splits, part)
    return [(text, splits.classes[label]) for text, label in zip(texts.texts, texts.labels, strict=True)]


def everything(splits):
    return sorted(pair for part in ("train", "validation", "test") for pair in pairs(splits, part))


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def make(kind, folder):
    if kind == "csv":
        write(folder / "a.csv", "id,Text,Label\n" + "".join(f'{n},"{t}",{c}\n' for n, (t, c) in enumerate(ROWS)))
        return folder / "a.csv"
    if kind == "jsonl":
        write(folder / "a.jsonl", "\n".join(json.dumps({"sentence": t, "category": c}) for t, c in ROWS))
        return folder / "a.jsonl"
    if kind == "tsv":
        write(folder / "a.tsv", "label\tsentence\n" + "".join(f"{c}\t{t}\n" for t, c in ROWS))
        return folder / "a.tsv"
    if kind == "class folders":
        for number, (text, label) in enumerate(ROWS):
            write(folder / label / f"{number}.txt", text + "\n")
    if kind == "class files":
        for label in ("yes", "no"):
            write(folder / f"all.{label}", "\n".join(text for text, one in ROWS if one == label))
    if kind == "lines":
        write(folder / "TREC.train.txt", "".join(f"{c}:fine {t}\n" for t, c in ROWS))
    return folder


@pytest.mark.parametrize("kind", ["csv", "jsonl", "tsv", "class folders", "class files", "lines"])
def test_layouts(kind, tmp_path):
    splits = load_labelled_texts(make(kind, tmp_path))
    assert splits.classes == ("no", "yes")
    assert everything(splits) == sorted(ROWS)
    assert [len(part) for part in (splits.train, splits.validation, splits.test)] == [14, 2, 4]
    again, other = (load_labelled_texts(make(kind, tmp_path), seed=seed) for seed in (0, 5))
    assert pairs(again, "test") == pairs(splits, "test") != pairs(other, "test")


def test_parts_that_are_given_stay(tmp_path):
    for part, rows in (("train", ROWS[:12]), ("dev", ROWS[12:16]), ("test", ROWS[16:])):
        write(tmp_path / f"{part}.tsv", "sentence\tlabel\n" + "".join(f"{t}\t{c}\n" for t, c in rows))
    splits = load_labelled_texts(tmp_path)
    assert pairs(splits, "train") == ROWS[:12]
    assert pairs(splits, "validation") == ROWS[12:16]
    assert pairs(splits, "test") == ROWS[16:]


def test_quotation_marks_in_tables_with_tabs(tmp_path):
    write(
        tmp_path / "a.tsv", 'label\tsentence\n0\t"open\n1\ta "b" c\n' + "".join(f"{n % 2}\tx{n}\n" for n in range(20))
    )
    found = dict(everything(load_labelled_texts(tmp_path / "a.tsv")))
    assert found['"open'] == "0"
    assert found['a "b" c'] == "1"


def test_equal_texts_stay_together(tmp_path):
    rows = [(f"text {number // 2}", str(number // 2 % 2)) for number in range(40)]
    write(tmp_path / "a.csv", "text,label\n" + "".join(f"{t},{c}\n" for t, c in rows))
    splits = load_labelled_texts(tmp_path / "a.csv", validation=0.3, test=0.3)
    parts = [set(getattr(splits, part).texts) for part in ("train", "validation", "test")]
    assert all(len(part) for part in parts)
    assert len(set.union(*parts)) == sum(map(len, parts))


def test_bundled_lines():
    splits = load_labelled_texts("modules", seed=1)
    assert len(splits.classes) == 8
    assert len(splits.train) + len(splits.validation) + len(splits.test) == 2400
    assert all(text == text.strip() and len(text) >= 20 for text in splits.test.texts)


def test_refusals(tmp_path):
    with pytest.raises(UsageError, match="Did you mean 'modules'"):
        load_labelled_texts("module")
    with pytest.raises(DataError, match="no labelled texts"):
        load_labelled_texts(tmp_path)
    write(tmp_path / "a.csv", "text,label\na,1\nb,1\n")
    with pytest.raises(DataError, match="two classes"):
        load_labelled_texts(tmp_path / "a.csv")
    write(tmp_path / "b.csv", "words,label\na,1\n")
    with pytest.raises(DataError, match="column of texts"):
        load_labelled_texts(tmp_path / "b.csv")
    write(tmp_path / "c.jsonl", "{")
    with pytest.raises(DataError, match="no JSON"):
        load_labelled_texts(tmp_path / "c.jsonl")
    write(tmp_path / "d.txt", "a")
    with pytest.raises(UsageError, match="Other texts are given as folders"):
        load_labelled_texts(tmp_path / "d.txt")
    write(tmp_path / "t" / "train.txt", "NUM how far\n:: what\n")
    with pytest.raises(DataError, match="line 2"):
        load_labelled_texts(tmp_path / "t")
    write(tmp_path / "u" / "train.csv", "text,label\na,1\nb,0\n")
    write(tmp_path / "u" / "test.csv", "text,label\na,2\n")
    with pytest.raises(DataError, match="no text of the class '2'"):
        load_labelled_texts(tmp_path / "u")


def test_a_part_in_several_files_and_lines_within_a_text(tmp_path):
    for number, rows in enumerate((ROWS[:10], ROWS[10:])):
        write(tmp_path / f"train-{number}.JSONL", "\n".join(json.dumps({"text": t, "label": c}) for t, c in rows))
    assert everything(load_labelled_texts(tmp_path)) == sorted(ROWS)
    rows = "".join(f'"one\n{number}",{number % 2}\n' for number in range(20))
    write(tmp_path / "one.csv", "text,label\n" + rows)
    assert everything(load_labelled_texts(tmp_path / "one.csv")) == sorted((f"one\n{n}", str(n % 2)) for n in range(20))
