"""The recipes of language models: they run, beat counts where there is something to learn, and go on where stopped."""

import numpy as np
import pytest
from click.testing import CliRunner

from kerasarch.commands.program import program
from kerasarch.data import load_tokenizer
from kerasarch.errors import KerasarchError, UsageError
from kerasarch.runs import execute
from kerasarch.runs.folder import MODEL, TOKENIZER, list_runs
from kerasarch.training import LanguageOptions
from tests.interruptions import stop_after

SMALL = {"depth": 1, "width": 32, "context": 16, "batch": 8, "sample": 10, "dropout": 0.0}


@pytest.fixture
def text(tmp_path):
    """A text in which the last two characters say what comes next, but one alone does not."""
    rng = np.random.default_rng(0)
    words = ["abcd", "bacd", "dcab", "cdba"]
    path = tmp_path / "text.txt"
    path.write_text(" ".join(words[number] for number in rng.integers(4, size=1500)))
    return path


def test_a_gpt_learns_what_pairs_do_not_say(text, tmp_path):
    result = execute.run(
        "char-gpt", out=tmp_path, quiet=True, data=str(text), steps=120, every=60, warmup=10, learning_rate=1e-2,
        heads=2, **SMALL,
    ).result  # fmt: skip
    assert result["validation_loss"] < 0.75 * result["bigram_loss"]
    assert result["perplexity"] == pytest.approx(np.exp(result["validation_loss"]))
    assert result["bits_per_character"] == pytest.approx(result["validation_loss"] / np.log(2))
    (run,) = list_runs(tmp_path)
    assert load_tokenizer(run.path / TOKENIZER).characters == " abcd"
    report = (run.path / "report.html").read_text()
    assert "how often each follows another" in report
    done = CliRunner().invoke(
        program, ["generate", str(run.path), "--prompt", " a", "--new", "13", "--temperature", "0"]
    )
    assert done.exit_code == 0, done.output
    assert set(done.stdout.split()[:-1]) <= {"abcd", "bacd", "dcab", "cdba"}


@pytest.mark.parametrize("model", ["rnn", "lstm", "gru", "gpt", "s4d", "mamba", "mamba2"])
def test_quick_trials(model, text, tmp_path):
    result = execute.run(
        "char-lm", out=tmp_path, quiet=True, smoke=True, model=model, data=str(text), tokens="bytes", **SMALL
    )
    assert np.isfinite(result.result["validation_loss"])
    assert (result.folder / MODEL).is_file()


def test_pieces(text, tmp_path):
    pytest.importorskip("tokenizers")
    options = {"tokens": "pieces", "vocabulary": 270, "data": str(text)}
    outcome = execute.run("char-gpt", out=tmp_path, quiet=True, smoke=True, heads=2, **options, **SMALL)
    # A token is more than a character
    assert outcome.result["bits_per_character"] < 0.8 * outcome.result["validation_loss"] / np.log(2)
    # Texts begin with what the model has learned from: no special token
    tokenizer = load_tokenizer(outcome.folder / TOKENIZER)
    assert tokenizer(["abcd"])["input_ids"][0].tolist() == tokenizer.encode("abcd")


def test_an_interrupted_run_ends_as_the_whole_one(text, tmp_path, monkeypatch):
    options = {"data": str(text), "steps": 12, "every": 6, "warmup": 2, "model": "gru", **SMALL}
    whole = execute.run("char-lm", out=tmp_path / "whole", quiet=True, **options)
    with monkeypatch.context() as patch:
        stop_after(patch, 8)
        with pytest.raises(KeyboardInterrupt):
            execute.run("char-lm", out=tmp_path / "parts", quiet=True, **options)
    (stopped,) = list_runs(tmp_path / "parts")
    resumed = execute.resume(stopped.path, quiet=True)
    assert resumed.result == whole.result
    assert (stopped.path / MODEL).is_file()


@pytest.mark.parametrize(
    ("recipe", "options", "message"),
    [
        ("char-gpt", {"width": 30}, "--width: received 30"),
        ("char-lm", {"model": "mamba2", "width": 48}, "multiple of 32 for mamba2"),
        ("char-gpt", {"prompt": "x"}, "'x' is not among"),
    ],
)
def test_what_is_refused_before_training(recipe, options, message, text, tmp_path):
    with pytest.raises(KerasarchError, match=message):
        execute.run(recipe, out=tmp_path, quiet=True, data=str(text), **options)


def test_a_warm_up_without_end():
    with pytest.raises(UsageError, match="fewer than the 5 --steps"):
        LanguageOptions(steps=5)
