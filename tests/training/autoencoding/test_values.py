"""Losses and metrics of the autoencoders against NumPy and scipy."""

import logging

import numpy as np
import pytest
import scipy.stats
from keras import ops

from kerasarch import models
from kerasarch.errors import ShapeError, UsageError
from kerasarch.layers import VectorQuantizer
from kerasarch.models import DiagonalGaussian
from kerasarch.training import autoencoding, grad
from tests import conformance
from tests.conformance import to_numpy

pytestmark = conformance.QUIET

RNG = np.random.default_rng(0)
SHAPE = (2, 3, 1)
X = RNG.uniform(size=(4, *SHAPE)).astype("float32")


def normal(*shape) -> np.ndarray:
    return RNG.normal(size=shape).astype("float32")


def tensor(x):
    return ops.convert_to_tensor(x)


def test_kl_and_density_of_gaussians():
    first, second, value = normal(3, 8), normal(3, 8), normal(3, 4)
    ours, other = DiagonalGaussian(tensor(first)), DiagonalGaussian(tensor(second))
    mean, logvar = np.split(first.astype("float64"), 2, axis=1)
    mean2, logvar2 = np.split(second.astype("float64"), 2, axis=1)
    variance, variance2 = np.exp(logvar), np.exp(logvar2)
    kl = 0.5 * (mean**2 + variance - 1 - logvar).sum(1)
    np.testing.assert_allclose(to_numpy(ours.kl()), kl, rtol=1e-5)
    kl = (logvar2 / 2 - logvar / 2 + (variance + (mean - mean2) ** 2) / (2 * variance2) - 0.5).sum(1)
    np.testing.assert_allclose(to_numpy(ours.kl(other)), kl, rtol=1e-5)
    density = scipy.stats.norm(mean, np.sqrt(variance)).logpdf(value).sum(1)
    np.testing.assert_allclose(to_numpy(ours.log_prob(value)), density, rtol=1e-5)
    extreme = DiagonalGaussian(tensor(np.array([[0, 0, 1e9, -1e9]], "float32")))
    np.testing.assert_array_equal(to_numpy(extreme.logvar), [[20, -30]])
    with pytest.raises(ShapeError, match="must be even"):
        DiagonalGaussian(tensor(normal(2, 3)))


def test_draws_have_the_mean_and_deviation_asked_for():
    many = DiagonalGaussian(tensor(np.tile(np.array([[1, -2, 0, 2]], "float32"), (20000, 1))))
    drawn = to_numpy(many.sample(0))
    np.testing.assert_allclose(drawn.mean(0), [1, -2], atol=0.1)
    np.testing.assert_allclose(drawn.std(0), [1, np.e], rtol=0.05)


def test_likelihoods():
    decoded = normal(4, *SHAPE)
    p = 1 / (1 + np.exp(-decoded.astype("float64")))
    expected = (X * np.log(p) + (1 - X) * np.log(1 - p)).sum((1, 2, 3))
    bernoulli = autoencoding.Bernoulli()
    np.testing.assert_allclose(to_numpy(bernoulli(X, decoded)), expected, rtol=1e-5)
    np.testing.assert_allclose(to_numpy(bernoulli.mean(decoded)), p, rtol=1e-5)
    density = scipy.stats.norm(decoded, 0.5).logpdf(X).sum((1, 2, 3))
    np.testing.assert_allclose(to_numpy(autoencoding.Gaussian(0.25)(X, decoded)), density, rtol=1e-5)
    learned = autoencoding.Gaussian()
    learned.log_variance.assign(np.log(0.25))
    np.testing.assert_allclose(to_numpy(learned(X, decoded)), density, rtol=1e-4)
    learned.log_variance.assign(-100.0)
    assert np.isfinite(to_numpy(learned(X, X))).all()
    for wrong in (0.0, "free"):
        with pytest.raises(UsageError, match="positive number"):
            autoencoding.Gaussian(wrong)


def small_vae(**arguments) -> autoencoding.VAE:
    networks = (models.vae_encoder(SHAPE, 2, width=4, depth=1), models.vae_decoder(SHAPE, 2, width=4, depth=1))
    return autoencoding.VAE(*networks, seed=0, **arguments)


