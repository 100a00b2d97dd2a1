"""``kerasarch sample``: pictures from a run's folder, and what it says where there are none to be had."""

import json
import os

import keras
import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from kerasarch import models
from kerasarch.commands.program import program
from kerasarch.generation import CaptionSampler, DiffusionSampler, NoiseSchedule
from kerasarch.runs.folder import MODEL, RunFolder


def conditional():
    latents, labels = keras.Input((4,)), keras.Input((), dtype="int32")
    embedded = keras.layers.Embedding(2, 4, embeddings_initializer="random_normal")(labels)
    x = keras.layers.Dense(12, activation="tanh")(latents + embedded)
    return keras.Model([latents, labels], keras.layers.Reshape((3, 4, 1))(x))


def negative():
    inputs = keras.Input((None, None, 1))
    kernel = keras.initializers.Constant(-1.0)
    return keras.Model(inputs, keras.layers.Conv2D(1, 1, use_bias=False, kernel_initializer=kernel)(inputs))


@pytest.fixture
def make(tmp_path):
    def make(model=None, status="finished"):
        folder = RunFolder.create(tmp_path / "runs", "dcgan", {"backend": os.environ["KERAS_BACKEND"]}, {})
        folder.update(status=status)
        if model is not None:
            model.save(folder.path / MODEL)
        return folder

    return make


@pytest.fixture
def sample(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return lambda *words: CliRunner().invoke(program, ["sample", *map(str, words)])


def pixels(path):
    return np.asarray(Image.open(path))


def test_a_grid_and_single_pictures(make, sample, tmp_path):
    sampler = models.LatentSampler(conditional(), 4, classes=["cat", "dog"])
    folder = make(sampler)
    done = sample(
        "latest", "--n", 5, "--seed", 3, "--labels", "dog,0", "--out", "deep/grid.png", "--separate", "each", "--json"
    )
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["grid"] == "deep/grid.png"
    expected = sampler.sample(5, 3, [1, 0])
    for number in range(5):
        np.testing.assert_array_equal(pixels(tmp_path / "each" / f"{number:04d}.png"), expected[number, ..., 0])
    # Three a row, each pixel 16 times its size, two white pixels between.
    grid = pixels(tmp_path / "deep" / "grid.png")
    assert grid.shape == (2 * 48 + 2, 3 * 64 + 2 * 2)
    np.testing.assert_array_equal(grid[:48:16, :64:16], expected[0, ..., 0])
    np.testing.assert_array_equal(grid[50::16, 66:130:16], expected[4, ..., 0])
    assert grid[50:, 132:].min() == 255
    assert "5 pictures of dcgan" in sample(folder.path, "--n", 5).stdout
    for words, complaint in (
        (("--labels", "bird"), "cat, dog"),
        (("--labels", "2"), "0 to 1"),
        (("--input", folder.path), "read"),
        (("--reverse",), "--reverse"),
    ):
        wrong = sample(folder.id, *words)
        assert wrong.exit_code, words
        assert wrong.stderr.startswith("Error:")
        if words[0] != "--input":
            assert complaint in wrong.stderr


def test_translating(make, sample, tmp_path):
    folder = make(models.Translator(negative(), channels=1))
    Image.fromarray(np.array([[0, 100]], np.uint8)).save(tmp_path / "a.png")
    done = sample("latest", "--input", tmp_path / "a.png", "--separate", "each")
    assert done.exit_code == 0, done.output
    assert np.abs(pixels(tmp_path / "each" / "0000.png").astype(int) - [[255, 155]]).max() <= 1
    assert "--input PATH" in sample("latest").stderr
    np.savez(folder.path / "inputs.npz", forward=np.full((3, 1, 2, 1), 5, np.uint8))  # as the run keeps some
    kept = sample("latest", "--n", 2, "--separate", "own", "--json")
    assert json.loads(kept.stdout)["count"] == 2
    assert "one direction" in sample("latest", "--reverse").stderr
    assert np.abs(pixels(tmp_path / "own" / "0001.png").astype(int) - 250).max() <= 1
    assert "no file or folder" in sample("latest", "--input", "nothing").stderr
    assert "do not apply" in sample("latest", "--input", tmp_path / "a.png", "--truncation", 0.5).stderr
    assert "one direction" in sample("latest", "--input", tmp_path / "a.png", "--reverse").stderr


def test_what_is_no_generative_run(make, sample):
    folder = make(keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)]))
    done = sample(folder.id)
    assert done.exit_code == 2
    assert "no generative run" in done.stderr
    assert "Sequential" in done.stderr
    (folder.path / MODEL).write_bytes(b"damaged")
    damaged = sample(folder.id)
    assert damaged.exit_code == 1
    assert "cannot be opened" in damaged.stderr


