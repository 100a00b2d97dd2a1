"""Sources in memory, bundled data, npz files, and the splits."""

import logging
import string

import numpy as np
import pytest

from kerasarch import data
from kerasarch.data.letters import letters
from kerasarch.data.splits import stratified
from kerasarch.errors import DataError, UsageError

pytestmark = pytest.mark.backend_free


def pictures(count, *, size=(4, 5), seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, *size, 3), dtype=np.uint8)


def test_digits_are_those_of_scikit_learn():
    from sklearn.datasets import load_digits

    splits = data.load_images("digits", test=0.1)
    whole = load_digits().images.astype(int)
    parts = [splits.train, splits.validation, splits.test]
    assert sum(len(part) for part in parts) == 1797
    assert splits.classes == tuple("0123456789")
    image, label = splits.train[0]
    assert (image.shape, image.dtype, type(label)) == ((8, 8, 1), np.uint8, int)
    # 16 grey levels above black: the brightest becomes white.
    assert {int(value) for part in parts for value in np.unique(part.images)} == {
        round(level * 255 / 16) for level in range(17)
    }
    assert sum(int(part.images.astype(int).sum()) for part in parts) == int(np.rint(whole * 255 / 16).sum())


def test_splits_are_stratified_disjoint_and_repeatable():
    first, second, third = (data.load_images("digits", seed=seed, test=0.1) for seed in (3, 3, 4))
    assert np.array_equal(first.train.images, second.train.images)
    assert not np.array_equal(first.train.images, third.train.images)
    sets = [set(part.identity()) for part in (first.train, first.validation, first.test)]
    assert not sets[0] & sets[1]
    assert not sets[0] & sets[2]
    assert not sets[1] & sets[2]
    for part, share in ((first.train, 0.7), (first.validation, 0.2), (first.test, 0.1)):
        counts = np.bincount(part.labels)
        whole = sum(np.bincount(other.labels) for other in (first.train, first.validation, first.test))
        assert np.abs(counts - share * whole).max() <= 1


def test_equal_images_stay_together():
    labels = np.repeat([0, 1], 30)
    identity = [f"{position // 3}" for position in range(60)]  # three copies of each
    parts = stratified(labels, (0.2, 0.1), seed=0, identity=identity)
    groups = [{identity[position] for position in part} for part in parts]
    assert sorted(np.concatenate(parts).tolist()) == list(range(60))
    assert [len(group) for group in groups] == [14, 4, 2]
    assert not groups[0] & groups[1]
    assert not groups[0] & groups[2]


def test_rare_classes_are_in_every_part():
    labels = np.array([0] * 97 + [1] * 3)
    parts = stratified(labels, (0.1, 0.1), seed=0)
    assert [int((labels[part] == 1).sum()) for part in parts] == [1, 1, 1]
    with pytest.raises(DataError, match="Class rare has 2 different images, too few for 3 parts"):
        stratified(labels[:-1], (0.1, 0.1), seed=0, classes=["often", "rare"])


@pytest.mark.parametrize(("validation", "test"), [(0, None), (1.0, None), (0.6, 0.4), (0.5, -0.1)])
def test_impossible_parts_are_refused(validation, test):
    with pytest.raises(UsageError, match="leave some images for training"):
        data.load_images("digits", validation=validation, test=test)


def test_per_class_takes_as_many_of_each():
    source = data.load_images("digits").train
    chosen = source.per_class(5, seed=1)
    assert np.bincount(chosen.labels).tolist() == [5] * 10
    assert np.array_equal(chosen.images, source.per_class(5, seed=1).images)
    assert not np.array_equal(chosen.images, source.per_class(5, seed=2).images)
    assert len(set(chosen.identity())) == 50
    with pytest.raises(DataError, match=r"has \d+ images, 1000 were asked for"):
        source.per_class(1000)
    with pytest.raises(UsageError, match="at least 1"):
        source.per_class(0)


def test_letters_repeat_with_their_seed_and_fill_the_picture():
    first = letters(20, seed=5)
    assert first.images.shape == (26 * 20, 16, 16, 1)
    assert first.classes == tuple(string.ascii_uppercase)
    assert np.array_equal(first.images, letters(20, seed=5).images)
    assert not np.array_equal(first.images, letters(20, seed=6).images)
    assert first.images.max() > 200
    assert (first.images.reshape(len(first), -1).max(axis=1) > 100).all()  # no picture is empty
    assert len(set(first.identity())) > 500
    assert letters(1, size=24, characters="ab3").images.shape == (3, 24, 24, 1)


def test_letters_can_be_told_apart():
    from sklearn.linear_model import RidgeClassifier

    train, test = letters(40, seed=0), letters(10, seed=1)
    flat = [part.images.reshape(len(part), -1) / 255 for part in (train, test)]
    accuracy = RidgeClassifier(alpha=10.0).fit(flat[0], train.labels).score(flat[1], test.labels)
    assert accuracy > 0.6  # chance is 0.04


