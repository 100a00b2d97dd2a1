"""Batches of like lengths: each pair once, few shapes, little padding, the same batches for the same seed."""

import itertools

import numpy as np
import pytest

from kerasarch.data.length_buckets import LengthBuckets, best_edges
from kerasarch.errors import DataError, UsageError

START, END = 1, 2


def rows(count, seed=0):
    """Pairs whose first token is their number."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(1, 30, (count, 2))
    sources = [[100 + number, *[5] * (read - 1), END] for number, (read, _) in enumerate(lengths)]
    return sources, [[START, 100 + number, *[6] * written, END] for number, (_, written) in enumerate(lengths)]


def test_each_pair_is_there_once_an_epoch_in_few_shapes():
    sources, targets = rows(157)
    buckets = LengthBuckets(sources, targets, tokens=128, shapes=4, seed=3)
    shapes, orders = set(), []
    for epoch in range(2):
        seen = []
        for index in range(buckets.steps):
            inputs, outputs = buckets.batch(epoch, index)
            shapes.add(inputs["source_ids"].shape)
            assert {array.shape for array in (*inputs.values(), *outputs.values())} == {inputs["source_ids"].shape}
            assert inputs["target_ids"].size <= 128
            for read, mask, written, after in zip(*inputs.values(), outputs["logits"], strict=True):
                number = int(read[0]) - 100
                assert read[mask == 1].tolist() == sources[number]
                assert not read[mask == 0].any()
                # What fills a batch up has no targets
                if after.any():
                    seen.append(number)
                    assert written[: len(targets[number]) - 1].tolist() == targets[number][:-1]
                    assert after[: len(targets[number]) - 1].tolist() == targets[number][1:]
                    assert not after[len(targets[number]) - 1 :].any()
        assert sorted(seen) == list(range(157))
        orders.append(seen)
    assert len(shapes) <= 4
    assert orders[0] != orders[1]
    again = LengthBuckets(sources, targets, tokens=128, shapes=4, seed=3)
    for index in (again.steps - 1, 0):
        np.testing.assert_array_equal(again.batch(1, index)[1]["logits"], buckets.batch(1, index)[1]["logits"])
    # TensorFlow learns from two samples which axes differ
    assert buckets.sample(0, 0)[0]["source_ids"].shape[1] < buckets.sample(0, 1)[0]["source_ids"].shape[1]


def test_lengths_pay():
    sources, targets = rows(500)
    filled = [LengthBuckets(sources, targets, pairs=8, shapes=shapes).filled for shapes in (1, 3, 8)]
    assert filled[0] < filled[1] < filled[2]
    in_order = LengthBuckets(sources, targets, pairs=8, shapes=8)
    lengths = [in_order.batch(0, index)[0]["source_ids"].shape[1] for index in range(in_order.steps)]
    assert lengths == sorted(lengths)
    np.testing.assert_array_equal(in_order.batch(0, 2)[0]["source_ids"], in_order.batch(4, 2)[0]["source_ids"])


def test_edges_are_the_best():
    lengths = np.random.default_rng(1).choice([2, 3, 5, 8, 9, 14, 20], 60, p=[0.3, 0.1, 0.1, 0.2, 0.1, 0.15, 0.05])

    def places(edges):
        return sum(min(edge for edge in edges if edge >= length) for length in lengths)

    different = sorted(set(lengths.tolist()))
    for count in range(1, len(different) + 3):
        found = best_edges(lengths, count).tolist()
        assert found == sorted(set(found))
        assert found[-1] == max(different)
        tried = itertools.combinations(different[:-1], min(count, len(different)) - 1)
        assert places(found) == min(places((*chosen, different[-1])) for chosen in tried)


def test_what_is_refused():
    sources, targets = rows(4)
    with pytest.raises(UsageError, match="one of tokens and pairs"):
        LengthBuckets(sources, targets)
    with pytest.raises(UsageError, match="shapes=0"):
        LengthBuckets(sources, targets, pairs=2, shapes=0)
    with pytest.raises(DataError, match="Received 4, 3"):
        LengthBuckets(sources, targets[:3], pairs=2)
    with pytest.raises(DataError, match=r"Pair 1: .* 0 and"):
        LengthBuckets([sources[0], []], targets[:2], pairs=2)
