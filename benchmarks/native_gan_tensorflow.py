"""A step of DCGAN or WGAN-GP in plain TensorFlow around Keras networks, for `training_step.py`."""

from collections.abc import Callable

import keras
import tensorflow as tf


def step(method: str, generator, discriminator, real) -> Callable[[], float]:
    """Return a compiled step that returns the generator's loss."""
    optimizers = {name: keras.optimizers.Adam(2e-4, beta_1=0.5) for name in ("generator", "discriminator")}
    optimizers["generator"].build(generator.trainable_variables)
    optimizers["discriminator"].build(discriminator.trainable_variables)
    latent = generator.input_shape[1]

    def dcgan_loss(real, fake):
        genuine, forged = discriminator(real, training=True), discriminator(fake, training=True)
        return tf.reduce_mean(tf.math.softplus(-genuine)) + tf.reduce_mean(tf.math.softplus(forged))

    def wgan_loss(real, fake):
        share = tf.random.uniform((tf.shape(real)[0], 1, 1, 1))
        between = share * real + (1 - share) * fake
        with tf.GradientTape() as tape:
            tape.watch(between)
            scores = discriminator(between, training=True)
        slope = tape.gradient(scores, between)
        norm = tf.sqrt(tf.reduce_sum(slope**2, axis=(1, 2, 3)) + 1e-12)
        genuine, forged = discriminator(real, training=True), discriminator(fake, training=True)
        return tf.reduce_mean(forged) - tf.reduce_mean(genuine) + 10 * tf.reduce_mean((norm - 1) ** 2)

    discriminator_loss = dcgan_loss if method == "dcgan" else wgan_loss

    @tf.function
    def train(real):
        fake = generator(tf.random.normal((tf.shape(real)[0], latent)), training=True)
        with tf.GradientTape() as tape:
            d_loss = discriminator_loss(real, fake)
        gradients = tape.gradient(d_loss, discriminator.trainable_variables)
        optimizers["discriminator"].apply_gradients(zip(gradients, discriminator.trainable_variables, strict=True))
        noise = tf.random.normal((tf.shape(real)[0], latent))
        with tf.GradientTape() as tape:
            scores = discriminator(generator(noise, training=True), training=True)
            g_loss = tf.reduce_mean(tf.math.softplus(-scores)) if method == "dcgan" else -tf.reduce_mean(scores)
        gradients = tape.gradient(g_loss, generator.trainable_variables)
        optimizers["generator"].apply_gradients(zip(gradients, generator.trainable_variables, strict=True))
        return {"generator": g_loss, "discriminator": d_loss}

    real = tf.constant(real)
    return lambda: float(train(real)["generator"])
