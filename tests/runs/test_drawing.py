"""What a generator learns from: pictures with and without classes, few of them, batches that can be divided."""

import dataclasses

import numpy as np
import pytest
from PIL import Image

from kerasarch.data import load_images
from kerasarch.errors import DataError, UsageError
from kerasarch.runs.active import ActiveRun
from kerasarch.runs.drawing import asked_inception, load_pictures
from kerasarch.runs.folder import RunFolder
from kerasarch.runs.generative import pictures_of
from kerasarch.runs.translation_scores import keep_inputs, score_translations, unlabelled
from kerasarch.training import feature_classifier
from kerasarch.training.generative_options import GenerativeOptions


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    return ActiveRun(RunFolder.create(tmp_path / "runs", "fake", {}, {}), seed=0, quiet=True)


def write(folder, count):
    folder.mkdir(parents=True)
    for number in range(count):
        pixels = np.random.default_rng(number).integers(0, 256, (9, 12, 3), np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")


@pytest.mark.parametrize("inside", ["", "faces", "train"])
def test_a_folder_of_pictures_without_classes(run, tmp_path, inside):
    write(tmp_path / "photos" / inside, 30)
    pictures = load_pictures(run, GenerativeOptions(data=str(tmp_path / "photos"), image_size=8))
    assert (len(pictures.train), len(pictures.held_out), pictures.channels) == (24, 6, 3)
    assert not pictures.judged
    assert pictures.asked_classes(conditional=False) is None
    with pytest.raises(UsageError, match="photos has no classes"):
        pictures.asked_classes(conditional=True)
    images, labels = next(iter(pictures.batches()))
    assert (images.shape, set(np.asarray(labels))) == ((24, 8, 8, 3), {0})


def test_two_class_folders_are_classes(run, tmp_path):
    for name in ("cats", "dogs"):
        write(tmp_path / "photos" / name, 20)
    pictures = load_pictures(run, GenerativeOptions(data=str(tmp_path / "photos"), image_size=8))
    assert pictures.classes == ("cats", "dogs")
    assert pictures.judged
    assert pictures.asked_classes(conditional=True) == 2


@pytest.mark.parametrize(("times", "batch"), [(1, 24), (5, 20), (7, 21)])
def test_a_batch_can_be_divided_among_the_steps_of_a_critic(run, tmp_path, times, batch):
    write(tmp_path / "photos", 30)
    pictures = load_pictures(run, GenerativeOptions(data=str(tmp_path / "photos"), image_size=8))
    assert next(iter(pictures.batches(times=times)))[0].shape[0] == batch
    with pytest.raises(DataError, match=r"24 pictures to learn from. Expected 25 or more"):
        pictures.batches(times=25)


def test_too_few_pictures_are_refused_before_training(run, tmp_path):
    write(tmp_path / "photos", 20)
    options = GenerativeOptions(data=str(tmp_path / "photos"), image_size=8)
    with pytest.raises(DataError, match=r"4 pictures to hold out. Expected 6 or more"):
        load_pictures(run, options)
    assert len(load_pictures(run, dataclasses.replace(options, held_out=0.3)).held_out) == 6


def test_inception_is_asked_where_its_weights_are(run, tmp_path, monkeypatch):
    assert asked_inception(run, "auto") is None
    assert asked_inception(run, None) is None
    kept = tmp_path / "keras" / "models"
    kept.mkdir(parents=True)
    (kept / "inception_v3_weights_tf_dim_ordering_tf_kernels_notop.h5").touch()
    asked = []
    monkeypatch.setattr(
        "kerasarch.training.inception_features.inception_features", lambda *words, **named: asked.append(words) or "it"
    )
    assert asked_inception(run, "auto") == "it"
    assert asked_inception(run, "some.h5") == "it"
    assert asked == [(None,), ("some.h5",)]


def test_translations_are_held_against_real_pictures(run, monkeypatch):
    monkeypatch.setattr(feature_classifier, "LEAST_STEPS", 60)
    monkeypatch.setattr(feature_classifier, "PASSES", 0)
    digits = load_images("digits", test=0.2)
    real, held_out = pictures_of([digits.train], (8, 8, 1)), pictures_of([digits.test], (8, 8, 1))
    inverted = 255 - held_out.images
    found = score_translations(run, {"source": inverted, "translated": held_out.images}, real, held_out)
    assert found["frechet_distance"] == found["held_out_frechet_distance"]
    assert found["class_kept_share"] > 0.7
    other = score_translations(run, {"source": inverted}, real, held_out)
    assert other["frechet_distance"] > 10 * found["frechet_distance"]
    assert other["class_kept_share"] < 0.5
    one, rest = unlabelled(real.images), unlabelled(held_out.images)
    assert score_translations(run, {"translated": held_out.images}, one, rest) == {}
    # Where Inception's weights are there, its features serve
    features = lambda images: images.reshape(len(images), -1)[:, ::5].astype("float64")  # noqa: E731
    monkeypatch.setattr("kerasarch.runs.translation_scores.asked_inception", lambda run, asked: features)
    near, far = (
        score_translations(run, {"translated": pictures}, one, rest) for pictures in (held_out.images, inverted)
    )
    assert set(near) == {"inception_frechet_distance"}
    assert far["inception_frechet_distance"] > 10 * near["inception_frechet_distance"]


def test_inputs_are_kept(run):
    pictures = np.arange(70 * 4, dtype=np.int64).astype(np.uint8).reshape(70, 2, 2, 1)
    keep_inputs(run, pictures, pictures[:3])
    with np.load(run.dir / "inputs.npz") as kept:
        np.testing.assert_array_equal(kept["forward"], pictures[:64])
        np.testing.assert_array_equal(kept["backward"], pictures[:3])
