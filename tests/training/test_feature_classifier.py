"""The classifier that generated pictures are judged by, on the digits."""

import numpy as np
import pytest

from kerasarch.errors import DataError, ShapeError
from kerasarch.training.feature_classifier import train_feature_classifier


@pytest.fixture(scope="module")
def digits():
    from kerasarch.data.digits import digits

    return digits()


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KERAS_HOME", str(tmp_path_factory.mktemp("keras")))
        yield


def test_it_reads_digits_and_is_found_again(digits, home):
    said = []
    first = train_feature_classifier(digits.images, digits.labels, digits.classes, say=said.append)
    assert first.accuracy >= 0.97
    assert not first.cached
    features, chances = first(digits.images)
    assert features.shape == (1797, 64)
    np.testing.assert_allclose(chances.sum(axis=1), 1)
    assert (chances.argmax(axis=1) == digits.labels).mean() >= 0.97
    assert features.var(axis=0).mean() == pytest.approx(1, abs=0.1)
    # Another order of the same pictures is the same data.
    order = np.random.default_rng(0).permutation(1797)
    second = train_feature_classifier(digits.images[order], digits.labels[order], digits.classes, say=said.append)
    assert second.cached
    assert second.accuracy == first.accuracy
    np.testing.assert_allclose(second(digits.images[:300])[0], features[:300], atol=1e-4)
    assert "trained on" in said[0]
    assert "from the cache" in said[1]
    with pytest.raises(ShapeError, match=r"\(N, 8, 8, 1\)"):
        first(np.zeros((2, 9, 9, 1), np.uint8))


def test_seed_of_the_process_does_not_matter(digits, home):
    import keras

    found = []
    for seed in (0, 1):
        keras.utils.set_random_seed(seed)
        small = train_feature_classifier(digits.images, digits.labels, digits.classes, steps=2, cache=False)
        found.append(small(digits.images[:50])[0])
    np.testing.assert_allclose(found[0], found[1], atol=1e-4)


def test_fewer_steps_are_another_classifier(digits, home):
    found = [train_feature_classifier(digits.images, digits.labels, digits.classes, steps=steps) for steps in (1, 2, 1)]
    assert [one.cached for one in found] == [False, False, True]
    assert found[0].accuracy == found[2].accuracy < 0.9


@pytest.mark.parametrize("shape", [(130, 70, 3), pytest.param((20, 28, 1), marks=pytest.mark.slow)])
def test_other_sizes(shape):
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (10, *shape), dtype=np.uint8)
    found = train_feature_classifier(images, np.arange(10) % 2, ["a", "b"], steps=2, cache=False)
    features, chances = found(images)
    assert features.shape == (10, 64)
    assert chances.shape == (10, 2)
    assert np.isfinite(features).all()


def test_what_cannot_be_learned(digits):
    with pytest.raises(DataError, match="two classes"):
        train_feature_classifier(digits.images, np.zeros(1797, int), ["all"])
    with pytest.raises(DataError, match="two pictures"):
        train_feature_classifier(digits.images[:3], np.array([0, 0, 1]), ["a", "b"])
    with pytest.raises(ShapeError, match="uint8"):
        train_feature_classifier(digits.images / 255, digits.labels, digits.classes)
