"""Pix2Pix, CycleGAN and SRGAN: losses by hand, and who is trained by what."""

import keras
import numpy as np
import pytest

from kerasarch import metrics
from kerasarch.errors import DataError, ShapeError
from kerasarch.training.adversarial import SRGAN, CycleGAN, PeakSignalToNoise, Pix2Pix, StructuralSimilarity
from tests.training.adversarial.linear import (
    SHAPE,
    apply_linear,
    linear_discriminator,
    linear_translator,
    softplus,
    train_once,
    who_changes,
)


def pair_discriminator():
    """[source, picture] -> a score."""
    inputs = [keras.Input(SHAPE), keras.Input(SHAPE)]
    x = keras.layers.Flatten()(keras.layers.Concatenate()(inputs))
    return keras.Model(inputs, keras.layers.Dense(1)(x))


def judged(discriminator, source, picture):
    return apply_linear(discriminator, np.concatenate([source, picture], axis=-1))


def test_pix2pix_by_hand(pictures):
    source, target = pictures[:4], pictures[4:]
    learner = Pix2Pix(linear_translator(), pair_discriminator(), weight=7.0)
    fake = apply_linear(learner.generator, source, SHAPE)
    real_scores, fake_scores = (
        judged(learner.discriminator, source, target),
        judged(learner.discriminator, source, fake),
    )
    distance = np.abs(target - fake).mean()
    expected = {
        "discriminator_loss": (softplus(-real_scores).mean() + softplus(fake_scores).mean()) / 2,
        "generator_loss": softplus(-fake_scores).mean() + 7 * distance,
        "adversarial_loss": softplus(-fake_scores).mean(),
        "l1_distance": distance,
        "real_score": real_scores.mean(),
        "fake_score": fake_scores.mean(),
    }
    logs = train_once(learner, (source, target), {"generator": 0.0, "discriminator": 0.0})
    assert logs == pytest.approx(expected, rel=1e-4, abs=1e-6)
    held_out = learner.evaluate(source, target, batch_size=4, verbose=0, return_dict=True)
    assert held_out == pytest.approx({"l1_distance": distance}, rel=1e-4)
    with pytest.raises(DataError, match="no pairs"):
        learner.step(keras.ops.convert_to_tensor(source))


def test_pix2pix_trains_each_network_by_itself(pictures):
    networks = ("generator", "discriminator")
    for name, other in (networks, networks[::-1]):
        learner = Pix2Pix(linear_translator(), pair_discriminator())
        assert who_changes(learner, (pictures[:4], pictures[4:]), {name: 0.1, other: 0.0}, networks) == {name}


def cycle(**options):
    names = ("generator_ab", "generator_ba", "discriminator_a", "discriminator_b")
    makers = (linear_translator, linear_translator, linear_discriminator, linear_discriminator)
    return CycleGAN(*(make(name=name) for make, name in zip(makers, names, strict=True)), **options)


def test_cyclegan_by_hand_compiled(pictures):
    a, b = pictures[:4], pictures[4:]
    learner = cycle(cycle=3.0, identity=0.25, pool=6)
    fake_b, fake_a = apply_linear(learner.generator_ab, a, SHAPE), apply_linear(learner.generator_ba, b, SHAPE)

    def distance(network, x, target):
        return np.abs(apply_linear(network, x, SHAPE) - target).mean()

    scores = [apply_linear(learner.discriminator_a, x) for x in (a, fake_a)]
    scores += [apply_linear(learner.discriminator_b, x) for x in (b, fake_b)]
    adversarial = ((scores[1] - 1) ** 2).mean() + ((scores[3] - 1) ** 2).mean()
    there = distance(learner.generator_ba, fake_b, a) + distance(learner.generator_ab, fake_a, b)
    identity = distance(learner.generator_ab, b, b) + distance(learner.generator_ba, a, a)
    real = ((scores[0] - 1) ** 2).mean() + ((scores[2] - 1) ** 2).mean()
    expected = {
        "generator_loss": adversarial + 3 * there + 0.75 * identity,
        "adversarial_loss": adversarial,
        "cycle_loss": there,
        "identity_loss": identity,
        "discriminator_loss": (real + (scores[1] ** 2).mean() + (scores[3] ** 2).mean()) / 2,
        "real_score": (scores[0].mean() + scores[2].mean()) / 2,
        "fake_score": (scores[1].mean() + scores[3].mean()) / 2,
    }
    logs = train_once(learner, (a, b), {"generators": 0.0, "discriminators": 0.0}, run_eagerly=False)
    assert logs == pytest.approx(expected, rel=1e-4, abs=1e-6)
    stored = keras.ops.convert_to_numpy(learner.pool_a.images.value)[:4]
    np.testing.assert_allclose(stored, fake_a, atol=1e-5)


