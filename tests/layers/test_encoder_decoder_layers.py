"""Values of the layers of encoder-decoder transformers, against NumPy and transformers."""

import keras
import numpy as np
import pytest
import torch

from kerasarch import layers
from kerasarch.errors import UsageError
from kerasarch.layers.relative_position_buckets import borders
from tests import conformance
from tests.conformance import to_numpy

pytestmark = conformance.QUIET


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize(("buckets", "furthest"), [(32, 128), (8, 6), (10, 50)])
def test_buckets_are_those_of_transformers(causal, buckets, furthest):
    attention = pytest.importorskip("transformers.models.t5.modeling_t5").T5Attention
    layer = layers.RelativePositionBuckets(3, buckets=buckets, furthest=furthest, causal=causal)
    queries, keys = np.array([[3, 0, 150]]), np.arange(170)[None]
    found = to_numpy(layer(queries, keys))
    distances = keys[:, None, :] - queries[:, :, None]
    numbers = attention._relative_position_bucket(torch.tensor(distances), not causal, buckets, furthest).numpy()
    np.testing.assert_array_equal(to_numpy(layer.bucket(distances.astype("int32"))), numbers)
    np.testing.assert_array_equal(found, to_numpy(layer.embeddings)[numbers].transpose(0, 3, 1, 2))


def test_where_buckets_begin():
    """By hand: 4 buckets of one distance each, then 4 that widen by the fourth root of 4, from 4 to 16."""
    assert borders(8, 16).tolist() == [1, 2, 3, 4, 6, 8, 12]
    with pytest.raises(UsageError, match="furthest above 8"):
        layers.RelativePositionBuckets(2, furthest=8)
    with pytest.raises(UsageError, match="4 buckets at least"):
        layers.RelativePositionBuckets(2, buckets=2)


@pytest.mark.parametrize("width", [6, 5])
def test_sinusoids(width):
    places = np.array([0, 1, 7, 1000])
    pairs = [(places / 10000 ** (2 * i / width)) for i in range((width + 1) // 2)]
    sines, cosines = np.sin(pairs), np.cos(pairs)[: width // 2]
    paper = np.empty((4, width))
    paper[:, 0::2], paper[:, 1::2] = sines.T, cosines.T
    np.testing.assert_allclose(to_numpy(layers.SinusoidalPositions(width)(places)), paper, atol=1e-4)
    halves = to_numpy(layers.SinusoidalPositions(width, interleaved=False)(places))
    np.testing.assert_allclose(halves, np.concatenate([sines, cosines]).T, atol=1e-4)


@pytest.mark.parametrize("causal", [False, True])
def test_relative_attention_in_numpy(causal):
    rng = np.random.default_rng(0)
    layer = layers.RelativeAttention(2, 3, causal=causal, scale=1.0)
    x, mask = rng.normal(size=(2, 4, 5)).astype("float32"), np.array([[1, 1, 0, 1], [1, 1, 1, 1]], bool)
    bias = rng.normal(size=(1, 2, 4, 4)).astype("float32")
    found = to_numpy(layer(x, mask=mask, bias=bias))
    query, key, value = (
        (x @ to_numpy(part.kernel)).reshape(2, 4, 2, 3).transpose(0, 2, 1, 3)
        for part in (layer.query, layer.key, layer.value)
    )
    seen = mask[:, None, None, :] & (np.tril(np.ones((4, 4), bool)) if causal else True)
    scores = np.where(seen, query @ key.transpose(0, 1, 3, 2) + bias, -np.inf)
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    weights /= weights.sum(-1, keepdims=True)
    np.testing.assert_allclose(to_numpy(layer.attention_weights(x, mask, bias=bias)), weights, atol=1e-5)
    mixed = (weights @ value).transpose(0, 2, 1, 3).reshape(2, 4, 6)
    np.testing.assert_allclose(found, mixed @ to_numpy(layer.out.kernel), atol=1e-5)


def test_what_relative_attention_does_not_have():
    for wrong in ({"alibi": {}}, {"window": 2, "causal": False}):
        with pytest.raises(UsageError, match="takes its bias where it is called"):
            layers.RelativeAttention(2, 3, **wrong)


@pytest.mark.parametrize("norm_first", [False, True])
def test_blocks_join_their_branches(norm_first):
    """Step by step, from the layers that a block is made of."""
    rng = np.random.default_rng(1)
    x, context = (rng.normal(size=(2, length, 4)).astype("float32") for length in (3, 5))
    seen = np.array([[1, 1, 0, 1, 0], [1] * 5], bool)
    block = layers.TargetBlock(2, hidden=6, norm_first=norm_first)
    found = to_numpy(block(x, context, context_mask=seen))
    y = keras.ops.convert_to_tensor(x)
    for number, branch in enumerate(
        (block.attention, lambda h: block.cross_attention(h, context, context_mask=seen), block.feed_forward)
    ):
        norm = block.norms[number]
        y = y + branch(norm(y)) if norm_first else norm(y + branch(y))
    np.testing.assert_allclose(found, to_numpy(y), atol=1e-6)
    np.testing.assert_allclose(found, to_numpy(block(x, memory=block.remember(context), context_mask=seen)), atol=1e-6)
