"""Texts to texts: what is learned, written into a folder that others read, and goes on where stopped."""

import json

import numpy as np
import pytest
from click.testing import CliRunner
from kerasarch.recipes.text_to_text import text_to_text

import kerasarch
from kerasarch.commands.program import program
from kerasarch.data import load_tokenizer
from kerasarch.runs import execute
from kerasarch.runs.folder import list_runs
from kerasarch.runs.text_to_text import sentinels_of, write_texts
from tests.interruptions import stop_after

pytest.importorskip("tokenizers")
pytestmark = pytest.mark.quick_on("torch")
PAIRS = {
    "longest": 12, "width": 32, "depth": 1, "heads": 2, "vocabulary": 400, "passages": 8, "passage": 12, "tokens": 128,
    "shapes": 1, "warmup": 5, "dropout": 0.0, "learning_rate": 1e-2, "beams": 1, "scored": 40,
}  # fmt: skip
KINDS = [
    ["red", "blue", "green", "grey", "pink"],
    ["dog", "cat", "bird", "horse", "fish"],
    ["runs", "sleeps", "eats", "waits", "sings"],
]


@pytest.fixture
def pairs(tmp_path):
    """Texts that are to be written once more, the words' first letters large; those of the test part are new."""
    rng = np.random.default_rng(2)
    rows = [" ".join(rng.choice(words) for words in KINDS) for _ in range(500)]
    path = tmp_path / "pairs.jsonl"
    path.write_text("\n".join(json.dumps({"input": row, "target": row.title()}) for row in rows))
    return str(path)


def test_texts_to_texts(pairs, tmp_path):
    outcome = execute.run(
        text_to_text, out=tmp_path, quiet=True, data=pairs, pretrain_steps=20, epochs=10, prefix="write: ", **PAIRS
    )
    result, folder = outcome.result, outcome.folder
    assert result["exact_match"] > 90
    assert result["rougeL"] > 90
    assert result["copied_rougeL"] == 100  # ROUGE sees no capital letters
    assert result["span_perplexity"] < 100
    model, tokenizer = kerasarch.from_pretrained(folder / "text-to-text"), load_tokenizer(folder / "text-to-text")
    sentinels = sentinels_of(tokenizer)
    assert len(sentinels) == 100
    assert tokenizer.encode("red <extra_id_0> grey")[1:-1].count(sentinels[0]) == 1
    assert write_texts(model, tokenizer, ["write: blue horse sings"], longest=12)[0] == "Blue Horse Sings"
    done = CliRunner().invoke(program, ["generate", str(folder), "--prompt", "write: red dog waits", "--new", "9"])
    assert done.exit_code == 0, done.output
    assert "Red Dog Waits" in done.stdout
    more = execute.run(
        text_to_text, out=tmp_path, quiet=True, smoke=True, data=pairs, weights=str(folder / "text-to-text"),
        prefix="write: ", **PAIRS,
    )  # fmt: skip
    assert more.result["exact_match"] > 50
    assert "span_perplexity" not in more.result


@pytest.mark.slow
def test_an_interrupted_text_to_text_ends_as_the_whole_one(pairs, tmp_path, monkeypatch):
    options = {"data": pairs, "limit": 60, "pretrain_steps": 4, "epochs": 2, **PAIRS, "dropout": 0.1}
    whole = execute.run(text_to_text, out=tmp_path / "whole", quiet=True, **options)
    with monkeypatch.context() as patch:
        stop_after(patch, 8)
        with pytest.raises(KeyboardInterrupt):
            execute.run(text_to_text, out=tmp_path / "parts", quiet=True, **options)
    (stopped,) = list_runs(tmp_path / "parts")
    assert execute.resume(stopped.path, quiet=True, recipe=text_to_text.recipe).result == whole.result
