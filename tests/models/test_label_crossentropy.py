"""Cross-entropy by labels: what NumPy says, whatever is ignored or masked, and gradients that are those of it."""

import keras
import numpy as np
import pytest

from kerasarch.backends import differentiate
from kerasarch.models import LabelCrossentropy
from tests import conformance
from tests.conformance import to_numpy

pytestmark = conformance.QUIET
RNG = np.random.default_rng(0)
LOGITS = RNG.normal(size=(2, 5, 7)).astype("float32")
LABELS = RNG.integers(0, 7, (2, 5))
FEW, MOST = np.zeros((2, 5), bool), np.ones((2, 5), bool)
FEW[0, 1] = FEW[1, 3] = True
MOST[1, 2] = False


def by_numpy(labels, counts):
    """The mean of the places that count, and its gradient by the logits."""
    shares = np.exp(LOGITS) / np.exp(LOGITS).sum(-1, keepdims=True)
    losses = -np.log(np.take_along_axis(shares, np.where(counts, labels, 0)[..., None], -1))[..., 0]
    slopes = (shares - np.eye(7)[np.where(counts, labels, 0)]) * counts[..., None] / max(counts.sum(), 1)
    return (losses * counts).sum() / max(counts.sum(), 1), slopes


@pytest.mark.parametrize(
    ("ignored", "counts"),
    [(None, np.ones((2, 5), bool)), (-100, FEW), (-100, MOST), (-100, ~MOST), (-100, np.zeros((2, 5), bool))],
)
def test_it_is_the_mean_of_the_places_that_count(ignored, counts):
    labels = np.where(counts, LABELS, -100)
    loss = LabelCrossentropy(ignored)
    found, _, gradients = differentiate(
        lambda given: (loss(labels, given[0]), None), [], [keras.ops.convert_to_tensor(LOGITS)]
    )
    expected, slopes = by_numpy(labels, counts)
    np.testing.assert_allclose(to_numpy(found), expected, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(to_numpy(gradients[0]), slopes, atol=1e-6)


def test_places_that_a_mask_hides_do_not_count():
    """Keras' own loss is the referee: it weighs them by the mask that a layer leaves on its output."""
    mask = np.array([[1, 1, 1, 1, 0], [1, 1, 0, 0, 0]], bool)
    for counts in (FEW, MOST):
        logits = keras.ops.convert_to_tensor(LOGITS)
        keras.src.backend.set_keras_mask(logits, keras.ops.convert_to_tensor(mask))
        labels = np.where(counts, LABELS, -100)
        own = keras.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=-100)(labels, logits)
        found = LabelCrossentropy(-100)(labels, logits)
        np.testing.assert_allclose(to_numpy(found), to_numpy(own), rtol=1e-5)
        np.testing.assert_allclose(to_numpy(found), by_numpy(labels, counts & mask)[0], rtol=1e-5)


def test_one_label_an_example_and_its_config():
    loss = keras.losses.deserialize(keras.losses.serialize(LabelCrossentropy(3, reduction="none", name="labels")))
    assert (loss.ignored, loss.name) == (3, "labels")
    labels = np.array([[2], [5], [6], [2], [1]])
    found = loss(labels, LOGITS[0])
    shares = np.exp(LOGITS[0]) / np.exp(LOGITS[0]).sum(-1, keepdims=True)
    np.testing.assert_allclose(to_numpy(found), -np.log(np.take_along_axis(shares, labels, 1))[:, 0], rtol=1e-5)
