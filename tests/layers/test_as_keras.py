"""The layers that stand in for Keras' own give Keras' numbers, gradients' effect included."""

import keras
import numpy as np
import pytest

from kerasarch import layers, training

CONVOLUTIONS = [
    ("Conv2D", {"filters": 4, "kernel_size": 3, "strides": 2, "padding": "same"}, (7, 6, 2)),
    ("Conv2D", {"filters": 4, "kernel_size": (2, 3), "padding": "same", "activation": "relu"}, (5, 6, 2)),
    ("Conv2D", {"filters": 4, "kernel_size": 3, "padding": "same", "dilation_rate": 2}, (7, 7, 2)),
    ("Conv2D", {"filters": 4, "kernel_size": 1, "strides": 2, "use_bias": False}, (5, 6, 4)),
    ("Conv2DTranspose", {"filters": 4, "kernel_size": 4, "strides": 2, "padding": "same"}, (5, 6, 2)),
    ("Conv2DTranspose", {"filters": 4, "kernel_size": (3, 2), "strides": 2, "padding": "same"}, (5, 6, 2)),
    ("Conv2DTranspose", {"filters": 4, "kernel_size": 5, "strides": (3, 1), "activation": "relu"}, (4, 3, 2)),
    ("Conv2DTranspose", {"filters": 4, "kernel_size": 2, "strides": 3, "padding": "same"}, (4, 3, 2)),
    ("Conv2DTranspose", {"filters": 4, "kernel_size": 2, "strides": 3}, (4, 3, 2)),
    ("Conv2DTranspose", {"filters": 4, "kernel_size": 3, "strides": 2, "output_padding": 1}, (4, 3, 2)),
    ("Conv2DTranspose", {"filters": 4, "kernel_size": 3, "padding": "same", "dilation_rate": 2}, (6, 6, 2)),
    ("DepthwiseConv2D", {"kernel_size": 3, "strides": 2, "padding": "same", "depth_multiplier": 2}, (7, 6, 3)),
    ("DepthwiseConv2D", {"kernel_size": 3, "activation": "relu"}, (5, 6, 3)),
]


def pair(kind, arguments, shape):
    """Keras' layer and ours with the same random weights."""
    theirs, ours = getattr(keras.layers, kind)(**arguments), getattr(layers, kind)(**arguments)
    rng = np.random.default_rng(0)
    for layer in (theirs, ours):
        layer.build((None, *shape))
    for a, b in zip(theirs.weights, ours.weights, strict=True):
        value = rng.uniform(0.5, 1.5, a.shape) * rng.choice([-1, 1], a.shape if "variance" not in a.path else (1,))
        value = np.abs(value) if "variance" in a.path else value
        a.assign(value)
        b.assign(value)
    return theirs, ours


def host(x):
    return keras.ops.convert_to_numpy(x)


@pytest.mark.parametrize(("kind", "arguments", "shape"), CONVOLUTIONS)
def test_convolutions(kind, arguments, shape, backend):
    if backend == "tensorflow" and kind == "Conv2DTranspose" and "dilation_rate" in arguments:
        pytest.skip("TensorFlow has no dilated transposed convolution on the CPU")
    theirs, ours = pair(kind, arguments, shape)
    x = np.random.default_rng(1).normal(size=(2, *shape)).astype("float32")
    expected, got = host(theirs(x)), host(ours(x))
    assert got.shape == expected.shape == tuple(ours.compute_output_shape((2, *shape)))
    np.testing.assert_allclose(got, expected, atol=2e-6)


def test_bias_of_channels_first_pictures_that_are_as_wide_as_deep():
    layer = layers.Conv2D(4, 1, data_format="channels_first")
    layer.build((None, 2, 3, 4))
    layer.kernel.assign(np.zeros((1, 1, 2, 4)))
    layer.bias.assign([1, 2, 3, 4])
    expected = np.broadcast_to(np.array([1.0, 2, 3, 4])[:, None, None], (1, 4, 3, 4))
    np.testing.assert_array_equal(host(layer(np.ones((1, 2, 3, 4), "float32"))), expected)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize(
    ("arguments", "shape"),
    [({}, (3, 4, 5)), ({"scale": False, "momentum": 0.7}, (5,)), ({"axis": 1, "center": False}, (3, 4))],
)
def test_batch_normalization(arguments, shape, training):
    theirs, ours = pair("BatchNormalization", arguments, shape)
    x = np.random.default_rng(1).normal(2, 3, size=(4, *shape)).astype("float32")
    expected, got = host(theirs(x, training=training)), host(ours(x, training=training))
    np.testing.assert_allclose(got, expected, atol=1e-5)
    for a, b in zip(theirs.weights, ours.weights, strict=True):
        np.testing.assert_allclose(host(b), host(a), rtol=1e-5, atol=1e-6)


