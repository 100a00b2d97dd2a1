"""The averaged copy of a network."""

import keras
import numpy as np
import pytest

from kerasarch.errors import UsageError
from kerasarch.training import WeightAverage


def small():
    inputs = keras.Input((2,))
    x = keras.layers.BatchNormalization(name="norm")(keras.layers.Dense(3, name="dense")(inputs))
    return keras.Model(inputs, x, name="small")


def follow(average, network, values, images):
    """Set the weights to each value in turn; the averaged kernel's first entry."""
    found = []
    for value in values:
        network.set_weights([np.full(weight.shape, value, "float32") for weight in network.weights])
        average.update(network, images)
        found.append(average.network.get_weights()[0].flat[0])
    return found


def test_decay_half_life_and_start():
    network = small()
    network.set_weights([np.zeros(weight.shape, "float32") for weight in network.weights])
    average = WeightAverage(network, decay=0.9, start=1)
    assert follow(average, network, [1.0, 2.0, 0.0], 8) == pytest.approx([1, 0.9 + 0.2, 0.99])
    statistics = average.network.get_layer("norm").moving_mean
    assert float(keras.ops.convert_to_numpy(statistics.value)[0]) == 0.0  # copied, not averaged
    assert not average.trainable_variables

    network.set_weights([np.zeros(weight.shape, "float32") for weight in network.weights])
    average = WeightAverage(network, half_life=16.0)  # after two steps of 8 the old counts half
    assert follow(average, network, [1.0, 1.0], 8) == pytest.approx([1 - 0.5**0.5, 0.5])
    network.set_weights([np.zeros(weight.shape, "float32") for weight in network.weights])
    average = WeightAverage(network, half_life=1e6, rampup=0.5)  # of 8, then 16 pictures seen
    assert follow(average, network, [1.0, 1.0], 8) == pytest.approx([0.75, 1 - 0.25 * 0.5], rel=1e-4)


def test_what_it_refuses():
    with pytest.raises(UsageError, match="either half_life"):
        WeightAverage(small())
    with pytest.raises(UsageError, match="no variables yet"):
        WeightAverage(keras.Sequential([keras.layers.Dense(2)]), decay=0.9)


def test_it_is_saved_whole(tmp_path):
    network = small()
    average = WeightAverage(network, decay=0.5)
    follow(average, network, [1.0], 4)
    again = WeightAverage.from_config(average.get_config())
    assert again.network.name == "small_average"
    assert [v.path.split("/")[-1] for v in again.variables] == [v.path.split("/")[-1] for v in average.variables]
