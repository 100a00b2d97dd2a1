"""Adaptive discriminator augmentation: the identity at p = 0, exact copies, and a probability that adapts."""

import math

import keras
import numpy as np
import pytest
from keras import ops

from kerasarch.errors import ShapeError, UsageError
from kerasarch.training import grad
from kerasarch.training.adversarial import AdaptiveAugmentation, colors, warping


def tensor(values):
    return ops.convert_to_tensor(np.asarray(values, "float32"))


def smooth(height=12, width=12):
    """A picture without edges, and one number to tell its channels apart."""
    y, x = np.meshgrid(np.arange(height), np.arange(width), indexing="ij")
    return np.stack([np.sin(x / 4 + c) * np.cos(y / 5) for c in range(3)], axis=-1)[None].astype("float32")


@pytest.mark.parametrize("channels", [pytest.param(1, marks=pytest.mark.slow), 3])
@pytest.mark.quick_on("tensorflow", "torch")
def test_nothing_happens_at_probability_zero(channels):
    images = np.random.default_rng(0).normal(size=(3, 7, 10, channels)).astype("float32")
    augmented = AdaptiveAugmentation(probability=0.0)(tensor(images))
    np.testing.assert_allclose(ops.convert_to_numpy(augmented), images, atol=2e-5)


@pytest.mark.slow
def test_everything_happens_at_probability_one():
    images = np.random.default_rng(0).normal(size=(8, 8, 8, 3)).astype("float32")
    for group in ("blit", "geometric", "color"):
        layer = AdaptiveAugmentation([group], probability=1.0, seed=0)
        augmented = ops.convert_to_numpy(layer(tensor(images)))
        assert (np.abs(augmented - images).max(axis=(1, 2, 3)) > 1e-2).sum() >= 7, group
        assert not np.array_equal(ops.convert_to_numpy(layer(tensor(images))), augmented)


def test_blits_copy_pixels():
    images = np.random.default_rng(0).normal(size=(1, 5, 5, 1)).astype("float32")

    def blit(matrix):
        return ops.convert_to_numpy(warping.blit(tensor(images), matrix))

    one = tensor([1.0])
    np.testing.assert_array_equal(blit(warping.scaling(-one, one)), images[:, :, ::-1])
    for turns in range(4):
        turned = np.rot90(images, turns, axes=(1, 2))
        np.testing.assert_array_equal(blit(warping.rotation(turns * math.pi / 2 * one)), turned)
    moved = blit(warping.translation(-2 * one, one))  # two to the right, one up, reflected at the borders
    padded = np.pad(images, ((0, 0), (0, 1), (2, 0), (0, 0)), mode="reflect")
    np.testing.assert_array_equal(moved, padded[:, 1:, :5])


@pytest.mark.slow
def test_warps_are_undone_by_their_inverses():
    images, inside = smooth(24, 24), (slice(None), slice(6, -6), slice(6, -6))
    scale, angle = tensor([1.1]), tensor([0.2])
    there = ops.matmul(warping.scaling(1 / scale, 1 / scale), warping.rotation(-angle))
    back = ops.matmul(warping.rotation(angle), warping.scaling(scale, scale))
    warped = warping.warp(tensor(images), there)
    again = ops.convert_to_numpy(warping.warp(warped, back))
    assert np.abs(ops.convert_to_numpy(warped) - images)[inside].max() > 0.1
    np.testing.assert_allclose(again[inside], images[inside], atol=0.02)


def test_warps_move_where_they_should():
    """A quarter turn and a shift by a whole pixel by way of the filters are nearly those of NumPy."""
    images, one = smooth(), tensor([1.0])
    turned = ops.convert_to_numpy(warping.warp(tensor(images), warping.rotation(math.pi / 2 * one)))
    np.testing.assert_allclose(turned, np.rot90(images, 1, axes=(1, 2)), atol=0.08)
    moved = ops.convert_to_numpy(warping.warp(tensor(images), warping.translation(0 * one, 3 * one)))
    np.testing.assert_allclose(moved[:, :8], images[:, 3:11], atol=1e-5)


def test_warps_are_differentiable_by_pixels():
    """The transpose of a linear map: <warp(x), y> = <x, gradient>."""
    x, y = (np.random.default_rng(seed).normal(size=(2, 6, 6, 1)).astype("float32") for seed in (0, 1))
    inverse = ops.matmul(warping.rotation(tensor([0.3, 2.0])), warping.translation(tensor([1.5, 0]), tensor([0, 3.0])))
    gradient = ops.convert_to_numpy(grad(lambda x: ops.sum(warping.warp(x, inverse) * tensor(y)))(tensor(x)))
    forward = (ops.convert_to_numpy(warping.warp(tensor(x), inverse)) * y).sum()
    np.testing.assert_allclose((gradient * x).sum(), forward, rtol=1e-3)