@pytest.mark.parametrize(
    ("status", "words"),
    [("interrupted", "kerasarch resume"), ("failed", "kerasarch resume"), ("checked", "nothing can be drawn")],
)
def test_runs_without_a_model(make, sample, status, words):
    done = sample(make(status=status).id)
    assert done.exit_code == 2
    assert words in done.stderr


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("--n", 0), "--n: received 0"),
        (("--seed", -1), "--seed: received -1"),
        (("--truncation", 0), "--truncation: received 0"),
        (("--truncation", "nan"), "--truncation: received nan"),
        (("--out", "grid.jpg"), "ends in .png"),
        ((), "no run"),
    ],
)
def test_wrong_options(sample, words, complaint):
    done = sample("nothing", *words)
    assert done.exit_code == 2
    assert complaint in done.stderr


def test_an_unwritable_place(make, sample, tmp_path):
    make(models.LatentSampler(conditional(), 4, classes=2))
    (tmp_path / "file").write_text("")
    done = sample("latest", "--n", 1, "--out", tmp_path / "file" / "grid.png")
    assert done.exit_code == 1
    assert "cannot be written" in done.stderr


def test_guidance_and_steps_of_a_diffusion_run(make, sample, tmp_path):
    x, times, labels = keras.Input((4, 4, 1)), keras.Input(()), keras.Input((), dtype="int32")
    greys = np.array([[-0.4], [0.4], [0.0]], "float32")  # two classes, and none
    embedding = keras.layers.Embedding(3, 1, embeddings_initializer=keras.initializers.Constant(greys))
    flat = keras.ops.reshape(embedding(labels), (-1, 1, 1, 1))
    network = keras.Model([x, times, labels], keras.layers.Dense(1, kernel_initializer="zeros")(x) + flat)
    sampler = DiffusionSampler(
        network, (4, 4, 1), NoiseSchedule("cosine"), prediction="x0", steps=3, guidance=1.5, null=2, classes=2
    )
    folder = make(sampler)
    for words, grey in (((), 0.6), (("--guidance", 2, "--steps", 5), 0.8), (("--guidance", 1), 0.4)):
        done = sample(folder.path, "--n", 1, "--labels", 1, "--separate", "each", *words)
        assert done.exit_code == 0, done.output
        assert abs(pixels(tmp_path / "each" / "0000.png").mean() - (grey + 1) * 127.5) < 2
    for words, complaint in (
        (("--steps", 0), "--steps"),
        (("--guidance", -1), "--guidance"),
        (("--steps", 3, "--truncation", 0.5), "--truncation"),
    ):
        wrong = sample(folder.path, *words)
        assert wrong.exit_code == 2
        assert complaint in wrong.stderr
    other = sample(make(models.LatentSampler(conditional(), 4, classes=2)).path, "--steps", 3)
    assert other.exit_code == 2
    assert "diffusion runs" in other.stderr
    wrong = sample(folder.path, "--prompt", "a cat")
    assert wrong.exit_code == 2
    assert "--prompt is for runs that learned from captions" in wrong.stderr


def test_captions_are_drawn(make, sample, tmp_path):
    pytest.importorskip("tokenizers")
    tokenizer = models.CLIPTokenizer.learn(["black", "white"], length=4)
    ids = keras.Input((4,), dtype="int32")
    x, times = keras.Input((4, 4, 1)), keras.Input(())
    white = keras.ops.cast(keras.ops.equal(ids[:, 1], int(tokenizer("white")["input_ids"][0, 1])), "float32")
    flat = keras.ops.reshape(white - 0.5, (-1, 1, 1, 1))
    network = keras.Model([x, times, ids], keras.layers.Dense(1, kernel_initializer="zeros")(x) + flat)
    sampler = CaptionSampler(
        network, (4, 4, 1), NoiseSchedule("cosine"), prediction="x0", steps=3, tokenizer=tokenizer,
        classes=["black", "white"],
    )  # fmt: skip
    folder = make(sampler)
    done = sample(folder.path, "--n", 2, "--prompt", "White", "--prompt", "black", "--separate", "each")
    assert done.exit_code == 0, done.output
    assert abs(pixels(tmp_path / "each" / "0000.png").mean() - 191) < 2
    assert abs(pixels(tmp_path / "each" / "0001.png").mean() - 64) < 2
    wrong = sample(folder.path, "--prompt", "white", "--labels", "white")
    assert wrong.exit_code == 2
    assert "exclude each other" in wrong.stderr
    assert sample(folder.path, "--n", 1, "--prompt", "white", "--guidance", 2).exit_code == 0
    never_hidden = CaptionSampler.from_config({**sampler.get_config(), "hidden": False})
    wrong = sample(make(never_hidden).path, "--n", 1, "--prompt", "white", "--guidance", 2)
    assert wrong.exit_code == 2
    assert "guidance=2.0 needs" in wrong.stderr