@pytest.mark.parametrize("arguments", [{"per_class": 0}, {"size": 2}, {"characters": "aa"}, {"characters": "aß"}])
def test_letters_that_cannot_be_rendered(arguments):
    with pytest.raises(UsageError):
        letters(**{"per_class": 1, **arguments})


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("digit", "Did you mean 'digits'"),
        ("leters", "Did you mean 'letters'"),
        ("no/such/folder", "no such folder"),
    ],
)
def test_unknown_names(source, message):
    with pytest.raises(UsageError, match=message):
        data.load_images(source)


def test_a_file_that_is_no_npz(tmp_path):
    (tmp_path / "data.csv").write_text("1,2")
    with pytest.raises(UsageError, match=r"no \.npz file"):
        data.load_images(tmp_path / "data.csv")


def test_labels_outside_the_classes_and_wrong_arrays():
    for labels in ([0, 3], [-1, 0]):
        with pytest.raises(DataError, match="between 0 and 2"):
            data.ArrayImages(pictures(2), np.array(labels), "abc")
    with pytest.raises(DataError, match="Every image needs a label"):
        data.ArrayImages(pictures(3), np.array([0, 1]), "ab")
    with pytest.raises(DataError, match="uint8 array"):
        data.ArrayImages(pictures(2).astype(np.float32), np.array([0, 1]), "ab")
    with pytest.raises(DataError, match="uint8 array"):
        data.ArrayImages(pictures(2)[..., :2], np.array([0, 1]), "ab")
    with pytest.raises(IndexError):
        data.ArrayImages(pictures(2), np.array([0, 1]), "ab")[2]


def test_npz_with_parts(tmp_path):
    x, y = pictures(40), np.arange(40) % 4
    names = ["north", "east", "south", "west"]
    np.savez(tmp_path / "winds.npz", x_train=x, y_train=y[:, None], x_test=x[:6, ::-1], y_test=y[:6], class_names=names)
    splits = data.load_images(tmp_path / "winds.npz")
    assert splits.classes == tuple(names)
    assert (splits.name, len(splits.train), len(splits.validation)) == ("winds.npz", 32, 8)
    assert np.array_equal(splits.test.images, x[:6, ::-1])
    assert np.array_equal(splits.test.labels, y[:6])


def test_npz_of_floats_and_strings(tmp_path):
    levels = pictures(20)[..., 0]
    np.savez(tmp_path / "unit.npz", x=levels / 255, y=np.array(["cat", "dog"] * 10))
    splits = data.load_images(tmp_path / "unit.npz", validation=0.5)
    assert splits.classes == ("cat", "dog")
    assert sorted(splits.train.identity() + splits.validation.identity()) == sorted(
        data.ArrayImages(levels, np.zeros(20), "a").identity()
    )


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"images": np.zeros(3)}, "Expected arrays x_train and y_train"),
        ({"x": pictures(4), "y": np.zeros(4, int)}, "one class only"),
        ({"x": pictures(4), "y": np.array([0.5, 1, 2, 3])}, "whole number or string"),
        ({"x": pictures(4) - 300.0, "y": np.arange(4) % 2}, "must lie in"),
        ({"x": pictures(4), "y": np.array([object()] * 4)}, "plain arrays"),
        ({"x_train": pictures(4), "y_train": np.arange(4) % 2, "x_test": pictures(1), "y_test": [7]}, "label"),
        ({"x_train": pictures(4), "y_train": np.arange(3) % 2}, "Every image needs a label"),
    ],
)
def test_unfit_npz(tmp_path, arrays, message):
    np.savez(tmp_path / "file.npz", **arrays)
    with pytest.raises(DataError, match=message):
        data.load_images(tmp_path / "file.npz")


def test_damaged_npz(tmp_path):
    path = tmp_path / "cut.npz"
    np.savez(path, x=pictures(40), y=np.arange(40) % 2)
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(DataError, match=r"cut\.npz: not a readable"):
        data.load_images(path)
    path.write_bytes(b"")
    with pytest.raises(DataError, match=r"cut\.npz: not a readable"):
        data.load_images(path)


def test_copies_between_given_parts_are_reported(tmp_path, caplog):
    x, y = pictures(40), np.arange(40) % 4
    np.savez(tmp_path / "a.npz", x_train=x, y_train=y, x_test=x[:3], y_test=y[:3])
    with caplog.at_level(logging.WARNING, "kerasarch"):
        data.load_images(tmp_path / "a.npz")
    assert "3 images of the test part are also in the training part" in caplog.text


def test_real_arrays(shared_data):
    cifar = data.load_images(shared_data / "cifar10" / "cifar10.npz")
    assert (len(cifar.train), len(cifar.validation), len(cifar.test)) == (5600, 1400, 2000)
    assert cifar.train.shape == (32, 32, 3)
    assert "truck" in cifar.classes
    mnist = data.load_images(shared_data / "mnist" / "mnist_12k.npz")
    assert mnist.train.shape == (28, 28, 1)
    assert len(mnist.train) + len(mnist.validation) == 12_000
