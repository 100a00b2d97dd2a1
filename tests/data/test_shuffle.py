import copy

import grain
import numpy as np
import pytest

from kerasarch.data.shuffle import Shuffled

pytestmark = pytest.mark.backend_free


@pytest.fixture
def shuffled():
    return Shuffled(grain.MapDataset.source(np.arange(100, 110)), seed=3)


def epoch_of(dataset, epoch):
    return [int(dataset[epoch * 10 + place]) for place in range(10)]


def test_every_epoch_has_each_element_once_in_an_order_of_its_own(shuffled):
    orders = [epoch_of(shuffled, epoch) for epoch in range(20)]
    assert all(sorted(order) == list(range(100, 110)) for order in orders)
    assert len({tuple(order) for order in orders}) == 20


def test_same_seed_same_order_wherever_one_begins(shuffled):
    backwards = [epoch_of(shuffled, epoch) for epoch in reversed(range(5))][::-1]
    again = copy.deepcopy(shuffled)
    assert backwards == [epoch_of(again, epoch) for epoch in range(5)]
    other = Shuffled(grain.MapDataset.source(np.arange(100, 110)), seed=4)
    assert epoch_of(other, 0) != epoch_of(again, 0)


def test_places_are_equally_likely(shuffled):
    first = np.bincount([int(shuffled[epoch * 10]) - 100 for epoch in range(5000)], minlength=10)
    assert np.abs(first - 500).max() < 105  # five standard deviations


def test_batches_of_slices_and_repetitions(shuffled):
    batches = shuffled.batch(4).repeat()
    rows = [batches[index].tolist() for index in range(3, 6)]
    assert [len(row) for row in rows] == [4, 4, 2]
    assert rows[0] + rows[1] + rows[2] == epoch_of(shuffled, 1)
    assert [int(value) for value in shuffled[2:5]] == epoch_of(shuffled, 0)[2:5]
