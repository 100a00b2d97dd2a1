"""The layers of generative networks against NumPy's reading of the papers' equations."""

import keras
import numpy as np
import pytest
import torch

from kerasarch import layers
from kerasarch.errors import ShapeError, UsageError
from tests import conformance
from tests.conformance import to_numpy

pytestmark = conformance.QUIET


def numbers(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def value(layer, name):
    return to_numpy(next(variable for variable in layer.weights if variable.path.endswith(name)))


@pytest.mark.parametrize(
    ("wrapped", "shape", "matrix"),
    [
        (lambda: keras.layers.Dense(3), (2, 5), lambda w: w),
        (lambda: layers.Conv2D(3, 2), (2, 4, 4, 2), lambda w: w.reshape(-1, 3)),
        (lambda: keras.layers.Conv2DTranspose(3, 2), (2, 4, 4, 2), lambda w: w.swapaxes(2, 3).reshape(-1, 3)),
    ],
    ids=["dense", "conv", "transposed"],
)
def test_spectral_normalization_divides_by_the_largest_singular_value(wrapped, shape, matrix):
    x, plain = numbers(*shape), wrapped()
    layer = layers.SpectralNormalization(plain, iterations=60)
    layer(x)
    conformance.randomise(layer)
    kernel = to_numpy(plain.kernel).copy()
    sigma = np.linalg.svd(matrix(kernel), compute_uv=False)[0]
    received = to_numpy(layer(x, training=True))
    np.testing.assert_array_equal(to_numpy(plain.kernel), kernel)
    plain.kernel.assign(kernel / sigma)
    np.testing.assert_allclose(received, to_numpy(plain(x)), atol=1e-4)


def test_the_singular_vector_moves_in_training_only():
    layer = layers.SpectralNormalization(keras.layers.Dense(4))
    x = numbers(2, 5)
    layer(x)
    before = to_numpy(layer.vector).copy()
    layer(x)
    np.testing.assert_array_equal(to_numpy(layer.vector), before)
    layer(x, training=True)
    kernel = to_numpy(layer.layer.kernel)
    left = kernel @ before
    expected = left / np.linalg.norm(left) @ kernel
    np.testing.assert_allclose(to_numpy(layer.vector), expected / np.linalg.norm(expected), atol=1e-5)


def test_maxout_pixel_normalization_and_class_projection():
    x = numbers(3, 5)
    maxout = layers.Maxout(4, 3)
    y = to_numpy(maxout(x))
    pieces = x @ value(maxout, "kernel") + value(maxout, "bias")
    np.testing.assert_allclose(y, pieces.reshape(3, 4, 3).max(-1), atol=1e-5)
    expected = x / np.sqrt((x**2).mean(-1, keepdims=True))
    np.testing.assert_allclose(to_numpy(layers.PixelNormalization()(x)), expected, atol=1e-5)
    projection, logits, labels = layers.ClassProjection(6), numbers(3, 1), np.array([5, 0, 5], "int32")
    y = to_numpy(projection([keras.ops.convert_to_tensor(part) for part in (logits, x, labels)]))
    embedded = value(projection, "embeddings")[labels]
    np.testing.assert_allclose(y, logits + (embedded * x).sum(-1, keepdims=True), atol=1e-5)


def test_reflection_padding_is_numpys_and_pixel_shuffle_the_papers():
    x = numbers(2, 4, 3, 8)
    expected = np.pad(x, ((0, 0), (2, 2), (2, 2), (0, 0)), mode="reflect")
    np.testing.assert_array_equal(to_numpy(layers.ReflectionPadding(2)(x)), expected)
    y = to_numpy(layers.PixelShuffle(2)(x))
    for h, w, c in np.ndindex(8, 6, 2):
        assert (y[:, h, w, c] == x[:, h // 2, w // 2, 4 * (h % 2) + 2 * (w % 2) + c]).all()
    with pytest.raises(ShapeError, match="larger than the padding"):
        layers.ReflectionPadding(3)(x)
    with pytest.raises(ShapeError, match=r"multiple of factor \*\* 2 = 9"):
        layers.PixelShuffle(3)(x)
    with pytest.raises(UsageError, match="iterations must be 1"):
        layers.SpectralNormalization(keras.layers.Dense(1), iterations=0)
    with pytest.raises(UsageError, match="a layer with a kernel"):
        layers.SpectralNormalization(keras.layers.ReLU())(x)


@pytest.mark.parametrize("direction", ["up", "down"])
def test_fir_resampling_is_zeros_filter_and_samples(direction):
    """Along each axis as SciPy and the authors define it: insert, pad, convolve, keep every second."""
    x, up, down = numbers(2, 6, 4, 3), 1 + (direction == "up"), 1 + (direction == "down")
    taps = np.array([1, 3, 3, 1]) / 8 * up
    matrices = []
    for size in (6, 4):
        stretched = np.zeros((size * up, size))
        stretched[::up] = np.eye(size)
        padded = np.pad(stretched, ((2, 1) if up == 2 else (1, 1), (0, 0)))
        matrices.append(np.apply_along_axis(np.convolve, 0, padded, taps, "valid")[::down])
    expected = np.einsum("ih,jw,bhwc->bijc", *matrices, x)
    y = to_numpy(layers.FIRResampling(**{direction: 2})(x))
    assert y.shape == (2, 6 * up // down, 4 * up // down, 3)
    np.testing.assert_allclose(y, expected, atol=1e-5)


def turned(x):
    return torch.tensor(np.moveaxis(x, -1, 1))


@pytest.mark.parametrize("up", [1, 2])
def test_modulated_convolution_is_one_kernel_an_example(up):
    x, w = numbers(2, 4, 4, 3), numbers(2, 5, seed=1)
    layer = layers.ModulatedConv2D(6, 3, up=up)
    y = to_numpy(layer([keras.ops.convert_to_tensor(x), keras.ops.convert_to_tensor(w)]))
    style = w @ value(layer, "style/kernel") / np.sqrt(5) + value(layer, "style/bias")
    kernel = to_numpy(layer.kernel)
    for index in range(2):
        modulated = style[index][:, None] * kernel / np.sqrt(27)
        modulated = torch.tensor(modulated / np.sqrt((modulated**2).sum((0, 1, 2)) + 1e-8)).float()
        if up == 1:
            expected = torch.nn.functional.conv2d(turned(x[[index]]), modulated.permute(3, 2, 0, 1), padding=1)
        else:
            full = torch.nn.functional.conv_transpose2d(turned(x[[index]]), modulated.permute(2, 3, 0, 1), stride=2)
            taps = torch.tensor([1.0, 3.0, 3.0, 1.0]) / 4
            blur = (taps[:, None] * taps).expand(6, 1, 4, 4)
            expected = torch.nn.functional.conv2d(full, blur, padding=1, groups=6)
        np.testing.assert_allclose(np.moveaxis(y[index], -1, 0), expected[0].numpy(), atol=1e-4)


def test_equalized_layers_scale_where_they_are_used():
    x = numbers(2, 6)
    dense = layers.EqualizedDense(400, multiplier=0.01, bias_start=1.0)
    y = to_numpy(dense(x))
    assert 90 < value(dense, "kernel").std() < 110  # N(0, 1 / multiplier)
    np.testing.assert_allclose(y, x @ value(dense, "kernel") * 0.01 / np.sqrt(6) + 1.0, atol=1e-4)
    x = numbers(1, 4, 4, 3)
    conv = layers.EqualizedConv2D(2, 3, activated=True)
    y = to_numpy(conv(x))
    kernel = torch.tensor(value(conv, "kernel") / np.sqrt(27)).float().permute(3, 2, 0, 1)
    expected = torch.nn.functional.leaky_relu(torch.nn.functional.conv2d(turned(x), kernel, padding=1), 0.2) * 2**0.5
    np.testing.assert_allclose(np.moveaxis(y, -1, 1), expected.numpy(), atol=1e-4)
    down = layers.EqualizedConv2D(2, 3, down=2)
    y = to_numpy(down(x))
    taps = torch.tensor([1.0, 3.0, 3.0, 1.0]) / 8
    blurred = torch.nn.functional.conv2d(turned(x), (taps[:, None] * taps).expand(3, 1, 4, 4), padding=2, groups=3)
    kernel = torch.tensor(value(down, "kernel") / np.sqrt(27)).float().permute(3, 2, 0, 1)
    expected = torch.nn.functional.conv2d(blurred, kernel, stride=2)
    np.testing.assert_allclose(np.moveaxis(y, -1, 1), expected.numpy(), atol=1e-4)


@pytest.mark.parametrize(("batch", "group"), [(8, 4), (6, 2), (3, 1)])
def test_minibatch_stddev_compares_groups(batch, group):
    x = numbers(batch, 2, 3, 5)
    y = to_numpy(layers.MinibatchStddev(group=4)(x))
    np.testing.assert_array_equal(y[..., :5], x)
    for index in range(batch):
        members = x[index % (batch // group) :: batch // group]
        expected = np.sqrt(members.var(0) + 1e-8).mean()
        np.testing.assert_allclose(y[index, ..., 5], expected, atol=1e-5)


def test_noise_is_drawn_anew_in_training_only():
    layer = layers.NoiseInjection(seed=1)
    x = numbers(3, 4, 5, 2)
    np.testing.assert_array_equal(to_numpy(layer(x)), x)  # the strength begins at zero
    layer.strength.assign(2.0)
    once, again = to_numpy(layer(x)), to_numpy(layer(x))
    np.testing.assert_array_equal(once, again)
    np.testing.assert_allclose(once - x, np.broadcast_to(2 * value(layer, "constant")[..., None], x.shape), atol=1e-5)
    first, second = (to_numpy(layer(x, training=True)) - x for _ in range(2))
    np.testing.assert_allclose(first[..., 0], first[..., 1], atol=1e-5)
    assert np.abs(first - second).max() > 0.1
    assert np.abs(first[0] - first[1]).max() > 0.1


@pytest.mark.parametrize("pool", [1, 2])
def test_self_attention_is_softmax_of_queries_and_keys(pool):
    x = numbers(2, 4, 2, 16)
    layer = layers.SelfAttention2D(pool=pool)
    np.testing.assert_allclose(to_numpy(layer(x)), x, atol=1e-6)  # gamma begins at zero
    layer.gamma.assign(0.7)
    y = to_numpy(layer(x))
    query, key, inner, output = (value(layer, f"{part}/kernel")[0, 0] for part in ("query", "key", "value", "output"))

    def pooled(maps):
        return maps.reshape(2, 4 // pool, pool, 2 // pool, pool, -1).max((2, 4)).reshape(2, -1, maps.shape[-1])

    scores = (x @ query).reshape(2, 8, 2) @ pooled(x @ key).swapaxes(1, 2)
    weights = np.exp(scores) / np.exp(scores).sum(-1, keepdims=True)
    attended = (weights @ pooled(x @ inner)).reshape(2, 4, 2, 8) @ output
    np.testing.assert_allclose(y, x + 0.7 * attended, atol=1e-4)
    with pytest.raises(ShapeError, match="at least 8 channels"):
        layers.SelfAttention2D()(numbers(1, 4, 4, 4))


def test_conditional_batch_normalization_takes_scale_and_offset_from_the_condition():
    x, condition = numbers(4, 3, 2, 5), numbers(4, 6, seed=1)
    layer = layers.ConditionalBatchNormalization()
    y = to_numpy(layer([keras.ops.convert_to_tensor(x), keras.ops.convert_to_tensor(condition)], training=True))
    gain, offset = (condition @ value(layer, f"{part}/kernel") for part in ("gain", "offset"))
    normal = (x - x.mean((0, 1, 2))) / np.sqrt(x.var((0, 1, 2)) + 1e-5)
    np.testing.assert_allclose(y, (1 + gain)[:, None, None] * normal + offset[:, None, None], atol=1e-4)
    np.testing.assert_allclose(value(layer, "moving_mean"), 0.1 * x.mean((0, 1, 2)), atol=1e-5)
