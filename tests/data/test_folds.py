"""Folds are stratified, whole and free of leaks; joined sources are their images."""

import numpy as np
import pytest

from kerasarch.data.folds import stratified_folds
from kerasarch.data.joined import JoinedImages, join
from kerasarch.data.source import ArrayImages
from kerasarch.errors import DataError, UsageError

pytestmark = pytest.mark.backend_free


def test_folds_share_every_class_alike():
    labels = np.repeat([0, 1, 2], [17, 9, 6])
    folds = stratified_folds(labels, 4, seed=0)
    assert sorted(np.concatenate(folds)) == list(range(32))
    assert [len(fold) for fold in folds] == [8, 8, 8, 8]
    counts = np.array([np.bincount(labels[fold], minlength=3) for fold in folds])
    assert (np.ptp(counts, axis=0) <= 1).all()
    again, other = stratified_folds(labels, 4, seed=0), stratified_folds(labels, 4, seed=1)
    assert all((a == b).all() for a, b in zip(folds, again, strict=True))
    assert any(set(a) != set(b) for a, b in zip(folds, other, strict=True))


def test_copies_stay_together():
    labels = np.array([0] * 8 + [1] * 8)
    names = ["a", "a", "a", *"bcdef", *"ghijklm", "g"]
    for fold in stratified_folds(labels, 3, seed=5, identity=names):
        inside = {names[i] for i in fold}
        assert not inside & {names[i] for i in range(16) if i not in fold}


def test_what_is_refused():
    with pytest.raises(DataError, match=r"Class cat has 2 different images.*3 folds"):
        stratified_folds(np.array([0, 0, 0, 1, 1, 1]), 3, seed=0, identity=list("abcdde"), classes=("dog", "cat"))
    with pytest.raises(UsageError, match="Received 1"):
        stratified_folds(np.array([0, 1]), 1, seed=0)


def source(count, size=(2, 3), start=0, classes=("a", "b")):
    images = np.arange(start, start + count * size[0] * size[1]).reshape(count, *size, 1).astype(np.uint8)
    return ArrayImages(images, np.arange(count) % 2, classes)


def test_joined_images_are_those_of_the_sources():
    first, second = source(3), source(4, start=50)
    joined = join(first, second)
    assert isinstance(joined, ArrayImages)
    assert joined.labels.tolist() == [0, 1, 0, 0, 1, 0, 1]
    other = join(first, source(4, size=(5, 2), start=50))
    assert isinstance(other, JoinedImages)
    assert other.shape is None
    assert len(other.identity()) == 7
    few = other.subset([6, 0, 3]).subset([0, 2])
    assert few.labels.tolist() == [1, 0]
    np.testing.assert_array_equal(few[0][0], source(4, size=(5, 2), start=50)[3][0])
    np.testing.assert_array_equal(few[1][0], source(4, size=(5, 2), start=50)[0][0])
    assert few.identity() == [other.identity()[6], other.identity()[3]]
    with pytest.raises(DataError, match="same classes"):
        join(first, source(2, classes=("a", "c")))
