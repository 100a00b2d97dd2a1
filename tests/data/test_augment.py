"""Random changes of pictures, against definitions of their own."""

import math

import numpy as np
import pytest
from PIL import Image

from kerasarch.data import Augmentation
from kerasarch.data.augment import random_box, random_colour, warped
from kerasarch.data.mix import Mix, cutmix, mixup, random_patch
from kerasarch.data.pipeline import PrepareAugmented
from kerasarch.errors import UsageError

pytestmark = pytest.mark.backend_free


def picture(height=12, width=16, channels=3, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, channels), dtype=np.uint8)


def test_nothing_is_changed_unless_asked():
    plain = Augmentation()
    assert not plain.changes_pictures
    assert not plain.mixes
    prepared, _ = PrepareAugmented((12, 16), 3, plain)((picture(), 0), np.random.default_rng(0))
    assert np.array_equal(prepared, picture())


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_flip_is_a_reversed_array(channels):
    image = picture(channels=channels)
    rng = np.random.default_rng(0)
    step = PrepareAugmented((12, 16), channels, Augmentation(flip=True))
    results = [step((image, 0), rng)[0] for _ in range(40)]
    flipped = [np.array_equal(result, image[:, ::-1]) for result in results]
    assert all(turned or np.array_equal(result, image) for turned, result in zip(flipped, results, strict=True))
    assert 8 < sum(flipped) < 32


def test_a_quarter_turn_is_rot90():
    image = picture(10, 10)
    turned = np.asarray(warped(Image.fromarray(image), math.pi / 2, 1.0))
    assert np.abs(turned.astype(int) - np.rot90(image)).max() <= 1


def test_a_whole_shift_moves_pixels_and_repeats_the_edge():
    image = picture(10, 14)
    moved = np.asarray(warped(Image.fromarray(image), 0.0, 1.0, right=3, down=-2))
    assert np.array_equal(moved[:-2, 3:], image[2:, :-3])
    assert (moved[:-2, :3] == image[2:, :1]).all()
    assert (moved[-2:, 3:] == image[-1:, :-3]).all()


def test_magnification_about_the_centre():
    image = np.zeros((16, 16), np.uint8)
    image[6:10, 6:10] = 255
    large = np.asarray(warped(Image.fromarray(image), 0.0, 2.0)) > 127
    expected = np.zeros((16, 16), bool)
    expected[4:12, 4:12] = True
    assert np.array_equal(large, expected)
    small = np.asarray(warped(Image.fromarray(image), 0.0, 0.25))
    assert small.shape == (16, 16)
    assert small[[0, -1]].max() == 0


def test_crops_lie_within_and_have_the_area():
    rng = np.random.default_rng(0)
    areas, ratios = [], []
    for _ in range(500):
        left, top, right, bottom = random_box(60, 90, (0.2, 0.5), rng)
        assert 0 <= left < right <= 90 + 1e-9
        assert 0 <= top < bottom <= 60 + 1e-9
        areas.append((right - left) * (bottom - top) / (60 * 90))
        ratios.append((right - left) / (bottom - top) / (90 / 60))
    assert 0.2 <= min(areas) < 0.22
    assert 0.48 < max(areas) <= 0.5 + 1e-9
    assert 0.75 <= min(ratios) < 0.77
    assert 1.3 < max(ratios) <= 4 / 3 + 1e-9


def test_the_whole_crop_is_the_picture():
    left, top, right, bottom = random_box(60, 90, (1.0, 1.0), np.random.default_rng(1))
    assert max((right - left) / 90, (bottom - top) / 60) == 1


class Largest:
    """A generator that always draws the upper bound."""

    def uniform(self, low, high):
        return high


def test_colour_against_arithmetic():
    image = picture().astype(np.float64) / 2
    as_picture = Image.fromarray(image.astype(np.uint8))
    image = np.asarray(as_picture).astype(np.float64)
    brighter = np.asarray(random_colour(as_picture, Augmentation(brightness=0.5), Largest()))
    assert np.abs(brighter - np.clip(1.5 * image, 0, 255)).max() <= 1
    grey = image @ np.array([0.299, 0.587, 0.114])
    stronger = np.asarray(random_colour(as_picture, Augmentation(contrast=0.5), Largest()))
    assert np.abs(stronger - np.clip(grey.mean() + 1.5 * (image - grey.mean()), 0, 255)).max() <= 2
    richer = np.asarray(random_colour(as_picture, Augmentation(saturation=0.5), Largest()))
    assert np.abs(richer - np.clip(grey[..., None] + 1.5 * (image - grey[..., None]), 0, 255)).max() <= 2