def test_cyclegan_trains_two_networks_at_a_time(pictures):
    names = ("generator_ab", "generator_ba", "discriminator_a", "discriminator_b")
    batch = (pictures[:4], pictures[4:])
    rates = {"generators": 0.1, "discriminators": 0.0}
    assert who_changes(cycle(), batch, rates, names) == set(names[:2])
    rates = {"generators": 0.0, "discriminators": 0.1}
    assert who_changes(cycle(pool=0), batch, rates, names) == set(names[2:])


def test_cyclegan_counts_and_saves_each_variable_once(pictures, tmp_path):
    learner = cycle(pool=2)
    assert len(learner.trainable_variables) == 8
    train_once(learner, (pictures[:4], pictures[4:]), {"generators": 0.1, "discriminators": 0.1})
    learner.save(tmp_path / "learner.keras")
    again = keras.models.load_model(tmp_path / "learner.keras")
    for network in ("generator_ab", "discriminator_b"):
        for old, new in zip(
            getattr(learner, network).get_weights(), getattr(again, network).get_weights(), strict=True
        ):
            np.testing.assert_array_equal(old, new)


def large_networks():
    """4 x 4 pixels to 12 x 12, for which there is an SSIM."""
    inputs = keras.Input(SHAPE)
    x = keras.layers.Reshape((12, 12, 1))(keras.layers.Dense(144)(keras.layers.Flatten()(inputs)))
    return keras.Model(inputs, x), linear_discriminator((12, 12, 1))


def test_srgan_by_hand(pictures):
    rng = np.random.default_rng(2)
    high = rng.uniform(-1, 1, (8, 12, 12, 1)).astype("float32")
    features = keras.Sequential([keras.Input((12, 12, 1)), keras.layers.Flatten(), keras.layers.Dense(5)])
    generator, discriminator = large_networks()
    learner = SRGAN(generator, discriminator, features=features, content=2.0, adversarial=0.5)
    fake = apply_linear(generator, pictures, (12, 12, 1))
    real_scores, fake_scores = apply_linear(discriminator, high), apply_linear(discriminator, fake)
    content = ((apply_linear(features, high) - apply_linear(features, fake)) ** 2).mean()
    error = ((high - fake) ** 2).mean(axis=(1, 2, 3))
    expected = {
        "discriminator_loss": softplus(-real_scores).mean() + softplus(fake_scores).mean(),
        "adversarial_loss": softplus(-fake_scores).mean(),
        "generator_loss": 2 * content + 0.5 * softplus(-fake_scores).mean(),
        "content_loss": content,
        "real_score": real_scores.mean(),
        "fake_score": fake_scores.mean(),
        "psnr": (10 * np.log10(4 / error)).mean(),
        "ssim": np.mean([ssim(x, y) for x, y in zip(high[..., 0], fake[..., 0], strict=True)]),
    }
    logs = train_once(learner, (pictures, high), {"generator": 0.0, "discriminator": 0.0})
    assert logs == pytest.approx(expected, rel=2e-4, abs=1e-5)
    held_out = learner.evaluate(pictures, high, batch_size=8, verbose=0, return_dict=True)
    expected = {name: expected[name] for name in ("content_loss", "psnr", "ssim")}
    assert held_out == pytest.approx(expected, rel=2e-4, abs=1e-5)


def test_srgan_trains_each_network_by_itself(pictures):
    networks = ("generator", "discriminator")
    high = np.repeat(np.repeat(pictures, 3, axis=1), 3, axis=2)
    for name, other in (networks, networks[::-1]):
        assert who_changes(SRGAN(*large_networks()), (pictures, high), {name: 0.1, other: 0.0}, networks) == {name}


