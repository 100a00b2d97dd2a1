"""Pairs: what they hold, which folders make them, and that their batches have a position."""

import keras
import numpy as np
import pytest
from PIL import Image

from kerasarch import data
from kerasarch.data.pair_sources import Chalked, Edges, HalvedPairs, OneOfPairs, Shrunken, sobel_magnitude
from kerasarch.errors import DataError, UsageError


def numbered(count, first=0):
    """Pictures whose every pixel is the number of the picture."""
    images = np.empty((count, 4, 6, 1), np.uint8)
    images[:] = (first + np.arange(count, dtype=np.uint8))[:, None, None, None]
    return data.ArrayImages(images, np.zeros(count, int), ["picture"])


def numbers(pictures):
    return np.rint((pictures[:, 0, 0, 0] + 1) * 127.5).astype(int).tolist()


def pairs(count=11):
    return data.StoredPairs(numbered(count), numbered(count, first=100))


def write(folder, names, size=(8, 6), value=0):
    folder.mkdir(parents=True)
    for place, name in enumerate(names):
        Image.new("L", size, value + place).save(folder / name)


def test_pairs_stay_together_and_every_epoch_has_an_order_of_its_own():
    batches = data.pair_batches(pairs(), batch=3, size=(4, 6), channels=1, seed=5)
    assert batches.steps == 4
    orders = []
    for epoch in range(2):
        taken = [batches.batch(epoch, index) for index in range(4)]
        assert taken[0][0].dtype == np.float32
        firsts, seconds = ([number for batch in taken for number in numbers(batch[place])] for place in (0, 1))
        assert sorted(firsts) == list(range(11))
        assert seconds == [number + 100 for number in firsts]
        orders.append(firsts)
    assert orders[0] != orders[1]
    again = data.pair_batches(pairs(), batch=3, size=(4, 6), channels=1, seed=5)
    assert numbers(again.batch(1, 2)[0]) == orders[1][6:9]  # the batch alone, without those before


def test_unpaired_orders_are_independent_and_complete():
    small, large = numbered(4), numbered(9, first=100)
    batches = data.unpaired_batches(small, large, batch=3, size=(4, 6), channels=1, seed=2)
    assert batches.steps == 3
    taken = [batches.batch(0, index) for index in range(3)]
    seconds = [number for batch in taken for number in numbers(batch[1])]
    firsts = [number for batch in taken for number in numbers(batch[0])]
    assert sorted(seconds) == list(range(100, 109))
    assert sorted(firsts[:4]) == sorted(firsts[4:8]) == list(range(4))
    assert seconds != sorted(seconds)
    same = data.unpaired_batches(large, large, batch=9, size=(4, 6), channels=1, seed=2)
    assert numbers(same[0][0]) != numbers(same[0][1])


@pytest.mark.parametrize("paired", [True, False])
def test_the_position_goes_on_at_the_exact_batch(paired):
    def make():
        if paired:
            return data.pair_batches(pairs(), batch=2, size=(4, 6), channels=1, flip=True, seed=1)
        return data.unpaired_batches(numbered(11), numbered(7), batch=2, size=(4, 6), channels=1, flip=True, seed=1)

    straight = make()
    wanted = [straight.batch(1, index) for index in range(3, straight.steps)]
    resumed = make()
    resumed.restore({"epoch": 1, "start": 3, "steps": straight.steps})
    assert resumed.num_batches == straight.steps - 3
    for expected, found in zip(wanted, resumed, strict=True):
        for one, other in zip(expected, found, strict=True):
            assert np.array_equal(one, other)


def test_flips_are_common_to_a_pair():
    ramp = np.tile(np.arange(6, dtype=np.uint8)[None, None, :, None], (64, 4, 1, 1))
    source = data.ArrayImages(ramp, np.zeros(64, int), ["picture"])
    first, second = data.pair_batches(
        data.StoredPairs(source, source), batch=64, size=(4, 6), channels=1, flip=True, pixels=(0.0, 255.0)
    )[0]
    assert np.array_equal(first, second)
    assert 16 < (first[:, 0, 0, 0] == 5).sum() < 48


def test_layout_and_sizes(monkeypatch):
    monkeypatch.setattr(keras.config, "image_data_format", lambda: "channels_first")
    made = data.MadePairs(numbered(3), Shrunken(2), (8, 8), 3)
    low, high = data.pair_batches(made, batch=2, size=(8, 8), first_size=(4, 4))[0]
    assert (low.shape, high.shape) == ((2, 3, 4, 4), (2, 3, 8, 8))


def test_edges_of_a_step():
    step = np.zeros((5, 6))
    step[:, 3:] = 1
    magnitude = sobel_magnitude(step)
    expected = np.zeros((5, 6))
    expected[:, 2:4] = 1  # (1 + 2 + 1) / 4 on either side of the step
    np.testing.assert_allclose(magnitude, expected)
    np.testing.assert_allclose(sobel_magnitude(step.T), expected.T)
    image = (step[..., None] * 255).astype(np.uint8)
    edges, same = Edges()(image)
    assert np.array_equal(edges[..., 0], 255 - 255 * expected)
    assert same is image


def test_shrinking_and_chalk():
    flat = np.full((8, 8, 3), 77, np.uint8)
    assert np.array_equal(Shrunken(4)(flat)[0], np.full((2, 2, 3), 77))
    # Alternating columns have no place at half the size: antialiasing leaves their mean.
    stripes = np.zeros((16, 16, 1), np.uint8)
    stripes[:, ::2] = 200
    assert abs(Shrunken(4)(stripes)[0][1:-1, 1:-1].astype(int) - 100).max() <= 3
    with pytest.raises(UsageError, match="multiple of factor=3"):
        Shrunken(3)(flat)
    black_and_white = np.repeat(np.array([[[0], [255]]], np.uint8), 3, axis=-1)
    assert Chalked()(black_and_white)[1].tolist() == [[[20, 40, 110], [255, 214, 90]]]


