"""Causal attention against its definition in NumPy, and through its cache; rotary positions."""

import keras
import numpy as np
import pytest

from kerasarch import layers
from kerasarch.errors import ShapeError, UsageError
from tests import conformance
from tests.conformance import to_numpy

pytestmark = conformance.QUIET
RNG = np.random.default_rng(0)
X = RNG.normal(size=(2, 6, 8)).astype("float32")
MASK = np.array([[0, 1, 1, 1, 1, 1], [1, 1, 1, 1, 1, 1]])


def attention(**fields):
    layer = layers.CausalSelfAttention(4, 4, bias=True, out_bias=True, **fields)
    layer.build((None, None, 8))
    layer.set_weights([RNG.normal(size=weight.shape) for weight in layer.get_weights()])
    return layer


def distances(seen, token, counted):
    """From a token back to those that it sees, in places, or in how many of them lie between."""
    return np.cumsum(seen[::-1])[::-1][seen] - 1 if counted else token - np.flatnonzero(seen)


def defined(layer, mask=None):
    """Vaswani et al., 2017, eq. 1, with a loop over heads and tokens."""
    bound = layer.clip or np.inf
    scale = layer.scale or 1 / np.sqrt(4)
    query, key, value = (
        np.clip(X @ to_numpy(part.kernel) + to_numpy(part.bias), -bound, bound).reshape(2, 6, -1, 4)
        for part in (layer.query, layer.key, layer.value)
    )
    mixed, weights = np.zeros((2, 6, 4, 4)), np.zeros((2, 4, 6, 6))
    for example in range(2):
        for head in range(4):
            group = head * layer.kv_heads // 4
            for token in range(6):
                seen = np.arange(6) <= token
                seen &= np.arange(6) > token - (layer.window or 6)
                if mask is not None:
                    seen &= mask[example].astype(bool)
                if not seen.any():
                    continue
                scores = key[example, seen, group] @ query[example, token, head] * scale
                if layer.alibi is not None:  # Press et al., 2021, section 3: four heads, the flattest falls by 2 ** -8
                    scores -= 4.0 ** -(head + 1) * distances(seen, token, layer.alibi.get("skip_masked"))
                shares = np.exp(scores - scores.max()) / np.exp(scores - scores.max()).sum()
                weights[example, head, token, seen] = shares
                mixed[example, token, head] = shares @ value[example, seen, group]
    out = mixed.reshape(2, 6, 16) @ to_numpy(layer.out.kernel) + to_numpy(layer.out.bias)
    return out, weights


@pytest.mark.parametrize("mask", [None, MASK], ids=["all seen", "padded"])
@pytest.mark.parametrize(("kv_heads", "window"), [(4, None), (2, None), (1, 3)])
def test_the_definition(kv_heads, window, mask):
    layer = attention(kv_heads=kv_heads, window=window)
    out, weights = defined(layer, mask)
    rows = np.ones((2, 6), bool) if mask is None else mask.astype(bool)
    np.testing.assert_allclose(to_numpy(layer(X, mask=mask))[rows], out[rows], atol=2e-5, rtol=1e-4)
    found = to_numpy(layer.attention_weights(X, mask=mask)).transpose(0, 2, 1, 3)
    np.testing.assert_allclose(found[rows], weights.transpose(0, 2, 1, 3)[rows], atol=1e-5)


HOLES = np.array([[0, 1, 0, 1, 1, 1], [1, 1, 1, 0, 0, 1]])


@pytest.mark.parametrize("skip_masked", [False, True])
@pytest.mark.parametrize("kv_heads", [4, 2])
def test_linear_biases(kv_heads, skip_masked):
    layer = attention(kv_heads=kv_heads, alibi={"skip_masked": skip_masked}, clip=1.5, scale=0.3)
    rows = HOLES.astype(bool)
    out, weights = defined(layer, HOLES)
    np.testing.assert_allclose(to_numpy(layer(X, mask=HOLES))[rows], out[rows], atol=2e-5, rtol=1e-4)
    found = to_numpy(layer.attention_weights(X, mask=HOLES)).transpose(0, 2, 1, 3)
    np.testing.assert_allclose(found[rows], weights.transpose(0, 2, 1, 3)[rows], atol=1e-5)
    out, _ = defined(layer)
    np.testing.assert_allclose(to_numpy(layer(X)), out, atol=2e-5, rtol=1e-4)


