"""The recipes that train classifiers from scratch run to the end; the perceptron keeps its promises."""

import functools
import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from kerasarch.commands.program import program


def run(out: Path, *arguments: object) -> tuple[Path, dict]:
    result = CliRunner().invoke(program, ["run", *map(str, arguments), "--out", str(out)])
    assert result.exit_code == 0, result.output
    (found,) = out.glob("*/*/result.json")
    return found.parent, json.loads(found.read_text())["result"]


def table(folder: Path, name: str) -> list[dict]:
    return json.loads((folder / "parts" / f"table-{name}.json").read_text())["rows"]


@pytest.mark.quick_on("torch")  # the rule itself is tested on every backend beside its loss
def test_perceptron(tmp_path):
    _, result = run(tmp_path, "perceptron", "--epochs", 4)
    assert result["accuracy"] == 1
    assert result["difference_from_sklearn"] <= 1e-5
    assert result["and_accuracy"] == result["or_accuracy"] == 1
    assert result["xor_accuracy"] <= 0.75


@pytest.mark.quick_on("torch")
def test_train_image_with_everything(tmp_path):
    import keras

    folder, result = run(
        tmp_path, "train-image", "--smoke", "--model", "cnn", "--sizes", "8,12", "--ensemble", 2, "--tta", "--mirror",
        "--average", 0.9, "--patience", 1, "--mixup", 0.2, "--cutmix", 1, "--augment", "--dropout", 0.3,
        "--class-weights", "balanced", "--label-smoothing", 0.1, "--labels-per-class", 12,
    )  # fmt: skip
    assert 0 <= result["accuracy"] <= 1
    assert (folder / "figures" / "calibration.png").is_file()
    model = keras.saving.load_model(folder / "model.keras", compile=False)
    pixels = np.random.default_rng(0).integers(0, 256, (2, 12, 12, 1)).astype("float32")
    assert model(pixels).shape == (2, 10)
    (head, *_) = [layer for layer in model.get_layer("network1").layers if isinstance(layer, keras.layers.Dropout)]
    assert head.rate == 0.3
    assert sum(row["images"] for row in table(folder, "classes")) == 359


def test_fresh_weights_expect_the_pictures_they_learn_from(tmp_path, monkeypatch):
    """Published DeiTs saw bicubic pictures; one that is trained here sees those of the batches, and says so."""
    from kerasarch import models

    config = models.DeiTConfig(patch=4, width=8, depth=1, heads=2)
    made = []
    monkeypatch.setattr("kerasarch.registry.load_model_builder", lambda name: functools.partial(models.deit, config))
    monkeypatch.setattr(
        "kerasarch.runs.classification.train_classifier",
        lambda run, make, images, options: made.append(make((8, 8, 1))) or {"accuracy": 1.0},
    )
    run(tmp_path, "train-image", "--model", "deit")
    assert models.deit(config, classes=2).preprocessing.interpolation == "bicubic"
    assert made[0].preprocessing.interpolation == "bilinear"
    assert made[0].layers[1].name == "stem_normalization"


def mixed_folder(root: Path) -> Path:
    """Two classes of 20 pictures, of four modes and many sizes; a cut photo and a text that is called one."""
    rng = np.random.default_rng(0)
    for name, level in (("bright", 150), ("dark", 0)):
        (root / name).mkdir(parents=True)
        for number in range(20):
            size = tuple(rng.integers(9, 40, 2).tolist())
            noise = Image.fromarray(rng.integers(level, level + 100, (*size, 3), dtype=np.uint8))
            mode = ("RGB", "L", "RGBA", "CMYK")[number % 4]
            noise.convert(mode).save(root / name / f"{number}.{'jpg' if mode in ('L', 'CMYK') else 'png'}")
    noise = Image.fromarray(rng.integers(0, 255, (64, 64, 3), dtype=np.uint8))
    noise.save(root / "dark" / "cut.jpg")
    (root / "dark" / "cut.jpg").write_bytes((root / "dark" / "cut.jpg").read_bytes()[:900])
    (root / "bright" / "text.jpg").write_text("not an image at all")
    return root


@pytest.mark.quick_on("torch")
@pytest.mark.filterwarnings("default")
def test_a_mixed_folder_trains_and_a_strict_run_refuses_it(tmp_path):
    data = mixed_folder(tmp_path / "photos")
    arguments = ["run", "train-image", "--model", "cnn", "--sizes", "12", "--smoke", "--data", str(data), "--out"]
    trained = CliRunner().invoke(program, [*arguments, str(tmp_path / "runs")])
    assert trained.exit_code == 0, trained.output
    (result,) = (tmp_path / "runs").glob("*/*/result.json")
    assert (result.parent / "model.keras").is_file()
    assert sum(row["images"] for row in table(result.parent, "classes")) == 8  # a fifth of what is readable
    said = trained.output + (result.parent / "log.txt").read_text()
    for words in ("photos: skipped 2 of its files", "cut.jpg: damaged", "text.jpg: not an image"):
        assert words in said
    refused = CliRunner().invoke(program, [*arguments, str(tmp_path / "strict"), "--strict"])
    assert refused.exit_code == 1
    (line,) = [line for line in refused.stderr.splitlines() if line.startswith("Error:")]
    assert "text.jpg: not an image" in line
    assert "load without strict (--strict)" in line
    assert not list((tmp_path / "strict").glob("*/*/model.keras"))


@pytest.mark.slow
@pytest.mark.parametrize("recipe", ["mlp-digits", "cnn-digits", "mlp-vs-cnn", "pooling-ablation"])
def test_smoke(tmp_path, recipe):
    folder, result = run(tmp_path, recipe, "--smoke")
    assert (folder / "model.keras").is_file()
    assert all(np.isfinite(value) for value in result.values())


@pytest.mark.slow
def test_folds(tmp_path):
    folder, result = run(tmp_path, "mlp-digits", "--smoke", "--folds", 3, "--patience", 1)
    assert [row["fold"] for row in table(folder, "folds")] == ["1", "2", "3", "mean", "deviation"]
    assert result["accuracy_deviation"] >= 0
    assert sum(row["images"] for row in table(folder, "classes")) == 1797


@pytest.mark.slow
def test_an_interrupted_run_ends_as_the_uninterrupted_one():
    from kerasarch.testing.recipes import check_recipe

    options = ("--model", "cnn", "--sizes", "8,10", "--average", "0.9", "--patience", "2", "--mixup", "0.2", "--mirror")
    check_recipe("train-image", arguments=options, thorough=True)
