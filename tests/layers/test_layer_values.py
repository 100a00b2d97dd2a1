"""Layers against PyTorch's and NumPy's definitions, their data formats, and their errors."""

import keras
import numpy as np
import pytest
import torch

from kerasarch import layers
from kerasarch.errors import ShapeError, UsageError
from tests import conformance
from tests.conformance import to_numpy

pytestmark = conformance.QUIET


def images(*shape):
    return np.random.default_rng(0).normal(size=shape).astype("float32")


def channels_first(x):
    return np.moveaxis(x, -1, 1)


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "dilation"), [((6, 5), 3, 2, 1), ((7, 8), 7, 2, 1), ((6, 6), 3, 1, 2)]
)
def test_conv_norm_is_torchs_convolution_and_batch_norm(size, kernel, stride, dilation):
    x = images(2, *size, 3)
    layer = layers.ConvNorm(4, kernel, stride=stride, dilation=dilation, bias=True, activation="relu")
    layer(x)
    conformance.randomise(layer)
    weights = {variable.path.split("/", 1)[1]: torch.tensor(to_numpy(variable)) for variable in layer.weights}
    y = torch.nn.functional.conv2d(
        torch.tensor(channels_first(x)),
        weights["convolution/kernel"].permute(3, 2, 0, 1),
        weights["convolution/bias"],
        stride=stride,
        padding=dilation * (kernel // 2),
        dilation=dilation,
    )
    y = torch.nn.functional.batch_norm(
        y, weights["norm/moving_mean"], weights["norm/moving_variance"], weights["norm/gamma"], weights["norm/beta"]
    ).relu()
    np.testing.assert_allclose(channels_first(to_numpy(layer(x))), y.numpy(), atol=1e-5)


@pytest.mark.parametrize("size", [(6, 5), (7, 8), (1, 1)])
def test_max_pooling_is_torchs(size):
    x = images(2, *size, 3)
    theirs = torch.nn.functional.max_pool2d(torch.tensor(channels_first(x)), 3, 2, 1).numpy()
    np.testing.assert_array_equal(channels_first(to_numpy(layers.SymmetricMaxPooling(3)(x))), theirs)
    padded = torch.nn.functional.pad(torch.tensor(channels_first(x)), (1, 1, 1, 1))
    theirs = torch.nn.functional.max_pool2d(padded, 3, 2).numpy()
    np.testing.assert_array_equal(channels_first(to_numpy(layers.SymmetricMaxPooling(3, fill="zero")(x))), theirs)


@pytest.mark.parametrize(
    "make",
    [
        lambda **k: layers.ConvNorm(4, 3, stride=2, **k),
        lambda **k: layers.BottleneckBlock(8, stride=2, **k),
        lambda **k: layers.PreactivationBasicBlock(3, stride=2, **k),
        lambda **k: layers.InvertedResidual(3, **k),
        lambda **k: layers.SymmetricMaxPooling(3, **k),
        lambda **k: layers.ImageNormalization((1.0, 2.0, 3.0), scale=1.0, channel_order="bgr", **k),
    ],
)
def test_channels_first_is_the_same_picture_turned(make):
    x = images(2, 5, 6, 3)
    last, first = make(data_format="channels_last"), make(data_format="channels_first")
    last(x)
    y = first(channels_first(x))
    conformance.randomise(last)
    for ours, theirs in zip(first.weights, last.weights, strict=True):
        ours.assign(theirs)
    y = to_numpy(first(channels_first(x)))
    np.testing.assert_allclose(y, channels_first(to_numpy(last(x))), atol=1e-5)
    assert tuple(first.compute_output_shape((None, 3, 5, 6))) == (None, *y.shape[1:])


def test_image_normalization_takes_raw_integers_in_half_precision():
    x = np.random.default_rng(0).integers(0, 256, (2, 3, 4, 3), "uint8")
    layer = layers.ImageNormalization(
        (0.485, 0.456, 0.406), (0.229, 0.224, 0.225), channel_order="bgr", dtype="mixed_float16"
    )
    expected = (x[..., ::-1] / 255 - np.array([0.485, 0.456, 0.406])) / np.array([0.229, 0.224, 0.225])
    y = layer(x)
    assert keras.backend.standardize_dtype(y.dtype) == "float16"
    np.testing.assert_allclose(to_numpy(y), expected, atol=3e-3)


def test_errors_say_what_to_do():
    with pytest.raises(UsageError, match=r"padding must be one of symmetric, same, even. Received padding='valid'"):
        layers.ConvNorm(4, padding="valid")
    with pytest.raises(UsageError, match="odd kernel"):
        layers.ConvNorm(4, 2)
    with pytest.raises(UsageError, match="multiple of reduction"):
        layers.BottleneckBlock(6)
    with pytest.raises(UsageError, match="std must be positive"):
        layers.ImageNormalization(0.0, 0.0)
    with pytest.raises(ShapeError, match="2 values for 3 channels"):
        layers.ImageNormalization((0.0, 0.0)).build((None, 4, 4, 3))
    with pytest.raises(ShapeError, match="channels must be known"):
        layers.BasicBlock(4).build((None, 4, 4, None))


def test_the_kernel_lies_in_memory_as_torch_reads_it_and_stays_so():
    layer = layers.ConvNorm(4, 3)
    layer.build((None, 5, 6, 8))
    kernel = layer.convolution.kernel
    value = images(3, 3, 8, 4)
    kernel.assign(value)
    np.testing.assert_array_equal(to_numpy(kernel), value)
    if isinstance(kernel.value, torch.Tensor):
        # what Keras hands to PyTorch's convolution: nothing is left to turn at each call
        assert kernel.value.permute(3, 2, 0, 1).is_contiguous(memory_format=torch.channels_last)
