"""Batches of recordings and windows of series: what is in them, and that they depend on seed and place alone."""

import numpy as np
import pytest

from kerasarch.data import MadeRecordings, SeriesWindows, WaveAugmentation, WaveBatches
from kerasarch.errors import DataError, UsageError

TARGETS = [(1, 2), (3,)]


@pytest.fixture
def recordings():
    """Recordings that say their number: 20, of 10 to 29 numbers, by turns of two classes."""
    waves = [np.full(10 + number, number + 1, "float32") for number in range(20)]
    return MadeRecordings(waves, np.arange(20) % 2, ("a", "b"), 100, [str(number) for number in range(20)])


def numbers(batch):
    """Which recordings follow each other in each example."""
    rows = (row[:length] for row, length in zip(batch["waves"], batch["lengths"], strict=True))
    return [[int(part) - 1 for part in row[np.flatnonzero(np.diff(row, prepend=0))]] for row in rows]


def test_single_recordings_in_their_order(recordings):
    batches = WaveBatches(recordings, TARGETS, batch=8, shuffle=False)
    assert batches.steps == 3
    found = [batches.batch(0, index) for index in range(3)]
    assert [row for x, _ in found for row in numbers(x)] == [[number] for number in range(20)]
    assert found[0][1][:2].tolist() == [[1, 2], [3, 0]]
    for x, _ in found:
        inside = np.arange(x["waves"].shape[1]) < x["lengths"][:, None]
        assert (x["waves"][~inside] == 0).all()
        assert x["waves"].shape[1] in (29, 15, 8, 4)
    shapes = {batches.sample(0, index)[0]["waves"].shape for index in (1, 1)}
    assert len(shapes) == 2  # Keras is to see that lengths differ
    one = WaveBatches(recordings, TARGETS, batch=20)
    assert {one.sample(0, 0)[0]["waves"].shape, one.batch(5, 0)[0]["waves"].shape} == {(20, 29)}
    classes = WaveBatches(recordings, TARGETS, whole=True, batch=20, shuffle=False).batch(0, 0)[1]
    assert classes.tolist() == [0, 1] * 10


def test_joined_recordings(recordings):
    batches = WaveBatches(recordings, TARGETS, between=4, batch=5, together=3, seed=1)
    assert batches.steps == 2  # ten examples of two recordings on average
    seen = []
    for index in range(2):
        x, y = batches.batch(3, index)
        again, labels = batches.batch(3, index)
        np.testing.assert_array_equal(x["waves"], again["waves"])
        np.testing.assert_array_equal(y, labels)
        assert y.shape == (5, 9)
        for row, group in zip(y, numbers(x), strict=True):
            spelled = [label for label in row.tolist() if label]
            expected = [label for number in group for label in (4, *TARGETS[number % 2])]
            assert spelled == expected[1:]
            assert 1 <= len(group) <= 3
            seen += group
    assert len(set(seen)) == len(seen)
    assert numbers(batches.batch(4, 0)[0]) != numbers(batches.batch(3, 0)[0])
    three = WaveBatches(recordings, TARGETS, together=3, shuffle=False, batch=6)
    assert numbers(three.batch(0, 0)[0]) == [[3 * row, 3 * row + 1, 3 * row + 2] for row in range(6)]


def test_changes_of_recordings():
    wave, rng = np.sin(np.arange(400) / 5).astype("float32"), np.random.default_rng(0)
    late = WaveAugmentation(shift=0.5, speed=0, noise=None)(wave, 100, rng)
    np.testing.assert_array_equal(late[-400:], wave)
    assert 400 < len(late) <= 450
    fast = WaveAugmentation(shift=0, speed=0.2, noise=None)
    lengths = [len(fast(wave, 100, rng)) for _ in range(50)]
    assert 400 / 1.2 - 1 <= min(lengths) < 380
    assert 420 < max(lengths) <= 400 / 0.8 + 1
    noisy = WaveAugmentation(shift=0, speed=0, noise=(10, 10), noisy=1)(wave, 100, rng)
    ratio = np.mean(wave**2) / np.mean((noisy - wave) ** 2)
    assert ratio == pytest.approx(10, rel=0.2)
    with pytest.raises(UsageError, match="speed from 0 to below 1"):
        WaveAugmentation(speed=1)


def test_what_cannot_be_batched(recordings):
    with pytest.raises(DataError, match="3 recordings are needed"):
        WaveBatches(recordings.subset([0, 1]), TARGETS, together=3)
    with pytest.raises(UsageError, match="single recordings"):
        WaveBatches(recordings, TARGETS, whole=True, together=2)
    with pytest.raises(DataError, match="2 recordings, 1 labels"):
        MadeRecordings(recordings.waves[:2], np.zeros(1, int), ("a", "b"), 100, ["1", "2"])


def test_windows_of_series():
    values = np.arange(20)[:, None] * [1.0, -1.0]
    windows = SeriesWindows(values, look_back=4, horizon=2, batch=4, seed=3)
    assert (windows.count, windows.steps) == (15, 3)
    firsts = []
    for index in range(3):
        past, future = windows.batch(1, index)
        np.testing.assert_array_equal(past[:, :, 0], past[:, :1, 0] + np.arange(4))
        np.testing.assert_array_equal(future[:, :, 0], past[:, :1, 0] + [4, 5])
        np.testing.assert_array_equal(future[..., 1], -future[..., 0])
        firsts += past[:, 0, 0].tolist()
    assert len(set(firsts)) == 12
    np.testing.assert_array_equal(windows.batch(1, 0)[0], windows.batch(1, 0)[0])
    assert not np.array_equal(windows.batch(2, 0)[0], windows.batch(1, 0)[0])
    plain = SeriesWindows(values, look_back=4, horizon=2, batch=4, shuffle=False)
    assert np.concatenate([plain.batch(0, index)[0] for index in range(plain.steps)])[:, 0, 0].tolist() == list(
        range(15)
    )
    with pytest.raises(DataError, match=r"needs 6\. Received 5 rows"):
        SeriesWindows(values[:5], look_back=4, horizon=2, batch=4)
