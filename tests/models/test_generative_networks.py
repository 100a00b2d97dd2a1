"""The networks of GANs: published sizes, shapes, files that every backend reads, derivatives of second order."""

import os

import keras
import numpy as np
import pytest
from keras import ops

from kerasarch import models
from kerasarch.errors import ShapeError, UsageError
from kerasarch.training import grad, value_and_grad
from tests import conformance
from tests.conformance import to_numpy

pytestmark = conformance.QUIET

STYLE = {"width_base": 64, "width_most": 8}
# Name to builder and what goes in: shapes of one example, a whole number for labels below it
NETWORKS = {
    "gan_generator": (lambda: models.gan_generator(8, 1, 6, widths=(8,), classes=3), [(6,), 3]),
    "gan_discriminator": (lambda: models.gan_discriminator(8, 1, widths=(8,), classes=3), [(8, 8, 1), 3]),
    "dcgan_generator": (lambda: models.dcgan_generator(8, 1, 6, 4, classes=3), [(6,), 3]),
    "dcgan_discriminator": (lambda: models.dcgan_discriminator(8, 1, 4), [(8, 8, 1)]),
    "dcgan_critic": (lambda: models.dcgan_discriminator(16, 1, 4, norm="layer"), [(16, 16, 1)]),
    "dcgan_spectral": (
        lambda: models.dcgan_discriminator(8, 1, 4, classes=3, norm="none", spectral_norm=True),
        [(8, 8, 1), 3],
    ),
    "pix2pix_generator": (lambda: models.pix2pix_generator(16, 1, 3, 4), [(16, 16, 1)]),
    "patchgan_discriminator": (
        lambda: models.patchgan_discriminator(16, 3, 1, 4, receptive_field=16, norm="instance"),
        [(16, 16, 1), (16, 16, 3)],
    ),
    "cyclegan_generator": (lambda: models.cyclegan_generator(16, 1, 1, 4, blocks=1), [(16, 16, 1)]),
    "stylegan2_generator": (
        lambda: models.stylegan2_generator(8, 1, 6, style=6, classes=3, mapping_depth=2, **STYLE),
        [(6,), 3],
    ),
    "stylegan2_discriminator": (lambda: models.stylegan2_discriminator(8, 1, classes=3, **STYLE), [(8, 8, 1), 3]),
    "biggan_generator": (
        lambda: models.biggan_generator(8, 1, 6, 4, classes=3, embedding=4, attention=8),
        [(6,), 3],
    ),
    "biggan_discriminator": (lambda: models.biggan_discriminator(8, 1, 4, classes=3, attention=4), [(8, 8, 1), 3]),
    "srgan_generator": (lambda: models.srgan_generator(4, 1, 4, factor=2, blocks=1), [(4, 4, 1)]),
    "srgan_discriminator": (lambda: models.srgan_discriminator(8, 1, 4, stages=2, hidden=8), [(8, 8, 1)]),
}
CRITICS = [name for name in NETWORKS if "generator" not in name and name != "gan_discriminator"]
QUICK = ("dcgan_spectral", "stylegan2_generator", "stylegan2_discriminator")


def rows(names):
    """Every network; the default run takes those whose layers are unusual."""
    return [pytest.param(name, marks=[] if name in QUICK else [pytest.mark.slow]) for name in names]


def feed(name, count=4):
    arrays = conformance.Row(name, None, NETWORKS[name][1]).inputs(count)
    return arrays if len(arrays) > 1 else arrays[0]


def build(name):
    keras.utils.set_random_seed(0)
    return NETWORKS[name][0]()


def call(model, arrays):
    return conformance.outputs(model, arrays)


def trainable(model):
    return sum(int(np.prod(variable.shape)) for variable in model.trainable_variables)


once = pytest.mark.skipif(os.environ["KERAS_BACKEND"] != "torch", reason="counted once, on PyTorch")


