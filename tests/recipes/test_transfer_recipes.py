"""The transfer recipes run to the end and leave a complete folder."""

import functools
import json
from pathlib import Path

import keras
import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from kerasarch import models, to_pretrained
from kerasarch.commands.program import program
from kerasarch.errors import WeightsError
from kerasarch.runs import execute
from kerasarch.runs.folder import list_runs
from kerasarch.runs.transfer import preprocessing_for
from tests.interruptions import stop_after

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
    folder = run(tmp_path, recipe, "--smoke")
    assert not [name for name in COMPLETE if not (folder / name).is_file()]
    assert read(folder, "run.json")["status"] == "finished"
    assert 0 <= read(folder, "result.json")["result"]["accuracy"] <= 1
    model = keras.saving.load_model(folder / "model.keras", compile=False)
    pixels = np.random.default_rng(0).integers(0, 256, (2, *size)).astype("float32")
    predicted = keras.ops.convert_to_numpy(model(pixels))
    assert predicted.shape == (2, 10)
    assert np.isfinite(predicted).all()


def test_options_of_training_reach_the_batches(tmp_path, asked):
    for recipe in ("transfer-image", "transfer-resnet"):
        small = ("--model", "resnet8_small", "--image-size", 16) if recipe == "transfer-image" else ()
        run(tmp_path / recipe, recipe, "--weights", "none", *small, "--mixup", 0.4, "--augment", "--batch", 8)
        images, labels = asked["train"].batch(0, 0)
        assert images.shape == (8, 16, 16, 3)
        assert labels.shape == (8, 10)
        assert any(0 < share < 1 for share in labels.ravel())
        assert asked["test"].batch(0, 0)[1].ndim == 1
        heads = [asked["make"](False, seed).get_layer("head").get_weights()[0] for seed in (0, 0, 1)]
        assert np.array_equal(heads[0], heads[1])
        assert not np.array_equal(heads[0], heads[2])


@pytest.mark.slow
def test_a_network_of_all_options_predicts_from_views(tmp_path):
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 30, 3), np.uint8)).save(tmp_path / "one.png")
    folder = run(
        tmp_path, "transfer-image", "--model", "resnet8_small", "--smoke", "--image-size", 12, "--labels-per-class", 6,
        "--mixup", 0.2, "--cutmix", 1, "--mirror", "--average", 0.9, "--patience", 1, "--class-weights", "balanced",
        "--tta", "--ensemble", 2,
    )  # fmt: skip
    result = read(folder, "result.json")["result"]
    assert {"accuracy", "macro_f1", "roc_auc", "calibration_error", "network_accuracy"} <= set(result)
    found = {}
    for words in ((), ("--tta",), ("--tta", "--mirror")):
        done = CliRunner().invoke(program, ["predict", str(folder), str(tmp_path / "one.png"), "--json", *words])
        assert done.exit_code == 0, done.output
        found[words] = json.loads(done.stdout)[0]["probabilities"]
        assert sum(found[words].values()) == pytest.approx(1, abs=1e-4)
    assert len({tuple(chances.values()) for chances in found.values()}) == 3


@pytest.mark.slow
def test_a_run_of_all_options_goes_on_where_it_was_stopped(tmp_path, monkeypatch):
    """Two networks, each with 16 batches for the head and 16 for all layers."""
    options = {
        "model": "resnet8_small", "weights": "none", "image_size": 12, "labels_per_class": 6, "batch": 8, "epochs": 2,
        "max_stages": 2, "compare": False, "mixup": 0.2, "cutmix": 1.0, "mirror": True, "average": 0.9, "patience": 2,
        "class_weights": "balanced", "tta": True, "ensemble": 2, "label_smoothing": 0.1, "quiet": True,
    }  # fmt: skip
    whole = execute.run("transfer-image", out=tmp_path / "whole", **options)
    expected = keras.saving.load_model(whole.folder / "model.keras", compile=False).get_weights()
    for steps in (5, 27, 61):
        out = tmp_path / str(steps)
        with monkeypatch.context() as patch:
            stop_after(patch, steps)
            with pytest.raises(KeyboardInterrupt):
                execute.run("transfer-image", out=out, **options)
        stopped = list_runs(out)[0]
        assert execute.resume(stopped.path, quiet=True).result == whole.result
        found = keras.saving.load_model(stopped.path / "model.keras", compile=False).get_weights()
        for ours, theirs in zip(found, expected, strict=True):
            np.testing.assert_array_equal(ours, theirs, err_msg=f"after {steps} batches")


