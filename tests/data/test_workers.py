"""Worker processes: the same batches, no Keras in them, and what becomes of a failure.

This file imports no Keras at its head, because the workers import it.
"""

import sys

import numpy as np
import pytest

from kerasarch.data.augment import Augmentation
from kerasarch.data.source import ArrayImages, ImageSource
from kerasarch.errors import DataError


class Where(ImageSource):
    """Each picture says what the process that decodes it has imported."""

    @property
    def shape(self):
        return (2, 2, 1)

    def image(self, index):
        return np.full(
            (2, 2, 1), 10 * ("keras" in sys.modules) + ("torch" in sys.modules or "tensorflow" in sys.modules), np.uint8
        )

    def subset(self, indices):
        return self


class Damaged(Where):
    def image(self, index):
        if index == 6:
            raise DataError("seven.png: damaged")
        return super().image(index)


def test_workers_give_the_same_batches_at_every_position():
    from kerasarch import data

    pictures = np.random.default_rng(0).integers(0, 256, (20, 6, 6, 3), dtype=np.uint8)
    source = ArrayImages(pictures, np.arange(20) % 3, "abc")
    arguments = {"batch": 6, "size": (5, 5), "augment": Augmentation(flip=True, rotation=9, crop=(0.5, 1)), "seed": 4}
    alone = data.batches(source, **arguments)
    helped = data.batches(source, **arguments, workers=2)
    try:
        helped.restore({"epoch": 1, "start": 2})
        for epoch, start in ((1, 2), (2, 0)):
            for index, (images, labels) in zip(range(start, 4), helped, strict=True):
                expected = alone.batch(epoch, index)
                assert np.array_equal(images, expected[0])
                assert np.array_equal(labels, expected[1])
            helped.on_epoch_end()
        assert helped.state()["epoch"] == 3
    finally:
        helped.close()


def test_workers_import_neither_keras_nor_a_large_backend():
    from kerasarch import data

    batches = data.batches(Where(np.zeros(4), "ab"), batch=2, size=(2, 2), channels=1, workers=1)
    try:
        assert [float(images.max()) for images, _ in batches] == [0, 0]
        assert batches.batch(0, 0)[0].min() >= 10  # this process does
    finally:
        batches.close()


def test_a_failure_in_a_worker_arrives_with_its_message():
    from kerasarch import data

    batches = data.batches(Damaged(np.zeros(8), "ab"), batch=2, size=(2, 2), channels=1, shuffle=False, workers=1)
    try:
        with pytest.raises(Exception, match=r"seven\.png: damaged"):
            list(batches)
    finally:
        batches.close()