def test_colors():
    images = np.random.default_rng(0).uniform(-1, 1, (2, 3, 3, 3)).astype("float32")

    def recolor(matrices, given=images):
        return ops.convert_to_numpy(colors.recolor(tensor(given), matrices))

    np.testing.assert_allclose(recolor(colors.brightness(tensor([0.1, -0.2])))[1], images[1] - 0.2, atol=1e-6)
    np.testing.assert_allclose(recolor(colors.contrast(tensor([2, 0.5])))[0], images[0] * 2, atol=1e-6)
    grey = images.mean(-1, keepdims=True)
    flipped = recolor(colors.luma_flip(tensor([1, 0])))
    np.testing.assert_allclose(flipped[0], images[0] - 2 * grey[0], atol=1e-6)
    np.testing.assert_allclose(flipped[1], images[1], atol=1e-6)
    saturated = recolor(colors.saturation(tensor([0, 3])))
    np.testing.assert_allclose(saturated[0], np.repeat(grey[0], 3, axis=-1), atol=1e-6)
    np.testing.assert_allclose(saturated[1], grey[1] + 3 * (images[1] - grey[1]), atol=1e-5)
    third = recolor(colors.hue(tensor([2 * math.pi / 3] * 2)))  # red becomes green becomes blue
    np.testing.assert_allclose(third, np.roll(images, 1, axis=-1), atol=1e-5)
    one = recolor(ops.matmul(colors.contrast(tensor([2, 2])), colors.brightness(tensor([0.1, 0.3]))), grey)
    np.testing.assert_allclose(one[1], 2 * (grey[1] + 0.3), atol=1e-5)


def test_probability_adapts():
    def after(signs, **options):
        layer = AdaptiveAugmentation(probability=0.5, interval=2, images=100, **options)
        values = [0.5]
        for scores in signs:
            layer.observe(tensor(scores))
            values.append(float(ops.convert_to_numpy(layer.probability.value)))
        return values, float(ops.convert_to_numpy(layer.overfitting.value))

    sure = [[3.0], [2.0], [0.1], [9.0], [-1.0]]  # r_t = 3 / 5
    values, overfitting = after([sure] * 4, target=0.5)
    np.testing.assert_allclose(values, [0.5, 0.5, 0.6, 0.6, 0.7], rtol=1e-5)  # 10 pictures of 100 an interval
    assert overfitting == pytest.approx(0.6)
    values, _ = after([sure] * 2, target=0.7)
    assert values[-1] == pytest.approx(0.4)
    values, _ = after([sure, [[-1.0]] * 5] * 6, target=0.6)
    assert values[-1] == 0.0  # not below
    values, overfitting = after([sure] * 2, target=None)
    assert values[-1] == 0.5
    assert overfitting == pytest.approx(0.6)


def test_overfitting_is_counted_from_the_undecided_score():
    layer = AdaptiveAugmentation(interval=1)
    layer.observe(tensor([[0.3], [0.4], [0.49], [0.6]]), undecided=0.5)
    assert float(ops.convert_to_numpy(layer.overfitting.value)) == pytest.approx(-0.5)


def test_bad_arguments():
    with pytest.raises(UsageError, match="blit, geometric, color"):
        AdaptiveAugmentation(["blits"])
    with pytest.raises(UsageError, match="from 0 to 1"):
        AdaptiveAugmentation(probability=1.5)
    with pytest.raises(ShapeError, match="1 or 3 channels"):
        AdaptiveAugmentation()(np.zeros((2, 8, 8, 2), "float32"))


@pytest.mark.slow
def test_channels_first():
    images = np.random.default_rng(0).normal(size=(4, 8, 8, 3)).astype("float32")
    expected = AdaptiveAugmentation(probability=1.0, seed=3)(tensor(images))
    keras.config.set_image_data_format("channels_first")
    try:
        layer = AdaptiveAugmentation(probability=1.0, seed=3)
    finally:
        keras.config.set_image_data_format("channels_last")
    found = layer(tensor(np.moveaxis(images, -1, 1)))
    np.testing.assert_allclose(
        np.moveaxis(ops.convert_to_numpy(found), 1, -1), ops.convert_to_numpy(expected), atol=1e-5
    )