def test_two_folders(tmp_path):
    write(tmp_path / "A", ["2.png", "1.png", "x.y.png"])
    write(tmp_path / "B", ["1.jpg", "2.png", "x.y.bmp"], value=100)
    train, held_out = data.read_pairs(tmp_path, held_out=0.34)
    assert (len(train), len(held_out)) == (2, 1)
    for source in (train, held_out):
        for place in range(len(source)):
            assert [path.stem for path in source.first.paths] == [path.stem for path in source.second.paths]
            assert source[place][0].shape == source[place][1].shape == (6, 8, 1)


@pytest.mark.parametrize("form", ["trainA", "train/A"])
def test_parts(tmp_path, form):
    for part, count in (("train", 3), ("test", 2)):
        for domain in "AB":
            write(tmp_path / form.replace("train", part).replace("A", domain), [f"{n}.png" for n in range(count)])
    assert [len(part) for part in data.read_pairs(tmp_path)] == [3, 2]
    assert [[len(domain) for domain in part] for part in data.read_domains(tmp_path)] == [[3, 3], [2, 2]]


def test_side_by_side(tmp_path):
    for part, count in (("train", 3), ("val", 2)):
        write(tmp_path / part, [f"{number}.png" for number in range(count)], size=(12, 5))
    train, held_out = data.read_pairs(tmp_path)
    assert (len(train), len(held_out)) == (3, 2)
    halves = np.arange(8, dtype=np.uint8).reshape(1, 2, 4, 1)
    left, right = HalvedPairs(data.ArrayImages(halves, np.zeros(1, int), ["picture"]))[0]
    assert (left[..., 0].tolist(), right[..., 0].tolist()) == ([[0, 1], [4, 5]], [[2, 3], [6, 7]])
    assert data.SwappedPairs(train)[0][0].shape == (5, 6, 1)


def test_domains_of_unequal_numbers(tmp_path):
    write(tmp_path / "A", [f"{number}.png" for number in range(10)])
    write(tmp_path / "B", [f"other {number}.png" for number in range(5)], size=(9, 9))
    (a, b), (held_a, held_b) = data.read_domains(tmp_path, held_out=0.2)
    assert [len(domain) for domain in (a, b, held_a, held_b)] == [8, 4, 2, 1]


def test_pictures_of_any_folder(tmp_path):
    write(tmp_path / "holiday", [f"{number}.png" for number in range(5)])
    write(tmp_path / "garden" / "spring", [f"{number}.png" for number in range(5)], value=50)
    train, held_out = data.read_pictures(tmp_path)
    assert (len(train), len(held_out)) == (8, 2)
    train, held_out = data.read_pictures("digits")
    assert len(train) + len(held_out) == 1797


def test_one_of_pairs():
    half = OneOfPairs(pairs(), 1)
    assert len(half) == 11
    assert half.subset([4])[0][0][0, 0, 0] == 104


def test_what_does_not_fit(tmp_path):
    with pytest.raises(UsageError, match="no folder"):
        data.read_pairs(tmp_path / "absent")
    write(tmp_path / "names" / "A", ["1.png", "2.png"])
    write(tmp_path / "names" / "B", ["1.png", "3.png"])
    with pytest.raises(DataError, match=r"1 pictures of .*A have no partner in .*B, first: 2"):
        data.read_pairs(tmp_path / "names")
    write(tmp_path / "sizes" / "A", ["1.png", "2.png"])
    write(tmp_path / "sizes" / "B", ["1.png", "2.png"], size=(8, 7))
    with pytest.raises(DataError, match=r"1.png measures 8 by 6 pixels, its partner .* 8 by 7"):
        data.read_pairs(tmp_path / "sizes")
    write(tmp_path / "twice" / "A", ["1.png", "1.bmp"])
    write(tmp_path / "twice" / "B", ["1.png"])
    with pytest.raises(DataError, match="there twice"):
        data.read_pairs(tmp_path / "twice")
    write(tmp_path / "odd", ["1.png"], size=(7, 5))
    with pytest.raises(DataError, match="7 by 5 pixels"):
        data.read_pairs(tmp_path / "odd")
    with pytest.raises(DataError, match="no two domains"):
        data.read_domains(tmp_path / "odd")
    (tmp_path / "empty" / "A").mkdir(parents=True)
    (tmp_path / "empty" / "B").mkdir()
    for read in (data.read_pairs, data.read_domains):
        with pytest.raises(DataError, match="no readable images"):
            read(tmp_path / "empty")
    with pytest.raises(DataError, match="as many"):
        data.StoredPairs(numbered(2), numbered(3))
    with pytest.raises(DataError, match="do not fill a batch of 4"):
        data.pair_batches(pairs(3), batch=4, size=(4, 4), drop_remainder=True)
    with pytest.raises(DataError, match="do not fill"):
        data.unpaired_batches(numbered(3), numbered(2), batch=4, size=(4, 4))
    with pytest.raises(UsageError, match="batch >= 1"):
        data.pair_batches(pairs(), batch=0, size=(4, 4))


def test_unreadable_files_are_left_out_with_their_partners(tmp_path, caplog):
    for domain in "AB":
        write(tmp_path / domain, ["1.png", "2.png", "3.png"])
    (tmp_path / "B" / "2.png").write_bytes(b"no picture")
    train, held_out = data.read_pairs(tmp_path, held_out=0.5)
    assert len(train) + len(held_out) == 2
    assert "skipped 1" in caplog.text
    with pytest.raises(DataError, match="not an image"):
        data.read_pairs(tmp_path, strict=True)
