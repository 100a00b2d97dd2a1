"""Samplers: what is drawn depends on the seed alone, survives saving, and fits its definition."""

import keras
import numpy as np
import pytest
from keras import ops

from kerasarch.errors import ShapeError, UsageError
from kerasarch.models import LatentSampler, Sampler, Translator
from kerasarch.models.sampler import CHUNK, spherical


@keras.saving.register_keras_serializable(package="tests")
class Noise(keras.layers.Layer):
    """Noise in sampling too, as StyleGAN's layers add it."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.seeds = keras.random.SeedGenerator(7)

    def call(self, x):
        return x + 0.1 * keras.random.normal(ops.shape(x), seed=self.seeds)


def generator(classes=None, noise=False):
    latents = x = keras.Input((3,))
    inputs = latents
    if classes:
        labels = keras.Input((), dtype="int32")
        inputs = [latents, labels]
        x = x + keras.layers.Embedding(classes, 3, embeddings_initializer="random_normal")(labels)
    x = keras.layers.Reshape((2, 2, 2))(keras.layers.Dense(8)(x))
    x = Noise()(x) if noise else x
    x = keras.layers.Conv2DTranspose(1, 4, strides=2, padding="same", activation="tanh")(x)
    return keras.Model(inputs, x)


def test_pixels_are_those_of_the_network():
    network = generator()
    sampler = LatentSampler(network, 3)
    latents = sampler.draw(5, seed=1)
    random = [np.random.default_rng([1, number]).standard_normal(3) for number in range(5)]
    np.testing.assert_allclose(latents, np.array(random), rtol=1e-6)
    direct = ops.convert_to_numpy(network(ops.convert_to_tensor(latents)))
    expected = np.clip(np.rint((direct + 1) / 2 * 255), 0, 255)
    images = sampler.sample(5, 1)
    assert images.dtype == np.uint8
    assert images.shape == (5, 4, 4, 1)
    assert np.abs(images.astype(int) - expected).max() <= 1


def test_the_count_changes_nothing_and_the_networks_noise_is_left_alone():
    network = generator(classes=3, noise=True)
    sampler = LatentSampler(network, 3, classes=["a", "b", "c"])
    (state,) = [variable for variable in network.variables if "seed_generator" in variable.path]
    before = ops.convert_to_numpy(state.value).tolist()
    many = sampler.sample(CHUNK + 5, 4)
    np.testing.assert_array_equal(sampler.sample(CHUNK + 5, 4), many)
    np.testing.assert_array_equal(sampler.sample(3, 4), many[:3])
    assert (sampler.sample(3, 5) != many[:3]).any()
    assert ops.convert_to_numpy(state.value).tolist() == before
    # Labels are repeated in turn; without any, each class has its turn.
    np.testing.assert_array_equal(sampler.sample(6, 4, labels=[0, 1, 2]), many[:6])
    np.testing.assert_array_equal(sampler.sample(4, 4, labels=[0])[3], many[3])


def test_saving_keeps_what_is_drawn(tmp_path):
    sampler = LatentSampler(generator(2), 3, classes=2, activation="sigmoid")
    sampler.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert isinstance(loaded, LatentSampler)
    assert (loaded.class_names, loaded.latent, loaded.pixels) == (("0", "1"), (3,), (-1.0, 1.0))
    np.testing.assert_array_equal(loaded.sample(7, 3), sampler.sample(7, 3))


def test_truncation():
    sampler = LatentSampler(generator(), 3)
    latents = sampler.draw(400, 0, truncation=0.5)
    assert np.abs(latents).max() <= 1.0
    # A normal variable cut at 2 has variance 1 - 4 phi(2) / (2 Phi(2) - 1) = 0.7737.
    assert latents.std() == pytest.approx(0.5 * np.sqrt(0.7737), rel=0.05)
    assert np.abs(sampler.draw(400, 0)).max() > 2


def test_a_network_that_truncates_itself_is_told():
    @keras.saving.register_keras_serializable(package="tests")
    class Told(keras.Model):
        def call(self, inputs, truncation=None, training=False):
            return ops.reshape(inputs, (-1, 1, 1, 1)) * 0 + ops.reshape(truncation, (-1, 1, 1, 1))

    network = Told()
    network(np.zeros((1, 1), "float32"), truncation=np.ones((1, 1), "float32"))
    sampler = LatentSampler(network, 1, truncates="network", pixels=(0, 1))
    assert sampler.sample(2, 0, truncation=0.6).ravel().tolist() == [153, 153]


def test_interpolation_joins_two_draws():
    sampler = LatentSampler(generator(2), 3, classes=2)
    walks = sampler.interpolate(2, 5, seed=3, labels=[0, 1])
    assert walks.shape == (2, 5, 4, 4, 1)
    latents = sampler.draw(4, 3)
    ends = sampler.generate(latents, [0, 1, 0, 1], seed=3)
    np.testing.assert_allclose(walks[:, 0].astype(int), ends[:2], atol=1)
    np.testing.assert_allclose(walks[:, -1].astype(int), ends[2:], atol=1)


def test_spherical_by_hand():
    quarter = spherical(np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]]), 3)
    np.testing.assert_allclose(quarter[0], [[1, 0], [np.sqrt(0.5), np.sqrt(0.5)], [0, 1]], atol=1e-12)
    line = spherical(np.array([[1.0, 0.0]]), np.array([[3.0, 0.0]]), 3)
    np.testing.assert_allclose(line[0], [[1, 0], [2, 0], [3, 0]])


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ({"count": 0, "seed": 0}, "count"),
        ({"count": 1, "seed": -1}, "seed"),
        ({"count": 1, "seed": 0, "truncation": 0.0}, "truncation"),
        ({"count": 1, "seed": 0, "truncation": float("nan")}, "truncation"),
        ({"count": 1, "seed": 0, "labels": [2]}, "0 to 1"),
        ({"count": 1, "seed": 0, "labels": []}, "0 to 1"),
        ({"count": 1, "seed": 0, "labels": [0.5]}, "0 to 1"),
    ],
)
def test_what_cannot_be_drawn(arguments, word):
    with pytest.raises(UsageError, match=word):
        LatentSampler(generator(2), 3, classes=2).sample(**arguments)


def test_wrong_parts():
    with pytest.raises(UsageError, match="without labels"):
        LatentSampler(generator(), 3).sample(1, 0, labels=[0])
    with pytest.raises(UsageError, match="black"):
        LatentSampler(generator(), 3, pixels=(1, 1))
    with pytest.raises(UsageError, match="no variables"):
        Sampler(keras.Sequential([keras.layers.Dense(1)]))
    with pytest.raises(ShapeError, match=r"\(N, 3\)"):
        LatentSampler(generator(), 3).generate(np.zeros((1, 4)))


def inverter(scale=-1.0):
    inputs = keras.Input((None, None, 1))
    weights = keras.initializers.Constant(scale)
    return keras.Model(inputs, keras.layers.Conv2D(1, 1, use_bias=False, kernel_initializer=weights)(inputs))


def test_translator(tmp_path):
    translator = Translator(inverter(), channels=1, backward=inverter(1.0), domains=("day", "night"))
    translator.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    random = np.random.default_rng(0)
    images = [random.integers(0, 256, size, dtype=np.uint8) for size in ((4, 6, 1), (5, 5, 1), (4, 6, 1))]
    for image, turned, same in zip(
        images, loaded.translate(images), loaded.translate(images, reverse=True), strict=True
    ):
        assert np.abs(turned.astype(int) - (255 - image.astype(int))).max() <= 1
        np.testing.assert_array_equal(same, image)
    assert loaded.domains == ("day", "night")
    drawn = loaded.sample(3, 0, images=images[::2])
    assert np.abs(drawn[2].astype(int) - (255 - images[0].astype(int))).max() <= 1
    with pytest.raises(UsageError, match="--input"):
        loaded.sample(1, 0)
    with pytest.raises(ShapeError, match="different sizes"):
        loaded.sample(3, 0, images=images)
    with pytest.raises(UsageError, match="one direction"):
        Translator(inverter(), channels=1).translate(images, reverse=True)
    with pytest.raises(UsageError, match="neither labels"):
        loaded.sample(1, 0, images=images, truncation=0.5)


def test_translator_prepares_pictures():
    translator = Translator(inverter(), channels=1, size=(2, 2))
    colour = np.full((8, 8, 3), (255, 0, 0), np.uint8)
    np.testing.assert_array_equal(translator.prepared(colour), np.full((2, 2, 1), 76))  # ITU-R 601
    with pytest.raises(ShapeError, match="uint8"):
        translator.prepared(np.zeros((2, 2, 3)))
