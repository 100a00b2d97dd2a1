"""Encoders and decoders of any size; the prior looks back alone; drawing from it is what a loop in NumPy does."""

import keras
import numpy as np
import pytest

from kerasarch import models
from kerasarch.errors import ShapeError, UsageError
from kerasarch.layers import VectorQuantizer
from tests import conformance
from tests.conformance import outputs, randomise, to_numpy

pytestmark = conformance.QUIET


@pytest.mark.parametrize(
    "size",
    [
        (9, 7, 2),
        *(pytest.param(size, marks=pytest.mark.slow) for size in [(8, 8, 1), (16, 16, 3), (28, 28, 1), (32, 32, 3)]),
    ],
)
def test_shapes(size):
    for kind in ("dense", "convolutional"):
        assert models.vae_encoder(size, 5, kind=kind, width=4).output_shape == (None, 10)
        assert models.vae_decoder(size, 5, kind=kind, width=4).output_shape == (None, *size)
    grid = models.code_grid(size, 2)
    assert models.vq_encoder(size, 3, width=4).output_shape == (None, *grid, 3)
    assert models.vq_decoder(size, 3, width=4).output_shape == (None, *size)


def test_wrong_arguments():
    with pytest.raises(UsageError, match="kind must be one of dense, convolutional"):
        models.vae_encoder((8, 8, 1), kind="residual")
    with pytest.raises(UsageError, match="leave 2 pixels"):
        models.vae_decoder((8, 8, 1), kind="convolutional", depth=4)
    with pytest.raises(UsageError, match="halvings=9"):
        models.vq_encoder((8, 8, 1), halvings=9)


def test_the_prior_sees_only_the_codes_before():
    prior = models.pixel_cnn((3, 4), 5, width=4, blocks=2)
    randomise(prior)
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 5, (1, 12)).astype("int32")
    changed = np.repeat(codes, 13, axis=0)
    for place in range(12):
        changed[place + 1, place] = (changed[place + 1, place] + 1) % 5
    logits = outputs(prior, changed.reshape(13, 3, 4)).reshape(13, 12, 5)
    differs = np.abs(logits[1:] - logits[0]).max(-1) > 1e-5  # (changed, seen)
    assert not np.triu(differs.T).any()  # what is at or after a place does not reach it
    assert differs[np.arange(11), np.arange(1, 12)][np.arange(11) % 4 != 3].all()  # the left neighbour does
    assert differs[np.arange(8), np.arange(4, 12)].all()  # and so does the one above


@pytest.fixture
def sampler():
    prior = models.pixel_cnn((2, 3), 5, width=4, blocks=1)
    quantizer = VectorQuantizer(5)
    decoder = models.vq_decoder((4, 6, 1), 2, width=4, halvings=1)
    quantizer.build((None, 2, 3, 2))
    network = models.CodeDecoder(prior, quantizer, decoder)
    randomise(network)
    return models.CodeSampler(network, pixels=(0, 1))


def test_drawing_codes(sampler, tmp_path):
    images = sampler.sample(3, seed=4, truncation=0.5)
    network = sampler.network
    for number, image in enumerate(images):
        noise = np.random.default_rng([4, number]).gumbel(size=(6, 5)).astype("float32")
        codes = np.zeros((1, 6), "int32")
        for place in range(6):
            logits = outputs(network.prior, codes.reshape(1, 2, 3)).reshape(6, 5)[place]
            codes[0, place] = np.argmax(logits / 0.5 + noise[place])
        vectors = to_numpy(network.quantizer.codebook)[codes.reshape(1, 2, 3)]
        expected = np.clip(np.rint(outputs(network.decoder, vectors)[0] * 255), 0, 255)
        assert np.abs(image.astype(int) - expected).max() <= 1
    assert len({image.tobytes() for image in images}) == 3
    sampler.save(tmp_path / "sampler.keras")
    np.testing.assert_array_equal(
        keras.saving.load_model(tmp_path / "sampler.keras").sample(2, 4, None, 0.5), images[:2]
    )


def test_parts_of_a_code_decoder_must_fit(sampler):
    network = sampler.network
    with pytest.raises(ShapeError, match="the prior has 5 codes, the codebook 7"):
        models.CodeDecoder(network.prior, VectorQuantizer(7), network.decoder)
    with pytest.raises(UsageError, match="trained without labels"):
        sampler.sample(1, 0, labels=[1])
