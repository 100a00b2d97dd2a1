"""Small models and data for the tests of training."""

from pathlib import Path

import keras
import numpy as np
import pytest


def pytest_collection_modifyitems(items):
    """Keras 3.15 turns its variables into arrays in a way that NumPy 2 warns of."""
    quiet = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept:DeprecationWarning")
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(quiet)


@keras.saving.register_keras_serializable(package="tests")
class Block(keras.layers.Layer):
    """A block with convolution, normalization and dropout inside, as the library's models have them."""

    def __init__(self, filters, **kwargs):
        super().__init__(**kwargs)
        self.filters = filters
        self.convolution = keras.layers.Conv2D(filters, 3, padding="same", name="convolution")
        self.norm = keras.layers.BatchNormalization(momentum=0.5, name="norm")
        self.dropout = keras.layers.Dropout(0.5, seed=1, name="dropout")

    def build(self, shape):
        self.convolution.build(shape)
        self.norm.build((*shape[:-1], self.filters))
        self.built = True

    def call(self, x, training=None):
        return self.dropout(keras.ops.relu(self.norm(self.convolution(x), training=training)), training=training)

    def get_config(self):
        return {**super().get_config(), "filters": self.filters}


def network(*, dropout=0.0, seed=0) -> keras.Model:
    """stem, stage1, stage2 (two blocks and a skip over one), head; 6 pixels, 3 classes."""
    keras.utils.set_random_seed(seed)
    inputs = keras.Input((6, 6, 2))
    x = keras.layers.Conv2D(4, 3, padding="same", name="stem_conv")(inputs)
    x = keras.layers.BatchNormalization(momentum=0.5, name="stem_norm")(x)
    x = Block(4, name="stage1_block1")(x)
    skip = x
    x = Block(4, name="stage2_block1")(x)
    x = Block(4, name="stage2_block2")(x)
    x = keras.layers.Add(name="stage2_add")([x, skip])
    x = keras.layers.GlobalAveragePooling2D(name="pool")(x)
    x = keras.layers.Dropout(dropout, seed=2)(x)
    return keras.Model(inputs, keras.layers.Dense(3, name="head")(x))


class Subclassed(keras.Model):
    """The same idea without a graph."""

    def __init__(self):
        super().__init__()
        self.stem = keras.layers.Conv2D(4, 3, padding="same", name="stem_conv")
        self.block = Block(4, name="stage1_block1")
        self.pool = keras.layers.GlobalAveragePooling2D()
        self.head = keras.layers.Dense(3, name="head")

    def call(self, x, training=None):
        return self.head(self.pool(self.block(self.stem(x), training=training)))


@pytest.fixture
def images():
    """24 images, three batches of 8, and labels that can be learned. (JAX compiles once more for a smaller batch.)"""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 24)
    x = rng.normal(size=(24, 6, 6, 2)) + y[:, None, None, None]
    return x.astype("float32"), y


@pytest.fixture
def odd_images(images):
    """22 images, which batches of 8 do not divide."""
    return images[0][:22], images[1][:22]


@pytest.fixture(name="network")
def network_fixture():
    """Builder of the small functional model."""
    return network


@pytest.fixture
def subclassed():
    """A built subclassed model."""
    keras.utils.set_random_seed(0)
    model = Subclassed()
    model(np.zeros((1, 6, 6, 2), "float32"))
    return model


@pytest.fixture
def snapshot():
    """Function from a model to the values of its variables by path."""

    def take(model):
        return {variable.path: keras.ops.convert_to_numpy(variable.value).copy() for variable in model.variables}

    return take
