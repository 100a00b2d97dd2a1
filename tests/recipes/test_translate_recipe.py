"""The recipe ``translate``: it learns, resumes, shows what it looks at, and its runs translate."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

from kerasarch.commands.program import program
from kerasarch.errors import DataError, UsageError
from kerasarch.runs import execute
from kerasarch.runs.folder import MODEL, TOKENIZER, list_runs
from kerasarch.runs.tokenizer_pair import load_tokenizers
from kerasarch.training import ParallelTextOptions
from tests.interruptions import stop_after

pytest.importorskip("sacrebleu")
pytest.importorskip("tokenizers")

WORDS = {"red": "rot", "blue": "blau", "old": "alt", "cat": "Katze", "dog": "Hund", "sees": "sieht", "hears": "hört"}
SMALL = {
    "width": 16, "depth": 1, "vocabulary": 300, "tokens": 128, "longest": 30, "shapes": 2, "epochs": 2, "dropout": 0.0,
    "scored": 4, "beams": 2, "warmup": 2,
}  # fmt: skip


def write_pairs(folder, **counts):
    """Write sentences whose words are translated one by one and stand in the other order."""
    rng = np.random.default_rng(0)
    for part, count in counts.items():
        sentences = [rng.choice(list(WORDS), rng.integers(2, 5)).tolist() for _ in range(count)]
        (folder / f"{part}.en").write_text("".join(" ".join(words) + "\n" for words in sentences), encoding="utf-8")
        lines = [" ".join(WORDS[word] for word in reversed(words)) for words in sentences]
        (folder / f"{part}.de").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    return write_pairs(tmp_path_factory.mktemp("pairs"), train=40, val=4, test=4)


@pytest.mark.quick_on("torch")
def test_a_run_resumes_reports_and_translates(pairs, tmp_path, monkeypatch):
    options = {"data": str(pairs), "model": "rnn", "learning_rate": 2e-2, "average": 0.5, "own_tokens": 0.2, **SMALL}
    whole = execute.run("translate", out=tmp_path / "whole", quiet=True, **options)
    with monkeypatch.context() as patch:
        stop_after(patch, 3)
        with pytest.raises(KeyboardInterrupt):
            execute.run("translate", out=tmp_path / "parts", quiet=True, **options)
    (stopped,) = list_runs(tmp_path / "parts")
    resumed = execute.resume(stopped.path, quiet=True)
    assert resumed.result == whole.result
    assert set(whole.result) == {"bleu", "greedy_bleu", "test_perplexity", "validation_perplexity"}
    report = (whole.folder / "report.html").read_text()
    for part in ("bleu over the epochs", "Attention: how much", "The first sentences of the test set", "2-grams (%)"):
        assert part in report
    text = (pairs / "test.en").read_text(encoding="utf-8").splitlines()[0]
    words = ["generate", str(whole.folder), "--prompt", text, "--beams", "2", "--json"]
    done = CliRunner().invoke(program, words)
    assert done.exit_code == 0, done.output
    (found,) = json.loads(done.stdout)
    rows = json.loads((whole.folder / "parts" / "table-translations.json").read_text())["rows"]
    assert rows[0] == {"en": text, "reference": rows[0]["reference"], "translation": found["text"]}
    plain = CliRunner().invoke(program, [*words[:-1], "--prompt", "red cat"])
    assert plain.stdout.splitlines()[0] == found["text"]
    assert len(plain.stdout.splitlines()) == 2
    drawn = CliRunner().invoke(program, [*words[:-3], "--stop", "x"])
    assert "--stop: this model searches for a translation" in " ".join(drawn.stderr.split())


@pytest.mark.quick_on("torch")
def test_a_transformer_learns_word_by_word(tmp_path):
    # 40 pairs would be learned by heart, without the rule behind them
    folder = write_pairs(tmp_path, train=160, val=4, test=4)
    options = {
        **SMALL, "width": 32, "epochs": 12, "learning_rate": 1e-2, "average": 0.0, "shapes": 1, "joint": False,
        "warmup": 10, "label_smoothing": 0.0,
    }  # fmt: skip
    found = execute.run(
        "translate", out=tmp_path / "runs", quiet=True, data=str(folder), model="transformer", **options
    )
    # As probable as each other, the seven words and the end come to 8
    assert found.result["test_perplexity"] < 5
    pair = load_tokenizers(found.folder / TOKENIZER)
    assert not pair.joint
    assert pair.target.decode(pair.target.encode("Katze hört")) == "Katze hört"
    assert (found.folder / MODEL).is_file()


def test_what_is_refused(pairs, tmp_path):
    with pytest.raises(UsageError, match="--own-tokens is for --model rnn"):
        execute.run("translate", out=tmp_path, quiet=True, data=str(pairs), model="transformer", own_tokens=0.1)
    with pytest.raises(DataError, match="all 40 pairs have more than 3 tokens"):
        # Letters stay alone where nothing is that frequent
        execute.run("translate", out=tmp_path, quiet=True, data=str(pairs), vocabulary=300, frequency=1000, longest=3)
    with pytest.raises(UsageError, match="which is --source too"):
        ParallelTextOptions(source="de")
    with pytest.raises(UsageError, match="expected 100 or more"):
        ParallelTextOptions(tokens=50)
