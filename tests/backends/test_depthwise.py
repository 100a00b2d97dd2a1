"""JAX's own depthwise convolution for CPUs against XLA's: values, gradients, and gradients of gradients."""

import os

import numpy as np
import pytest
from keras import ops

from kerasarch.training import grad

pytestmark = pytest.mark.skipif(os.environ["KERAS_BACKEND"] != "jax", reason="the others use Keras' own")

CASES = [
    ((1, 1), "same", (1, 1), 1),
    ((2, 2), "same", (1, 1), 1),
    ((3, 1), "valid", (1, 1), 2),
    ((1, 1), "same", (2, 2), 2),
]


@pytest.mark.parametrize(("strides", "padding", "dilation", "multiplier"), CASES)
def test_values_and_gradients(strides, padding, dilation, multiplier):
    import jax

    from kerasarch.backends.jax_operations import convolve_depthwise

    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, 9, 8, 3)).astype("float32")
    kernel = rng.normal(size=(3, 2, 3, multiplier)).astype("float32")

    def ours(x, kernel):
        return convolve_depthwise(
            x, kernel, strides=strides, padding=padding, dilation=dilation, data_format="channels_last"
        )

    def theirs(x, kernel):
        out = kernel.shape[2] * kernel.shape[3]
        return jax.lax.conv_general_dilated(
            x,
            kernel.reshape(3, 2, 1, out),
            strides,
            padding.upper(),
            rhs_dilation=dilation,
            dimension_numbers=("NHWC", "HWIO", "NHWC"),
            feature_group_count=3,
        )

    def slopes(function):
        return jax.jit(jax.grad(lambda x, kernel: (function(x, kernel) ** 3).sum(), argnums=(0, 1)))(x, kernel)

    np.testing.assert_allclose(ours(x, kernel), theirs(x, kernel), atol=1e-5)
    for one, other in zip(slopes(ours), slopes(theirs), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-3)


def test_a_penalty_on_the_gradient_and_half_precision():
    import jax

    from kerasarch.backends.jax_operations import convolve_depthwise

    rng = np.random.default_rng(1)
    x = rng.normal(size=(1, 6, 5, 2)).astype("float32")
    kernel = rng.normal(size=(3, 3, 2, 1)).astype("float32")
    how = {"strides": (2, 2), "padding": "same", "dilation": (1, 1), "data_format": "channels_last"}

    def plain(x, kernel):
        return ops.depthwise_conv(x, kernel, (2, 2), "same", "channels_last")

    def penalties(function):
        def penalty(kernel):
            slope = grad(lambda x: ops.sum(function(x, kernel) ** 3))(x)
            return ops.sum(slope**2)

        return jax.jit(jax.grad(penalty))(kernel)

    mine = penalties(lambda x, kernel: convolve_depthwise(x, kernel, **how))
    np.testing.assert_allclose(mine, penalties(plain), rtol=1e-4, atol=1e-3)
    half = jax.grad(lambda k: convolve_depthwise(x.astype("float16"), k, **how).astype("float32").sum())(
        kernel.astype("float16")
    )
    assert half.dtype == "float16"
    whole = jax.grad(lambda k: convolve_depthwise(x, k, **how).sum())(kernel)
    np.testing.assert_allclose(np.asarray(half, "float32"), whole, rtol=2e-2, atol=2e-2)
