"""The generative recipes run to the end, leave a complete folder, and draw again from it."""

import json

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from kerasarch.commands.program import program

RECIPES = [
    "gan",
    "dcgan",
    "wgan",
    "wgan-gp",
    "stylegan2",
    "biggan",
    "vae",
    "beta-vae",
    "wae",
    "vq-vae",
    "vae-gan",
    "ddpm",
    "rectified-flow",
    "dit",
    "latent-diffusion",
]
# One of each kind by default; the networks and learners of the others have tests of their own.
QUICK = ("vae",)
TRIED = [
    pytest.param(name, marks=pytest.mark.quick_on("torch") if name in QUICK else pytest.mark.slow) for name in RECIPES
]


def call(*arguments):
    result = CliRunner().invoke(program, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output
    return result


@pytest.mark.parametrize("recipe", TRIED)
def test_smoke_and_sample(tmp_path, monkeypatch, recipe):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    call("run", recipe, "--smoke", "--out", tmp_path / "runs")
    (found,) = (tmp_path / "runs").glob("*/*/run.json")
    folder = found.parent
    assert json.loads(found.read_text())["status"] == "finished"
    result = json.loads((folder / "result.json").read_text())["result"]
    assert result["frechet_distance"] > result["held_out_frechet_distance"] > 0
    report = (folder / "report.html").read_text()
    assert "Generative scores" in report
    assert "Generated classes" in report
    call("sample", folder, "--n", 6, "--seed", 1, "--out", tmp_path / "grid.png")
    picture = np.asarray(Image.open(tmp_path / "grid.png"))
    assert min(picture.shape[:2]) >= 16
    assert picture.std() > 0


@pytest.mark.slow
@pytest.mark.parametrize("recipe", ["dcgan", "vae"])
@pytest.mark.parametrize("kind", ["photos", "classes", "arrays"])
def test_data_of_ones_own(tmp_path, monkeypatch, recipe, kind):
    """Colour pictures in a folder, in class folders, and in arrays as CIFAR-10's."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    pixels = np.random.default_rng(0).integers(0, 256, (60, 10, 12, 3), np.uint8)
    labels = np.arange(60) % 3
    data = tmp_path / "data"
    if kind == "arrays":
        data = tmp_path / "data.npz"
        np.savez(data, x_train=pixels[:40], y_train=labels[:40], x_test=pixels[40:], y_test=labels[40:])
    else:
        for number, picture in enumerate(pixels):
            folder = data / (f"class {labels[number]}" if kind == "classes" else "")
            folder.mkdir(parents=True, exist_ok=True)
            Image.fromarray(picture).save(folder / f"{number}.png")
    call("run", recipe, "--data", data, "--image-size", 16, "--smoke", "--out", tmp_path / "runs")
    (found,) = (tmp_path / "runs").glob("*/*/result.json")
    result = json.loads(found.read_text())["result"]
    assert ("frechet_distance" in result) == (kind != "photos")
    call("sample", found.parent, "--n", 4, "--out", tmp_path / "grid.png")
    assert np.asarray(Image.open(tmp_path / "grid.png")).shape[-1] == 3
    if recipe == "dcgan" and kind == "photos":
        words = ["run", recipe, "--data", str(data), "--conditional", "--smoke", "--out", str(tmp_path / "runs")]
        refused = CliRunner().invoke(program, words)
        assert refused.exit_code == 2
        assert "no classes that could be asked for" in refused.stderr


@pytest.mark.slow
@pytest.mark.parametrize("judged", [True, False])
def test_captions_are_learned_and_drawn(tmp_path, monkeypatch, judged):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    data = tmp_path / "data"
    data.mkdir()
    rng = np.random.default_rng(0)
    lines = []
    for number in range(60):
        words = ("a bright square", "a dark square")[number % 2] + ("" if judged else f" of shade {number}")
        lines.append({"file_name": f"{number}.png", "text": words})
        grey = rng.integers(150, 255) if number % 2 == 0 else rng.integers(0, 100)
        Image.new("L", (16, 16), int(grey)).save(data / f"{number}.png")
    (data / "metadata.jsonl").write_text("\n".join(json.dumps(line) for line in lines))
    small = ("--image-size", 16, "--batch", 16)
    call("run", "latent-diffusion", "--captions", "--data", data, "--smoke", "--out", tmp_path / "runs", *small)
    (found,) = (tmp_path / "runs").glob("*/*/result.json")
    result = json.loads(found.read_text())["result"]
    assert ("frechet_distance" in result) == judged  # nobody learns a caption from a single picture
    assert result["held_out_loss"] > 0
    call("sample", found.parent, "--n", 2, "--prompt", "a bright shade", "--out", tmp_path / "grid.png")
    assert np.asarray(Image.open(tmp_path / "grid.png")).std() > 0


@pytest.mark.slow
@pytest.mark.parametrize("recipe", ["dcgan", "wgan-gp"])
def test_all_digits_are_drawn(tmp_path, recipe):
    call("run", recipe, "--out", tmp_path)
    (found,) = tmp_path.glob("*/*/result.json")
    result = json.loads(found.read_text())["result"]
    assert result["classes_covered"] == 10
    assert result["smallest_class_share"] >= 0.03
    assert result["frechet_distance"] < result["untrained_frechet_distance"] / 4
