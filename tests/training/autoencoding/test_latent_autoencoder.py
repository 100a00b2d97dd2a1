"""The autoencoder of latent diffusion: its loss, its training, its latents' scale, and the decoder behind them."""

import keras
import numpy as np
import pytest
from keras import ops

from kerasarch import models
from kerasarch.errors import UsageError
from kerasarch.training.autoencoding import LatentAutoencoder


def tiny():
    config = models.AutoencoderKLConfig(1, 1, (8, 8), groups=4, latent=2, middle_attention=False)
    return models.autoencoder_kl(config, input_shape=(8, 8, 1))


@pytest.mark.quick_on("torch")
def test_loss_equals_the_definition_and_falls():
    rng = np.random.default_rng(0)
    x = np.tile(rng.uniform(-1, 1, (16, 8, 1, 1)), (1, 1, 8, 1)).astype("float32")
    model = LatentAutoencoder(tiny(), kl_weight=0.5, seed=0)
    outputs = model(x)  # not in training: through the mean
    posterior = model.autoencoder.encode(x)
    mean, variance = (ops.convert_to_numpy(part) for part in (posterior.mean, posterior.variance))
    kl = 0.5 * (mean**2 + variance - 1 - np.log(variance)).sum(axis=(1, 2, 3))
    apart = np.abs(x - ops.convert_to_numpy(model.reconstruct(x))).sum(axis=(1, 2, 3))
    found = ops.convert_to_numpy(model.compute_loss(x, None, outputs))
    np.testing.assert_allclose(found, (apart + 0.5 * kl).mean(), rtol=1e-4)

    model = LatentAutoencoder(model.autoencoder, kl_weight=1e-3, seed=0)
    model.compile(keras.optimizers.Adam(5e-3))
    history = model.fit(x, batch_size=16, epochs=30, verbose=0).history
    assert history["absolute_error"][-1] < 0.7 * history["absolute_error"][0]


@pytest.mark.quick_on("torch")
def test_scale_and_decoder(tmp_path):
    autoencoder = tiny()
    maps = np.random.default_rng(0).normal(0, 3, (4, 4, 4, 2)).astype("float32")
    autoencoder.rescale(1 / maps.std())
    normalised = ops.convert_to_numpy(autoencoder.normalise(maps))
    np.testing.assert_allclose(normalised.std(), 1, rtol=1e-5)
    decoder = models.LatentDecoder(autoencoder)
    pictures = ops.convert_to_numpy(decoder(normalised))
    np.testing.assert_allclose(pictures, ops.convert_to_numpy(autoencoder.decode(maps)), atol=1e-4)
    decoder.save(tmp_path / "decoder.keras")
    again = keras.saving.load_model(tmp_path / "decoder.keras")
    np.testing.assert_allclose(ops.convert_to_numpy(again(normalised)), pictures, atol=1e-5)


def test_refuses_a_negative_weight():
    with pytest.raises(UsageError, match="kl_weight"):
        LatentAutoencoder(tiny(), kl_weight=-1.0)
