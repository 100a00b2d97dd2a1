"""Recipes of labelled texts and tagged words: they learn, stand beside linear models, predict, resume."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

from kerasarch.commands.program import program
from kerasarch.errors import KerasarchError, UsageError
from kerasarch.runs import execute
from kerasarch.runs.folder import MODEL, TOKENIZER, RunFolder, list_runs
from kerasarch.training import TextClassificationOptions
from tests.interruptions import stop_after

SMALL = {"width": 16, "batch": 16, "length": 16, "warmup_epochs": 0}


@pytest.fixture
def texts(tmp_path):
    """The first word says the class: a linear model of counts sees only that both are there."""
    rng = np.random.default_rng(0)
    folder = tmp_path / "texts"
    folder.mkdir()
    for part, count in (("train", 160), ("dev", 24), ("test", 48)):
        rows = ["label\tsentence"]
        for number in range(count):
            words = ["cat", "dog"][:: 1 if number % 2 else -1]
            filling = rng.choice(["a", "b", "c"], rng.integers(1, 4))
            rows.append(f"{words[0]}\t{words[0]} {' '.join(filling)} {words[1]}")
        (folder / f"{part}.tsv").write_text("\n".join(rows))
    return folder


@pytest.fixture
def sentences(tmp_path):
    """Capital letters behind "in" are places; a digit says that a name goes on."""
    rng = np.random.default_rng(0)
    folder = tmp_path / "sentences"
    folder.mkdir()
    for part, count in (("train", 120), ("dev", 20), ("test", 30)):
        lines = []
        for _ in range(count):
            lines += [f"{word} O" for word in rng.choice(["we", "are", "in"], rng.integers(0, 3))]
            place = "".join(rng.choice([*"ABCDEF"], 2)) + rng.choice(["ton", "burg"])
            lines += [f"{place} B-place", *([f"{rng.integers(10)} I-place"] if rng.random() < 0.5 else []), ". O", ""]
        (folder / f"{part}.conll").write_text("\n".join(lines))
    return folder


def predict(run, *words):
    done = CliRunner().invoke(program, ["predict", str(run), *words])
    assert done.exit_code == 0, done.output
    return done.stdout


def table(folder, name):
    return json.loads((folder / "parts" / f"table-{name}.json").read_text())["rows"]


@pytest.mark.quick_on("torch")
def test_texts_from_scratch(texts, tmp_path):
    options = {
        "epochs": 14, "learning_rate": 5e-3, "depth": 1, "heads": 2, "vocabulary": 60, "dropout": 0.0,
        "class_weights": "balanced", "label_smoothing": 0.05, "word_dropout": 0.02, "average": 0.8, "patience": 12,
    }  # fmt: skip
    outcome = execute.run("finetune-text", out=tmp_path / "runs", quiet=True, data=str(texts), **SMALL, **options)
    assert outcome.result["accuracy"] > 0.9
    rows = {row["what tells the class"]: row for row in table(outcome.folder, "baselines")}
    assert list(rows) == [
        "bert with fresh weights",
        "logistic regression on words and pairs of words",
        "the most frequent class",
    ]
    assert rows["the most frequent class"]["accuracy"] == 0.5
    linear = rows["logistic regression on words and pairs of words"]["accuracy"]
    assert linear == pytest.approx(outcome.result["baseline_accuracy"], abs=1e-4)
    assert outcome.result["gain_over_baseline"] == pytest.approx(
        outcome.result["accuracy"] - outcome.result["baseline_accuracy"]
    )
    report = (outcome.folder / "report.html").read_text()
    assert "test texts" in report
    assert "test images" not in report

    (tmp_path / "lines.txt").write_text("cat a dog\n\ndog b b cat\n")
    found = json.loads(predict(outcome.folder, "dog a cat", str(tmp_path / "lines.txt"), "--json"))
    assert [row["text"] for row in found] == ["dog a cat", "cat a dog", "dog b b cat"]
    assert [row["class"] for row in found] == ["dog", "cat", "dog"]
    assert sum(found[0]["probabilities"].values()) == pytest.approx(1)
    assert predict(outcome.folder, "dog a cat", "--csv").startswith("text,class,probability,cat,dog\ndog a cat,dog,0.")
    assert [line.split()[-2] for line in predict(outcome.folder, "dog a cat", "--top", "2").splitlines()[1:]] == [
        "dog", "cat",
    ]  # fmt: skip
    done = CliRunner().invoke(program, ["predict", str(outcome.folder), "dog", "--tta"])
    assert done.exit_code == 2
    assert "--tta is for files" in done.output


@pytest.mark.quick_on("torch")
def test_trained_encoders_are_opened_group_by_group(texts, sentences, tmp_path):
    """The folder of a run: its encoder gets a new head, which learns first; then blocks and embeddings."""
    from kerasarch import models
    from kerasarch.data import PieceTokenizer
    from kerasarch.weights import to_pretrained

    tokenizer = PieceTokenizer.learn(["cat dog a b c we are in ton burg ABCDEF 0 1 2 3"], size=80, kind="wordpiece")
    sizes = {"vocabulary": len(tokenizer), "width": 16, "depth": 2, "heads": 2, "hidden": 16, "positions": 12}
    encoder = models.distilbert(head="masked_lm", padding=tokenizer.padding, **sizes)
    run = RunFolder.create(tmp_path / "runs", "pretrain-mlm", {}, {})
    to_pretrained(encoder, run.path / "encoder")
    tokenizer.write(run.path / "encoder")

    options = {"weights": run.path.name, "epochs": 1, "batch": 16, "max_stages": 3, "learning_rate": 1e-3}
    outcome = execute.run("finetune-text", out=tmp_path / "runs", quiet=True, data=str(texts), smoke=True, **options)
    report = (outcome.folder / "report.html").read_text()
    assert "distilbert of" in report
    lines = [json.loads(line) for line in (outcome.folder / "metrics.jsonl").read_text().splitlines()]
    phases = list(dict.fromkeys(line["phase"] for line in lines if line.get("kind") == "epoch"))
    assert [phase.split("/")[0] for phase in phases] == ["training"] * 3
    assert phases[0] == "training/head"
    opened = next(line for line in lines if line.get("phase") == phases[-1] and line.get("kind") == "epoch")
    assert {name for name in opened if name.startswith("lr/")} == {"lr/embeddings", "lr/block0", "lr/block1", "lr/head"}
    import keras

    model = keras.saving.load_model(outcome.folder / MODEL, compile=False)
    assert model.config.labels == ("cat", "dog")
    assert not np.allclose(model.token_embedding.embeddings, encoder.token_embedding.embeddings)

    transformers = pytest.importorskip("transformers")
    folder = outcome.folder / "encoder"
    theirs = transformers.AutoModelForSequenceClassification.from_pretrained(folder).eval()
    read = transformers.AutoTokenizer.from_pretrained(folder)
    (found,) = json.loads(predict(outcome.folder, "dog a cat", "--json"))
    chances = theirs(**read(["dog a cat"], return_tensors="pt")).logits.softmax(-1)[0].tolist()
    assert {theirs.config.id2label[place]: chance for place, chance in enumerate(chances)} == pytest.approx(
        found["probabilities"], abs=1e-4
    )

    options |= {"weights": str(run.path / "encoder"), "strategy": "extract"}
    tags = execute.run("tag", out=tmp_path / "runs", quiet=True, data=str(sentences), smoke=True, **options)
    model = keras.saving.load_model(tags.folder / MODEL, compile=False)
    assert model.config.labels == ("O", "B-place", "I-place")
    np.testing.assert_allclose(model.token_embedding.embeddings, encoder.token_embedding.embeddings)
    assert json.loads(predict(tags.folder, "we are in", "--json"))[0]["text"] == "we are in"


@pytest.mark.quick_on("torch")
def test_tags_from_scratch(sentences, tmp_path):
    options = {**SMALL, "epochs": 4, "learning_rate": 2e-2, "dropout": 0.1, "width": 18}  # no heads share it out
    outcome = execute.run("tag", out=tmp_path / "runs", quiet=True, data=str(sentences), **options)
    assert outcome.result["f1"] > 0.9
    assert outcome.result["accuracy"] >= outcome.result["f1"]
    (kind,) = table(outcome.folder, "kinds")
    assert kind["kind"] == "place"
    assert kind["spans"] == 30
    assert any("| place]" in row["marked by hand"] for row in table(outcome.folder, "examples"))
    text = "we are in  ABton, BCburg 7 ."
    (found,) = json.loads(predict(outcome.folder, text, "--json"))
    assert found["spans"], found
    assert all(text[span["start"] : span["end"]] == span["text"] for span in found["spans"])
    assert {"text": "BCburg 7", "kind": "place", "start": 18, "end": 26} in found["spans"]


@pytest.mark.quick_on("torch")
def test_an_interrupted_run_ends_as_the_whole_one(sentences, tmp_path, monkeypatch):
    options = {"data": str(sentences), "epochs": 2, **SMALL}
    whole = execute.run("tag", out=tmp_path / "whole", quiet=True, **options)
    with monkeypatch.context() as patch:
        stop_after(patch, 10)
        with pytest.raises(KeyboardInterrupt):
            execute.run("tag", out=tmp_path / "parts", quiet=True, **options)
    (stopped,) = list_runs(tmp_path / "parts")
    resumed = execute.resume(stopped.path, quiet=True)
    assert resumed.result == whole.result
    assert (stopped.path / TOKENIZER / "words.json").is_file()


def test_translation_there_and_back_in_a_recipe(texts, tmp_path, monkeypatch):
    """Two translators, opened once: a run that goes on takes what they gave before."""
    from kerasarch.data import load_labelled_texts
    from kerasarch.runs import text_changes, text_translator
    from kerasarch.runs.active import ActiveRun

    opened = []

    def open_translator(name, runs):
        opened.append(name)
        return lambda texts: [f"{text} {name}" for text in texts]

    monkeypatch.setattr(text_translator, "open_translator", open_translator)
    run = ActiveRun(RunFolder.create(tmp_path / "runs", "finetune-text", {}, {}), seed=0, quiet=True)
    train = load_labelled_texts(texts).train
    options = TextClassificationOptions(back_translate=("there", "back"), word_dropout=0.1)
    change = text_changes.training_change(run, options, train.texts)
    found = {change(train.texts[0], np.random.default_rng(number)) for number in range(40)}
    assert train.texts[0] in found
    assert f"{train.texts[0]} there back" in found
    again = text_changes.training_change(run, options, train.texts)
    assert {again(train.texts[0], np.random.default_rng(number)) for number in range(40)} == found
    assert opened == ["there", "back"]
    assert text_changes.training_change(run, TextClassificationOptions(), train.texts) is None


def test_a_resumed_run_reads_the_tokenizer_that_it_learned(tmp_path):
    from kerasarch.runs.active import ActiveRun
    from kerasarch.runs.encoders import open_encoder

    run = ActiveRun(RunFolder.create(tmp_path / "runs", "finetune-text", {}, {}), seed=0, quiet=True)
    options = TextClassificationOptions(width=8, depth=1, heads=2, vocabulary=40, length=12).settled(epochs=1)
    for family in ("roberta", "bert", "distilbert", "albert", "deberta", "deberta_v2"):
        texts = ["Ab b ab"] if family == "roberta" else ["other words"]
        encoder = open_encoder(run, options, texts, family=family, lower=True, head="classification", labels=2)
        assert encoder.tokenizer.decode(encoder.tokenizer.encode("AB b")) == "ab b"
        assert encoder.model.family == family
        assert (encoder.length, encoder.model.longest or 12, encoder.model.config.dropout) == (12, 12, 0.3)


@pytest.mark.quick_on("torch")
def test_a_run_of_translate_is_opened(tmp_path):
    from kerasarch import models
    from kerasarch.data import ByteTokenizer
    from kerasarch.runs.text_translator import open_translator

    tokenizer = ByteTokenizer(("padding", "start", "end"))
    sizes = {"start": tokenizer.special["start"], "end": tokenizer.special["end"], "width": 4}
    makes = {
        "translate": lambda: models.seq2seq_rnn(
            source_vocabulary=259, target_vocabulary=259, embedding=4, padding=tokenizer.padding, **sizes
        ),
        "char-lm": lambda: models.recurrent_lm(vocabulary=259, depth=1, **sizes),
    }
    runs = {}
    for recipe, make in makes.items():
        runs[recipe] = RunFolder.create(tmp_path / "runs", recipe, {}, {})
        make().save(runs[recipe].path / MODEL)
        tokenizer.write(runs[recipe].path / TOKENIZER)
    found = open_translator("translate/latest", tmp_path / "runs")(["ab", "c", "defg"])
    assert [type(text) for text in found] == [str] * 3
    with pytest.raises(UsageError, match="holds a RecurrentLM, expected a model that translates"):
        open_translator(runs["char-lm"].id, tmp_path / "runs")


@pytest.mark.parametrize(
    ("recipe", "options", "message"),
    [
        ("finetune-text", {"weights": "nowhere"}, "nowhere"),
        ("finetune-text", {"synonyms": "no-such-file"}, "no list of synonyms"),
        ("finetune-text", {"back_translate": ("one",)}, "--back-translate: received 1 runs"),
        ("finetune-text", {"open": ("block1",)}, "with --strategy None"),
        ("finetune-text", {"width": 30}, "expected a multiple of the 4 --heads"),
        ("tag", {"model": "bert", "width": 30}, "expected a multiple of the 4 --heads"),
        ("tag", {"data": "coda"}, "Did you mean 'code'"),
    ],
)
def test_what_is_refused(recipe, options, message, texts, sentences, tmp_path):
    options = {"data": str(sentences if recipe == "tag" else texts)} | options
    with pytest.raises(KerasarchError, match=message):
        execute.run(recipe, out=tmp_path / "runs", quiet=True, **options)


def test_a_run_without_weights_to_go_on_from(texts, tmp_path):
    run = RunFolder.create(tmp_path / "runs", "char-lm", {}, {})
    with pytest.raises(UsageError, match=rf"run {run.id} of char-lm .* holds no folder of weights"):
        execute.run("finetune-text", out=tmp_path / "runs", quiet=True, data=str(texts), weights=str(run.path))