@once
def test_parameter_counts_are_the_published_ones():
    # By hand from https://github.com/pytorch/examples/blob/main/dcgan/main.py: 100 512 256 128 64 3, kernels of 4x4
    assert trainable(models.dcgan_generator()) == 100 * 512 * 16 + 16 * (512 * 256 + 256 * 128 + 128 * 64 + 64 * 3) + (
        2 * (512 + 256 + 128 + 64)
    )
    # Printed by https://github.com/junyanz/pytorch-CycleGAN-and-pix2pix (11378179 in its issue 169)
    assert round(trainable(models.pix2pix_generator()) / 1e6, 3) == 54.414
    assert round(trainable(models.patchgan_discriminator(condition=3)) / 1e6, 3) == 2.769
    assert trainable(models.cyclegan_generator()) == 11_378_179
    assert round(trainable(models.patchgan_discriminator(norm="instance")) / 1e6, 3) == 2.765


@once
@pytest.mark.slow
def test_parameter_counts_of_large_networks():
    # https://github.com/google/compare_gan, architectures/resnet_biggan_test.py; 158.3 million in both according to
    # Brock et al., 2018, table 1
    assert trainable(models.biggan_generator()) == 70_433_988
    assert trainable(models.biggan_discriminator()) == 87_982_370
    # Printed by https://github.com/NVlabs/stylegan2-ada-pytorch for 1024 pixels, configuration "stylegan2"
    assert trainable(models.stylegan2_discriminator()) == 29_012_513
    # Karras et al., 2020, configuration F: 30 million
    assert round(trainable(models.stylegan2_generator()) / 1e6) == 30


@pytest.mark.parametrize("name", rows(NETWORKS))
def test_files_bring_back_the_network(name, tmp_path):
    model = build(name)
    arrays = feed(name, 2)
    y = call(model, arrays)
    assert y.shape[1:] == tuple(model.output_shape if hasattr(model, "output_shape") else y.shape)[1:]
    if name.endswith("generator") and "srgan" not in name and "stylegan2" not in name:
        assert np.abs(y).max() <= 1
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(call(again, arrays), y, atol=1e-6)


def critics():
    """As `rows`; JAX compiles the second derivatives of the large one for a third of a minute."""
    large = pytest.param("stylegan2_discriminator", marks=pytest.mark.quick_on("tensorflow", "torch"))
    return [large, *rows([name for name in CRITICS if name != "stylegan2_discriminator"])]


@pytest.mark.parametrize("name", critics())
def test_penalties_on_the_gradient_reach_the_weights(name):
    """``|dD/dx|^2`` has a derivative along all weights, and along the head's it is that of finite differences.

    Along other weights finite differences are no referee: the penalty jumps where a LeakyReLU changes sides.
    """
    model, arrays = build(name), feed(name)
    conformance.randomise(model)
    parts = [ops.convert_to_tensor(part) for part in (arrays if isinstance(arrays, list) else [arrays])]
    position = 1 if name == "patchgan_discriminator" else 0

    def score(x):
        given = [*parts[:position], x, *parts[position + 1 :]]
        return ops.sum(model(given if len(given) > 1 else given[0], training=False))

    def penalty():
        return ops.sum(ops.square(grad(score)(parts[position])))

    kernels = [variable for variable in model.trainable_variables if variable.path.endswith("kernel")]
    _, gradients = value_and_grad(penalty, kernels)()
    assert [kernel.path for kernel, g in zip(kernels, gradients, strict=True) if not np.any(to_numpy(g))] == []
    assert all(np.isfinite(to_numpy(g)).all() for g in gradients)
    head, gradient = [(k, to_numpy(g)) for k, g in zip(kernels, gradients, strict=True) if "head_" in k.path][-1]
    start, step = to_numpy(head).copy(), gradient / np.linalg.norm(gradient)
    values = []
    for sign in (1, -1):
        head.assign(start + sign * 1e-2 * step)
        values.append(float(to_numpy(penalty())))
    np.testing.assert_allclose((values[0] - values[1]) / 2e-2, np.linalg.norm(gradient), rtol=0.02)


