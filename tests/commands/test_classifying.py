"""``kerasarch predict`` and ``explain``: what a run's model says of files, and pictures of what it looks at."""

import csv
import io
import json
import os

import keras
import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from kerasarch.commands import console
from kerasarch.commands.program import program
from kerasarch.models import INCEPTION, Preprocessing, accept_raw_pixels, mean_classifier, mlp, vit
from kerasarch.runs.folder import MODEL, RunFolder
from kerasarch.runs.parts import Parts
from tests import conformance

pytestmark = conformance.QUIET


def left_or_right():
    """A classifier that weighs the brightness of the left half against that of the right one."""
    pixels = keras.Input((8, 8, 1))
    maps = keras.layers.Conv2D(1, 1, use_bias=False, kernel_initializer="ones", name="maps")(pixels)
    halves = keras.layers.AveragePooling2D((8, 4), name="halves")(maps)
    flat = keras.layers.Flatten(name="flat")(halves)
    return keras.Model(pixels, keras.layers.Dense(2, "linear", False, kernel_initializer="identity", name="head")(flat))


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = RunFolder.create(tmp_path / "runs", "train-image", {"backend": os.environ["KERAS_BACKEND"]}, {})
    folder.update(status="finished")
    left_or_right().save(folder.path / MODEL)
    Parts(folder.path).confusion(np.eye(2), ["left", "right"])
    return folder


