"""value_and_grad, a gradient penalty and a whole WGAN-GP step: as NumPy in double precision, and as native code.

Every backend is held against the same numbers, so they agree with one another.
"""

import keras
import numpy as np
import pytest
from keras import ops

from kerasarch.training import Learner, grad, value_and_grad

RATE = 0.05
SIDES = ("critic", "generator")


@pytest.fixture
def numbers():
    """Weights of a critic (W1, b1, w2, b2) and a generator (V, a), real examples, latent vectors and shares."""
    rng = np.random.default_rng(0)
    shapes = [(3, 5), (5,), (5, 1), (1,), (2, 3), (3,), (6, 3), (6, 2)]
    *arrays, real, noise = [rng.normal(size=shape).astype("float32") for shape in shapes]
    return arrays[:4], arrays[4:], real, noise, rng.uniform(size=(6, 1)).astype("float32")


def critic_loss(np_, critic, fake, real, share):
    """The formula of Gulrajani et al., with the critic's gradient written out; for NumPy and for native tensors."""
    w1, b1, w2, b2 = critic

    def score(x):
        return np_.tanh(x @ w1 + b1) @ w2 + b2

    hidden = np_.tanh((share * real + (1 - share) * fake) @ w1 + b1)
    slope = ((1 - hidden**2) * w2[:, 0]) @ w1.T
    norm = ((slope**2).sum(-1) + 1e-12) ** 0.5
    return score(fake).mean() - score(real).mean() + 10 * ((norm - 1) ** 2).mean()


def generator_loss(np_, generator, critic, noise):
    w1, b1, w2, b2 = critic
    fake = noise @ generator[0] + generator[1]
    return -(np_.tanh(fake @ w1 + b1) @ w2 + b2).mean()


def differences(loss, arrays, step=1e-6):
    """Gradients by central differences in double precision."""
    arrays = [array.astype("float64") for array in arrays]
    gradients = []
    for k, array in enumerate(arrays):
        gradient = np.zeros_like(array)
        for index in np.ndindex(array.shape):
            ends = []
            for sign in (1, -1):
                moved = [one.copy() for one in arrays]
                moved[k][index] += sign * step
                ends.append(loss(moved))
            gradient[index] = (ends[0] - ends[1]) / (2 * step)
        gradients.append(gradient)
    return gradients


def networks(critic, generator):
    critic_network = keras.Sequential(
        [keras.Input((3,)), keras.layers.Dense(5, activation="tanh"), keras.layers.Dense(1)], name="critic"
    )
    generator_network = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3)], name="generator")
    critic_network.set_weights(critic)
    generator_network.set_weights(generator)
    return critic_network, generator_network


class WGANGP(Learner):
    """Noise and shares come with the data, so that every backend has the same."""

    def __init__(self, critic, generator):
        super().__init__()
        self.critic, self.generator = critic, generator

    def step(self, batch):
        real, noise, share = batch
        fake = ops.cast(self.generator(noise, training=True), "float32")
        return {
            "critic_loss": self.minimize("critic", self.critic_loss, real, fake, share),
            "generator_loss": self.minimize("generator", lambda: -ops.mean(self.score(self.generator(noise)))),
        }

    def score(self, x):
        return ops.cast(self.critic(x), "float32")

    def critic_loss(self, real, fake, share):
        slope = grad(lambda x: ops.sum(self.score(x)))(share * real + (1 - share) * fake)
        norm = ops.sqrt(ops.sum(ops.square(slope), axis=-1) + 1e-12)
        return ops.mean(self.score(fake)) - ops.mean(self.score(real)) + 10 * ops.mean((norm - 1) ** 2)


def close(actual, expected):
    np.testing.assert_allclose(ops.convert_to_numpy(actual), expected, rtol=1e-4, atol=1e-4)


