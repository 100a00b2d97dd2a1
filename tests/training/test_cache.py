"""Kept activations: the same weights as without, in memory and in files, and a clear word where they are not kept."""

import copy
import logging
import types

import keras
import numpy as np
import pytest

from kerasarch import training
from kerasarch.training.boundary import cut
from kerasarch.training.cache import BoundaryCache, changes, refusal


def fitted(model, data, *, validation=None, **options):
    options = {"epochs": 2, "learning_rate": 0.02, "verbose": 0, **options}
    history = training.GradualUnfreezing(model, **options).fit(data, validation)
    return history, [keras.ops.convert_to_numpy(v.value) for v in model.variables if "seed" not in v.path]


class Unordered(training.ArrayBatches):
    """Data that cannot say in which order it serves its examples: they are known by their content."""

    order = None

    def batch(self, epoch, index):
        rows = training.ArrayBatches.order(self, epoch)[index * 8 : index * 8 + 8]
        return self.x[rows], self.labels[rows]


class Augmented(training.ArrayBatches):
    """Noise that depends on the epoch and the example."""

    augmented = True

    def batch(self, epoch, index):
        x, y = super().batch(epoch, index)
        return x + np.random.default_rng([epoch, index]).normal(size=x.shape).astype("float32"), y


@pytest.mark.parametrize(
    ("source", "where", "strategy"),
    [
        (training.ArrayBatches, "memory", {"max_stages": 3}),
        (Unordered, "folder", {"strategy": "selective", "patterns": ["stage2"]}),
    ],
    ids=["gradual-memory", "selective-folder"],
)
def test_equals_training_without(network, odd_images, tmp_path, source, where, strategy, caplog):
    """22 examples in shuffled batches of 8: same order, same losses, same weights."""
    data = source(*odd_images, batch=8, seed=3)
    options = {"cache": True if where == "memory" else tmp_path / "cache", "validation": odd_images, **strategy}
    with caplog.at_level(logging.INFO, "kerasarch.training.cache"):
        kept_history, kept = fitted(network(), copy.copy(data), **options)
    assert "kept the activations of 44 examples" in caplog.text
    history, plain = fitted(network(), copy.copy(data), cache=False, validation=odd_images, **strategy)
    for ours, theirs in zip(kept, plain, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=2e-3, atol=2e-4)
    for stage in history:
        for name in ("loss", "val_loss", "accuracy"):
            assert kept_history[stage][name] == pytest.approx(history[stage][name], rel=1e-3, abs=1e-4)
    if where == "folder":
        assert list((tmp_path / "cache").iterdir()) == []  # removed at the end of each stage


def test_several_tensors_cross_the_boundary(network):
    """Below stage2 the cut runs through a block's input and the skip around it: one tensor, read twice."""
    model = network()
    for layer in model.layers:
        layer.trainable = layer.name == "stage2_block2" or layer.name == "head"
    for name in ("stage1_block1", "stage2_block1"):
        model.get_layer(name).dropout.rate = 0.0
    parts = cut(model)
    assert [tensor.shape for tensor in parts.top.inputs] == [(None, 6, 6, 4), (None, 6, 6, 4)]
    x = np.random.default_rng(0).normal(size=(3, 6, 6, 2)).astype("float32")
    np.testing.assert_allclose(
        parts.top.predict(parts.base.predict(x, verbose=0), verbose=0),
        model.predict(x, verbose=0),
        rtol=1e-5,
        atol=1e-6,
    )
    assert [v.path.split("/")[0] for v in parts.top.trainable_variables][::6] == ["stage2_block2"]


def test_cut_rises_through_layers_that_cannot_change(network):
    """Pooling belongs to the head's group and is computed once; its dropout is random and is not."""
    model = network(dropout=0.5)
    for layer in model.layers:
        layer.trainable = layer.name == "head"
    for name in ("stage1_block1", "stage2_block1", "stage2_block2"):
        model.get_layer(name).dropout.rate = 0.0
    top = cut(model).top
    assert top.inputs[0].shape == (None, 4)
    assert [type(layer).__name__ for layer in top.layers] == ["InputLayer", "Dropout", "Dense"]


