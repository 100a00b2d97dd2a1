"""Cross-entropy with smoothing and accuracy, for class numbers and for probabilities, against NumPy."""

import keras
import numpy as np
import pytest

from kerasarch import training
from kerasarch.errors import UsageError
from kerasarch.training.objective import gives_logits

LABELS = np.array([2, 0, 1, 2])
LOGITS = np.random.default_rng(0).normal(size=(4, 3)).astype("float32")


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("labels", [LABELS, LABELS[:, None], np.eye(3, dtype="float32")[LABELS]], ids=["1", "2", "hot"])
@pytest.mark.parametrize("from_logits", [True, False])
def test_crossentropy(smoothing, labels, from_logits):
    probabilities = np.exp(LOGITS) / np.exp(LOGITS).sum(axis=1, keepdims=True)
    target = np.eye(3)[LABELS] * (1 - smoothing) + smoothing / 3
    loss = training.SmoothedCrossentropy(smoothing, from_logits=from_logits)
    value = loss(labels, LOGITS if from_logits else probabilities)
    assert float(value) == pytest.approx(-(target * np.log(probabilities)).sum(axis=1).mean(), rel=1e-5)


def test_accuracy():
    expected = (LOGITS.argmax(axis=1) == LABELS).mean()
    for labels in (LABELS, LABELS[:, None], np.eye(3)[LABELS]):
        metric = training.Accuracy()
        metric.update_state(labels, LOGITS)
        assert float(metric.result()) == pytest.approx(expected)


def test_configuration_comes_back():
    loss = keras.losses.deserialize(keras.losses.serialize(training.SmoothedCrossentropy(0.1, from_logits=True)))
    assert (loss.smoothing, loss.from_logits) == (0.1, True)
    assert keras.metrics.deserialize(keras.metrics.serialize(training.Accuracy("right"))).name == "right"


def test_logits_are_told_by_the_last_activation():
    for activation, expected in ((None, True), ("softmax", False)):
        layers = [keras.Input((2,)), keras.layers.Dense(3, activation=activation), keras.layers.Dropout(0.1)]
        assert gives_logits(keras.Sequential(layers)) == expected


def test_bad_smoothing():
    with pytest.raises(UsageError, match=r"label smoothing 1\.0"):
        training.SmoothedCrossentropy(1.0)
