"""Texts packed into rows: each token is a target once, rows are full, and texts in a row do not see each other."""

import itertools

import keras
import numpy as np
import pytest

from kerasarch import models
from kerasarch.data.packing import IGNORED, PackedBatches, first_fit, pack
from kerasarch.errors import DataError, UsageError
from tests.conformance import to_numpy

SIZES = {"vocabulary": 19, "width": 16, "depth": 2, "heads": 2, "start": None, "end": None}


def brute_first_fit(sizes, room):
    bins, left = [], []
    for number, size in enumerate(sizes):
        place = next((place for place, free in enumerate(left) if free >= size), len(bins))
        if place == len(bins):
            bins.append([])
            left.append(room)
        bins[place].append(number)
        left[place] -= size
    return bins


def texts(count, longest, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.integers(1, 19, rng.integers(1, longest)).tolist() for _ in range(count)]


def test_the_first_bin_with_room():
    assert first_fit([5, 6, 4, 1, 3], 10) == [[0, 2, 3], [1, 4]]
    for seed in range(20):
        rng = np.random.default_rng(seed)
        sizes = rng.integers(1, 12, rng.integers(1, 90)).tolist()
        assert first_fit(sizes, 11) == brute_first_fit(sizes, 11)
    with pytest.raises(UsageError, match="room of 4"):
        first_fit([2, 5], 4)


def test_each_token_is_a_target_once():
    given = texts(50, 40)
    rows = pack(given, 16, padding=7)
    pairs = sorted(pair for text in given for pair in itertools.pairwise(text))
    places = rows.targets != IGNORED
    assert sorted(zip(rows.ids[places].tolist(), rows.targets[places].tolist(), strict=True)) == pairs
    assert (rows.segments > 0).tolist() == places.tolist()
    assert set(rows.ids[~places].tolist()) <= {7}
    assert rows.filled > 0.9
    # Positions begin at 0 with each text, and count
    for segments, positions in zip(rows.segments, rows.positions, strict=True):
        for number in range(1, segments.max() + 1):
            assert positions[segments == number].tolist() == list(range((segments == number).sum()))
    with pytest.raises(DataError, match="2 tokens or more"):
        pack([[3], []], 16)


@pytest.mark.parametrize("family", ["gpt2", "llama", "bloom", "mpt"])
def test_a_packed_row_gives_the_losses_of_its_texts_alone(family):
    heads = {"gpt2": {"positions": 12}, "llama": {"hidden": 24, "kv_heads": 1}, "mpt": {}, "bloom": {}}[family]
    model = getattr(models, family)(**{**SIZES, **heads})
    for variable in model.trainable_variables:  # fresh weights are so small that attention hardly matters
        variable.assign(8 * variable)
    given = [text for text in texts(8, 10, seed=1) if len(text) > 1]
    rows = pack(given, 12)
    assert rows.segments.max() > 1
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction="none")
    inputs, targets = rows.batch(range(len(rows)))
    known = {name: rows for name, rows in inputs.items() if name in model.input_names}
    packed = to_numpy(loss(np.maximum(targets["logits"], 0), model(known)["logits"]))[rows.segments > 0]
    # Alone: the same texts, one a row, padded behind, which causal attention does not see
    single = np.zeros((len(given), 12), "int32")
    wanted = np.zeros((len(given), 12), "int32")
    real = np.zeros((len(given), 12), bool)
    for row, text in enumerate(given):
        single[row, : len(text) - 1], wanted[row, : len(text) - 1] = text[:-1], text[1:]
        real[row, : len(text) - 1] = True
    alone = to_numpy(loss(wanted, model(single)["logits"]))[real]
    np.testing.assert_allclose(np.sort(packed), np.sort(alone), rtol=1e-4, atol=1e-4)
    # and without the numbers of the texts they do see each other
    seen = to_numpy(loss(np.maximum(targets["logits"], 0), model(inputs["input_ids"])["logits"]))[rows.segments > 0]
    assert np.abs(np.sort(seen) - np.sort(alone)).max() > 0.1


def test_batches():
    rows = pack(texts(60, 9), 8)
    turn = len(rows) // 4
    batches = PackedBatches(rows, batch=4, steps=turn - 1, seed=1)
    found = [batches.batch(*divmod(number, turn - 1))[1]["logits"] for number in range(2 * turn)]
    first, second = (np.concatenate(found[start : start + turn]).tolist() for start in (0, turn))
    # Each turn has all rows but those left over, once, in another order
    known = [tuple(row) for row in rows.targets.tolist()]
    for seen in (first, second):
        assert all(seen.count(row) <= known.count(tuple(row)) for row in seen)
    assert first != second
    again = PackedBatches(rows, batch=4, steps=turn - 1, seed=1, names=("input_ids",)).batch(2, 1)
    np.testing.assert_array_equal(again[1]["logits"], batches.batch(2, 1)[1]["logits"])
    assert list(again[0]) == ["input_ids"]
    # Judged: all rows, the last batch filled up with rows that say nothing
    judged = PackedBatches(rows, batch=len(rows) - 1)
    parts = [judged.batch(0, index)[1]["logits"] for index in range(judged.steps)]
    np.testing.assert_array_equal(np.concatenate(parts)[: len(rows)], rows.targets)
    assert {part.shape for part in parts} == {(len(rows) - 1, 8)}
    assert (parts[1][1:] == IGNORED).all()
    with pytest.raises(DataError, match="smaller batch"):
        PackedBatches(rows, batch=len(rows) + 1, steps=1)
