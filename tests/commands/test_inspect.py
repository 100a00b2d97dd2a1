"""``kerasarch inspect``: a table that fits the terminal, JSON, a figure, and what it says to what does not fit."""

import json
import os

import keras
import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from kerasarch import models
from kerasarch.commands.program import program


@pytest.fixture
def inspect(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("KERAS_BACKEND", os.environ["KERAS_BACKEND"])
    return lambda *words: CliRunner().invoke(program, ["inspect", *map(str, words)])


def test_a_registered_model_at_a_size(inspect):
    done = inspect("resnet8_small", "--input", "32x24x1", "--figure", "cost.png")
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    assert lines[0] == "resnet8_small, input 32x24x1"
    assert max(map(len, lines)) <= 80
    stem = next(line for line in lines if line.strip().startswith("stem_conv")).split()
    # a 3x3 kernel with 16 outputs, and scale, offset, mean and variance of each
    assert stem == ["stem_conv", "32x24x16", "208", "111", "k", "144", "KiB", "3", "1"]
    assert next(line for line in lines if line.strip().startswith("head ")).split()[-1] == "all"
    assert np.asarray(Image.open("cost.png")).std() > 10


def test_a_file_as_json_with_every_operation(inspect, tmp_path):
    model = models.build("resnet8_small", input_shape=(16, 16, 3), classes=4)
    model.save(tmp_path / "model.keras")
    whole = json.loads(inspect("model.keras", "--json").stdout)
    assert whole["parameters"] == model.count_params()
    assert whole["layers"][-1]["output"] == [4]
    every = json.loads(inspect("model.keras", "--json", "--all", "--input", "20x20x3").stdout)
    assert every["inputs"] == [[20, 20, 3]]
    assert "stage1_block1/conv1/convolution" in [row["name"] for row in every["layers"]]


def test_a_size_that_does_not_fit_names_the_layer(inspect, tmp_path):
    x = inputs = keras.Input((8, 8, 3))
    x = keras.layers.Dense(4, name="scores")(keras.layers.Flatten()(x))
    keras.Model(inputs, x).save(tmp_path / "flat.keras")
    done = inspect("flat.keras", "--input", "9x9x3")
    assert done.exit_code == 2
    assert "scores" in done.stderr
    assert "243" in done.stderr
    assert "192" in done.stderr


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("resnet8_smal",), "resnet8_small"),
        (("resnet8_small", "--input", "16"), "224x224x3"),
        (("none.keras",), "no such file"),
        (("resnet8_small", "--figure", "cost.jpg"), ".png"),
    ],
)
def test_bad_input(inspect, words, text):
    done = inspect(*words)
    assert done.exit_code == 2
    assert text in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