@pytest.mark.slow
def test_sizes_of_all_kinds():
    assert models.dcgan_generator(28, 1, 4, 2).output_shape == (None, 28, 28, 1)
    assert models.dcgan_generator(64, 3, 4, 2).output_shape == (None, 64, 64, 3)
    assert models.pix2pix_generator(28, 1, 3, 2).output_shape == (None, 28, 28, 3)
    assert models.pix2pix_generator(None, 1, 3, 2, depth=2).output_shape == (None, None, None, 3)
    assert models.patchgan_discriminator(256, width=2).output_shape == (None, 30, 30, 1)
    assert models.patchgan_discriminator(16, 1, width=2, receptive_field=1).output_shape == (None, 16, 16, 1)
    assert models.srgan_generator(None, 1, 2, factor=4, blocks=1).output_shape == (None, None, None, 1)
    with pytest.raises(ShapeError, match=r"No patch remains of 16 pixels .* Fields that fit: 1, 16"):
        models.patchgan_discriminator(16)
    with pytest.raises(UsageError, match="size must be even and at least 8"):
        models.dcgan_generator(9)
    with pytest.raises(UsageError, match="latent must be a multiple of 3"):
        models.biggan_generator(16, latent=8)
    with pytest.raises(UsageError, match="norm must be one of batch"):
        models.dcgan_discriminator(8, norm="group")
    with pytest.raises(UsageError, match="size must be a multiple of 4"):
        models.cyclegan_generator(18)
    with pytest.raises(UsageError, match="factor must be 1, 2, 4 or 8"):
        models.srgan_generator(factor=3)


def test_truncation_and_style_mixing():
    model = build("stylegan2_generator")
    latent, labels = (ops.convert_to_tensor(part) for part in feed("stylegan2_generator"))
    w = model.mapping([latent, labels])
    model([latent, labels], training=True)
    mean = to_numpy(w).mean(0)
    np.testing.assert_allclose(to_numpy(model.average), 0.005 * mean, atol=1e-6)
    styles = to_numpy(model.broadcast(w, 0.25))
    expected = 0.005 * mean + 0.25 * (to_numpy(w) - 0.005 * mean)
    np.testing.assert_allclose(styles, np.repeat(expected[:, None], model.styles, 1), atol=1e-5)
    each = np.array([[0.25], [1.0], [0.0], [0.5]], "float32")  # as samplers give it: one an example
    expected = 0.005 * mean + each * (to_numpy(w) - 0.005 * mean)
    np.testing.assert_allclose(
        to_numpy(model.broadcast(w, each)), np.repeat(expected[:, None], model.styles, 1), atol=1e-5
    )
    pictures = to_numpy(model([latent, labels], truncation=0.0))
    np.testing.assert_allclose(pictures, np.repeat(pictures[:1], 4, 0), atol=1e-5)
    mixed = to_numpy(model.mix(w, ops.flip(w, 0), [0, 1, 2, 4]))
    for index, border in enumerate((0, 1, 2, 4)):
        np.testing.assert_array_equal(mixed[index, :border], np.repeat(to_numpy(w)[[index]], border, 0))
        np.testing.assert_array_equal(mixed[index, border:], np.repeat(to_numpy(w)[[3 - index]], 4 - border, 0))


def test_perceptual_features_of_a_given_network_and_of_vgg():
    network = models.resnet("resnet8_small", classes=4, input_shape=(8, 8, 3))
    features = models.perceptual_features(network, channels=1, scale=2.0)
    assert not features.trainable_variables
    x = np.random.default_rng(0).uniform(-1, 1, (2, 8, 8, 1)).astype("float32")
    inner = keras.Model(network.input, [layer for layer in network.layers if len(layer.output.shape) == 4][-1].output)
    raw = np.repeat((x + 1) * 127.5, 3, -1)
    mean, std = np.array(network.preprocessing.mean), np.array(network.preprocessing.std)
    expected = 2 * call(inner, ((raw / 255 - mean) / std).astype("float32"))
    np.testing.assert_allclose(call(features, x), expected, atol=1e-4)
    with pytest.raises(UsageError, match="No layer 'block9'"):
        models.perceptual_features(network, "block9")