def ssim(x, y, span=2.0, size=11):
    """Wang et al., 2004, eq. 13, window by window."""
    offsets = np.arange(size) - size // 2
    window = np.exp(-(offsets[:, None] ** 2 + offsets[None] ** 2) / (2 * 1.5**2))
    window /= window.sum()
    values = []
    for i in range(x.shape[0] - size + 1):
        for j in range(x.shape[1] - size + 1):
            a, b = (picture[i : i + size, j : j + size].astype("float64") for picture in (x, y))
            mean_a, mean_b = (window * a).sum(), (window * b).sum()
            c1, c2 = (0.01 * span) ** 2, (0.03 * span) ** 2
            covariance = (window * (a - mean_a) * (b - mean_b)).sum()
            spread = (window * (a - mean_a) ** 2).sum() + (window * (b - mean_b) ** 2).sum()
            first = (2 * mean_a * mean_b + c1) / (mean_a**2 + mean_b**2 + c1)
            values.append(first * (2 * covariance + c2) / (spread + c2))
    return np.mean(values)


def test_image_quality():
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, (2, 16, 14, 3)).astype("float32")
    y = np.clip(x + rng.normal(scale=0.2, size=x.shape), -1, 1).astype("float32")
    inner = (slice(None), slice(1, -1), slice(1, -1))
    expected = np.mean([ssim(a[..., c], b[..., c]) for a, b in zip(x[inner], y[inner], strict=True) for c in range(3)])
    for metric, value in (
        (StructuralSimilarity(border=1), expected),
        (PeakSignalToNoise(border=1), np.mean(10 * np.log10(4 / ((x - y)[inner] ** 2).mean(axis=(1, 2, 3))))),
    ):
        metric = type(metric).from_config(metric.get_config())
        metric.update_state(x, y)
        assert float(metric.result()) == pytest.approx(value, rel=1e-4)
    perfect = PeakSignalToNoise()
    perfect.update_state(x, x)
    assert float(perfect.result()) == pytest.approx(100)


@pytest.mark.parametrize(
    ("shape", "border", "size"), [((16, 16), 4, 7), ((9, 14), 0, 9), ((5, 4), 0, 3), ((3, 4), 1, 1)]
)
def test_ssim_of_small_pictures_is_that_of_the_report(shape, border, size):
    """The window is cut to what is left; 4 pixels of the bundled digits' 16 leave 8."""
    rng = np.random.default_rng(0)
    x, y = rng.uniform(-1, 1, (2, 2, *shape, 1)).astype("float32")
    metric = StructuralSimilarity(border=border)
    metric.update_state(x, y)
    left = (slice(None), slice(border, shape[0] - border), slice(border, shape[1] - border))
    expected = np.mean([ssim(a[..., 0], b[..., 0], size=size) for a, b in zip(x[left], y[left], strict=True)])
    assert float(metric.result()) == pytest.approx(expected, rel=1e-4, abs=1e-5)
    in_report = metrics.ssim(x[left], y[left], peak=2.0).mean()
    assert float(metric.result()) == pytest.approx(in_report, rel=1e-4, abs=1e-5)


@pytest.mark.parametrize("kind", [StructuralSimilarity, PeakSignalToNoise])
def test_a_border_must_leave_something(kind):
    pictures = np.zeros((2, 16, 8, 1), "float32")
    with pytest.raises(ShapeError, match=r"border of 4 leaves nothing.*below 4\."):
        kind(border=4).update_state(pictures, pictures)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="the others know the sizes when they compute")
def test_quality_of_pictures_of_unknown_size():
    import tensorflow as tf

    unknown = tf.TensorSpec((None, None, None, 1))
    metric = PeakSignalToNoise(border=1)
    traced = tf.function(metric._measured, input_signature=[unknown, unknown])
    pictures = np.random.default_rng(0).uniform(-1, 1, (2, 2, 5, 6, 1)).astype("float32")
    np.testing.assert_allclose(traced(*pictures), metric._measured(*pictures), rtol=1e-5)