def test_cut_is_refused(network, subclassed):
    model = network()
    assert "right behind the input: stem_conv" in cut(model).refusal
    assert "no graph" in cut(subclassed).refusal
    inputs = keras.Input((6, 6, 2))
    flipped = keras.layers.RandomFlip(seed=1, name="flip")(inputs)
    augmenting = keras.Model(inputs, keras.layers.Dense(2, name="head")(keras.layers.Flatten()(flipped)))
    assert "right behind the input: flip" in cut(augmenting).refusal


def test_views_of_augmented_data(network, odd_images):
    """Two views go round: epoch 2 sees what epoch 0 saw, epoch 3 what epoch 1 saw."""
    model = network()
    for layer in model.layers:
        layer.trainable = layer.name == "head"
    for name in ("stage1_block1", "stage2_block1", "stage2_block2"):
        model.get_layer(name).dropout.rate = 0.0
    data = Augmented(*odd_images, batch=8)
    cache = BoundaryCache(cut(model).base, data, None, epochs=4, augmented=True, views=2)
    for index in range(3):
        first, second, third, fourth = (cache.train.batch(epoch, index) for epoch in range(4))
        np.testing.assert_array_equal(first[0], third[0])
        np.testing.assert_array_equal(second[0], fourth[0])
        np.testing.assert_array_equal(first[1], data.batch(0, index)[1])
        assert not np.array_equal(first[0], second[0])
        expected = cut(model).base.predict(data.batch(1, index)[0], verbose=0)
        np.testing.assert_allclose(second[0], expected, rtol=1e-4, atol=1e-5)
    assert cache.examples == 44
    assert cache.size() >= 44 * 4 * 4


def test_augmentation_is_noticed(odd_images):
    """Data that do not say whether they are augmented are looked at."""

    class Unsaid(Augmented):
        augmented = None

    assert changes(Unsaid(*odd_images, batch=8))
    assert not changes(Unordered(*odd_images, batch=8))
    short = Unordered(*odd_images, batch=8)
    short.steps = 2  # the remainder is left out, so that the next epoch brings new examples
    assert not changes(short)


def test_examples_that_the_first_epoch_leaves_out(network, odd_images):
    """With the remainder dropped, later epochs bring examples that the first did not have."""
    results = []
    for cache in (True, False):
        data = training.ArrayBatches(*odd_images, batch=8)
        data.steps = 2
        results.append(fitted(network(), data, strategy="extract", epochs=4, cache=cache)[1])
    for ours, theirs in zip(*results, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)


def test_equals_training_without_for_the_epochs_that_are_views(network, images):
    """With as many views as epochs nothing is repeated, so that augmented training is the same too."""
    _, kept = fitted(network(), Augmented(*images, batch=8), strategy="extract", views=2)
    _, plain = fitted(network(), Augmented(*images, batch=8), strategy="extract", cache=False)
    for ours, theirs in zip(kept, plain, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)


def test_limit_is_kept_and_said(network, images, caplog):
    with caplog.at_level(logging.WARNING):
        fitted(network(), training.ArrayBatches(*images), strategy="extract", epochs=1, cache_gb=1e-9)
    assert "head: activations are not kept" in caplog.text
    assert "the limit (cache_gb) is 1e-09 GB" in caplog.text


def test_full_disk_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda folder: types.SimpleNamespace(free=1000))
    assert "0.00 GB left" in refusal(2000, 1.0, tmp_path / "new")
    assert refusal(500, 1.0, tmp_path) == ""


def test_data_without_epochs(network, images, caplog):
    class Plain(keras.utils.PyDataset):
        num_batches = 2

        def __getitem__(self, index):
            return images[0][8 * index : 8 * index + 8], images[1][8 * index : 8 * index + 8]

    with caplog.at_level(logging.WARNING):
        history, _ = fitted(network(), Plain(), strategy="extract", epochs=1)
    assert "does not say which batch an epoch serves" in caplog.text
    assert len(history["head"]["loss"]) == 1