def test_a_step_of_wgan_gp_is_that_of_numpy(numbers):
    critic, generator, real, noise, share = numbers
    fake = noise @ generator[0] + generator[1]
    steep = [array.astype("float64") for array in critic]
    losses = {"critic_loss": critic_loss(np, steep, fake, real, share)}
    slopes = differences(lambda arrays: critic_loss(np, arrays, fake, real, share), critic)
    new_critic = [array - RATE * slope for array, slope in zip(critic, slopes, strict=True)]
    losses["generator_loss"] = generator_loss(np, generator, new_critic, noise)
    slopes = differences(lambda arrays: generator_loss(np, arrays, new_critic, noise), generator)
    new_generator = [array - RATE * slope for array, slope in zip(generator, slopes, strict=True)]

    learner = WGANGP(*networks(critic, generator))
    learner.compile({name: keras.optimizers.SGD(RATE) for name in ("critic", "generator")})
    logs = learner.train_on_batch(real, noise, share, return_dict=True)
    assert logs == pytest.approx(losses, rel=1e-4)
    for variable, expected in zip(learner.critic.variables, new_critic, strict=True):
        close(variable, expected)
    for variable, expected in zip(learner.generator.variables, new_generator, strict=True):
        close(variable, expected)
    assert all(np.abs(slope).max() > 1e-3 for slope in slopes)


def native_gradients(backend, critic, fake, real, share):
    if backend == "jax":
        import jax

        return jax.value_and_grad(lambda arrays: critic_loss(jax.numpy, arrays, fake, real, share))(critic)
    if backend == "tensorflow":
        import tensorflow as tf

        variables = [tf.Variable(array) for array in critic]
        x = tf.constant(share * real + (1 - share) * fake)
        score = lambda x: tf.tanh(x @ variables[0] + variables[1]) @ variables[2] + variables[3]  # noqa: E731
        with tf.GradientTape() as tape:
            with tf.GradientTape() as inner:
                inner.watch(x)
                total = tf.reduce_sum(score(x))
            norm = tf.sqrt(tf.reduce_sum(inner.gradient(total, x) ** 2, -1) + 1e-12)
            loss = tf.reduce_mean(score(fake)) - tf.reduce_mean(score(real)) + 10 * tf.reduce_mean((norm - 1) ** 2)
        return loss, tape.gradient(loss, variables)
    import torch

    tensors = [torch.from_numpy(array).requires_grad_() for array in critic]
    loss = critic_loss(torch, tensors, *(torch.from_numpy(array) for array in (fake, real, share)))
    return loss, torch.autograd.grad(loss, tensors)


def native_generator_gradients(backend, generator, critic, noise):
    if backend == "jax":
        import jax

        return jax.value_and_grad(lambda arrays: generator_loss(jax.numpy, arrays, critic, noise))(generator)
    if backend == "tensorflow":
        import tensorflow as tf

        variables = [tf.Variable(array) for array in generator]
        with tf.GradientTape() as tape:
            fake = noise @ variables[0] + variables[1]
            loss = -tf.reduce_mean(tf.tanh(fake @ critic[0] + critic[1]) @ critic[2] + critic[3])
        return loss, tape.gradient(loss, variables)
    import torch

    tensors = [torch.from_numpy(array).requires_grad_() for array in generator]
    fixed = [torch.from_numpy(array) for array in critic]
    loss = generator_loss(torch, tensors, fixed, torch.from_numpy(noise))
    return loss, torch.autograd.grad(loss, tensors)


def test_a_step_of_wgan_gp_is_that_of_native_code(numbers, backend):
    critic, generator, real, noise, share = numbers
    fake = noise @ generator[0] + generator[1]
    logs = {}
    logs["critic_loss"], slopes = native_gradients(backend, critic, fake, real, share)
    new_critic = [array - RATE * np.asarray(slope) for array, slope in zip(critic, slopes, strict=True)]
    logs["generator_loss"], slopes = native_generator_gradients(backend, generator, new_critic, noise)
    new_generator = [array - RATE * np.asarray(slope) for array, slope in zip(generator, slopes, strict=True)]
    learner = WGANGP(*networks(critic, generator))
    learner.compile({name: keras.optimizers.SGD(RATE) for name in ("critic", "generator")})
    found = learner.train_on_batch(real, noise, share, return_dict=True)
    assert found == pytest.approx({name: float(ops.convert_to_numpy(loss)) for name, loss in logs.items()}, rel=1e-4)
    pairs = zip([*learner.critic.variables, *learner.generator.variables], [*new_critic, *new_generator], strict=True)
    for variable, expected in pairs:
        close(variable, expected)