def test_check_trains_nothing(tmp_path):
    (tmp_path / "options.json").write_text(json.dumps({"weights": "none", "variant": "resnet18", "image_size": 32}))
    folder = run(tmp_path / "runs", "transfer-resnet", "--check", "--config", tmp_path / "options.json")
    assert read(folder, "run.json")["status"] == "checked"
    assert read(folder, "config.json")["variant"]["value"] == "resnet18"
    assert "options.json" in read(folder, "config.json")["variant"]["origin"]
    assert not (folder / "model.keras").exists()
    assert not (folder / "result.json").exists()


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("transfer-resnet", "--strategy", "selective"), "--open: received nothing with --strategy selective"),
        (("transfer-resnet", "--open", "stage3"), "--open: received stage3 with --strategy gradual"),
        (("transfer-resnet", "--strategy", "selective", "--open", "nope"), "'nope'"),
        (("transfer-image", "--model", "lenet5", "--weights", "none", "--calibration", "x.npz"), "fresh weights"),
        (("transfer-image", "--mixup", "0.2", "--batch", "1"), "--batch: received 1 with --mixup 0.2"),
        (("transfer-resnet", "--cutmix", "1", "--batch", "1"), "--batch: received 1 with --cutmix 1"),
    ],
)
def test_check_refuses_what_would_fail_later(tmp_path, words, complaint):
    result = CliRunner().invoke(program, ["run", *words, "--check", "--out", str(tmp_path)])
    assert result.exit_code == 2, result.output
    assert complaint in result.stderr


def test_a_quick_trial_keeps_the_weights_that_were_named(tmp_path):
    words = ["transfer-image", "--model", "resnet8_small", "--weights", str(tmp_path / "no.keras"), "--smoke"]
    result = CliRunner().invoke(program, ["run", *words, "--out", str(tmp_path)])
    assert result.exit_code == 1
    assert "no.keras: no such file" in result.stderr


def test_a_quick_trial_of_ones_own_pictures_is_small(tmp_path, asked):
    for name in ("cats", "dogs"):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for number in range(20):
            pixels = np.random.default_rng(number).integers(0, 256, (9, 12, 3), np.uint8)
            Image.fromarray(pixels).save(tmp_path / "photos" / name / f"{number}.png")
    data = ("--data", tmp_path / "photos", "--smoke")
    folder = run(tmp_path / "large", "transfer-resnet", *data, "--variant", "resnet18")
    assert asked["make"](False).input_shape == (None, 32, 32, 3)
    assert "quick trial: resnet18, weights none, pictures of 32 pixels" in (folder / "log.txt").read_text()
    run(tmp_path / "small", "transfer-resnet", *data, "--weights", "none")
    assert asked["make"](False).input_shape == (None, 16, 16, 3)


@pytest.fixture
def asked(monkeypatch):
    """What a recipe would train and with which pictures; nothing is trained."""
    found = {}

    def compare(run, make, train, validation, test, options, **defaults):
        found.update(make=make, train=train, test=test)
        return {"accuracy": 1.0, "gain_over_scratch": 1.0}

    monkeypatch.setattr("kerasarch.runs.transfer.compare_transfer", compare)
    return found


@pytest.mark.parametrize(
    ("words", "size"),
    [
        (("transfer-image", "--model", "resnet8_small"), 24),
        (("transfer-image", "--model", "resnet8_small", "--image-size", 12), 12),
        (("transfer-resnet", "--variant", "resnet8_small"), 16),
    ],
)
def test_pictures_are_prepared_as_the_weights_say(tmp_path, asked, words, size):
    said = models.Preprocessing(interpolation="bicubic")
    models.resnet("resnet8_small", input_shape=(24, 24, 3), classes=3, preprocessing=said).save(tmp_path / "it.keras")
    run(tmp_path / "runs", *words, "--weights", tmp_path / "it.keras", "--batch", 4)
    images, _ = asked["test"][0]
    digit = Image.fromarray(asked["test"].source[0][0][..., 0]).convert("RGB")
    assert np.array_equal(images[0], np.asarray(digit.resize((size, size), Image.Resampling.BICUBIC)))
    assert asked["train"][0][0].shape == (4, size, size, 3)
    model = asked["make"](True)
    assert model.input_shape == (None, size, size, 3)
    assert model.preprocessing.interpolation == "bicubic"


def test_the_size_is_that_of_the_weights_or_of_the_builder(tmp_path):
    config = models.ViTConfig(patch=4, width=8, depth=1, heads=2, image_size=(16, 16))
    builder = functools.partial(models.vit, config, classes=2)
    trained = builder(input_shape=(24, 20, 3), preprocessing=models.Preprocessing(interpolation="lanczos"))
    to_pretrained(trained, tmp_path / "folder")
    for weights, image_size, expected in (
        ("none", None, ((16, 16), "bilinear")),
        ("none", 12, ((12, 12), "bilinear")),
        (str(tmp_path / "folder"), None, ((24, 20), "lanczos")),
        (str(tmp_path / "folder"), 12, ((12, 12), "lanczos")),
    ):
        found = preprocessing_for(builder, weights, image_size)
        assert (found.size, found.interpolation) == expected
    builder().save_weights(tmp_path / "tensors.weights.h5")  # which say nothing of pictures
    assert preprocessing_for(builder, str(tmp_path / "tensors.weights.h5")).size == (16, 16)
    with pytest.raises(WeightsError, match="no such file"):
        preprocessing_for(builder, "missing.keras")


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
