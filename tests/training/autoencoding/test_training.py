"""Every autoencoder trains, evaluates, and comes back from a file; adversarial ones by a loss for each network."""

import keras
import numpy as np
import pytest

from kerasarch import models
from kerasarch.layers import VectorQuantizer
from kerasarch.training import autoencoding
from kerasarch.training.health import PATIENCE, Health, Look
from tests import conformance
from tests.conformance import to_numpy

pytestmark = conformance.QUIET

SHAPE = (4, 4, 1)
LATENT = 2
# Blobs at four places: something that two numbers can say
X = np.zeros((64, *SHAPE), "float32")
X[np.arange(64), np.arange(64) % 4] = 1.0


def encoder(parameters: int = 2, width: int = 8):
    return models.vae_encoder(SHAPE, LATENT, width=width, depth=1, parameters=parameters)


def decoder(width: int = 8):
    return models.vae_decoder(SHAPE, LATENT, width=width, depth=1)


def vae():
    return autoencoding.VAE(encoder(), decoder(), warmup_steps=8, seed=0), "reconstruction"


def wae():
    return autoencoding.WAE(encoder(1), decoder(), activation="sigmoid", seed=0), "reconstruction"


def vq_vae():
    parts = {"width": 8, "halvings": 1, "blocks": 1}
    quantizer = VectorQuantizer(8, reset_below=0.5, seed=0)
    networks = models.vq_encoder(SHAPE, 4, **parts), quantizer, models.vq_decoder(SHAPE, 4, **parts)
    return autoencoding.VQVAE(*networks, variance=float(X.var())), "reconstruction"


@pytest.mark.parametrize("make", [vae, wae, vq_vae], ids=lambda make: make.__name__)
def test_one_loss_and_one_optimizer(make, tmp_path):
    keras.utils.set_random_seed(0)
    model, watched = make()
    model.compile(keras.optimizers.Adam(1e-2))
    labels = np.arange(64)
    history = model.fit(X, labels, batch_size=16, epochs=6, verbose=0).history
    assert history[watched][-1] < 0.9 * history[watched][0]
    assert np.isfinite(model.evaluate(X, batch_size=16, verbose=0)).all()
    before = to_numpy(model.reconstruct(X[:4]))
    assert before.shape == (4, *SHAPE)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(to_numpy(again.reconstruct(X[:4])), before, atol=1e-6)
    assert [variable.path for variable in again.weights] == [variable.path for variable in model.weights]
    if make is vae:
        assert float(to_numpy(again.steps)) == 24  # the warm-up goes on where it was
    if make is vq_vae:
        assert 1 < history["perplexity"][-1] <= 8
        assert model.codes(X).shape == (64, 2, 2)


def discriminator():
    inputs = keras.Input(SHAPE)
    x = keras.layers.Dense(6, activation="relu", name="hidden")(keras.layers.Flatten()(inputs))
    return autoencoding.with_features(keras.Model(inputs, keras.layers.Dense(1)(x)), "hidden")


def wae_gan():
    critic = autoencoding.latent_critic(LATENT, width=8, depth=1)
    learner = autoencoding.WAEGAN(autoencoding.Autoencoder(encoder(1), decoder()), critic, activation="sigmoid", seed=0)
    return learner, ("autoencoder", "critic")


def vae_gan():
    return autoencoding.VAEGAN(encoder(), decoder(), discriminator(), seed=0), ("encoder", "decoder", "discriminator")


@pytest.mark.parametrize(
    "make", [pytest.param(wae_gan, marks=pytest.mark.quick_on("jax", "torch")), vae_gan], ids=lambda make: make.__name__
)
def test_several_optimizers(make, tmp_path):
    keras.utils.set_random_seed(0)
    learner, names = make()
    # One network learns at a time: the others, at a rate of 0, must stay as they are.
    learner.compile({name: keras.optimizers.SGD(1e-2 if name == names[0] else 0.0) for name in names})
    start = {name: [to_numpy(v).copy() for v in getattr(learner, name).trainable_variables] for name in names}
    logs = learner.fit(X, batch_size=32, verbose=0).history
    assert all(np.isfinite(values).all() for values in logs.values())
    for name in names:
        now = [to_numpy(variable) for variable in getattr(learner, name).trainable_variables]
        same = [np.array_equal(a, b) for a, b in zip(start[name], now, strict=True)]
        assert not any(same) if name == names[0] else all(same)
    assert np.isfinite(learner.evaluate(X, batch_size=32, verbose=0)).all()
    before = to_numpy(learner(X[:4]))
    learner.save(tmp_path / "learner.keras")
    np.testing.assert_allclose(to_numpy(keras.saving.load_model(tmp_path / "learner.keras")(X[:4])), before, atol=1e-6)


@pytest.mark.parametrize("bias", [0.0, 30.0])
def test_a_critic_of_codes_that_wins_is_told(bias):
    """A critic that says the same of every code is at chance; one that knows the prior by a component has won."""
    learner, names = wae_gan()
    learner.autoencoder.encoder.set_weights([np.zeros_like(w) for w in learner.autoencoder.encoder.get_weights()])
    kernel = np.zeros((LATENT, 8), "float32")
    kernel[0, 0], kernel[0, 1] = 1e6, -1e6  # the encoder's codes are 0, the prior's are not
    head = np.array([[1.0], [1.0], *[[0.0]] * 6], "float32") * (bias > 0)
    learner.critic.set_weights([kernel, np.zeros(8), head, np.array([-bias])])
    learner.compile({name: keras.optimizers.SGD(0.0) for name in names})
    logs = learner.train_on_batch(X[:32], return_dict=True)
    watched = learner.discriminator_logs
    health = Health(watched)
    look = Look(1, {"critic": {"dense": 1.0}}, logs={name: float(value) for name, value in logs.items()})
    warnings = [warning.name for _ in range(PATIENCE) for warning in health.judge(look)]
    if bias:
        assert warnings == ["discriminator-too-strong"]
    else:
        assert warnings == []
        assert logs[watched.loss] == pytest.approx(watched.chance, rel=1e-5)
