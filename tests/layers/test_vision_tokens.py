"""Tokens of patches, their positions, and the weights of attention, against NumPy and PyTorch."""

import keras
import numpy as np
import pytest
import torch

from kerasarch import layers
from kerasarch.errors import ShapeError
from kerasarch.layers.patch_tokens import cubic_matrix
from tests import conformance
from tests.conformance import to_numpy

# What depends on the backend is in the conformance tables and beside the references.
pytestmark = [conformance.QUIET, pytest.mark.quick_on("torch")]


def draw(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


@pytest.mark.parametrize(("given", "wanted"), [(3, 7), (7, 3), (1, 4), (5, 5)])
def test_cubic_interpolation_is_pytorchs(given, wanted):
    values = draw(2, given)
    picture = torch.tensor(values)[None, :, :, None].repeat(1, 1, 1, 2)
    expected = torch.nn.functional.interpolate(picture, size=(wanted, 2), mode="bicubic")[0, :, :, 0]
    np.testing.assert_allclose(values @ to_numpy(cubic_matrix(given, wanted)).T, expected.numpy(), atol=1e-5)


@pytest.mark.parametrize("token_positions", [True, False])
def test_tokens_stand_in_front_of_the_patches_row_by_row(token_positions):
    layer = layers.PatchTokens((2, 3), distillation_token=True, token_positions=token_positions)
    x = draw(2, 2, 3, 4)
    layer.build(x.shape)
    positions, *front = (to_numpy(variable) for variable in layer.weights)
    assert positions.shape == (1, 8 if token_positions else 6, 4)
    expected = np.concatenate([*(np.repeat(token, 2, 0) for token in front), x.reshape(2, 6, 4)], 1)
    expected[:, 0 if token_positions else 2 :] += positions
    np.testing.assert_allclose(to_numpy(layer(x)), expected, atol=1e-6)
    with pytest.raises(ShapeError, match="width must be known"):
        layers.PatchTokens((2, 3)).build((None, 2, 3, None))


def test_pooling():
    x = draw(2, 5, 3)
    np.testing.assert_allclose(to_numpy(layers.TokenPooling(1)(x)), x[:, 1])
    np.testing.assert_allclose(to_numpy(layers.TokenPooling(None, skip=2)(x)), x[:, 2:].mean(1), atol=1e-6)


@pytest.mark.parametrize("causal", [False, True])
def test_attention_weights_are_those_that_the_layer_uses(causal):
    layer = layers.CrossAttention(2, 3, bias=True, causal=causal)
    x, mask = draw(2, 5, 4), np.array([[1, 1, 0, 1, 1], [1, 1, 1, 1, 0]], bool)
    layer.build(x.shape)
    for index, variable in enumerate(layer.weights):
        variable.assign(draw(*variable.shape, seed=index))
    found = to_numpy(layer.attention_weights(x, mask=mask))

    def split(part):
        return (x @ to_numpy(part.kernel) + to_numpy(part.bias)).reshape(2, 5, 2, 3)

    scores = np.einsum("bthd,bshd->bhts", split(layer.query), split(layer.key)) / np.sqrt(3)
    allowed = np.broadcast_to(mask[:, None, None], scores.shape) & (~causal | np.tri(5, dtype=bool))
    expected = np.where(allowed, np.exp(scores), 0)
    expected /= expected.sum(-1, keepdims=True)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    mixed = np.einsum("bhts,bshd->bthd", expected, split(layer.value)).reshape(2, 5, 6)
    out = mixed @ to_numpy(layer.out.kernel) + to_numpy(layer.out.bias)
    np.testing.assert_allclose(to_numpy(layer(x, mask=mask)), out, atol=1e-4)


def test_layer_scale_on_either_axis():
    x = draw(2, 3, 4)
    for axis in (1, -1):
        layer = layers.LayerScale(0.5, axis=axis)
        layer.build(x.shape)
        gamma = draw(x.shape[axis], seed=1)
        layer.gamma.assign(gamma)
        np.testing.assert_allclose(to_numpy(layer(x)), x * (gamma[:, None] if axis == 1 else gamma), atol=1e-6)


def test_stochastic_depth_leaves_branches_out_of_whole_examples():
    keras.utils.set_random_seed(0)
    layer = layers.TransformerEncoderBlock(1, stochastic_depth=0.5)
    x = draw(32, 2, 4)
    full = to_numpy(layer(x))
    drawn = to_numpy(layer(x, training=True))
    unchanged = np.abs(drawn - x).reshape(32, -1).max(1) == 0
    assert 0 < unchanged.sum() < 24  # a quarter of them is expected to lose both branches
    assert np.abs(full - x).reshape(32, -1).max(1).min() > 0
    # With one branch alone, what stays is doubled.
    layer.feed_forward.project_out.kernel.assign(np.zeros((16, 4)))
    added = to_numpy(layer(x)) - x
    drawn = to_numpy(layer(x, training=True)) - x
    kept = np.abs(drawn).reshape(32, -1).max(1) > 0
    np.testing.assert_allclose(drawn[kept], 2 * added[kept], atol=1e-5)
