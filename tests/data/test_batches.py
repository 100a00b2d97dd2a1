"""Batches: what they hold, in which order, and that a resumed fit sees what an uninterrupted one does."""

import json

import keras
import numpy as np
import pytest
from PIL import Image

from kerasarch import data
from kerasarch.data import Augmentation
from kerasarch.errors import DataError, UsageError

# Keras' variables and PyTorch's tensors do not yet know NumPy's copy argument.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")
MIXED = Augmentation(rotation=20, scale=(0.8, 1.2), shift=0.1, crop=(0.5, 1), mixup=0.3, cutmix=1.0)


def numbered(count=23, classes=4, size=(4, 5)):
    """Pictures whose every pixel is the number of the picture."""
    images = np.empty((count, *size, 3), np.uint8)
    images[:] = np.arange(count, dtype=np.uint8)[:, None, None, None]
    return data.ArrayImages(images, np.arange(count) % classes, [f"class {index}" for index in range(classes)])


def numbers(batch):
    return batch[0][:, 0, 0, 0].astype(int).tolist()


def epoch_numbers(batches, epoch):
    return [number for index in range(batches.steps) for number in numbers(batches.batch(epoch, index))]


def test_contents_and_types():
    batches = data.batches(numbered(), batch=5, size=(4, 5), shuffle=False)
    assert (len(list(batches)), batches.steps, batches.num_batches) == (5, 5, 5)
    images, labels = batches[1]
    assert (images.shape, images.dtype, labels.dtype) == ((5, 4, 5, 3), np.float32, np.int64)
    assert numbers(batches[1]) == [5, 6, 7, 8, 9]
    assert labels.tolist() == [1, 2, 3, 0, 1]
    assert len(batches[4][0]) == 3
    assert images.flags.c_contiguous
    centred = data.batches(numbered(), batch=5, size=(4, 5), shuffle=False, pixels=(-1, 1))[1][0]
    np.testing.assert_allclose(centred[:, 0, 0, 0], np.arange(5, 10) / 127.5 - 1, atol=1e-6)
    assert np.array_equal(batches.labels, numbered().labels)
    with pytest.raises(IndexError):
        batches[5]


@pytest.mark.parametrize("arguments", [{}, {"shuffle": False}, {"drop_remainder": True}, {"augment": MIXED}])
def test_order_tells_what_an_epoch_holds_without_loading_it(arguments):
    labels = "one_hot" if "augment" in arguments else "int"
    batches = data.batches(numbered(), batch=5, size=(4, 5), seed=1, labels=labels, **arguments)
    plain = data.batches(numbered(), batch=5, size=(4, 5), seed=1, **arguments | {"augment": None})
    for epoch in (0, 3):
        assert batches.order(epoch).tolist() == epoch_numbers(plain, epoch)
    assert batches.augmented is ("augment" in arguments)


def test_every_epoch_is_a_permutation_of_its_own():
    batches = data.batches(numbered(), batch=5, size=(4, 5), seed=1)
    epochs = [epoch_numbers(batches, epoch) for epoch in range(3)]
    assert all(sorted(epoch) == list(range(23)) for epoch in epochs)
    assert epochs[0] != epochs[1] != epochs[2] != epochs[0]
    for epoch in range(3):
        for index in range(batches.steps):
            images, labels = batches.batch(epoch, index)
            assert (labels == images[:, 0, 0, 0] % 4).all()
    other = data.batches(numbered(), batch=5, size=(4, 5), seed=2)
    assert epoch_numbers(other, 0) != epochs[0]
    assert epoch_numbers(other, 0) != epochs[1]  # seeds that follow each other do not repeat each other's epochs


@pytest.mark.parametrize("augment", [None, MIXED])
def test_a_batch_depends_on_seed_epoch_and_index_alone(augment):
    def make():
        return data.batches(numbered(), batch=5, size=(6, 6), labels="one_hot", augment=augment, seed=7)

    first, second = make(), make()
    straight = {(epoch, index): first.batch(epoch, index) for epoch in range(2) for index in range(5)}
    for position in reversed(straight):  # the other way round
        for expected, found in zip(straight[position], second.batch(*position), strict=True):
            assert np.array_equal(expected, found)


def test_one_hot_and_more_classes():
    batches = data.batches(numbered(), batch=5, size=(4, 5), labels="one_hot", classes=6, shuffle=False)
    assert np.array_equal(batches[0][1], np.eye(6, dtype=np.float32)[[0, 1, 2, 3, 0]])


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_channels_first(channels):
    keras.config.set_image_data_format("channels_first")
    try:
        first = data.batches(numbered(), batch=4, size=(6, 3), channels=channels, seed=3)[0][0]
    finally:
        keras.config.set_image_data_format("channels_last")
    last = data.batches(numbered(), batch=4, size=(6, 3), channels=channels, seed=3)[0][0]
    assert first.shape == (4, channels, 6, 3)
    assert np.array_equal(first, last.transpose(0, 3, 1, 2))


@pytest.mark.parametrize(
    ("count", "batch", "drop", "sizes"), [(3, 8, False, [3]), (9, 4, True, [4, 4]), (3, 1, False, [1] * 3)]
)
def test_sizes_of_batches(count, batch, drop, sizes):
    batches = data.batches(numbered(count), batch=batch, size=(4, 5), drop_remainder=drop)
    assert [len(images) for images, _ in batches] == sizes


