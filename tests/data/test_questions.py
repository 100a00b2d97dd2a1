"""Questions in SQuAD's format, windows of their passages, and where their answers stand in them."""

import json
import re

import numpy as np
import pytest

from kerasarch.data import ByteTokenizer
from kerasarch.data.answer_windows import NONE, AnswerBatches, question_windows
from kerasarch.data.questions import Question, load_questions
from kerasarch.errors import DataError, UsageError

BYTES = ByteTokenizer(special=("padding", "start", "end"))


def squad(count, impossible=False):
    rows = [
        {
            "context": f"passage {number} has the answer {number % 7}",
            "qas": [
                {"id": f"q{number}", "question": "Which?", "answers": [{"text": str(number % 7), "answer_start": 0}]},
                {"id": f"n{number}", "question": "Who?", "answers": [], "is_impossible": True},
            ][: 2 if impossible else 1],
        }
        for number in range(count)
    ]
    for row in rows:
        answer = row["qas"][0]["answers"][0]
        answer["answer_start"] = row["context"].rindex(answer["text"])
    return {"version": "v2.0", "data": [{"title": "t", "paragraphs": rows}]}


def test_files(tmp_path):
    for part, count in (("train", 30), ("dev", 4)):
        (tmp_path / f"{part}-v2.0.json").write_text(json.dumps(squad(count, impossible=True)))
    found = load_questions(tmp_path, seed=1, validation=0.1)
    assert [len(part) for part in (found.train, found.validation, found.test)] == [54, 6, 8]
    first = found.test[0]
    assert first == Question("q0", "Which?", "passage 0 has the answer 0", ("0",), (25,))
    assert found.test[1].answers == ()
    passages = [{one.passage for one in part} for part in (found.train, found.validation)]
    assert not passages[0] & passages[1]
    assert load_questions(tmp_path, seed=1, validation=0.1) == found
    alone = load_questions(tmp_path / "train-v2.0.json", test=0.2)
    assert len(alone.test) == 12


def test_what_is_refused(tmp_path):
    broken = squad(30)
    broken["data"][0]["paragraphs"][3]["qas"][0]["answers"][0]["answer_start"] = 2
    (tmp_path / "broken.json").write_text(json.dumps(broken))
    with pytest.raises(DataError, match=r"question q3.*'3' is not at character 2"):
        load_questions(tmp_path / "broken.json")
    (tmp_path / "other.json").write_text("{}")
    with pytest.raises(DataError, match="SQuAD's format"):
        load_questions(tmp_path / "other.json")
    with pytest.raises(UsageError, match="Did you mean 'signatures'"):
        load_questions("signature")
    (tmp_path / "few.json").write_text(json.dumps(squad(1)))
    with pytest.raises(DataError, match="too few"):
        load_questions(tmp_path / "few.json")


def test_bundled_questions():
    found = load_questions("signatures")
    every = [*found.train, *found.validation, *found.test]
    assert len(every) > 5000
    for one in every:
        for text, start in zip(one.answers, one.starts, strict=True):
            assert one.passage[start : start + len(text)] == text
            asked = one.text.removesuffix("?")
            if asked.startswith("Which argument"):
                assert one.passage[start:].startswith(f"{text}={asked.removeprefix('Which argument defaults to ')}")
            else:
                assert one.passage[:start].endswith(f"{asked.removeprefix('What is the default of ')}=")
        if not one.answers:
            name = one.text.removeprefix("What is the default of ").removesuffix("?")
            assert re.search(rf"[( ]{name}[,)]", one.passage)  # it stands there without a value
    share = np.mean([not one.answers for one in every])
    assert 0.2 < share < 0.5


def test_windows_hold_the_answer_and_all_of_the_passage():
    passage = "0123456789abcdefghijklmnopqrstuvwxyz"
    asked = [
        Question("a", "w?", passage, ("789", "zz"), (7, 0)),
        Question("b", "who?", passage, ("z",), (35,)),
        Question("c", "no?", passage),
        Question("d", "k?", "abc", ("abc",), (0,)),
    ]
    windows = question_windows(asked, BYTES, length=20, overlap=4)
    # Beside a question of two letters there is room for 15: start, question, end, passage, end
    first = np.flatnonzero(windows.owners == 0)
    begins = [windows.spans[row][windows.spans[row, :, 0] >= 0][0, 0] for row in first]
    assert begins == [0, 11, 22]
    for number, one in enumerate(asked):
        seen = set()
        for row in np.flatnonzero(windows.owners == number):
            ids = windows.ids[row][windows.mask[row] > 0].tolist()
            inner = windows.spans[row][windows.spans[row, :, 0] >= 0]
            text = one.passage[inner[0, 0] : inner[-1, 1]]
            assert ids == BYTES.frame(BYTES.encode(one.text), BYTES.encode(text))[0]
            seen |= set(range(inner[0, 0], inner[-1, 1]))
            start, end = windows.starts[row], windows.ends[row]
            held = one.answers and inner[0, 0] <= one.starts[0] and one.starts[0] + len(one.answers[0]) <= inner[-1, 1]
            if held:
                assert one.passage[windows.spans[row, start, 0] : windows.spans[row, end, 1]] == one.answers[0]
            else:
                assert (start, end) == (NONE, NONE)
        assert seen == set(range(len(one.passage)))
    assert (windows.starts[windows.owners == 3] > 0).all()
    batches = AnswerBatches(windows, batch=4, seed=2)
    inputs, targets = batches.batch(0, 0)
    assert len(inputs["input_ids"]) == 4
    assert set(targets) == {"start_logits", "end_logits"}
    assert batches.steps == len(windows) // 4
    # In order: all windows once, cut to the width that their tokens need
    judged = AnswerBatches(windows, batch=4, shuffle=False)
    found = [judged.batch(0, index) for index in range(judged.steps)]
    assert sum(int(part["attention_mask"].sum()) for part, _ in found) == windows.mask.sum()
    ends = np.concatenate([places["end_logits"] for _, places in found])
    assert sorted(ends) == sorted(windows.ends)
    with pytest.raises(UsageError, match="longer windows"):
        question_windows(asked, BYTES, length=10, overlap=4)
    with pytest.raises(UsageError, match="special token before"):
        question_windows(asked, ByteTokenizer(), length=20)