def test_colour_leaves_transparency_and_grey():
    alpha = picture(channels=4)
    strong = Augmentation(brightness=0.9, contrast=0.9, saturation=0.9)
    changed, _ = PrepareAugmented((12, 16), 4, strong)((alpha, 0), np.random.default_rng(0))
    assert np.array_equal(changed[..., 3], alpha[..., 3])
    grey = picture(channels=1)
    same, _ = PrepareAugmented((12, 16), 1, Augmentation(saturation=0.9))((grey, 0), np.random.default_rng(0))
    assert np.array_equal(same, grey)


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_all_at_once_repeats_with_its_seed(channels):
    everything = Augmentation(
        flip=True,
        rotation=30,
        scale=(0.7, 1.4),
        shift=0.2,
        crop=(0.3, 1.0),
        brightness=0.3,
        contrast=0.3,
        saturation=0.3,
    )
    step = PrepareAugmented((9, 7), channels, everything)
    first, second, third = (step((picture(), 1), np.random.default_rng(seed))[0] for seed in (0, 0, 1))
    assert first.shape == (9, 7, channels)
    assert first.dtype == np.uint8
    assert np.array_equal(first, second)
    assert not np.array_equal(first, third)


def test_mixup_is_the_weighted_sum():
    images = np.stack([picture(seed=seed) for seed in range(3)])
    labels = np.eye(3, dtype=np.float32)
    mixed, soft = mixup(images, labels, np.array([1, 2, 0]), 0.25)
    assert mixed.dtype == soft.dtype == np.float32
    np.testing.assert_allclose(mixed[0], 0.25 * images[0].astype(float) + 0.75 * images[1], rtol=1e-6)
    np.testing.assert_allclose(soft, [[0.25, 0.75, 0], [0, 0.25, 0.75], [0.75, 0, 0.25]])


def test_cutmix_labels_are_exactly_the_pasted_area():
    size = (12, 16)
    rng = np.random.default_rng(0)
    labels = np.eye(2, dtype=np.float32)
    flat = np.stack([np.zeros((*size, 1), np.uint8), np.full((*size, 1), 255, np.uint8)])
    for part in (0.0, 0.01, 0.3, 0.9, 1.0):
        for _ in range(30):
            mixed, soft = cutmix(flat, labels, np.array([1, 0]), random_patch(size, part, rng))
            white = (mixed[0] == 255).mean()
            np.testing.assert_allclose(soft[0], [1 - white, white], atol=1e-7)
            np.testing.assert_allclose(soft[1], [white, 1 - white], atol=1e-7)
            assert white <= part + 0.1


def test_cutmix_pastes_one_box_of_the_partner():
    images = np.stack([picture(seed=seed) for seed in range(2)])
    mixed, _ = cutmix(images, np.eye(2, dtype=np.float32), np.array([1, 0]), (2, 3, 7, 11))
    expected = images[0].copy()
    expected[2:7, 3:11] = images[1, 2:7, 3:11]
    assert np.array_equal(mixed[0], expected)


def test_mix_takes_the_one_or_the_other_and_repeats():
    images = np.stack([picture(seed=seed) for seed in range(8)])
    labels = np.eye(8, dtype=np.float32)
    both = Mix(Augmentation(mixup=0.4, cutmix=1.0))
    kinds = [both((images, labels), np.random.default_rng(seed))[0].dtype for seed in range(40)]
    assert 8 < sum(kind == np.float32 for kind in kinds) < 32  # Mixup gives floats, CutMix bytes
    for seed in range(5):
        first, second = (both((images, labels), np.random.default_rng(seed)) for _ in range(2))
        assert np.array_equal(first[0], second[0])
        np.testing.assert_allclose(first[1].sum(axis=1), 1, rtol=1e-6)


@pytest.mark.parametrize(
    "wrong",
    [
        {"rotation": -1},
        {"shift": 2},
        {"brightness": 1.5},
        {"scale": (1.2, 0.8)},
        {"scale": (0, 1)},
        {"crop": (0.5, 1.5)},
        {"crop": (0, 1)},
        {"mixup": -0.1},
        {"cutmix": float("nan")},
    ],
)
def test_impossible_values(wrong):
    with pytest.raises(UsageError, match=next(iter(wrong))):
        Augmentation(**wrong)
