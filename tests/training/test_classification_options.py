"""What the options of classification recipes refuse, and the plan that they make."""

import pytest

from kerasarch.errors import UsageError
from kerasarch.training.classification_options import ClassificationOptions

pytestmark = pytest.mark.backend_free


def test_epochs_are_shared_among_sizes():
    assert ClassificationOptions(epochs=31, sizes=(8, 12, 16, 32)).schedule() == (7, 8, 8, 8)
    assert ClassificationOptions(epochs=5).schedule() == (5,)


def test_size():
    assert ClassificationOptions().size_for((28, 20, 1)) == (28, 20)
    assert ClassificationOptions().size_for(None) == (64, 64)
    assert ClassificationOptions(image_size=32).size_for((28, 20, 1)) == (32, 32)
    assert ClassificationOptions(sizes=(8, 16), image_size=16).size_for((28, 20, 1)) == (16, 16)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"folds": 1}, "--folds: received 1"),
        ({"sizes": (8, 16, 24), "epochs": 2}, "3 sizes for 2 epochs"),
        ({"sizes": (8, 16), "image_size": 32}, "--image-size: received 32"),
    ],
)
def test_what_is_refused(options, words):
    with pytest.raises(UsageError, match=words):
        ClassificationOptions(**options)
