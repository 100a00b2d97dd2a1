"""The recipes that pre-train: they run, beat counts, write folders that others read, and go on where stopped."""

import keras
import numpy as np
import pytest
import torch
from click.testing import CliRunner
from kerasarch.recipes.finetune_lm import finetune_lm
from kerasarch.recipes.pretrain_mlm import pretrain_mlm

import kerasarch
from kerasarch import models
from kerasarch.commands.program import program
from kerasarch.data import PieceTokenizer, load_tokenizer
from kerasarch.errors import UsageError
from kerasarch.models.adapters import adaptable
from kerasarch.runs import execute
from kerasarch.runs.folder import MODEL, list_runs
from kerasarch.training import AdaptationOptions, MaskedLanguageOptions
from kerasarch.weights import to_pretrained
from tests.conformance import to_numpy
from tests.interruptions import stop_after

pytest.importorskip("tokenizers")
pytestmark = pytest.mark.quick_on("torch")
SMALL = {
    "depth": 1, "width": 32, "heads": 2, "context": 16, "batch": 16, "vocabulary": 60, "share": 0.15,
}  # fmt: skip


@pytest.fixture
def text(tmp_path):
    """Lines of two words each, so that the words around one say which it may be."""
    rng = np.random.default_rng(0)
    words = [("aa", "ab"), ("ba", "bb"), ("ca", "cb"), ("da", "db")]
    path = tmp_path / "text.txt"
    path.write_text("\n".join(" ".join(rng.choice(words[number], 40)) for number in rng.integers(4, size=150)))
    return path


def test_an_encoder_learns_what_counts_do_not_say(text, tmp_path):
    outcome = execute.run(
        pretrain_mlm, out=tmp_path, quiet=True, data=str(text), steps=100, every=50, warmup=20,
        learning_rate=3e-3, **SMALL,
    )  # fmt: skip
    result = outcome.result
    assert result["validation_loss"] < 0.7 * result["unigram_loss"]
    assert result["accuracy"] > result["unigram_accuracy"] + 0.2
    assert 1 <= result["pseudo_perplexity"] < np.exp(result["unigram_loss"])
    report = (outcome.folder / "report.html").read_text()
    assert "how often each token occurs" in report
    # The folder is one of Hugging Face's: model and tokenizer, whatever head is wanted
    folder = outcome.folder / "encoder"
    model, tokenizer = kerasarch.from_pretrained(folder), load_tokenizer(folder)
    inputs = tokenizer(["aa bb ca"], length=8)
    ours = to_numpy(model(inputs)["logits"])
    kerasarch.from_pretrained(folder, head="classification", labels=3)
    transformers = pytest.importorskip("transformers")
    theirs = transformers.AutoModelForMaskedLM.from_pretrained(folder).eval()
    read = transformers.AutoTokenizer.from_pretrained(folder)
    given = read(["aa bb ca"], padding="max_length", max_length=8, return_tensors="pt")
    assert given["input_ids"].tolist() == inputs["input_ids"].tolist()
    np.testing.assert_allclose(ours, theirs(**given).logits.detach().numpy(), atol=2e-4)
    # and another run goes on from this one
    more = execute.run(
        pretrain_mlm, out=tmp_path, quiet=True, smoke=True, data=str(text), weights=str(outcome.folder),
        whole_words=True, warmup=0, context=16,
    )  # fmt: skip
    assert more.result["validation_loss"] < 0.8 * more.result["unigram_loss"]


def test_an_interrupted_run_ends_as_the_whole_one(text, tmp_path, monkeypatch):
    options = {"data": str(text), "steps": 12, "every": 6, "warmup": 2, "model": "roberta", "dropout": 0.1, **SMALL}
    whole = execute.run(pretrain_mlm, out=tmp_path / "whole", quiet=True, **options)
    with monkeypatch.context() as patch:
        stop_after(patch, 8)
        with pytest.raises(KeyboardInterrupt):
            execute.run(pretrain_mlm, out=tmp_path / "parts", quiet=True, **options)
    (stopped,) = list_runs(tmp_path / "parts")
    assert execute.resume(stopped.path, quiet=True, recipe=pretrain_mlm.recipe).result == whole.result


def test_a_width_that_heads_do_not_share_out():
    with pytest.raises(UsageError, match="multiple of the 3 --heads"):
        MaskedLanguageOptions(heads=3)


@pytest.fixture
def two_texts(tmp_path):
    """Texts whose words follow each other in opposite orders."""
    rng = np.random.default_rng(1)
    orders = {"first": ["one two three four", "five six seven"], "second": ["four three two one", "seven six five"]}
    for name, lines in orders.items():
        (tmp_path / f"{name}.txt").write_text("\n\n".join(rng.choice(lines, 900)))
    return {"first_data": str(tmp_path / "first.txt"), "data": str(tmp_path / "second.txt")}


