"""Calibration against its definition, written as a loop, and against scikit-learn's curve."""

import numpy as np
import pytest

from kerasarch.errors import DataError, ShapeError, UsageError
from kerasarch.metrics import calibration

pytestmark = pytest.mark.backend_free


def case(images=400, classes=4, seed=0):
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(images, classes)) * 2
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return rng.integers(0, classes, images), probabilities


@pytest.mark.parametrize("bins", [1, 7, 15])
def test_errors_follow_the_paper(bins):
    labels, probabilities = case()
    expected, largest = 0.0, 0.0
    for m in range(1, bins + 1):
        inside = [
            (max(row), int(np.argmax(row)) == label)
            for row, label in zip(probabilities, labels, strict=True)
            if (m - 1) / bins < max(row) <= m / bins
        ]
        if inside:
            gap = abs(sum(right for _, right in inside) - sum(sure for sure, _ in inside)) / len(inside)
            expected += len(inside) / len(labels) * gap
            largest = max(largest, gap)
    found = calibration(labels, probabilities, bins=bins)
    assert found.error == pytest.approx(expected, abs=1e-12)
    assert found.maximum == pytest.approx(largest, abs=1e-12)
    assert found.counts.sum() == len(labels)


def test_bins_are_those_of_scikit_learn():
    from sklearn.calibration import calibration_curve

    labels, probabilities = case(seed=1)
    right = probabilities.argmax(axis=1) == labels
    accuracy, confidence = calibration_curve(right, probabilities.max(axis=1), n_bins=10)
    found = calibration(labels, probabilities, bins=10)
    filled = found.counts > 0
    np.testing.assert_allclose(found.accuracy[filled], accuracy)
    np.testing.assert_allclose(found.confidence[filled], confidence)
    assert np.isnan(found.accuracy[~filled]).all()


def test_by_hand():
    probabilities = np.array([[1.0, 0.0], [1.0, 0.0], [0.4, 0.6], [0.4, 0.6]])
    found = calibration(np.array([0, 1, 1, 1]), probabilities, bins=10)
    assert found.error == pytest.approx(0.5 * 0.5 + 0.5 * 0.4)  # sure and half right; 60 % sure and always right
    assert found.maximum == pytest.approx(0.5)
    assert found.counts.tolist() == [0, 0, 0, 0, 0, 2, 0, 0, 0, 2]


def test_what_is_refused():
    labels, probabilities = case(3)
    with pytest.raises(DataError, match="softmax"):
        calibration(labels, probabilities * 2)
    with pytest.raises(ShapeError, match="Received"):
        calibration(labels[:2], probabilities)
    with pytest.raises(DataError, match="no images"):
        calibration(labels[:0], probabilities[:0])
    with pytest.raises(UsageError, match="bins=0"):
        calibration(labels, probabilities, bins=0)
