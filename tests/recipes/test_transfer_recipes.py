"""The transfer recipes run to the end and leave a complete folder."""

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from kerasarch.commands.program import program

COMPLETE = (
    "run.json", "config.json", "env.json", "recipe.py", "metrics.jsonl", "log.txt", "model.keras", "result.json",
    "report.html",
)  # fmt: skip


def run(out: Path, *arguments: object) -> Path:
    result = CliRunner().invoke(program, ["run", *map(str, arguments), "--out", str(out)])
    assert result.exit_code == 0, result.output
    (found,) = out.glob("*/*/run.json")
    return found.parent


def read(folder: Path, name: str) -> dict:
    return json.loads((folder / name).read_text())


@pytest.mark.parametrize(
    ("recipe", "size"),
    [
        # .ci/run has it on JAX; TensorFlow traces for most of a minute
        pytest.param("transfer-resnet", (16, 16, 1), marks=pytest.mark.quick_on("torch")),
        pytest.param("transfer-image", (32, 32, 3), marks=pytest.mark.slow),
    ],
)
def test_smoke(tmp_path, recipe, size):
    import keras

    folder = run(tmp_path, recipe, "--smoke")
    assert not [name for name in COMPLETE if not (folder / name).is_file()]
    assert read(folder, "run.json")["status"] == "finished"
    assert 0 <= read(folder, "result.json")["result"]["accuracy"] <= 1
    model = keras.saving.load_model(folder / "model.keras", compile=False)
    pixels = np.random.default_rng(0).integers(0, 256, (2, *size)).astype("float32")
    predicted = keras.ops.convert_to_numpy(model(pixels))
    assert predicted.shape == (2, 10)
    assert np.isfinite(predicted).all()


def test_check_trains_nothing(tmp_path):
    (tmp_path / "options.json").write_text(json.dumps({"weights": "none", "variant": "resnet18", "image_size": 32}))
    folder = run(tmp_path / "runs", "transfer-resnet", "--check", "--config", tmp_path / "options.json")
    assert read(folder, "run.json")["status"] == "checked"
    assert read(folder, "config.json")["variant"]["value"] == "resnet18"
    assert "options.json" in read(folder, "config.json")["variant"]["origin"]
    assert not (folder / "model.keras").exists()
    assert not (folder / "result.json").exists()


@pytest.mark.slow
def test_figures_of_the_demonstration(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    results = [
        read(run(tmp_path / str(seed), "transfer-resnet", "--seed", seed), "result.json")["result"] for seed in range(3)
    ]
    assert np.mean([result["accuracy"] for result in results]) >= 0.88
    assert np.mean([result["gain_over_scratch"] for result in results]) >= 0.08


@pytest.mark.slow
def test_mobilenet_on_clothing(tmp_path, shared_data):
    trained = shared_data / "mobilenet_v2_imagenet"
    folder = run(
        tmp_path, "transfer-image", "--model", "mobilenet_v2", "--weights", trained / "mobilenet_v2.weights.h5",
        "--calibration", trained / "bn_calibrated.npz", "--data", shared_data / "clothing", "--labels-per-class", 10,
        "--image-size", 96, "--no-compare", "--epochs", 3,
    )  # fmt: skip
    classes = len([path for path in (shared_data / "clothing" / "train").iterdir() if path.is_dir()])
    assert read(folder, "result.json")["result"]["accuracy"] >= 3 / classes
