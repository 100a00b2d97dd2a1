"""Penalties on critics whose gradients are known in closed form."""

import keras
import numpy as np
from keras import ops

from kerasarch.training import adversarial, value_and_grad

RNG = np.random.default_rng(0)
REAL, FAKE = (RNG.normal(size=(6, 3, 3, 2)).astype("float32") for _ in range(2))
MIX = RNG.uniform(size=6).astype("float32")
WEIGHTS = RNG.normal(size=(3, 3, 2)).astype("float32")


def cubic(x):
    """D(x) = sum(a x^3) / 3, so that its gradient is a x^2."""
    return ops.sum(ops.convert_to_tensor(WEIGHTS) * x**3, axis=(1, 2, 3)) / 3


def squared_norms(x):
    return ((WEIGHTS.astype("float64") * x.astype("float64") ** 2) ** 2).sum(axis=(1, 2, 3))


def test_gradient_penalties():
    between = MIX[:, None, None, None] * REAL + (1 - MIX[:, None, None, None]) * FAKE
    np.testing.assert_allclose(adversarial.interpolate(REAL, FAKE, MIX), between, rtol=1e-5, atol=1e-6)
    real, fake, mix = (ops.convert_to_tensor(x) for x in (REAL, FAKE, MIX))
    for penalty, expected in (
        (adversarial.GradientPenalty(), 10 * ((np.sqrt(squared_norms(between)) - 1) ** 2).mean()),
        (adversarial.GradientPenalty(2.0, target=0.0), 2 * squared_norms(between).mean()),
        (adversarial.R1(3.0), 1.5 * squared_norms(REAL).mean()),
        (adversarial.R2(3.0), 1.5 * squared_norms(FAKE).mean()),
    ):
        value = ops.convert_to_numpy(penalty(cubic, real, fake, mix))
        np.testing.assert_allclose(value, expected, rtol=1e-4)


def test_a_penalty_trains_the_critic():
    """D(x) = w x: the gradient of (|w| - 1)^2 with respect to w is 2 (|w| - 1) sign(w)."""
    weight = keras.Variable([[3.0, 4.0]], name="weight")  # its norm is 5
    x = ops.convert_to_tensor(RNG.normal(size=(4, 2)).astype("float32"))

    def loss():
        return adversarial.gradient_penalty(lambda x: ops.sum(x * weight, axis=1), x)

    value, (gradient,) = value_and_grad(loss, [weight])()
    np.testing.assert_allclose(ops.convert_to_numpy(value), 16, rtol=1e-5)
    np.testing.assert_allclose(ops.convert_to_numpy(gradient), [[2 * 4 * 3 / 5, 2 * 4 * 4 / 5]], rtol=1e-5)


def test_a_flat_critic_has_a_finite_gradient():
    weight = keras.Variable([[0.0, 0.0]], name="weight")
    x = ops.ones((4, 2))
    _, (gradient,) = value_and_grad(
        lambda: adversarial.gradient_penalty(lambda x: ops.sum(x * weight, axis=1), x), [weight]
    )()
    assert np.isfinite(ops.convert_to_numpy(gradient)).all()


def test_path_lengths_of_a_linear_generator():
    """g(w) = A w: J^T y = A^T y; with a w for each of two layers, the mean of both squares."""
    jacobian = RNG.normal(size=(2, 5, 4 * 4 * 3)).astype("float32")
    noise = RNG.normal(size=(6, 4, 4, 3)).astype("float32")
    styles = ops.convert_to_tensor(RNG.normal(size=(6, 2, 5)).astype("float32"))

    def synthesis(w):
        return ops.reshape(ops.einsum("bld,ldp->bp", w, ops.convert_to_tensor(jacobian)), (-1, 4, 4, 3))

    lengths = adversarial.path_lengths(synthesis, styles, ops.convert_to_tensor(noise))
    back = np.einsum("ldp,bp->bld", jacobian, noise.reshape(6, -1) / 4)  # 4: the root of 16 pixels
    expected = np.sqrt((back**2).sum(-1).mean(-1))
    np.testing.assert_allclose(ops.convert_to_numpy(lengths), expected, rtol=1e-4)


def test_path_length_target_follows_the_lengths():
    penalty, target = adversarial.PathLength(weight=2.0, decay=0.1), 0.0
    for lengths in ([1.0, 3.0], [5.0, 5.0]):
        value = ops.convert_to_numpy(penalty(ops.convert_to_tensor(np.array(lengths, "float32"))))
        target += 0.1 * (np.mean(lengths) - target)
        np.testing.assert_allclose(value, 2 * np.mean((np.array(lengths) - target) ** 2), rtol=1e-5)
    np.testing.assert_allclose(ops.convert_to_numpy(penalty.target.value), target, rtol=1e-6)


def test_clipping_and_orthogonal_regularisation():
    inputs = keras.Input((6, 6, 2))
    x = keras.layers.Flatten()(keras.layers.Conv2D(3, 3)(inputs))
    labels = keras.Input((), dtype="int32")
    x = keras.layers.Concatenate()([x, keras.layers.Embedding(4, 2)(labels)])
    network = keras.Model([inputs, labels], keras.layers.Dense(5)(x))
    kernels = adversarial.kernels_of(network)
    assert [tuple(kernel.shape) for kernel in kernels] == [(3, 3, 2, 3), (50, 5)]
    expected = 0.0
    for kernel in kernels:
        w = ops.convert_to_numpy(kernel.value).astype("float64").reshape(-1, kernel.shape[-1])
        expected += sum((w[:, i] @ w[:, j]) ** 2 for i in range(w.shape[1]) for j in range(w.shape[1]) if i != j)
    value = adversarial.orthogonal_penalty(kernels, 0.5)
    np.testing.assert_allclose(ops.convert_to_numpy(value), 0.5 * expected, rtol=1e-4)
    before = [np.array(weight) for weight in network.get_weights()]
    adversarial.clip_weights(network, 0.05)
    for old, new in zip(before, network.get_weights(), strict=True):
        np.testing.assert_array_equal(new, np.clip(old, -np.float32(0.05), np.float32(0.05)))
