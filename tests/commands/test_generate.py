"""``kerasarch generate``: texts that go on, from runs and folders, and what is refused."""

import json
import os

import keras
import pytest
from click.testing import CliRunner

import kerasarch
from kerasarch import models
from kerasarch.commands.program import program
from kerasarch.data import ByteTokenizer, CharacterTokenizer
from kerasarch.generation import TextGenerator, TokenChoice, TokenDecoder
from kerasarch.runs.folder import MODEL, TOKENIZER, RunFolder

LETTERS = "abcdefgh \n"
SIZES = {"width": 8, "depth": 1, "heads": 2, "hidden": 8, "start": None, "end": None}


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(1)
    made = models.gpt2(**SIZES, vocabulary=len(LETTERS), positions=16)
    for variable in made.weights:
        if len(variable.shape) == 2:
            variable.assign(keras.random.normal(variable.shape, seed=len(variable.path)))
    return made


@pytest.fixture
def folder(model, tmp_path):
    run = RunFolder.create(tmp_path / "runs", "char-gpt", {"backend": os.environ["KERAS_BACKEND"]}, {})
    run.update(status="finished")
    model.save(run.path / MODEL)
    CharacterTokenizer(LETTERS).write(run.path / TOKENIZER)
    return run


@pytest.fixture
def generate(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return lambda *words: CliRunner().invoke(program, ["generate", *map(str, words)])


def expected(model, prompt, new, **choice):
    decoder = TokenDecoder(model, choice=TokenChoice(**{"temperature": 0.8, **choice}), chunk=8)
    return TextGenerator(decoder, CharacterTokenizer(LETTERS))([prompt], new, seed=3, slide=True)[0]


def test_a_run_goes_on_with_texts(folder, generate, model, tmp_path):
    done = generate("latest", "--prompt", "abc", "--new", 20, "--seed", 3, "--top-k", 4)
    assert done.exit_code == 0, done.output
    assert done.stdout == "abc" + expected(model, "abc", 20, top_k=4) + "\n"
    (tmp_path / "lines.txt").write_text("b\n\nc\n")
    many = generate(folder.id, "--prompt", "abc", "--prompts", "lines.txt", "--n", 2, "--new", 5, "--seed", 3, "--json")
    found = json.loads(many.stdout)
    assert [one["prompt"] for one in found] == ["abc", "abc", "b", "b", "c", "c"]
    assert found[0]["text"] == expected(model, "abc", 5)
    assert found[0]["text"] != found[1]["text"]
    stopped = generate("latest", "--prompt", "abc", "--new", 20, "--seed", 3, "--stop", found[0]["text"][2], "--json")
    text = json.loads(stopped.stdout)[0]["text"]
    assert text == found[0]["text"][: found[0]["text"].index(found[0]["text"][2])]


def test_a_folder_of_weights(tmp_path, generate):
    pytest.importorskip("safetensors")
    model = models.gpt2(**SIZES, vocabulary=256, positions=16)
    kerasarch.to_pretrained(model, tmp_path / "gpt2")
    ByteTokenizer().write(tmp_path / "gpt2")
    backend = os.environ["KERAS_BACKEND"]
    greedy = generate("gpt2", "--prompt", "ab", "--new", 4, "--temperature", 0, "--json", "--backend", backend)
    assert greedy.exit_code == 0, greedy.output
    beam = generate("gpt2", "--prompt", "ab", "--new", 4, "--beams", 1, "--json", "--backend", backend)
    assert json.loads(beam.stdout) == json.loads(greedy.stdout)


def test_a_folder_that_writes_what_it_makes_of_a_text(tmp_path, generate):
    pytest.importorskip("safetensors")
    sizes = {"width": 8, "depth": 1, "heads": 2, "hidden": 8, "head_width": 4}
    model = models.t5(**sizes, vocabulary=257, end=256, suppressed=tuple(range(128, 257)))
    kerasarch.to_pretrained(model, tmp_path / "t5")
    ByteTokenizer(("end",)).write(tmp_path / "t5")
    given = ("t5", "--prompt", "ab", "--new", 4, "--backend", os.environ["KERAS_BACKEND"])
    drawn = generate(*given, "--temperature", 0)
    assert drawn.exit_code == 0, drawn.output
    found = json.loads(generate(*given, "--beams", 1, "--json").stdout)
    assert drawn.stdout == found[0]["text"] + "\n"
    assert len(found[0]["text"]) == 4
    (tmp_path / "lines.txt").write_text("ab\n\nab\n")
    lines = generate("t5", "--prompts", tmp_path / "lines.txt", *given[3:], "--beams", 1)
    assert lines.stdout == f"{drawn.stdout}\n{drawn.stdout}"
    refused = generate(*given, "--stop", "a")
    assert "--stop: this model searches for a translation" in " ".join(refused.stderr.split())


def test_a_draft_proposes_tokens(folder, generate, tmp_path):
    given = ("latest", "--prompt", "abc", "--new", 6, "--temperature", 0)
    helped = generate(*given, "--draft", folder.id, "--draft-tokens", 2)
    assert helped.exit_code == 0, helped.output
    assert helped.stdout == generate(*given).stdout
    assert "draft: 100% of" in helped.stderr
    other = RunFolder.create(tmp_path / "runs", "char-gpt", {"backend": os.environ["KERAS_BACKEND"]}, {})
    other.update(status="finished")
    models.gpt2(**SIZES, vocabulary=4, positions=16).save(other.path / MODEL)
    CharacterTokenizer("abc ").write(other.path / TOKENIZER)
    refused = generate(folder.id, *given[1:], "--draft", other.id)
    assert "(4 tokens) differs from that of the model (10 tokens)" in " ".join(refused.stderr.split())


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "--prompt TEXT"),
        (("--prompt", "a", "--new", 0), "--new: received 0"),
        (("--prompt", "a", "--beams", 2, "--top-k", 3), "--top-k and --beams"),
        (("--prompt", "a", "--beams", 2, "--n", 3), "--n and --beams"),
        (("--prompt", "a", "--beams", 2, "--seed", 0), "--seed and --beams"),
        (("--prompt", "a", "--beams", 0), "--beams: received 0"),
        (("--prompt", "a", "--length-penalty", 2), "--length-penalty is for --beams"),
        (("--prompt", "a", "--dtype", "bfloat16"), "--dtype is for folders"),
        (("--prompt", "a", "--temperature", -1), "temperature must be"),
        (("--prompt", "xyz"), "'x' is not among"),
        (("--prompts", "nowhere.txt"), "nowhere.txt cannot be read"),
        (("--prompt", "a", "--draft-tokens", 2), "--draft-tokens is for --draft"),
        (("--prompt", "a", "--draft", "latest", "--draft-tokens", 0), "--draft-tokens: received 0"),
        (("--prompt", "a", "--draft", "latest", "--beams", 2), "--beams and --draft"),
        (("--prompt", "a", "--draft", "latest", "--repetition-penalty", 2), "--repetition-penalty and --draft"),
    ],
)
def test_what_is_refused(folder, generate, words, message):
    done = generate("latest", *words)
    assert done.exit_code in (1, 2)
    assert not done.stdout
    assert message in " ".join(done.stderr.split())


def test_runs_without_a_text_model(folder, generate, tmp_path):
    keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)]).save(folder.path / MODEL)
    done = generate("latest", "--prompt", "a")
    assert "no language model" in " ".join(done.stderr.split())
    (folder.path / TOKENIZER / "tokenizer_config.json").unlink()
    (folder.path / TOKENIZER).rmdir()
    done = generate("latest", "--prompt", "a")
    assert "has no model.keras with a tokenizer" in " ".join(done.stderr.split())
    done = generate("nothing", "--prompt", "a")
    assert "hf:ORG/NAME" in " ".join(done.stderr.split())
