"""What bad input gets, through the command line: one line, an exit code, and a run folder that says what happened."""

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from kerasarch.commands.program import program

RECIPE = '''
"""A dense classifier, the smallest thing that trains."""
from kerasarch.recipe import Run, recipe


@recipe(task="test", data="any")
def dense(run: Run, *, data: str = "digits", rate: float = 0.01, strict: bool = False, weights: str | None = None):
    """Train one dense layer.

    Args:
        data: Images.
        rate: Learning rate; a negative one stands for weights that are not numbers.
        strict: Stop at the first damaged image.
        weights: Weights for the classifier.
    """
    import keras

    from kerasarch import data as images_of
    from kerasarch import weights as checkpoints

    images = images_of.load_images(data, seed=run.seed, strict=strict)
    train = images_of.batches(images.train, batch=8, size=(16, 16), seed=run.seed)
    head = keras.layers.Dense(len(images.classes))
    model = keras.Sequential([keras.Input((16, 16, 3)), keras.layers.Flatten(), head])
    if weights:
        checkpoints.load_into(model, weights)
    if rate < 0:
        head.kernel.assign(head.kernel * float("nan"))
    model.compile(
        keras.optimizers.SGD(abs(rate)), keras.losses.SparseCategoricalCrossentropy(from_logits=True), jit_compile=False
    )
    history = run.fit("train", model, train, epochs=1)
    run.save(model)
    return {"loss": history["loss"][-1], "images": len(images.train), "classes": len(images.classes)}
'''


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    path = tmp_path / "dense.py"
    path.write_text(RECIPE)
    return path


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Two classes of eight noisy pictures."""
    rng = np.random.default_rng(0)
    for name, level in (("bright", 160), ("dark", 0)):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for i in range(8):
            pixels = rng.integers(level, level + 90, (16, 16, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "photos" / name / f"{i}.png")
    return tmp_path / "photos"


def invoke(tmp_path: Path, name: object, *options: object, out: Path | None = None) -> Result:
    arguments = ["run", str(name), "--out", str(out or tmp_path / "runs"), *map(str, options)]
    return CliRunner().invoke(program, arguments)


def the_folder(tmp_path: Path) -> Path:
    (found,) = (tmp_path / "runs").glob("*/*/run.json")
    return found.parent


def refuses(result: Result, code: int, *words: str) -> str:
    """The one line of an error, which names everything it should."""
    lines = [line for line in result.stderr.splitlines() if line.startswith("Error:")]
    assert result.exit_code == code, result.output
    assert len(lines) == 1, result.output
    assert "Traceback" not in result.output
    for word in words:
        assert word in lines[0]
    return lines[0]


def failed(tmp_path: Path, result: Result, code: int, *words: str) -> Path:
    """A run that began and failed: the folder says why, and the log has the traceback."""
    refuses(result, code, *words)
    folder = the_folder(tmp_path)
    run = json.loads((folder / "run.json").read_text())
    assert (run["status"], run["exit_code"]) == ("failed", code)
    for word in words:
        assert word in run["error"]
    assert json.loads((folder / "config.json").read_text())
    assert "Traceback" in (folder / "log.txt").read_text()
    assert not (folder / "result.json").exists()
    return folder


def succeeded(tmp_path: Path, result: Result) -> tuple[dict, str]:
    assert result.exit_code == 0, result.output
    folder = the_folder(tmp_path)
    assert json.loads((folder / "run.json").read_text())["status"] == "finished"
    said = json.loads((folder / "result.json").read_text())["result"]
    return said, result.output + (folder / "log.txt").read_text()


# Images.


def damage(photos: Path) -> None:
    whole = photos / "whole.jpg"
    Image.fromarray(np.random.default_rng(1).integers(0, 255, (64, 64, 3), dtype=np.uint8)).save(whole)
    (photos / "dark" / "cut.jpg").write_bytes(whole.read_bytes()[:900])
    (photos / "dark" / "text.jpg").write_text("not an image at all")
    whole.unlink()


@pytest.mark.filterwarnings("default")
def test_damaged_images_are_left_out_and_named(tmp_path, recipe, photos):
    damage(photos)
    result, said = succeeded(tmp_path, invoke(tmp_path, recipe, "--data", photos))
    assert result["classes"] == 2
    assert "skipped 2 of its files" in said
    for reason in ("cut.jpg: damaged", "text.jpg: not an image"):
        assert reason in said


def test_damaged_image_ends_a_strict_run(tmp_path, recipe, photos):
    damage(photos)
    failed(tmp_path, invoke(tmp_path, recipe, "--data", photos, "--strict"), 1, "cut.jpg", "without strict")


@pytest.mark.filterwarnings("default")
def test_empty_class_is_left_out_and_named(tmp_path, recipe, photos):
    (photos / "empty").mkdir()
    result, said = succeeded(tmp_path, invoke(tmp_path, recipe, "--data", photos))
    assert result["classes"] == 2
    assert "empty" in said


def test_one_class(tmp_path, recipe, photos):
    for path in (photos / "dark").iterdir():
        path.unlink()
    (photos / "dark").rmdir()
    failed(tmp_path, invoke(tmp_path, recipe, "--data", photos), 1, "one class only (bright)", "two or more")


def test_no_class_folders(tmp_path, recipe):
    (tmp_path / "nothing").mkdir()
    failed(tmp_path, invoke(tmp_path, recipe, "--data", tmp_path / "nothing"), 1, "no class folders", "Put the images")


@pytest.mark.filterwarnings("default")
def test_mixed_modes_train(tmp_path, recipe, photos):
    dark = photos / "dark"
    Image.new("L", (16, 20), 40).save(dark / "grey.png")
    Image.new("RGBA", (16, 20), (9, 8, 7, 100)).save(dark / "alpha.png")
    Image.new("CMYK", (16, 20), (9, 8, 7, 200)).save(dark / "cmyk.jpg")
    Image.fromarray(np.full((16, 20), 9000, np.uint16)).save(dark / "deep.png")
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by 90 degrees
    Image.new("RGB", (16, 20), (30, 20, 10)).save(dark / "turned.jpg", exif=exif)
    result, _ = succeeded(tmp_path, invoke(tmp_path, recipe, "--data", photos))
    assert result["images"] >= 15  # of 21, all of them readable
    assert np.isfinite(result["loss"])


def test_fewer_images_than_a_batch(tmp_path, recipe):
    x = np.arange(4 * 16 * 16 * 3, dtype=np.uint8).reshape(4, 16, 16, 3)
    np.savez(tmp_path / "few.npz", x_train=x, y_train=[0, 1, 0, 1], x_val=x, y_val=[0, 1, 0, 1])
    result, _ = succeeded(tmp_path, invoke(tmp_path, recipe, "--data", tmp_path / "few.npz"))
    assert np.isfinite(result["loss"])


def test_arrays_of_different_lengths(tmp_path, recipe):
    np.savez(tmp_path / "odd.npz", x=np.zeros((5, 8, 8, 3), np.uint8), y=[0, 1, 0, 1])
    failed(tmp_path, invoke(tmp_path, recipe, "--data", tmp_path / "odd.npz"), 1, "5 images", "4 labels")


def test_file_that_is_no_archive(tmp_path, recipe):
    (tmp_path / "bad.npz").write_bytes(b"PK\x03\x04 cut")
    failed(tmp_path, invoke(tmp_path, recipe, "--data", tmp_path / "bad.npz"), 1, "bad.npz", "not a readable .npz")


def test_unknown_data(tmp_path, recipe):
    failed(tmp_path, invoke(tmp_path, recipe, "--data", "digist"), 2, "'digist'", "Did you mean 'digits'?")


# Training.


def test_loss_that_is_not_a_number(tmp_path, recipe, photos):
    folder = failed(tmp_path, invoke(tmp_path, recipe, "--data", photos, "--rate", -1), 1, "loss")
    assert not (folder / "model.keras").exists()


# Disks.


def test_full_disk(tmp_path, recipe, photos, monkeypatch):
    fsync = os.fsync

    def fsync_or_full(descriptor: int) -> None:
        if "checkpoints" in str(Path(f"/proc/self/fd/{descriptor}").readlink()):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", fsync_or_full)
    failed(tmp_path, invoke(tmp_path, recipe, "--data", photos), 1, "space")


def test_folder_that_cannot_be_written(tmp_path, recipe):
    (tmp_path / "file").write_text("in the way")
    refuses(invoke(tmp_path, recipe, out=tmp_path / "file" / "runs"), 1, str(tmp_path / "file"), "--out")
    assert (tmp_path / "file").read_text() == "in the way"


# Weights, network, backends, names and values.


def test_truncated_weights(tmp_path, recipe, photos):
    import keras

    path = tmp_path / "cut.weights.h5"
    keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)]).save_weights(path)
    path.write_bytes(path.read_bytes()[:300])
    failed(tmp_path, invoke(tmp_path, recipe, "--data", photos, "--weights", path), 1, "cut.weights.h5")


def test_weights_of_another_architecture(tmp_path, photos):
    from kerasarch import models

    path = tmp_path / "other.weights.h5"
    models.resnet("resnet8_small", input_shape=(16, 16, 3)).save_weights(path)
    options = ("--data", photos, "--variant", "resnet20_small", "--image-size", 16, "--weights", path)
    failed(tmp_path, invoke(tmp_path, "transfer-resnet", *options), 1, "other.weights.h5")


@pytest.mark.parametrize(
    ("variant", "weights", "words"),
    [
        ("resnet8_small", "hf:nobody/nothing-at-all", ["hf:nobody/nothing-at-all", "could not be fetched"]),
        ("resnet18", "timm:resnet18.a1_in1k", ["timm:resnet18.a1_in1k", "could not be fetched"]),
        ("resnet50", "imagenet", ["keras:resnet50", "not in the cache", "Fetch https://"]),
    ],
)
def test_network_is_missing(tmp_path, photos, monkeypatch, variant, weights, words):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
    options = ("--data", photos, "--variant", variant, "--weights", weights, "--image-size", 32, "--offline")
    result = invoke(tmp_path, "transfer-resnet", *options)
    failed(tmp_path, result, 3, *words)


@pytest.mark.parametrize("backend", ["jax", "tensorflow", "torch"])
def test_backend_is_missing(tmp_path, backend):
    """A process of its own, in which the backend cannot be imported."""
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    (hidden / "sitecustomize.py").write_text(
        "from importlib.machinery import PathFinder\n"
        "find = PathFinder.find_spec\n"
        "def hide(name, path=None, target=None):\n"
        f"    return None if name.partition('.')[0] == {backend!r} else find(name, path, target)\n"
        "PathFinder.find_spec = hide\n"
    )
    program_of = [sys.executable, "-m", "kerasarch"]
    command = [*program_of, "run", "transfer-resnet", "--backend", backend, "--out", tmp_path / "runs"]
    ended = subprocess.run(
        command, env=os.environ | {"PYTHONPATH": str(hidden)}, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 3, ended.stderr
    assert backend in ended.stderr
    assert "install" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["transfer-resnt"], ["transfer-resnt", "transfer-resnet"]),
        (["transfer-resnet", "--epoch", "3"], ["--epoch", "--epochs"]),
        (["transfer-resnet", "--epochs", "0"], ["--epochs", "0"]),
        (["transfer-resnet", "--epochs", "many"], ["--epochs", "many"]),
        (["transfer-resnet", "--variant", "resnet51"], ["--variant", "resnet51", "resnet50"]),
        (["transfer-resnet", "--dropout", "1.5"], ["--dropout", "1.5"]),
        (["transfer-resnet", "--config", "missing.json"], ["missing.json"]),
        (["transfer-resnet", "--backend", "theano"], ["theano", "jax"]),
    ],
)
def test_wrong_names_and_values_make_no_folder(tmp_path, arguments, words):
    refuses(invoke(tmp_path, *arguments), 2, *words)
    assert not (tmp_path / "runs").exists()
