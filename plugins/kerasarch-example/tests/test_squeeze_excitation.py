"""The layer: the conformance kit, and the definition written out in NumPy."""

import keras
import numpy as np
import pytest
from kerasarch_example.squeeze_excitation import SqueezeExcitation

from kerasarch.errors import ShapeError
from kerasarch.testing import check_layer


def test_conformance():
    check_layer(SqueezeExcitation)


def test_definition():
    random = np.random.default_rng(0)
    x = random.standard_normal((2, 5, 4, 8)).astype("float32")
    layer = SqueezeExcitation(reduction=4)
    received = keras.ops.convert_to_numpy(layer(x))
    w1, b1, w2, b2 = (keras.ops.convert_to_numpy(weight) for weight in layer.weights)
    squeezed = x.mean(axis=(1, 2))  # (B, C)
    weights = 1 / (1 + np.exp(-(np.maximum(squeezed @ w1 + b1, 0) @ w2 + b2)))
    np.testing.assert_allclose(received, x * weights[:, None, None, :], atol=1e-5)


def test_channels_first():
    x = np.random.default_rng(0).standard_normal((2, 5, 4, 8)).astype("float32")
    last, first = SqueezeExcitation(reduction=4), SqueezeExcitation(reduction=4, data_format="channels_first")
    expected = keras.ops.convert_to_numpy(last(x))
    first(x.transpose(0, 3, 1, 2))
    first.set_weights(last.get_weights())
    received = keras.ops.convert_to_numpy(first(x.transpose(0, 3, 1, 2)))
    np.testing.assert_allclose(received.transpose(0, 2, 3, 1), expected, atol=1e-6)


def test_one_unit_stays():
    layer = SqueezeExcitation(reduction=100)
    layer(np.zeros((1, 2, 2, 3), "float32"))
    assert layer.reduce.units == 1


def test_wrong_arguments():
    with pytest.raises(ShapeError, match="reduction=0"):
        SqueezeExcitation(reduction=0)
    with pytest.raises(ShapeError, match=r"\(2, 8\)"):
        SqueezeExcitation()(np.zeros((2, 8), "float32"))
