"""Networks so small that their losses can be written down, and steps of their learners."""

import keras
import numpy as np

SHAPE = (4, 4, 1)


def linear_generator(latent=3, shape=SHAPE, name="generator"):
    """latent -> pictures, one matrix."""
    inputs = keras.Input((latent,))
    x = keras.layers.Dense(int(np.prod(shape)), name="dense")(inputs)
    return keras.Model(inputs, keras.layers.Reshape(shape)(x), name=name)


def linear_translator(shape=SHAPE, name="translator"):
    """pictures -> pictures, one matrix."""
    inputs = keras.Input(shape)
    x = keras.layers.Dense(int(np.prod(shape)), name="dense")(keras.layers.Flatten()(inputs))
    return keras.Model(inputs, keras.layers.Reshape(shape)(x), name=name)


def linear_discriminator(shape=SHAPE, name="discriminator"):
    """pictures -> a score, one vector."""
    inputs = keras.Input(shape)
    return keras.Model(inputs, keras.layers.Dense(1, name="dense")(keras.layers.Flatten()(inputs)), name=name)


def matrix_of(network):
    """Kernel and bias of a network of one layer."""
    return [keras.ops.convert_to_numpy(weight.value).astype("float64") for weight in network.weights]


def apply_linear(network, x, shape=None):
    """What a network of one matrix gives, in NumPy."""
    kernel, bias = matrix_of(network)
    y = x.reshape(len(x), -1) @ kernel + bias
    return y if shape is None else y.reshape(len(x), *shape)


def softplus(x):
    return np.log1p(np.exp(-np.abs(x))) + np.maximum(x, 0)


class Draws:
    """The random numbers that a learner with this seed draws, in its order."""

    def __init__(self, seed):
        self.random = keras.random.SeedGenerator(seed)

    def normal(self, *shape):
        return keras.ops.convert_to_numpy(keras.random.normal(shape, seed=self.random)).astype("float64")

    def uniform(self, *shape):
        return keras.ops.convert_to_numpy(keras.random.uniform(shape, seed=self.random)).astype("float64")

    def integers(self, low, high, *shape):
        return keras.ops.convert_to_numpy(keras.random.randint(shape, low, high, seed=self.random))


def train_once(learner, batch, rates, run_eagerly=True, validate=False):
    """One step with plain gradient descent at the rates, and the logs."""
    learner.compile({name: keras.optimizers.SGD(rate) for name, rate in rates.items()}, run_eagerly=run_eagerly)
    x, y = batch if isinstance(batch, tuple) else (batch, None)
    history = learner.fit(x, y, batch_size=len(x), epochs=1, shuffle=False, verbose=0)
    return {name: values[0] for name, values in history.history.items()}


def who_changes(learner, batch, rates, networks):
    """Names of the networks that a step with these rates changes."""
    before = {name: [np.array(w) for w in getattr(learner, name).get_weights()] for name in networks}
    train_once(learner, batch, rates)
    after = {name: getattr(learner, name).get_weights() for name in networks}
    return {
        name
        for name in networks
        if any(not np.array_equal(old, new) for old, new in zip(before[name], after[name], strict=True))
    }
