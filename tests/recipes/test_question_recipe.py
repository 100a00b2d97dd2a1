"""Questions: answers are found where there is something to learn, and the folder is one that others read."""

import json

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from kerasarch.recipes.question_answering import question_answering

import kerasarch
from kerasarch.commands.program import program
from kerasarch.data import load_tokenizer
from kerasarch.runs import execute
from tests.conformance import to_numpy

pytest.importorskip("tokenizers")
pytestmark = pytest.mark.quick_on("torch")


def test_questions_about_signatures(tmp_path):
    outcome = execute.run(
        question_answering, out=tmp_path, quiet=True, smoke=True, width=32, depth=1, heads=2, vocabulary=400, batch=8
    )
    result, folder = outcome.result, outcome.folder
    assert {"exact_match", "f1", "baseline_f1", "answered_f1", "unanswerable_right", "threshold"} <= set(result)
    assert np.isfinite(list(result.values())).all()
    assert "Which argument" in (folder / "report.html").read_text()
    reader = kerasarch.from_pretrained(folder / "encoder")
    assert reader.config.head == "question_answering"
    transformers = pytest.importorskip("transformers")
    theirs = transformers.AutoModelForQuestionAnswering.from_pretrained(folder / "encoder").eval()
    inputs = load_tokenizer(folder / "encoder")(["What?"], ["def f(a=1):"])
    found = theirs(**{name: torch.tensor(ids).long() for name, ids in inputs.items()})
    np.testing.assert_allclose(to_numpy(reader(inputs)["end_logits"]), found.end_logits.detach().numpy(), atol=2e-4)


def test_the_question_decides(tmp_path):
    """A passage has a person and a town; from scratch, in SQuAD's format, in windows."""
    rng = np.random.default_rng(3)
    kinds = {"who?": ["ada", "bob", "cyd", "dan"], "where?": ["rome", "oslo", "bonn", "lima"]}
    paragraphs = []
    for number in range(300):
        words = list(rng.choice(["x", "y", "z"], 14))
        places = sorted(rng.choice(14, 2, replace=False))
        for place, names in zip(places, rng.permutation(list(kinds.values())), strict=True):
            words[place] = str(rng.choice(names))
        passage, asked = " ".join(words), str(rng.choice(list(kinds)))
        (name,) = set(words) & set(kinds[asked])
        answer = {"text": name, "answer_start": passage.index(name)}
        paragraphs.append({"context": passage, "qas": [{"id": str(number), "question": asked, "answers": [answer]}]})
    (tmp_path / "who.json").write_text(json.dumps({"data": [{"paragraphs": paragraphs}]}))
    options = {
        "data": str(tmp_path / "who.json"), "width": 32, "depth": 1, "heads": 2, "vocabulary": 90, "batch": 16,
        "length": 16, "overlap": 4, "epochs": 8, "learning_rate": 5e-3, "dropout": 0.0,
    }  # fmt: skip
    outcome = execute.run(question_answering, out=tmp_path / "runs", quiet=True, **options)
    result = outcome.result
    assert result["exact_match"] > 90 > 75 > result["baseline_exact_match"]
    assert "threshold" not in result

    def predict(*words):
        return CliRunner().invoke(program, ["predict", str(outcome.folder), *words])

    (tmp_path / "more.txt").write_text("x y x lima z y bob x x z y z y x\n")
    passages = ("y ada x z y x y z x y rome z x x", str(tmp_path / "more.txt"))
    for question, expected in (("who?", ["ada", "bob"]), ("where?", ["rome", "lima"])):
        found = json.loads(predict(question, *passages, "--json").stdout)
        assert [row["answer"] for row in found] == expected
    assert predict("who?", passages[0], "--csv").stdout == f"question,passage,answer\nwho?,{passages[0]},ada\n"
    assert predict("who?", *passages).stdout.split("\n")[2].split()[-1] == "bob"
    assert "give the question, then passages" in predict("who?").stderr
    assert "--top: received 2" in predict("who?", *passages, "--top", "2").stderr
