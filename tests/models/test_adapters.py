"""Low-rank adapters train and nothing else does; several conditions in one vector."""

import keras
import numpy as np
import pytest
from keras import ops

from kerasarch import layers, models
from kerasarch.errors import UsageError
from kerasarch.generation import NoiseSchedule
from kerasarch.training import ArrayBatches, Diffusion
from tests import conformance
from tests.conformance import to_numpy

pytestmark = conformance.QUIET


@keras.saving.register_keras_serializable(package="tests")
class Attentive(keras.Model):
    """A network with an attention to two conditions, and a linear map that is not to be adapted."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.attention = layers.CrossAttention(2, 4, name="attention")
        self.dense = keras.layers.Dense(4, name="dense")
        self.attention.build((None, None, 4), (None, None, 6))
        self.dense.build((None, None, 4))
        self.built = True

    def call(self, inputs, training=None):
        x, times, text, sizes = inputs
        h = self.attention(ops.reshape(x, (-1, 4, 4)), text) + ops.reshape(times, (-1, 1, 1)) / 1000
        return ops.reshape(self.dense(h) + ops.mean(sizes, axis=-1)[:, None, None], ops.shape(x))


def test_adapters_train_alone():
    network = Attentive()
    frozen = {variable.path: to_numpy(variable) for variable in network.variables}
    rng = np.random.default_rng(0)
    x, times = rng.normal(size=(6, 2, 2, 4)).astype("float32"), np.arange(6, dtype="float32")
    text, sizes = rng.normal(size=(6, 3, 6)).astype("float32"), rng.normal(size=(6, 2)).astype("float32")
    plain = to_numpy(network([x, times, text, sizes]))
    counts = models.add_adapters(network, 2, alpha=4, seed=1)
    # Four maps: tokens of 4 to 8, twice 6 to 8, and 8 back to 4
    assert counts["trained"] == 2 * ((4 + 8) + 2 * (6 + 8) + (8 + 4))
    packed = models.PackedConditions.pack([text, sizes])
    wrapped = models.PackedConditions(network, [(3, 6), (2,)])
    np.testing.assert_allclose(to_numpy(wrapped([x, times, packed])), plain, atol=1e-6)  # B begins at zero
    learner = Diffusion(wrapped, NoiseSchedule(), null=np.zeros(20, "float32"), drop=0.2, gamma=None, seed=0)
    learner.compile(keras.optimizers.Adam(1e-2))
    learner.fit(ArrayBatches(x, packed, batch=3), epochs=1, verbose=0)
    moved = {variable.path for variable in network.variables if variable.path not in frozen}
    assert {path.rsplit("/", 1)[-1] for path in moved} == {"lora_kernel_a", "lora_kernel_b"}
    for variable in network.variables:
        if variable.path in frozen:
            np.testing.assert_array_equal(to_numpy(variable), frozen[variable.path])
        else:
            assert np.abs(to_numpy(variable)).max() > 0
    query = network.attention.query
    change = to_numpy(query.lora_kernel_a) @ to_numpy(query.lora_kernel_b)
    np.testing.assert_allclose(to_numpy(query.kernel), frozen[query._kernel.path] + 4 / 2 * change, atol=1e-6)


def test_adapters_that_are_there_already_are_trained_on():
    """As those of a file are: with their rank and weight, from where they are."""
    network = Attentive()
    query = network.attention.query
    query.enable_lora(3, lora_alpha=6)
    query.lora_kernel_b.assign(np.ones((3, 8)))
    begun, kernel = to_numpy(query.lora_kernel_a), to_numpy(query.kernel)
    counts = models.add_adapters(network, 2, seed=1)
    assert counts["trained"] == 3 * (4 + 8) + 2 * (2 * (6 + 8) + (8 + 4))
    assert (query.lora_rank, query.lora_alpha, network.attention.key.lora_rank) == (3, 6, 2)
    np.testing.assert_array_equal(to_numpy(query.lora_kernel_a), begun)
    np.testing.assert_array_equal(to_numpy(query.kernel), kernel)
    assert {variable.name for variable in network.trainable_variables} == {"lora_kernel_a", "lora_kernel_b"}


def test_wrong_arguments():
    with pytest.raises(UsageError, match="rank >= 1"):
        models.add_adapters(Attentive(), 0)
    with pytest.raises(UsageError, match="0 such places"):
        models.add_adapters(keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)]), 2)
