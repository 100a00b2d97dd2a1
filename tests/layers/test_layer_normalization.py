"""Layer normalisation along any axis is its definition."""

import numpy as np
import pytest

from kerasarch import layers
from tests import conformance
from tests.conformance import to_numpy

pytestmark = conformance.QUIET


@pytest.mark.parametrize("axis", [1, 2, -1])
def test_it_is_its_definition(axis):
    layer = layers.LayerNormalization(axis=axis, epsilon=0.1)
    x = np.random.default_rng(0).normal(size=(2, 3, 4, 5)).astype("float32")
    layer.build(x.shape)
    conformance.randomise(layer)
    shape = [size if place == axis % 4 else 1 for place, size in enumerate(x.shape)]
    gamma, beta = (to_numpy(variable).reshape(shape) for variable in layer.weights)
    expected = gamma * (x - x.mean(axis, keepdims=True)) / np.sqrt(x.var(axis, keepdims=True) + 0.1) + beta
    np.testing.assert_allclose(to_numpy(layer(x)), expected, atol=1e-5)
