"""Spectrograms on the mel scale against NumPy's transform; masks against what they may cover."""

import keras
import numpy as np
import pytest

from kerasarch import layers
from kerasarch.errors import ShapeError, UsageError
from tests import conformance
from tests.conformance import to_numpy

pytestmark = conformance.QUIET
RNG = np.random.default_rng(0)
RATE, WINDOW, STEP, BANDS = 800, 32, 10, 5


def mel_bands(wave, lowest=20.0, highest=400.0):
    """Frame by frame, band by band, from the definition."""
    padded = np.pad(wave.astype("float64"), WINDOW // 2)
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW)
    ends = 2595 * np.log10(1 + np.array([lowest, highest]) / 700)
    corners = 700 * (10 ** (np.linspace(*ends, BANDS + 2) / 2595) - 1)
    rows = []
    for frame in range(1 + len(wave) // STEP):
        energy = np.abs(np.fft.rfft(hann * padded[frame * STEP : frame * STEP + WINDOW])) ** 2
        hertz = np.arange(len(energy)) * RATE / WINDOW
        row = [energy @ np.interp(hertz, corners[band : band + 3], [0, 1, 0]) for band in range(BANDS)]
        rows.append(np.log(1e-6 + np.array(row)))
    return np.array(rows)


@pytest.fixture(scope="module")
def waves():
    return RNG.normal(size=(2, 95)).astype("float32")


def test_bands_are_those_of_the_definition(waves):
    layer = layers.LogMelSpectrogram(RATE, bands=BANDS, window=WINDOW, step=STEP, normalise=False)
    found = to_numpy(layer(waves))
    assert found.shape == layer.compute_output_shape((2, 95)) == (2, 10, BANDS)
    np.testing.assert_allclose(found, [mel_bands(wave) for wave in waves], atol=2e-4)
    other = layers.LogMelSpectrogram(
        RATE, bands=BANDS, window=WINDOW, step=STEP, lowest=50, highest=300, normalise=False
    )
    np.testing.assert_allclose(to_numpy(other(waves))[0], mel_bands(waves[0], 50, 300), atol=2e-4)


def test_neither_loudness_nor_what_follows_matters(waves):
    layer = layers.LogMelSpectrogram(RATE, bands=BANDS, window=WINDOW, step=STEP)
    alone = to_numpy(layer(waves[:, :60]))
    expected = np.array([mel_bands(wave[:60]) for wave in waves])
    expected -= expected.mean(axis=(1, 2), keepdims=True)
    expected /= np.sqrt((expected**2).mean(axis=(1, 2), keepdims=True) + 1e-5)
    np.testing.assert_allclose(alone, expected, atol=1e-3)
    padded = np.pad(waves[:, :60], ((0, 0), (0, 35)))
    there = np.arange(10)[None] < np.full((2, 1), layer.frames(60))
    found = to_numpy(layer(padded * [[1.0], [50.0]], there=there))
    np.testing.assert_allclose(found[:, :7], alone, atol=1e-3)
    assert (found[:, 7:] == 0).all()


def test_masks_cover_what_they_may():
    layer = layers.SpectrogramMasking(3, 6, bands_masks=1, frames_masks=1, share=0.5, seed=0)
    x = np.ones((64, 10, 8), "float32")
    lengths = np.repeat([10, 4], 32)
    there = np.arange(10)[None] < lengths[:, None]
    kept = to_numpy(layer(x, there=there, training=True))
    np.testing.assert_array_equal(to_numpy(layer(x, training=False)), x)
    assert set(np.unique(kept)) == {0.0, 1.0}
    bands, frames = kept.max(axis=1) == 0, kept.max(axis=2) == 0
    for covered, most in ((bands, np.full(64, 3)), (frames, np.where(lengths == 10, 5, 2))):
        counts = covered.sum(axis=1)
        assert (counts <= most).all()
        edges = np.abs(np.diff(np.pad(covered, ((0, 0), (1, 1))).astype(int))).sum(axis=1)
        assert (edges <= 2).all()  # one stretch
        for length in (10, 4):  # every width occurs
            assert set(counts[lengths == length]) == set(range(most[lengths == length][0] + 1))
    assert not frames[lengths == 4, 4:].any()
    np.testing.assert_array_equal(kept, np.where(bands[:, None, :] | frames[:, :, None], 0, 1))
    again = to_numpy(layer(x, there=there, training=True))
    assert not np.array_equal(kept, again)
    first = layers.SpectrogramMasking(3, 6, bands_masks=1, frames_masks=1, share=0.5, seed=0)
    np.testing.assert_array_equal(to_numpy(first(x, there=there, training=True)), kept)
    none = layers.SpectrogramMasking(3, 6, bands_masks=0, frames_masks=0)
    np.testing.assert_array_equal(to_numpy(none(x, training=True)), x)


def test_what_cannot_be_built_or_read_is_refused():
    for fields in ({"window": 31}, {"lowest": 500.0}, {"highest": 5000.0}, {"bands": 0}):
        with pytest.raises(UsageError, match="Received rate=800"):
            layers.LogMelSpectrogram(RATE, **fields)
    with pytest.raises(ShapeError, match=r"expected waves \(batch, numbers\)"):
        layers.LogMelSpectrogram(RATE)(keras.ops.zeros((2, 90, 1)))
    with pytest.raises(UsageError, match="share from 0 to 1"):
        layers.SpectrogramMasking(share=2.0)
