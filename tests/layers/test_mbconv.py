"""Squeeze-and-excitation, padding and stochastic depth against their definitions."""

import numpy as np
import pytest
import torch

from kerasarch import layers
from kerasarch.errors import UsageError
from tests import conformance
from tests.conformance import to_numpy

pytestmark = conformance.QUIET


def test_squeeze_excite_is_its_definition():
    layer = layers.SqueezeExcite(2)
    x = np.random.default_rng(0).normal(size=(2, 3, 4, 5)).astype("float32")
    layer.build(x.shape)
    conformance.randomise(layer)
    first, first_bias, second, second_bias = (to_numpy(variable) for variable in layer.weights)
    hidden = np.maximum(x.mean((1, 2)) @ first[0, 0] + first_bias, 0)  # (B, hidden)
    gate = 1 / (1 + np.exp(-(hidden @ second[0, 0] + second_bias)))  # (B, C)
    np.testing.assert_allclose(to_numpy(layer(x)), x * gate[:, None, None], atol=1e-6)


@pytest.mark.parametrize(("size", "kernel"), [(6, 3), (7, 3), (8, 5), (9, 5)])
def test_even_padding_is_one_less_before_than_after(size, kernel):
    layer = layers.DepthwiseConvNorm(kernel, stride=2, padding="even")
    x = np.random.default_rng(0).normal(size=(1, size, size, 2)).astype("float32")
    y = to_numpy(layer(x))
    taps = torch.tensor(to_numpy(layer.convolution.kernel)).permute(2, 3, 0, 1)
    half = kernel // 2
    padded = torch.nn.functional.pad(torch.tensor(x).permute(0, 3, 1, 2), (half - 1, half, half - 1, half))
    expected = torch.nn.functional.conv2d(padded, taps, stride=2, groups=2) / (1 + 1e-5) ** 0.5
    np.testing.assert_allclose(np.moveaxis(y, -1, 1), expected.numpy(), atol=1e-5)
    with pytest.raises(UsageError, match="even padding needs an odd kernel"):
        layers.ConvNorm(2, 4, padding="even")


@pytest.mark.quick_on("tensorflow", "torch")
def test_stochastic_depth_drops_whole_examples_and_scales_the_others():
    layer = layers.MBConv(3, expansion=1, stochastic_depth=0.75)
    x = np.random.default_rng(0).normal(size=(64, 2, 2, 3)).astype("float32")
    layer.build(x.shape)
    conformance.randomise(layer)
    layer.project.trainable = layer.depthwise.trainable = False  # their statistics stay
    branch = to_numpy(layer(x, training=False)) - x
    change = to_numpy(layer(x, training=True)) - x
    kept = np.abs(change).max((1, 2, 3)) > 0
    assert 4 <= kept.sum() <= 32  # 16 expected, deviation 3.5
    np.testing.assert_allclose(change[kept], 4 * branch[kept], atol=1e-5, rtol=1e-4)
    with pytest.raises(UsageError, match=r"squeeze must be in \(0, 1\] and stochastic_depth in \[0, 1\)"):
        layers.MBConv(3, stochastic_depth=1.0)
