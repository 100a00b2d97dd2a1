"""Attention of encoder-decoders against its definition in NumPy, pair by pair."""

import keras
import numpy as np
import pytest

from kerasarch import layers
from kerasarch.errors import ShapeError, UsageError
from tests import conformance
from tests.conformance import to_numpy

pytestmark = conformance.QUIET
RNG = np.random.default_rng(0)
QUERY = RNG.normal(size=(2, 3, 4)).astype("float32")
CONTEXTS = {width: RNG.normal(size=(2, 5, width)).astype("float32") for width in (4, 6)}
MASK = np.array([[1, 1, 1, 0, 0], [0, 1, 1, 1, 1]])


def score(layer, query, key):
    weights = [to_numpy(weight).astype("float64") for weight in layer.weights]
    match layer:
        case layers.BahdanauAttention():
            vector, first, second = weights
            return np.tanh(query @ first + key @ second) @ vector[:, 0]
        case layers.LuongAttention(score="dot"):
            return query @ key
        case layers.LuongAttention(score="general"):
            return query @ (key @ weights[0])
    return np.tanh(np.concatenate([query, key]) @ weights[0]) @ weights[1][:, 0]


def defined(layer, context, mask):
    mixed, weights = np.zeros((2, 3, context.shape[-1])), np.zeros((2, 3, 5))
    for example in range(2):
        for place in range(3):
            seen = np.ones(5, bool) if mask is None else mask[example].astype(bool)
            found = np.exp([score(layer, QUERY[example, place], key) for key in context[example, seen]])
            weights[example, place, seen] = found / found.sum()
            mixed[example, place] = weights[example, place] @ context[example]
    return mixed, weights


@pytest.mark.parametrize("mask", [None, MASK], ids=["all seen", "padded"])
@pytest.mark.parametrize("kind", ["bahdanau", "dot", "general", "concat"])
def test_the_definition(kind, mask):
    context = CONTEXTS[4 if kind == "dot" else 6]
    layer = layers.BahdanauAttention(7) if kind == "bahdanau" else layers.LuongAttention(kind)
    layer.build((None, None, 4), context.shape)
    layer.set_weights([RNG.normal(size=weight.shape) for weight in layer.get_weights()])
    mixed, weights = defined(layer, context, mask)
    np.testing.assert_allclose(to_numpy(layer(QUERY, context, context_mask=mask)), mixed, atol=1e-5)
    np.testing.assert_allclose(to_numpy(layer.attention_weights(QUERY, context, mask)), weights, atol=1e-5)
    single, shares = layer.read(QUERY[:, 1], layer.keys(context), keras.ops.convert_to_tensor(context), mask)
    np.testing.assert_allclose(to_numpy(single), mixed[:, 1], atol=1e-5)
    np.testing.assert_allclose(to_numpy(shares), weights[:, 1], atol=1e-5)


def test_what_does_not_fit_is_refused():
    with pytest.raises(UsageError, match="one of dot, general, concat"):
        layers.LuongAttention("cosine")
    with pytest.raises(ShapeError, match="'general' takes any"):
        layers.LuongAttention("dot")(QUERY, CONTEXTS[6])
    with pytest.raises(ShapeError, match="widths must be known"):
        layers.BahdanauAttention(3).build((None, 4), (None, 5, None))
