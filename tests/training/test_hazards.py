"""What plain Keras does when layers are opened after compile, and that ours does the same on every backend.

The first three tests pin Keras 3.15: where one of them fails, Keras has changed, and our code may be able to go.
"""

import keras
import numpy as np
import pytest

from kerasarch import training


@pytest.fixture
def opened(network, images):
    """A model trained with its stem frozen, whose stem was then opened."""
    model = network()
    model.get_layer("stem_conv").trainable = False
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(*images, batch_size=8, verbose=0)
    model.get_layer("stem_conv").trainable = True
    return model


def test_keras_differs_by_backend_without_a_new_compile(opened, images, backend):
    before = opened.get_layer("stem_conv").get_weights()[0]
    if backend == "tensorflow":
        opened.fit(*images, batch_size=8, verbose=0)  # no error and no warning, and nothing is learned
        np.testing.assert_array_equal(opened.get_layer("stem_conv").get_weights()[0], before)
    else:
        with pytest.raises(ValueError, match=r"trainable_variables|Unknown variable|optimizer"):
            opened.fit(*images, batch_size=8, verbose=0)


def test_keras_loses_state_with_a_new_compile(opened):
    assert int(keras.ops.convert_to_numpy(opened.optimizer.iterations.value)) == 3
    opened.compile("adam", "sparse_categorical_crossentropy")
    assert int(keras.ops.convert_to_numpy(opened.optimizer.iterations.value)) == 0


def test_keras_moves_frozen_layers_at_rate_0(network, images):
    """A rate of 0 keeps weights but not BatchNorm statistics: freezing has to be done by ``trainable``."""
    model = network()
    model.compile(keras.optimizers.SGD(0.0), "sparse_categorical_crossentropy")
    before = keras.ops.convert_to_numpy(model.get_layer("stem_norm").moving_mean.value).copy()
    model.fit(*images, batch_size=8, verbose=0)
    assert not np.allclose(before, keras.ops.convert_to_numpy(model.get_layer("stem_norm").moving_mean.value))


@pytest.mark.parametrize("cache", [False, True])
def test_ours_opens_on_every_backend_and_keeps_state(network, images, cache):
    model = network()
    weights = []

    def fit(name, part, data, *, epochs, validation_data, callbacks):
        weights.append(model.get_layer("stem_conv").get_weights()[0])
        return part.fit(data, epochs=epochs, verbose=0, shuffle=False).history

    training.GradualUnfreezing(model, max_stages=2, learning_rate=0.1, decay=1, cache=cache, verbose=0).fit(
        training.ArrayBatches(*images, batch=8), fit=fit
    )
    np.testing.assert_array_equal(weights[0], weights[1])
    assert not np.array_equal(weights[1], model.get_layer("stem_conv").get_weights()[0])
    counts = {
        name: int(keras.ops.convert_to_numpy(optimizer.iterations.value))
        for name, optimizer in model.optimizer.group_optimizers.items()
    }
    assert counts == {"stem": 3, "stage1": 3, "stage2": 3, "head": 6}