def test_bound_beta_warm_up_and_metrics():
    vae = small_vae(likelihood=autoencoding.Gaussian(0.25, step=1 / 255), beta=3.0, warmup_steps=4)
    outputs = {"decoded": normal(4, *SHAPE), "mean": normal(4, 2), "logvar": normal(4, 2)}
    kl = 0.5 * (outputs["mean"] ** 2 + np.exp(outputs["logvar"]) - 1 - outputs["logvar"]).sum(1)
    density = scipy.stats.norm(outputs["decoded"], 0.5).logpdf(X).sum((1, 2, 3))
    given = {name: tensor(value) for name, value in outputs.items()}
    for weight in (0.0, 0.75, 1.5, 2.25, 3.0, 3.0):
        loss = vae.compute_loss(x=tensor(X), y_pred=given)
        assert float(to_numpy(ops.stop_gradient(loss))) == pytest.approx((weight * kl - density).mean(), rel=1e-4)
    weights = np.array([0, 1, 2, 0], "float32")
    loss = vae.compute_loss(x=tensor(X), y_pred=given, sample_weight=weights, training=False)
    assert float(to_numpy(ops.stop_gradient(loss))) == pytest.approx(((3 * kl - density) * weights).mean(), rel=1e-4)
    found = {metric.name: float(metric.result()) for metric in vae.metrics}
    assert found["elbo"] == pytest.approx((density - kl).mean(), rel=1e-4)
    assert found["kl"] == pytest.approx(kl.mean(), rel=1e-4)
    # 255 steps between 0 and 1: a density of 255 is a probability of 1
    bits = -((density - kl) / 6 + np.log(1 / 255)) / np.log(2)
    assert found["bits_per_dim"] == pytest.approx(bits.mean(), rel=1e-4)
    assert found["active_units"] == 2
    with pytest.raises(ShapeError, match="2 \\* latent = 2"):
        autoencoding.VAE(vae.encoder, models.vae_decoder(SHAPE, 1))
    with pytest.raises(UsageError, match="beta=-1"):
        small_vae(beta=-1)


def test_discrepancy():
    first, second = normal(5, 3), normal(5, 3) + 1

    def kernel(x, y, scale):
        constant = 2 * 3 * scale
        return constant / (constant + ((x - y) ** 2).sum())

    expected = 0.0
    for scale in (0.5, 2.0):
        for i in range(5):
            for j in range(5):
                within = kernel(first[i], first[j], scale) + kernel(second[i], second[j], scale)
                expected += within / 20 * (i != j) - 2 / 25 * kernel(first[i], second[j], scale)
    found = autoencoding.imq_discrepancy(tensor(first), tensor(second), (0.5, 2.0))
    assert float(to_numpy(found)) == pytest.approx(expected, rel=1e-4)


def test_one_row_says_nothing_of_a_discrepancy():
    one, other = tensor(normal(1, 3)), tensor(normal(1, 3))
    assert float(to_numpy(autoencoding.imq_discrepancy(one, other, (0.5, 2.0)))) == 0
    slope = grad(lambda x: autoencoding.imq_discrepancy(x, other) + ops.sum(x))(one)
    np.testing.assert_array_equal(to_numpy(slope), np.ones((1, 3)))


def test_a_held_out_batch_of_one_counts_without_its_discrepancy(monkeypatch):
    wae = small_wae(penalty=3.0)
    wae.compile("sgd")
    z, prior = to_numpy(wae.encode(X)), normal(4, 2)
    monkeypatch.setattr("keras.random.normal", lambda shape, **_: tensor(prior)[: shape[0]])
    found = wae.evaluate(X, batch_size=3, verbose=0, return_dict=True)
    apart = float(to_numpy(autoencoding.imq_discrepancy(tensor(z[:3]), tensor(prior[:3]))))
    errors = ((X - to_numpy(wae.reconstruct(X))) ** 2).sum((1, 2, 3))
    assert found["reconstruction"] == pytest.approx(errors.mean(), rel=1e-4)
    assert found["discrepancy"] == pytest.approx(apart, rel=1e-4)  # the row that is left has no pair: no weight
    # Keras weights the loss of a batch with its examples.
    assert found["loss"] == pytest.approx(errors.mean() + 3 * apart * 3 / 4, rel=1e-4)
    wae.reset_metrics()
    for rows in (3, 2):
        wae.compute_loss(x=tensor(X[:rows]), y_pred={"latent": tensor(z[:rows]), "reconstruction": tensor(X[:rows])})
    two = float(to_numpy(autoencoding.imq_discrepancy(tensor(z[:2]), tensor(prior[:2]))))
    assert float(wae.trackers[1].result()) == pytest.approx((6 * apart + 2 * two) / 8, rel=1e-4)


def test_active_units_over_batches():
    metric = autoencoding.ActiveUnits(4)
    means = normal(30, 4) * np.array([1, 0.2, 0.05, 0]) + np.array([0, 1000, 0, 7])
    for start in (0, 7, 21):
        metric.update_state(tensor(means[start : {0: 7, 7: 21, 21: 30}[start]].astype("float32")))
    variances = means.var(0)
    assert list(variances > 0.01) == [True, True, False, False]
    assert float(metric.result()) == 2
    np.testing.assert_allclose(to_numpy(metric.squares) / 30, variances, rtol=0.02, atol=1e-4)


