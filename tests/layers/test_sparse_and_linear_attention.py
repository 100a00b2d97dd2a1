"""Block-sparse and linear attention against their definitions in NumPy, a loop over tokens."""

import numpy as np
import pytest

from kerasarch import layers
from kerasarch.errors import ShapeError
from tests import conformance
from tests.conformance import to_numpy

pytestmark = conformance.QUIET
RNG = np.random.default_rng(0)


def enlivened(layer):
    layer.build((None, None, 6))
    layer.set_weights([RNG.normal(size=weight.shape) for weight in layer.get_weights()])
    return layer


def projected(layer, x):
    return (
        (x @ to_numpy(part.kernel)).reshape(*x.shape[:2], layer.heads, layer.head_width)
        for part in (layer.query, layer.key, layer.value)
    )


def defined(layer, x, seen, share):
    """Weights of tokens that are seen, (B, T, T), by what ``share`` makes of a query and keys, and the output."""
    query, key, value = projected(layer, x)
    weights = np.zeros((len(x), layer.heads, x.shape[1], x.shape[1]))
    mixed = np.zeros_like(value)
    for example, token, head in np.ndindex(len(x), x.shape[1], layer.heads):
        some = seen[example, token]
        if some.any():
            found = share(query[example, token, head], key[example, some, head])
            weights[example, head, token, some] = found / found.sum()
        mixed[example, token, head] = weights[example, head, token] @ value[example, :, head]
    return mixed.reshape(*x.shape[:2], -1) @ to_numpy(layer.out.kernel) + to_numpy(layer.out.bias), weights


def softmax_share(query, keys):
    scores = keys @ query / np.sqrt(len(query))
    return np.exp(scores - scores.max())


def linear_share(query, keys):
    """Katharopoulos et al., 2020, eq. 7: elu(x) + 1 is x + 1 above 0, exp(x) below."""
    features = lambda x: np.where(x > 0, x + 1, np.exp(np.minimum(x, 0)))  # noqa: E731
    return features(keys) @ features(query)


def check(layer, x, mask, seen, share):
    if mask is not None:
        seen = seen & mask[:, None].astype(bool)
    expected, weights = defined(layer, x, np.broadcast_to(seen, (len(x), x.shape[1], x.shape[1])), share)
    looking = weights.sum(-1).min(1) > 0  # (B, T): what a token gets that sees none depends on the backend
    np.testing.assert_allclose(to_numpy(layer(x, mask=mask))[looking], expected[looking], atol=2e-4, rtol=1e-3)
    found = np.moveaxis(to_numpy(layer.attention_weights(x, mask=mask)), 1, 2)
    np.testing.assert_allclose(found[looking], np.moveaxis(weights, 1, 2)[looking], atol=1e-5)


@pytest.mark.parametrize("causal", [False, True])
def test_block_sparse_attention(causal):
    """Blocks of 3 tokens, the last one cut: near ones, a shared one, and the last of each run of three."""
    x = RNG.normal(size=(2, 20, 6)).astype("float32")
    mask = np.ones((2, 20), "int32")
    mask[0, :2] = mask[1, 9:12] = mask[1, 17:] = 0
    block = np.arange(20) // 3
    near = abs(block[:, None] - block) <= 1
    for shared, stride, masked in ((1, None, mask), (0, 3, mask), (1, 3, None)):
        seen = near | (block < shared) | (block < shared)[:, None]
        if stride:
            seen |= np.isin(block, [2, 5])
        if causal:
            seen &= np.arange(20) <= np.arange(20)[:, None]
        layer = layers.BlockSparseAttention(2, 4, block=3, shared=shared, stride=stride, causal=causal)
        check(enlivened(layer), x, masked, seen, softmax_share)


@pytest.mark.parametrize("causal", [False, True])
def test_linear_attention(causal):
    """More tokens than a chunk has."""
    x = RNG.normal(size=(2, 70, 6)).astype("float32")
    mask = np.ones((2, 70), "int32")
    mask[0, :3] = mask[1, 40:50] = 0
    seen = np.tri(70, dtype=bool) if causal else np.ones((70, 70), bool)
    layer = enlivened(layers.LinearAttention(2, 4, causal=causal))
    check(layer, x, mask, seen, linear_share)
    check(layer, x[:, :5], None, seen[:5, :5], linear_share)


def test_what_a_block_pattern_cannot_be():
    with pytest.raises(ShapeError, match="block=0"):
        layers.BlockSparseAttention(2, 4, block=0)
    with pytest.raises(ShapeError, match="must be known"):
        layers.BlockSparseAttention(2, 4).pattern(None)
    with pytest.raises(ShapeError, match="width must be known"):
        layers.LinearAttention(2, 4).build((None, 5, None))
    assert layers.BlockSparseAttention(2, 4, block=10, shared=0, near=0).pattern(35).sum() == 4