def test_impossible_batches():
    with pytest.raises(DataError, match="3 images do not fill a batch of 8"):
        data.batches(numbered(3), batch=8, size=(4, 4), drop_remainder=True)
    with pytest.raises(DataError, match="no images"):
        data.batches(numbered().subset([]), batch=8, size=(4, 4))
    for wrong in (
        {"batch": 0},
        {"size": (0, 3)},
        {"workers": -1},
        {"labels": "binary"},
        {"channels": 2},
        {"classes": 3},
    ):
        with pytest.raises(UsageError, match=next(iter(wrong))):
            data.batches(numbered(), **{"batch": 4, "size": (4, 4), **wrong})
    with pytest.raises(UsageError, match="one_hot"):
        data.batches(numbered(), batch=4, size=(4, 4), augment=Augmentation(mixup=0.2))


def cubic(row):
    """Twice as many values by cubic convolution with a = -1/2: Keys, 1981, eq. 4, at distances of 1/4 and 3/4."""
    nearer, far = np.array([-9, 111, 29, -3]) / 128, np.array([-3, 29, 111, -9]) / 128
    windows = np.lib.stride_tricks.sliding_window_view(row, 4)
    return np.stack([windows[:-1] @ far, windows[1:] @ nearer], axis=1).ravel()


@pytest.mark.parametrize("augment", [None, Augmentation(saturation=0.9)])  # grey stays as it is
def test_pictures_are_resized_as_asked(augment):
    row = np.random.default_rng(0).integers(60, 200, 12, dtype=np.uint8)
    pictures = data.ArrayImages(np.broadcast_to(row[None, None, :, None], (1, 12, 12, 1)), [0], ["one"])
    shape = {"batch": 1, "size": (12, 24), "channels": 1, "augment": augment}
    found = {
        name: data.batches(pictures, **shape, interpolation=name)[0][0][0, 5, :, 0] for name in ("nearest", "bicubic")
    }
    assert np.array_equal(found["nearest"], np.repeat(row, 2))
    assert np.abs(found["bicubic"][4:-4] - cubic(row)).max() <= 1
    plain = data.batches(pictures, **shape)[0][0][0, 5, :, 0]
    assert np.abs(plain[1:-1:2] - (0.75 * row[:-1] + 0.25 * row[1:])).max() <= 1
    with pytest.raises(UsageError, match=r"one of nearest, bilinear, bicubic, lanczos. Received 'area'"):
        data.batches(pictures, **shape, interpolation="area")


def test_mixed_files_become_equal(tmp_path):
    sizes = {
        "a/1.png": ((9, 4), "RGB"),
        "a/2.png": ((3, 30), "L"),
        "b/3.png": ((5, 5), "RGBA"),
        "b/4.jpg": ((64, 40), "CMYK"),
    }
    for name, (size, mode) in sizes.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.new(mode, size).save(tmp_path / name)
    source = data.load_images(tmp_path, validation=0.5)
    for part in (source.train, source.validation):
        images, labels = data.batches(part, batch=2, size=(8, 6), shuffle=False)[0]
        assert images.shape == (2, 8, 6, 3)
        assert labels.tolist() == [0, 1]


class Spy(keras.callbacks.Callback):
    """Keeps the weights after each batch, and the position."""

    def __init__(self, batches):
        super().__init__()
        self.batches, self.weights, self.states = batches, [], []

    def on_train_batch_end(self, batch, logs=None):
        self.weights.append([keras.ops.convert_to_numpy(value.value).copy() for value in self.model.variables])
        self.states.append(json.loads(json.dumps(self.batches.state(batch + 1))))


def small_fit(state=None, weights=None):
    batches = data.batches(numbered(), batch=5, size=(4, 4), labels="one_hot", augment=MIXED, seed=5)
    if state:
        batches.restore(state)
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [keras.Input((4, 4, 3)), keras.layers.Rescaling(1 / 255), keras.layers.Flatten(), keras.layers.Dense(4)]
    )
    if weights:
        model.set_weights(weights)
    model.compile("sgd", keras.losses.CategoricalCrossentropy(from_logits=True))
    spy = Spy(batches)
    model.fit(batches, initial_epoch=batches.epoch, epochs=3, callbacks=[spy], verbose=0)
    return spy


def test_a_resumed_fit_ends_with_the_same_weights():
    whole = small_fit()
    assert len(whole.weights) == 15
    for done in (3, 5, 11):
        rest = small_fit(whole.states[done - 1], whole.weights[done - 1])
        assert len(rest.weights) == 15 - done
        for expected, found in zip(whole.weights[-1], rest.weights[-1], strict=True):
            assert np.array_equal(expected, found)


def test_evaluate_and_predict_leave_the_position_to_fit():
    batches = data.batches(numbered(), batch=5, size=(4, 4), shuffle=False)
    model = keras.Sequential([keras.Input((4, 4, 3)), keras.layers.Flatten(), keras.layers.Dense(4)])
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    first = model.predict(batches, verbose=0)
    assert first.shape == (23, 4)
    np.testing.assert_array_equal(first, model.predict(batches, verbose=0))
    losses = [model.evaluate(batches, verbose=0) for _ in range(2)]
    assert losses[0] == losses[1]
    model.fit(data.batches(numbered(), batch=8, size=(4, 4)), validation_data=batches, epochs=2, verbose=0)