def test_batch_normalization_of_one_value_a_channel():
    theirs, ours = pair("BatchNormalization", {}, (5,))
    x = np.arange(5.0, dtype="float32")[None]
    np.testing.assert_allclose(host(ours(x, training=True)), host(theirs(x, training=True)), atol=1e-6)
    np.testing.assert_allclose(host(ours.moving_variance), host(theirs.moving_variance), rtol=1e-6)


def test_masked_batch_normalization_is_keras_own():
    theirs, ours = pair("BatchNormalization", {}, (4, 5))
    x = np.random.default_rng(1).normal(size=(2, 4, 5)).astype("float32")
    mask = np.array([[True, True, False, False], [True, True, True, False]])
    expected, got = host(theirs(x, training=True, mask=mask)), host(ours(x, training=True, mask=mask))
    np.testing.assert_array_equal(got, expected)


def test_frozen_batch_normalization_keeps_its_statistics():
    _, ours = pair("BatchNormalization", {}, (5,))
    ours.trainable = False
    before = host(ours.moving_mean)
    ours(np.ones((4, 5), "float32"), training=True)
    np.testing.assert_array_equal(host(ours.moving_mean), before)


def test_training_gives_the_same_weights():
    def train(conv, norm):
        keras.utils.set_random_seed(0)
        model = keras.Sequential(
            [keras.Input((5, 5, 2)), conv(3, 3, padding="same"), norm(), keras.layers.Flatten(), keras.layers.Dense(1)]
        )
        model.compile("sgd", "mse")
        x = np.random.default_rng(0).normal(size=(8, 5, 5, 2)).astype("float32")
        model.fit(x, x.mean((1, 2, 3)), batch_size=4, epochs=2, verbose=0, shuffle=False)
        return model.get_weights()

    for a, b in zip(
        train(keras.layers.Conv2D, keras.layers.BatchNormalization),
        train(layers.Conv2D, layers.BatchNormalization),
        strict=True,
    ):
        np.testing.assert_allclose(b, a, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("axis", [-1, 1])
@pytest.mark.parametrize("groups", [1, 2, -1])
def test_group_normalization(groups, axis):
    arguments = {"groups": groups, "axis": axis, "epsilon": 1e-4}
    theirs, ours = pair("GroupNormalization", arguments, (4, 3, 4))
    x = np.random.default_rng(1).normal(2, 3, size=(2, 4, 3, 4)).astype("float32")
    np.testing.assert_allclose(host(ours(x)), host(theirs(x)), atol=2e-5)


@pytest.mark.parametrize("kind", ["group", "batch"])
def test_second_derivatives_through_normalization(kind):
    """The slope of a squared gradient is that of finite differences; with ``tf.nn.moments`` it is far off."""
    layer = layers.GroupNormalization(1) if kind == "group" else layers.BatchNormalization()
    layer.build((None, 2, 1, 2))
    rng = np.random.default_rng(0)
    x, weight = (keras.ops.convert_to_tensor(rng.normal(size=(2, 2, 1, 2)).astype("float32")) for _ in range(2))
    axis = keras.ops.convert_to_tensor(np.array([1.0, 0.0], "float32"))

    def penalty(shift):
        def score(x):
            h = x + keras.ops.square(x) * (0.5 + shift * axis)
            return keras.ops.sum(weight * keras.ops.square(layer(h, training=True)))

        return keras.ops.sum(keras.ops.square(training.grad(score)(x)))

    def at(shift):
        return keras.ops.convert_to_tensor(np.float32(shift))

    slope = float(host(training.grad(penalty)(at(0.0))))
    up, down = (float(host(penalty(at(shift)))) for shift in (0.02, -0.02))
    assert abs(slope - (up - down) / 0.04) < 0.005 * abs(slope)