def test_collapse_is_said_once(caplog):
    callback = autoencoding.PosteriorCollapse(20, patience=2)
    with caplog.at_level(logging.WARNING, logger="kerasarch"):
        callback.on_epoch_end(0, {"active_units": 0.0})
        assert not caplog.records
        callback.on_epoch_end(1, {"active_units": 2.0})  # a tenth of 20 is enough
        assert not caplog.records
        for epoch in (2, 3):
            callback.on_epoch_end(epoch, {"active_units": 1.0})
    assert [record.getMessage().split(".")[0] for record in caplog.records] == [
        "Posterior collapse: 1 of 20 latent components are active after epoch 3"
    ]


def test_a_young_autoencoder_is_not_judged_and_a_later_collapse_is_told():
    told = []
    callback = autoencoding.PosteriorCollapse(20, steps=1000, warn=told.append)
    callback.set_params({"epochs": 20, "steps": 125})
    active = [20.0, *[0.0] * 8, 20.0, 20.0, 1.0, 1.0, 20.0]  # out by epoch 2, back in epoch 10, lost in epoch 12
    for epoch, units in enumerate(active):
        callback.on_epoch_end(epoch, {"active_units": units})
    assert [(warning.name, warning.part, warning.text.split(" are ")[-1]) for warning in told] == [
        ("posterior-collapse", "latent", "active after epoch 8."),  # 8 * 125 steps
        ("posterior-collapse", "latent", "active after epoch 12."),
    ]
    assert "lower beta" in told[0].remedy


def test_fit_says_how_many_steps_an_epoch_has():
    told, vae = [], small_vae()
    vae.compile("adam")
    # More than all of the components: every look finds too few.
    callback = autoencoding.PosteriorCollapse(2, share=2.0, steps=5, warn=told.append)
    vae.fit(X, batch_size=2, epochs=4, verbose=0, callbacks=[callback])
    assert [warning.text.split("after ")[-1] for warning in told] == ["epoch 3."]


def test_perplexity():
    metric = autoencoding.CodebookPerplexity(6)
    metric.update_state(tensor(np.array([[0, 1], [2, 2]], "int32")))
    metric.update_state(tensor(np.array([2, 2, 0, 1], "int32")))
    shares = np.array([2, 2, 4]) / 8
    assert float(metric.result()) == pytest.approx(np.exp(-(shares * np.log(shares)).sum()), rel=1e-5)


def small_wae(**arguments) -> autoencoding.WAE:
    encoder = models.vae_encoder(SHAPE, 2, width=4, depth=1, parameters=1)
    return autoencoding.WAE(encoder, models.vae_decoder(SHAPE, 2, width=4, depth=1), activation="sigmoid", **arguments)


def test_losses_of_wae_and_vq_vae(monkeypatch):
    wae = small_wae(penalty=3.0)
    z, reconstruction, prior = normal(4, 2), normal(4, *SHAPE), normal(4, 2)
    monkeypatch.setattr("keras.random.normal", lambda *_, **__: tensor(prior))
    loss = wae.compute_loss(x=tensor(X), y_pred={"latent": tensor(z), "reconstruction": tensor(reconstruction)})
    error = ((X - reconstruction) ** 2).sum((1, 2, 3)).mean()
    apart = float(to_numpy(autoencoding.imq_discrepancy(tensor(z), tensor(prior))))
    assert float(to_numpy(loss)) == pytest.approx(error + 3 * apart, rel=1e-4)
    with pytest.raises(ShapeError, match="parameters=1"):
        autoencoding.WAE(models.vae_encoder(SHAPE, 2, width=4), wae.decoder)
    shape = (4, 4, 1)
    parts = {"width": 4, "halvings": 1, "blocks": 1}
    quantizer = VectorQuantizer(3)
    vq_vae = autoencoding.VQVAE(
        models.vq_encoder(shape, 2, **parts), quantizer, models.vq_decoder(shape, 2, **parts), variance=0.5
    )
    x, y = normal(4, *shape), normal(4, *shape)
    outputs = {"reconstruction": tensor(y), "codes": tensor(np.zeros((4, 2, 2), "int32"))}
    assert float(to_numpy(vq_vae.compute_loss(x=tensor(x), y_pred=outputs))) == pytest.approx(
        ((x - y) ** 2).mean() / 0.5, rel=1e-4
    )
    with pytest.raises(UsageError, match="variance must be positive"):
        autoencoding.VQVAE(vq_vae.encoder, quantizer, vq_vae.decoder, variance=0)
    with pytest.raises(ShapeError, match="same halvings and code_width"):
        autoencoding.VQVAE(models.vq_encoder(shape, 3, **parts), VectorQuantizer(3), vq_vae.decoder)
