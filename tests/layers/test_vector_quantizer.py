"""The vector quantizer against NumPy and against sums done by hand."""

import keras
import numpy as np
import pytest
from keras import ops

from kerasarch.errors import ShapeError, UsageError
from kerasarch.layers import VectorQuantizer
from kerasarch.training import grad, value_and_grad
from tests import conformance
from tests.conformance import to_numpy

pytestmark = conformance.QUIET

Z = np.array([[1, 0], [0, 1], [0.5, 0.5], [5, 1]], "float32")  # three near the first code, one near the second


def quantizer(**arguments) -> VectorQuantizer:
    layer = VectorQuantizer(2, epsilon=0.0, **arguments)
    layer.build((None, 2))
    layer.codebook.assign(np.array([[0, 0], [4, 0]], "float32"))
    if layer.sums is not None:
        layer.sums.assign(ops.copy(layer.codebook))
    return layer


def losses(layer) -> float:
    return float(sum(to_numpy(ops.stop_gradient(loss)) for loss in layer.losses))


def test_nearest_codes_and_lookup_on_both_axes():
    rng = np.random.default_rng(0)
    z, book = rng.normal(size=(2, 3, 4, 5)), rng.normal(size=(7, 5))
    expected = np.argmin(((z[..., None, :] - book) ** 2).sum(-1), axis=-1)
    for axis in (-1, 1):
        layer = VectorQuantizer(7, axis=axis)
        given = z if axis == -1 else np.moveaxis(z, -1, 1)
        layer.build(given.shape)
        layer.codebook.assign(book)
        indices = layer.nearest(given.astype("float32"))
        np.testing.assert_array_equal(to_numpy(indices), expected)
        found = book[expected] if axis == -1 else np.moveaxis(book[expected], -1, 1)
        np.testing.assert_allclose(to_numpy(layer.lookup(indices)), found, rtol=1e-6)
        np.testing.assert_allclose(to_numpy(layer(given.astype("float32"))), found, rtol=1e-5, atol=1e-6)


def test_the_codebook_follows_by_equations_6_to_8():
    layer = quantizer(decay=0.75)
    np.testing.assert_array_equal(to_numpy(layer(Z, training=True)), [[0, 0], [0, 0], [0, 0], [4, 0]])
    # N = 0.75 * 1 + 0.25 * n; m = 0.75 * e + 0.25 * sum z
    np.testing.assert_allclose(to_numpy(layer.counts), [1.5, 1.0])
    np.testing.assert_allclose(to_numpy(layer.sums), [[0.375, 0.375], [4.25, 0.25]])
    np.testing.assert_allclose(to_numpy(layer.codebook), [[0.25, 0.25], [4.25, 0.25]])
    before = to_numpy(layer.codebook)
    layer(Z, training=False)
    np.testing.assert_array_equal(to_numpy(layer.codebook), before)


def test_losses_by_hand():
    # squared distances 1, 1, 0.5, 2: 4.5 over 8 numbers
    layer = quantizer(commitment=0.5)
    layer(Z)
    assert losses(layer) == pytest.approx(0.5 * 4.5 / 8)
    learned = quantizer(commitment=0.5, decay=None, codebook_weight=2.0)
    learned(Z)
    assert losses(learned) == pytest.approx(2.5 * 4.5 / 8)


def test_gradients_go_straight_through_and_to_the_chosen_codes():
    weights = np.arange(8, dtype="float32").reshape(4, 2)
    layer = quantizer(decay=None, commitment=0.5, codebook_weight=2.0)
    through = grad(lambda z: ops.sum(layer.quantise(z)[0] * ops.convert_to_tensor(weights)))(ops.convert_to_tensor(Z))
    np.testing.assert_allclose(to_numpy(through), weights, rtol=1e-6)

    _, (gradient,) = value_and_grad(lambda: layer.quantise(ops.convert_to_tensor(Z))[2], [layer.codebook])()
    # d/de of 2 * mean (z - e)^2: -4 / 8 times the sum of z - e over the vectors that chose e
    np.testing.assert_allclose(to_numpy(gradient), -0.5 * np.array([[1.5, 1.5], [1, 1]]), rtol=1e-6)


@pytest.mark.parametrize("decay", [0.75, None])
def test_codes_that_nobody_chooses_are_replaced(decay):
    layer = quantizer(decay=decay, reset_below=0.9 if decay is None else 0.8, seed=0)
    near = Z[:3]
    layer(near, training=True)
    kept, fresh = to_numpy(layer.codebook)
    np.testing.assert_allclose(kept, [0, 0] if decay is None else [0.25, 0.25], atol=1e-7)
    assert any(np.allclose(fresh, row) for row in near) or decay is None
    # without decay the count of a code falls by a hundredth a batch: 0.99 is not below 0.9
    np.testing.assert_allclose(to_numpy(layer.counts), [1.5, 1.0] if decay else [1.02, 0.99], rtol=1e-6)
    if decay is not None:
        np.testing.assert_allclose(to_numpy(layer.sums)[1], fresh)
        return
    layer.counts.assign([1.0, 0.5])
    layer(near, training=True)
    assert any(np.allclose(to_numpy(layer.lookup([1])), row) for row in near)


def test_codes_that_learn_by_their_gradient_are_replaced_in_fit():
    """In Keras' own training step, whose JAX form drops what a call assigns to a trained variable."""
    layer = quantizer(decay=None, reset_below=0.995, commitment=0.0, seed=0)
    model = keras.Sequential([keras.Input((2,)), layer])
    model.compile(keras.optimizers.SGD(0.0))
    model.fit(np.array([[1, 0]] * 3, "float32"), batch_size=3, verbose=0)
    # The count of the second code falls to 0.99; at a rate of 0 nothing else moves a code.
    np.testing.assert_allclose(to_numpy(layer.lookup([0, 1])), [[0, 0], [1, 0]], atol=1e-6)
    np.testing.assert_allclose(to_numpy(layer.counts), [1.02, 1.0], rtol=1e-6)
    model.optimizer.learning_rate = 1.0
    model.fit(np.array([[2, 0]] * 3, "float32"), batch_size=3, verbose=0)
    # The newcomer learns: the gradient of mean (z - e)^2 over 3 by 2 numbers is -1 for its first one.
    np.testing.assert_allclose(to_numpy(layer.lookup([0, 1])), [[0, 0], [2, 0]], atol=1e-6)


def test_wrong_arguments():
    with pytest.raises(UsageError, match=r"decay=1\.5"):
        VectorQuantizer(4, decay=1.5)
    with pytest.raises(UsageError, match="codes=0"):
        VectorQuantizer(0)
    with pytest.raises(ShapeError, match="must be known"):
        VectorQuantizer(4).build((None, None))