def test_slopes_of_heads():
    """Press et al., 2021, section 3, for 8 heads; for 12 and 5 the authors' code takes heads of twice as many."""
    np.testing.assert_allclose(layers.LinearBiases(8).slopes, [2.0**-i for i in range(1, 9)])
    between = [2**-0.5, 2**-1.5, 2**-2.5, 2**-3.5]
    np.testing.assert_allclose(layers.LinearBiases(12).slopes, [*(2.0**-i for i in range(1, 9)), *between], rtol=1e-6)
    np.testing.assert_allclose(layers.LinearBiases(5).slopes, [0.25, 0.0625, 2**-6, 2**-8, 0.5])
    np.testing.assert_allclose(layers.LinearBiases(4, most=16).slopes, [2**-4, 2**-8, 2**-12, 2**-16])
    np.testing.assert_allclose(layers.LinearBiases(1).slopes, [2**-8])
    with pytest.raises(ShapeError, match="1 head or more"):
        layers.LinearBiases(0)


@pytest.mark.parametrize(
    "fields", [{"kv_heads": 2, "alibi": {}}, {"kv_heads": 2}, {"window": 3}, {"kv_heads": 1, "rotary": {"base": 50.0}}]
)
def test_through_the_cache(fields):
    """Three tokens at once, then one after the other, in a cache with places to spare."""
    layer = attention(**fields)
    whole = to_numpy(layer(X))
    cache = layer.empty_cache(2, 9)
    mask = np.arange(9) < np.zeros((2, 1)) + 9
    found = []
    for start, end in ((0, 3), (3, 4), (4, 5), (5, 6)):
        out, cache = layer(X[:, start:end], mask=mask, cache=cache, start=start)
        found.append(to_numpy(out))
    np.testing.assert_allclose(np.concatenate(found, axis=1), whole, atol=2e-5, rtol=1e-4)


def test_rotary_products_depend_on_distances():
    rotate = layers.RotaryEmbedding(base=20.0)
    query, key = RNG.normal(size=(2, 1, 1, 1, 6)).astype("float32")
    at = lambda x, place: to_numpy(rotate(x, np.array([[place]])))[0, 0, 0]  # noqa: E731
    near = at(query, 3) @ at(key, 5)
    np.testing.assert_allclose(at(query, 10) @ at(key, 12), near, rtol=1e-4)
    assert abs(at(query, 3) @ at(key, 9) - near) > 0.01
    np.testing.assert_allclose(at(query, 0), query[0, 0, 0], rtol=1e-6)
    # Su et al., 2021, eq. 34: the second pair (channels 1 and 4) turns by 20 ** (-1 / 3) a position.
    angle = 2 * 20 ** (-1 / 3)
    expected = query[0, 0, 0, 1] * np.cos(angle) - query[0, 0, 0, 4] * np.sin(angle)
    np.testing.assert_allclose(at(query, 2)[1], expected, rtol=1e-5)


def test_part_of_the_channels_turns():
    x = RNG.normal(size=(1, 4, 2, 8)).astype("float32")
    turned = to_numpy(layers.RotaryEmbedding(share=0.25)(x))
    np.testing.assert_array_equal(turned[..., 2:], x[..., 2:])
    assert np.abs(turned[:, 1:, :, :2] - x[:, 1:, :, :2]).min() > 1e-4


def test_what_is_refused():
    with pytest.raises(ShapeError, match="multiple of kv_heads"):
        layers.CausalSelfAttention(4, 3, kv_heads=3)
    with pytest.raises(ShapeError, match="width must be a multiple of heads"):
        layers.DecoderBlock(3).build((None, None, 8))
    with pytest.raises(ShapeError, match="even number of channels"):
        layers.RotaryEmbedding()(np.zeros((1, 2, 1, 5), "float32"))
    with pytest.raises(ShapeError, match="at least 4"):
        layers.RotaryEmbedding(scaling={"kind": "dynamic", "factor": 2.0})(np.zeros((1, 2, 1, 2), "float32"))
    with pytest.raises(UsageError, match="Received kind, rate"):
        layers.RotaryEmbedding(scaling={"kind": "linear", "rate": 2.0})
    for scaling in ({"kind": "cubic", "factor": 2.0}, {"kind": "linear", "factor": 0.5}):
        with pytest.raises(UsageError, match="scaling must be one of linear, dynamic, llama3, yarn"):
            layers.RotaryEmbedding(scaling=scaling)


def test_a_scaling_is_saved():
    scaling = layers.RotaryScaling("linear", 2.0)
    layer = layers.CausalSelfAttention(2, 4, rotary={"base": 3.0, "scaling": scaling})
    again = keras.layers.deserialize(keras.layers.serialize(layer)).rotate
    assert (again.base, again.scaling) == (3.0, scaling)
