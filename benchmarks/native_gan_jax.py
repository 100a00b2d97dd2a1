"""A step of DCGAN or WGAN-GP in plain JAX around Keras networks, for `training_step.py`."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import keras


def step(method: str, generator, discriminator, real) -> Callable[[], float]:
    """Return a compiled step that returns the generator's loss."""
    optimizers = {name: keras.optimizers.Adam(2e-4, beta_1=0.5) for name in ("generator", "discriminator")}
    optimizers["generator"].build(generator.trainable_variables)
    optimizers["discriminator"].build(discriminator.trainable_variables)
    latent = generator.input_shape[1]

    def dcgan_loss(weights, others, real, fake, key):
        genuine, others = discriminator.stateless_call(weights, others, real, training=True)
        forged, others = discriminator.stateless_call(weights, others, fake, training=True)
        return jnp.mean(jax.nn.softplus(-genuine)) + jnp.mean(jax.nn.softplus(forged)), others

    def wgan_loss(weights, others, real, fake, key):
        share = jax.random.uniform(key, (real.shape[0], 1, 1, 1))
        between = share * real + (1 - share) * fake

        def total(x):
            scores, new = discriminator.stateless_call(weights, others, x, training=True)
            return jnp.sum(scores), new

        slope, others_now = jax.grad(total, has_aux=True)(between)
        norm = jnp.sqrt(jnp.sum(slope**2, axis=(1, 2, 3)) + 1e-12)
        genuine, others_now = discriminator.stateless_call(weights, others_now, real, training=True)
        forged, others_now = discriminator.stateless_call(weights, others_now, fake, training=True)
        return jnp.mean(forged) - jnp.mean(genuine) + 10 * jnp.mean((norm - 1) ** 2), others_now

    discriminator_loss = dcgan_loss if method == "dcgan" else wgan_loss

    def generator_loss(weights, others, critic, critic_others, noise):
        fake, others = generator.stateless_call(weights, others, noise, training=True)
        scores, critic_others = discriminator.stateless_call(critic, critic_others, fake, training=True)
        loss = jnp.mean(jax.nn.softplus(-scores)) if method == "dcgan" else -jnp.mean(scores)
        return loss, (others, critic_others)

    def train(state, real):
        g, g_others, g_moments, d, d_others, d_moments, key = state
        key, first, second, third = jax.random.split(key, 4)
        noise = jax.random.normal(first, (real.shape[0], latent))
        fake, g_others = generator.stateless_call(g, g_others, noise, training=True)
        differentiated = jax.value_and_grad(discriminator_loss, has_aux=True)
        (d_loss, d_others), gradients = differentiated(d, d_others, real, fake, third)
        d, d_moments = optimizers["discriminator"].stateless_apply(d_moments, gradients, d)
        noise = jax.random.normal(second, (real.shape[0], latent))
        differentiated = jax.value_and_grad(generator_loss, has_aux=True)
        (g_loss, (g_others, d_others)), gradients = differentiated(g, g_others, d, d_others, noise)
        g, g_moments = optimizers["generator"].stateless_apply(g_moments, gradients, g)
        return (g, g_others, g_moments, d, d_others, d_moments, key), {"generator": g_loss, "discriminator": d_loss}

    compiled = jax.jit(train, donate_argnums=0)
    groups = [
        generator.trainable_variables,
        generator.non_trainable_variables,
        optimizers["generator"].variables,
        discriminator.trainable_variables,
        discriminator.non_trainable_variables,
        optimizers["discriminator"].variables,
    ]
    state = (*([variable.value for variable in group] for group in groups), jax.random.key(0))
    real = jnp.asarray(real)

    def run() -> float:
        nonlocal state
        state, losses = compiled(state, real)
        return float(losses["generator"])

    return run
