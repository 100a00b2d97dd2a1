"""Updates of Adam and SGD in one pass: those of Keras, whatever lies how in memory."""

import keras
import numpy as np
import pytest

from kerasarch.backends import apply_gradients, quicken
from kerasarch.layers.convolution import Conv2D

pytestmark = pytest.mark.skipif(keras.backend.backend() != "torch", reason="the others use Keras' own")
MAKERS = {
    "adam": lambda: keras.optimizers.Adam(keras.optimizers.schedules.ExponentialDecay(0.1, 2, 0.5), beta_2=0.9),
    "adamw": lambda: keras.optimizers.AdamW(0.1, weight_decay=0.3, epsilon=0.1, global_clipnorm=2.0),
    "long": lambda: keras.optimizers.AdamW(0.1, weight_decay=0.3, global_clipnorm=1e3),
    "each": lambda: keras.optimizers.Adam(0.1, weight_decay=0.3, clipnorm=0.5),
    "amsgrad": lambda: keras.optimizers.Adam(0.1, amsgrad=True),
    "scaled": lambda: keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam(0.1), initial_scale=8.0),
    "average": lambda: keras.optimizers.Adam(0.1, use_ema=True, gradient_accumulation_steps=2),
    "sgd": lambda: keras.optimizers.SGD(
        keras.optimizers.schedules.ExponentialDecay(0.1, 2, 0.5), momentum=0.8, weight_decay=0.1, clipnorm=0.5
    ),
    "nesterov": lambda: keras.optimizers.SGD(0.1, momentum=0.8, nesterov=True),
    "descent": lambda: keras.optimizers.SGD(0.1),
    "nadam": lambda: keras.optimizers.Nadam(0.1),
}


def weights_after(update, make, dtype="float32"):
    layers = [Conv2D(5, 3, dtype=dtype), Conv2D(4, 1, dtype=dtype), keras.layers.Dense(3, dtype=dtype)]
    for layer, shape in zip(layers, [(2, 8, 8, 2), (2, 8, 8, 5), (2, 6)], strict=True):
        layer.build(shape)
    variables = [variable for layer in layers for variable in layer.trainable_variables]
    rng = np.random.default_rng(0)
    for variable in variables:
        variable.assign(rng.normal(size=variable.shape))
    optimizer = make()
    inner = getattr(optimizer, "inner_optimizer", optimizer)
    inner.exclude_from_weight_decay([one for one in variables if len(one.shape) < 2])
    optimizer.build(variables)
    for _ in range(5):
        gradients = [
            keras.ops.transpose(
                rng.normal(size=variable.shape[::-1]).astype(dtype), tuple(range(len(variable.shape))[::-1])
            )
            for variable in variables
        ]
        update(optimizer, gradients, variables)
    kept = [*variables, *optimizer.variables]
    return [np.asarray(keras.ops.convert_to_numpy(one.value), "float32") for one in kept], optimizer


@pytest.mark.parametrize("name", MAKERS)
def test_it_is_the_update_of_keras(name):
    ours, optimizer = weights_after(apply_gradients, MAKERS[name])
    keras_own, _ = weights_after(lambda optimizer, *rest: optimizer.apply(*rest), MAKERS[name])
    assert len(ours) == len(keras_own)
    for one, other in zip(ours, keras_own, strict=True):
        np.testing.assert_allclose(one, other, rtol=2e-5, atol=2e-6)
    inner = getattr(optimizer, "inner_optimizer", optimizer)
    assert ("_parallel_update_step" in vars(inner)) == (name not in ("amsgrad", "nesterov", "descent", "nadam"))


@pytest.mark.parametrize("name", ["adam", "adamw", "sgd"])
def test_half_precision_is_left_to_keras(name):
    ours, _ = weights_after(apply_gradients, MAKERS[name], "float16")
    keras_own, _ = weights_after(lambda optimizer, *rest: optimizer.apply(*rest), MAKERS[name], "float16")
    for one, other in zip(ours, keras_own, strict=True):
        np.testing.assert_array_equal(one, other)


def test_fit_trains_as_with_keras_own():
    """Here gradients are those that autograd keeps, and are shortened where they lie."""
    x, y = (np.random.default_rng(1).normal(size=shape).astype("float32") for shape in ((8, 4), (8, 2)))
    found = []
    for change in (quicken, lambda optimizer: optimizer):
        keras.utils.set_random_seed(0)
        model = keras.Sequential([keras.layers.Dense(5, "tanh"), keras.layers.Dense(2)])
        # The epsilon keeps rounding errors of small gradients small.
        optimizer = keras.optimizers.AdamW(0.1, weight_decay=0.1, epsilon=0.1, global_clipnorm=0.05)
        model.compile(change(optimizer), "mse")
        model.fit(x, y, batch_size=4, epochs=3, verbose=0)
        found.append(model.get_weights())
    for one, other in zip(*found, strict=True):
        np.testing.assert_allclose(one, other, rtol=2e-5, atol=2e-6)


def test_an_infinite_gradient_spoils_all_weights_as_with_keras():
    layer = keras.layers.Dense(2)
    layer.build((None, 3))
    optimizer = quicken(keras.optimizers.AdamW(0.1, global_clipnorm=1.0))
    optimizer.apply([np.inf * keras.ops.ones((3, 2)), keras.ops.ones(2)], layer.trainable_variables)
    assert all(np.isnan(weight).all() for weight in layer.get_weights())