ADAPTED = {
    "context": 16, "batch": 8, "vocabulary": 270, "width": 32, "depth": 1, "warmup": 2, "sample": 6,
    "learning_rate": 1e-2, "first_rate": 1e-2,
}  # fmt: skip


def test_adapters_learn_a_second_text(two_texts, tmp_path):
    outcome = execute.run(
        finetune_lm, out=tmp_path, quiet=True, rank=4, steps=60, every=30, first_steps=60, **ADAPTED, **two_texts
    )
    result, folder = outcome.result, outcome.folder
    assert result["perplexity"] < 0.5 * result["perplexity_before"]
    assert result["first_perplexity_before"] < 0.5 * result["perplexity_before"]
    assert 0 < result["trained_share"] < 0.1
    # What is saved is the adapted model: as a run's, in Hugging Face layout, and as adapters of the model before
    saved, merged = (
        keras.saving.load_model(folder / MODEL, compile=False),
        kerasarch.from_pretrained(folder / "language-model"),
    )
    assert not any(layer.lora_enabled for layer in adaptable(merged))
    tokenizer = load_tokenizer(folder / "language-model")
    ids = np.array([tokenizer.encode("four three two one")], "int32")
    expected = to_numpy(saved(ids)["logits"])
    np.testing.assert_allclose(to_numpy(merged(ids)["logits"]), expected, atol=1e-5)
    file = folder / "adapters" / "adapters.safetensors"
    assert file.stat().st_size < 0.2 * (folder / "language-model" / "model.safetensors").stat().st_size
    plain = type(saved)(saved.config, name="plain")
    plain.build()
    assert kerasarch.weights.read_adapters(plain, file) == 4
    for layer in adaptable(plain):
        change = to_numpy(layer.kernel) - to_numpy(layer._kernel)
        assert np.linalg.matrix_rank(change, tol=1e-5) == 4
    transformers = pytest.importorskip("transformers")
    theirs = transformers.AutoModelForCausalLM.from_pretrained(folder / "language-model").eval()
    given = torch.tensor(ids)
    np.testing.assert_allclose(theirs(given).logits.detach().numpy(), expected, atol=2e-4)
    done = CliRunner().invoke(
        program, ["generate", str(folder), "--prompt", "four", "--new", "9", "--temperature", "0"]
    )
    assert done.exit_code == 0, done.output
    assert "three two" in done.stdout


@pytest.mark.slow
def test_all_weights_of_a_folder_learn(two_texts, tmp_path):
    first = execute.run(finetune_lm, out=tmp_path / "a", quiet=True, smoke=True, **ADAPTED, **two_texts)
    more = execute.run(
        finetune_lm, out=tmp_path / "a", quiet=True, weights=str(first.folder / "language-model"), texts="lines",
        data=two_texts["data"], steps=40, every=40, **{**ADAPTED, "vocabulary": 300},
    )  # fmt: skip
    assert more.result["perplexity"] < 0.5 * more.result["perplexity_before"]
    assert more.result["trained_share"] == 1
    assert "first_perplexity" not in more.result


@pytest.mark.slow
def test_an_interrupted_adaptation_ends_as_the_whole_one(two_texts, tmp_path, monkeypatch):
    options = {"rank": 2, "steps": 6, "every": 3, "first_steps": 4, **ADAPTED, **two_texts}
    whole = execute.run(finetune_lm, out=tmp_path / "whole", quiet=True, **options)
    with monkeypatch.context() as patch:
        stop_after(patch, 8)
        with pytest.raises(KeyboardInterrupt):
            execute.run(finetune_lm, out=tmp_path / "parts", quiet=True, **options)
    (stopped,) = list_runs(tmp_path / "parts")
    assert execute.resume(stopped.path, quiet=True, recipe=finetune_lm.recipe).result == whole.result


def test_what_adaptation_refuses(two_texts, tmp_path):
    with pytest.raises(UsageError, match="there are with --rank"):
        AdaptationOptions(alpha=2.0)
    with pytest.raises(UsageError, match="multiple of 32"):
        AdaptationOptions(width=48)
    made = execute.run(
        "char-lm", out=tmp_path, quiet=True, smoke=True, model="gru", data=two_texts["data"], width=32, depth=1,
        context=16, sample=4,
    )  # fmt: skip
    with pytest.raises(UsageError, match="Take --texts running"):
        execute.run(finetune_lm, out=tmp_path, quiet=True, weights=str(made.folder), **{**ADAPTED, **two_texts})
    tokenizer = PieceTokenizer.learn(["one two"], size=262, framed="end")
    writer = models.t5(vocabulary=len(tokenizer), width=8, depth=1, heads=1, head_width=8, hidden=8)
    tokenizer.write(to_pretrained(writer, tmp_path / "t5"))
    with pytest.raises(UsageError, match="holds a T5, expected a model that goes on"):
        execute.run(finetune_lm, out=tmp_path, quiet=True, weights=str(tmp_path / "t5"), **{**ADAPTED, **two_texts})