@pytest.mark.parametrize("accumulated", [None, 2])
def test_a_step_of_wgan_gp_in_half_precision(numbers, accumulated):
    """Second derivatives of scaled losses, and their accumulation, are those of float32 within its precision."""
    critic, generator, real, noise, share = numbers
    fake = noise @ generator[0] + generator[1]
    slopes = differences(lambda arrays: critic_loss(np, arrays, fake, real, share), critic)
    keras.config.set_dtype_policy("mixed_float16")
    try:
        learner = WGANGP(*networks(critic, generator))
        own = {name: keras.optimizers.SGD(RATE, gradient_accumulation_steps=accumulated) for name in SIDES}
        # Not the usual 32,768: gradients of 4 would overflow at first, and some steps be left out.
        learner.compile({name: keras.optimizers.LossScaleOptimizer(one, 256.0) for name, one in own.items()})
        for _ in range(accumulated or 1):
            learner.train_on_batch(real, noise, share, return_dict=True)
    finally:
        keras.config.set_dtype_policy("float32")
    allowed = 0.01 * RATE * max(np.abs(slope).max() for slope in slopes)
    for variable, before, slope in zip(learner.critic.variables, critic, slopes, strict=True):
        change = ops.convert_to_numpy(variable) - before
        assert np.abs(change + RATE * slope).max() <= allowed


def test_the_penalty_is_that_of_native_code(numbers, backend):
    critic, generator, real, noise, share = numbers
    network, _ = networks(critic, generator)
    fake = noise @ generator[0] + generator[1]
    holder = WGANGP(network, network)
    loss, gradients = value_and_grad(holder.critic_loss, network.trainable_variables)(
        *(ops.convert_to_tensor(array) for array in (real, fake, share))
    )
    expected_loss, expected = native_gradients(backend, critic, fake, real, share)
    plain = lambda value: np.asarray(value.detach() if backend == "torch" else value)  # noqa: E731
    close(loss, plain(expected_loss))
    for gradient, one in zip(gradients, expected, strict=True):
        close(gradient, plain(one))


def test_maml_differentiates_through_the_inner_steps(numbers):
    """Two inner steps on the weights, then the gradient of the outer loss with respect to where they began."""
    rng = np.random.default_rng(1)
    x, y, x2, y2 = (rng.normal(size=shape).astype("float32") for shape in [(4, 2), (4, 1), (4, 2), (4, 1)])
    w0 = rng.normal(size=(2, 1)).astype("float32")
    network = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, use_bias=False)])
    network.set_weights([w0])
    tensors = [ops.convert_to_tensor(array) for array in (x, y, x2, y2)]

    def error(weights, x, y):
        prediction, _ = network.stateless_call(weights, [], x)
        return ops.mean((prediction - y) ** 2)

    def outer(x, y, x2, y2):
        own = lambda: ops.mean((network(x) - y) ** 2)  # noqa: E731
        _, gradients = value_and_grad(own, network.trainable_variables)()
        fast = [v - 0.1 * g for v, g in zip(network.trainable_variables, gradients, strict=True)]
        fast = [v - 0.1 * g for v, g in zip(fast, grad(error)(fast, x, y), strict=True)]
        return error(fast, x2, y2)

    loss, (gradient,) = value_and_grad(outer, network.trainable_variables)(*tensors)

    def inner(w):
        return w - 0.1 * 2 * x.T @ (x @ w - y) / len(x)

    def by_hand(arrays):
        return ((x2 @ inner(inner(arrays[0])) - y2) ** 2).mean()

    close(loss, by_hand([w0.astype("float64")]))
    close(gradient, differences(by_hand, [w0])[0])
