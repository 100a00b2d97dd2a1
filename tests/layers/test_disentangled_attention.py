"""Disentangled attention against its definition in NumPy, and the buckets of distances."""

import math

import numpy as np
import pytest

from kerasarch import layers, models
from kerasarch.errors import ShapeError, UsageError
from kerasarch.models.disentangled_encoder import logarithmic_buckets
from tests import conformance
from tests.conformance import to_numpy

pytestmark = conformance.QUIET
RNG = np.random.default_rng(0)
X = RNG.normal(size=(2, 5, 8)).astype("float32")
DISTANCES = RNG.normal(size=(9, 8)).astype("float32")  # of 4 down to -4
MASK = np.array([[0, 1, 1, 1, 1], [1, 1, 1, 0, 0]])


def mapped(layer, x):
    y = x @ to_numpy(layer.kernel)
    return (y + to_numpy(layer.bias) if layer.use_bias else y).reshape(*x.shape[:-1], 2, 4)


def defined(layer, mask):
    """He et al., 2021, eq. 4, with loops over heads, queries and keys, and the public code's distances."""
    query, key, value = (mapped(part, X) for part in (layer.query, layer.key, layer.value))
    to_key = mapped(layer.key if layer.shared else layer.distance_key, DISTANCES) if "c2p" in layer.terms else None
    to_query = (
        mapped(layer.query if layer.shared else layer.distance_query, DISTANCES) if "p2c" in layer.terms else None
    )
    mixed, weights = np.zeros((2, 5, 2, 4)), np.zeros((2, 2, 5, 5))
    for example, head, t in np.ndindex(2, 2, 5):
        scores = np.full(5, -np.inf)
        for s in np.flatnonzero(mask[example]):
            row = 4 - (t - s)
            score = query[example, t, head] @ key[example, s, head]
            if to_key is not None:
                score += query[example, t, head] @ to_key[row, head]
            if to_query is not None:
                score += key[example, s, head] @ to_query[row, head]
            scores[s] = score / math.sqrt(4 * (1 + len(layer.terms)))
        share = np.exp(scores - scores.max())
        weights[example, head, t] = share / share.sum()
        mixed[example, t, head] = weights[example, head, t] @ value[example, :, head]
    return mixed.reshape(2, 5, 8) @ to_numpy(layer.out.kernel) + to_numpy(layer.out.bias), weights


ONE = [pytest.param((term,), marks=pytest.mark.quick_on("torch")) for term in ("c2p", "p2c")]


@pytest.mark.parametrize("terms", [*ONE, ("c2p", "p2c")], ids="+".join)
@pytest.mark.parametrize("shared", [False, True])
def test_the_definition(terms, shared):
    layer = layers.DisentangledAttention(2, 4, terms=terms, shared=shared, key_bias=shared)
    layer.build((None, None, 8))
    layer.set_weights([RNG.normal(size=weight.shape) for weight in layer.get_weights()])
    out, weights = defined(layer, MASK)
    np.testing.assert_allclose(to_numpy(layer(X, mask=MASK, distances=DISTANCES)), out, atol=5e-5, rtol=1e-4)
    np.testing.assert_allclose(to_numpy(layer.attention_weights(X, MASK, DISTANCES)), weights, atol=1e-5)
    with pytest.raises(UsageError, match="needs the vectors of distances"):
        layer(X)


def test_buckets():
    """By hand, for 4 buckets up to a distance of 8: ``2 + ceil(log(d / 2) / log 3.5)`` beyond 2."""
    found = logarithmic_buckets(4, 8)
    np.testing.assert_array_equal(found[:9], [0, 1, 2, 3, 3, 3, 3, 3, 4])
    assert found[-1] == 4
    with pytest.raises(ShapeError, match="buckets=8, furthest=5"):
        logarithmic_buckets(8, 5)


def test_far_distances_share_a_row():
    """Beyond the last bucket every distance is alike, however long the text."""
    small = {"vocabulary": 9, "width": 4, "depth": 1, "heads": 1, "hidden": 4}
    model = models.deberta_v2("deberta_v3_base", **small, buckets=4, furthest=8, distance_norm=False)
    table = to_numpy(model.distance_embedding.embeddings)
    vectors = to_numpy(model.distances(12))
    np.testing.assert_array_equal(vectors[:4], np.broadcast_to(table[7], (4, 4)))  # 11 down to 8
    np.testing.assert_array_equal(vectors[4], table[7])
    np.testing.assert_array_equal(vectors[11], table[4])  # the distance 0
    np.testing.assert_array_equal(vectors[-4:], np.broadcast_to(table[0], (4, 4)))
    np.testing.assert_array_equal(vectors[-5], table[1])


def test_what_is_not_built_is_said():
    with pytest.raises(UsageError, match=r"terms must be some of c2p, p2c\. Received p2p"):
        layers.DisentangledAttention(2, 4, terms=("p2p",))
    with pytest.raises(UsageError, match="odd number of tokens"):
        layers.TokenConvolution(4)
    with pytest.raises(UsageError, match="activation must be one of tanh"):
        layers.TokenConvolution(3, activation="mish")
    with pytest.raises(ShapeError, match="multiple of heads"):
        layers.PostNormBlock(3).build((None, None, 4))
