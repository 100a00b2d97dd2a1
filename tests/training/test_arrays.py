"""Arrays as data with a position."""

import itertools

import keras
import numpy as np
import pytest

from kerasarch import training
from kerasarch.errors import DataError, UsageError

X, Y = np.arange(10, dtype="float32")[:, None], np.arange(10)


def served(data):
    """Labels of one pass as Keras asks for them."""
    data.on_epoch_begin()
    labels = [data[index][1].tolist() for index in range(data.num_batches)]
    data.on_epoch_end()
    return labels


def test_order_depends_on_seed_and_epoch():
    data = training.ArrayBatches(X, Y, batch=4, seed=1)
    first, second = served(data), served(data)
    assert [len(batch) for batch in first] == [4, 4, 2]
    assert sorted(itertools.chain(*first)) == sorted(itertools.chain(*second)) == list(range(10))
    assert first != second
    data.restore({"epoch": 1, "start": 0, "steps": 3})
    assert served(data) == second
    assert served(training.ArrayBatches(X, Y, batch=4, seed=1)) == first
    assert served(training.ArrayBatches(X, Y, batch=4, shuffle=False)) == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]


def test_continues_in_the_midst_of_an_epoch():
    data = training.ArrayBatches(X, Y, batch=4, shuffle=False)
    data.restore(data.state(done=2))
    assert data.num_batches == 1
    assert served(data) == [[8, 9]]
    assert data.state() == {"epoch": 1, "start": 0, "steps": 3}
    with pytest.raises(DataError, match="other data"):
        data.restore({"epoch": 0, "start": 0, "steps": 4})


@pytest.mark.parametrize("shuffle", [True, False])
def test_fit_counts_epochs_once(shuffle):
    """Keras ends an epoch once before the first, after it may have fetched a batch to build with."""
    model = keras.Sequential([keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    data = training.ArrayBatches(X, Y, batch=4)
    model.fit(data, epochs=2, shuffle=shuffle, verbose=0)
    assert (data.epoch, data.start) == (2, 0)


def test_bad_arrays():
    with pytest.raises(DataError, match=r"lengths \[9, 10\]"):
        training.ArrayBatches(X, Y[:9])
    with pytest.raises(UsageError, match="batch=0"):
        training.ArrayBatches(X, Y, batch=0)