@pytest.fixture
def pictures(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    for name, place in (("a", slice(0, 8)), ("b", slice(8, 16))):
        pixels = np.zeros((16, 16), np.uint8)
        pixels[:, place] = 255
        pixels[:2] //= 8
        Image.fromarray(pixels).save(folder / f"{name}.png")
    return folder


def raw_pixels(**preprocessing):
    """A classifier as the recipes save it, which prepares its pictures of 8 x 8 itself."""
    prepared = Preprocessing(mean=INCEPTION.mean, std=INCEPTION.std, **preprocessing)
    network = mlp(classes=2, input_shape=(8, 8, 1), width=4, depth=1, preprocessing=prepared)
    conformance.randomise(network)
    return accept_raw_pixels(network)


def probability(model, pixels):
    """Of the first class, for one grey picture."""
    first, second = np.exp(conformance.to_numpy(model(pixels[None, :, :, None].astype("float32")))[0])
    return first / (first + second)


def call(*words):
    return CliRunner().invoke(program, list(map(str, words)))


def test_a_table_of_a_folder(run, pictures):
    (pictures / "c.jpg").write_text("no picture")
    done = call("predict", "latest", pictures, "--top", 2)
    assert done.exit_code == 0, done.output
    rows = [line.split() for line in done.stdout.splitlines()[1:]]
    assert [row[-2] for row in rows] == ["left", "right", "right", "left"]
    assert rows[0][-1] == "100.0%"
    assert "c.jpg" in done.stderr
    assert call("predict", "latest", pictures, "--strict").exit_code != 0


def test_json_and_csv_have_every_probability(run, pictures):
    (first, second) = json.loads(call("predict", "latest", pictures, "--json").stdout)
    assert (first["class"], second["class"]) == ("left", "right")
    assert sum(first["probabilities"].values()) == pytest.approx(1)
    rows = list(csv.DictReader(io.StringIO(call("predict", run.path, pictures / "b.png", "--csv").stdout)))
    assert [row["class"] for row in rows] == ["right"]
    assert float(rows[0]["right"]) == pytest.approx(second["probability"], abs=1e-6)


def test_augmented_views_are_averaged(run, tmp_path):
    pixels = np.full((8, 8), 100, np.uint8)
    pixels[:, :4] = 104
    Image.fromarray(pixels).save(tmp_path / "one.png")
    plain, crops, mirrored = (
        json.loads(call("predict", "latest", "one.png", "--json", *words).stdout)[0]["probabilities"]["left"]
        for words in ((), ("--tta",), ("--tta", "--mirror"))
    )
    assert plain == pytest.approx(1 / (1 + np.exp(-4.0)), abs=1e-4)
    assert 0.5 < crops < plain  # crops from the left see less of the right half, those from the right more
    assert mirrored == pytest.approx(0.5, abs=0.02)  # a mirror image says the opposite


def test_sheets_of_a_run(run, pictures):
    done = call("explain", "latest", pictures / "a.png", pictures / "b.png", "--out", "sheets", "--json")
    assert done.exit_code == 0, done.output
    rows = json.loads(done.stdout)
    assert [row["class"] for row in rows] == ["left", "right"]
    assert rows[0]["methods"] == ["grad-cam", "occlusion", "features"]
    for row in rows:
        assert np.asarray(Image.open(row["figure"])).std() > 10
    named = call("explain", "latest", pictures / "a.png", "--label", "right", "--method", "occlusion", "--json")
    assert json.loads(named.stdout)[0]["class"] == "right"


@pytest.mark.parametrize("networks", [1, 2])
def test_a_file_that_takes_raw_pixels(networks, tmp_path, monkeypatch):
    """What the recipes save has its preprocessing inside, an ensemble in each of its networks: none goes in front."""
    monkeypatch.chdir(tmp_path)
    model = raw_pixels() if networks == 1 else mean_classifier([raw_pixels(), raw_pixels()])
    model.save("model.keras")
    pixels = np.random.default_rng(0).integers(0, 256, (8, 8), dtype=np.uint8)
    Image.fromarray(pixels).save("one.png")
    done = call("explain", "model.keras", "one.png", "--label", "0", "--method", "occlusion", "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)[0]["probability"] == pytest.approx(probability(model, pixels), abs=1e-5)


@pytest.mark.parametrize("name", ["bilinear", "bicubic"])
def test_pictures_are_resized_as_the_model_says(run, name, tmp_path):
    model = raw_pixels(interpolation=name)
    model.save(run.path / MODEL)
    picture = Image.fromarray(np.random.default_rng(1).integers(0, 256, (5, 11), dtype=np.uint8))
    picture.save("one.png")
    filters = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}
    expected = {
        other: probability(model, np.asarray(picture.resize((8, 8), resampling)))
        for other, resampling in filters.items()
    }
    assert abs(expected["bilinear"] - expected["bicubic"]) > 1e-4
    predicted = json.loads(call("predict", "latest", "one.png", "--json").stdout)[0]["probabilities"]["left"]
    explained = call("explain", "latest", "one.png", "--label", "left", "--method", "occlusion", "--json")
    assert predicted == pytest.approx(expected[name], abs=1e-5)
    assert json.loads(explained.stdout)[0]["probability"] == pytest.approx(expected[name], abs=1e-5)


def test_attention_of_a_file(pictures, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model = vit("vit_tiny_patch4", input_shape=(16, 16, 3), width=8, depth=2, heads=2, classes=3)
    model.save("vit.keras")
    done = call("explain", "vit.keras", pictures / "a.png", "--method", "attention", "--json")
    assert done.exit_code == 0, done.output
    assert np.asarray(Image.open(json.loads(done.stdout)[0]["figure"])).std() > 5


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("predict", "latest", "none.png"), "no file or folder none.png"),
        (("predict", "latest", "photos", "--mirror"), "--tta"),
        (("predict", "latest", "photos", "--json", "--csv"), "exclude each other"),
        (("explain", "resnet8_smal", "photos"), "kerasarch models"),
        (("explain", "latest", "photos", "--label", "up"), "left, right"),
        (("explain", "latest", "photos", "--method", "attention"), "attention"),
        (("explain", "latest", "photos", "--layer", "roof"), "expected one of"),
        (("explain", "latest", "photos", "--layer", "maps", "--method", "occlusion"), "--layer"),
        (("explain", "latest", "photos", "--label", "left", "--method", "features"), "--label"),
    ],
)
def test_bad_input(run, pictures, words, text):
    done = call(*words)
    assert done.exit_code == 2, done.output
    assert text in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_paths_are_cut_at_their_beginning(monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    rows = [("/a/long/folder/of/many/pictures/cat.png", "cat"), ("dog.png", "dog")]
    _, long, short = console.table(("picture", "class"), rows, shrink="picture", keep_end=True).splitlines()
    assert long == "  …older/of/many/pictures/cat.png  cat"
    assert short == f"  dog.png{' ' * 24}  dog"
    _, long, _ = console.table(("picture", "class"), rows, shrink="picture").splitlines()
    assert long == "  /a/long/folder/of/many/picture…  cat"
