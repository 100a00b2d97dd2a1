"""Adam's update in one pass: that of Keras, whatever lies how in memory."""

import keras
import numpy as np
import pytest

from kerasarch.backends import apply_gradients
from kerasarch.layers.convolution import Conv2D

pytestmark = pytest.mark.skipif(keras.backend.backend() != "torch", reason="the others use Keras' own")
MAKERS = {
    "adam": lambda: keras.optimizers.Adam(keras.optimizers.schedules.ExponentialDecay(0.1, 2, 0.5), beta_2=0.9),
    "adamw": lambda: keras.optimizers.AdamW(0.1, weight_decay=0.3, epsilon=0.1, global_clipnorm=2.0),
    "amsgrad": lambda: keras.optimizers.Adam(0.1, amsgrad=True),
    "scaled": lambda: keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam(0.1), initial_scale=8.0),
    "average": lambda: keras.optimizers.Adam(0.1, use_ema=True, gradient_accumulation_steps=2),
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
    assert ("_parallel_update_step" in vars(inner)) == (name not in ("amsgrad", "nadam"))


def test_half_precision_is_left_to_keras():
    ours, _ = weights_after(apply_gradients, MAKERS["adam"], "float16")
    keras_own, _ = weights_after(lambda optimizer, *rest: optimizer.apply(*rest), MAKERS["adam"], "float16")
    for one, other in zip(ours, keras_own, strict=True):
        np.testing.assert_array_equal(one, other)
