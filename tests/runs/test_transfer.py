"""Every option of the transfer recipes does what it says, on a network small enough to be followed."""

import contextlib
import dataclasses

import keras
import numpy as np
import pytest
from keras import ops
from matplotlib.figure import Figure

from kerasarch import models
from kerasarch.data import ArrayImages, batches
from kerasarch.data.views import views
from kerasarch.errors import UsageError
from kerasarch.runs.transfer import CHANGES, compare_transfer, learning_batches
from kerasarch.training import TransferOptions, WeightPath

CLASSES = ("a", "b", "c")
SIZE = (6, 8)
same_everywhere = pytest.mark.quick_on("torch")  # of which a backend computes nothing but what other tests cover


def pictures(counts, seed=0):
    """Grey pictures whose left half is the brighter, the higher the class; of a larger size than the network's."""
    labels = np.repeat(np.arange(3), counts)
    images = np.random.default_rng(seed).integers(0, 60, (len(labels), 9, 12, 1))
    images[:, :, :6] += labels[:, None, None, None] * 90
    return ArrayImages(images.astype(np.uint8), labels, CLASSES)


TRAIN, VALIDATION, TEST = pictures((10, 4, 2)), pictures((3, 3, 3), seed=1), pictures((4, 4, 4), seed=2)


def make(pretrained, seed=3):
    """Two convolutions that differ between trained and fresh weights, and a head from the seed."""
    start = keras.initializers.GlorotUniform(seed=1 if pretrained else 2)
    pixels = keras.Input((*SIZE, 1), name="pixel_values")
    x = keras.layers.Rescaling(1 / 255, name="stem_scale")(pixels)
    x = keras.layers.Conv2D(4, 3, strides=2, activation="relu", kernel_initializer=start, name="stem_conv")(x)
    x = keras.layers.Conv2D(4, 2, activation="relu", kernel_initializer=start, name="stage1_conv")(x)
    x = keras.layers.Flatten(name="head_flat")(x)
    head = keras.layers.Dense(3, kernel_initializer=keras.initializers.GlorotUniform(seed=seed), name="head")
    said = models.Preprocessing(size=SIZE, mean=(0.0,), std=(1.0,), interpolation="bicubic")
    return models.Network(pixels, head(x), name="made", preprocessing=said)


class Recorded:
    """A run that keeps what it is given and trains when it is asked to."""

    smoke, seed = False, 3

    def __init__(self, trains=False):
        self.trains, self.fits, self.tables, self.saved = trains, [], {}, None
        self.seen, self.labels = [], []

    def fit(self, name, model, data, *, epochs, validation_data=None, callbacks=()):
        self.fits.append((name, model, data, data.epoch, list(callbacks)))
        if not self.trains:
            return {}
        path = WeightPath()
        first = data.epoch
        history = model.fit(
            data, initial_epoch=first, epochs=first + epochs, validation_data=validation_data, verbose=0,
            callbacks=[*callbacks, path],
        )  # fmt: skip
        kept = [ops.convert_to_numpy(variable.value) for variable in model.trainable_variables]
        kept = np.concatenate([weights.ravel() for weights in kept])
        watched = None if validation_data is None else model.evaluate(validation_data, verbose=0, return_dict=True)
        self.seen.append((path.path, kept, history.history, watched))
        self.labels.append([data.batch(first + epoch, 0)[1] for epoch in range(epochs)])
        return history.history

    def table(self, name, rows, caption=""):
        self.tables[name] = rows

    def save(self, model):
        self.saved = model

    def figure(self, name, caption=""):
        self.tables[name] = caption
        return contextlib.nullcontext(Figure(layout="constrained"))

    def confusion(self, matrix, classes):
        self.tables["confusion"] = matrix

    def say(self, text): ...
    def examples(self, images, labels, predictions, classes): ...


def transferred(trains=False, augment=None, **options):
    chosen = TransferOptions(**{"epochs": 1, "batch": 8, "compare": False, "max_stages": 2, **options})
    shape = {"size": SIZE, "channels": 1, "interpolation": "bicubic", "seed": 3}
    train = learning_batches(TRAIN, chosen, augment, batch=chosen.batch, **shape)
    others = [batches(source, batch=16, shuffle=False, **shape) for source in (VALIDATION, TEST)]
    run = Recorded(trains)
    return run, compare_transfer(run, make, train, *others, chosen)


def softmax(model, images):
    return ops.convert_to_numpy(ops.softmax(model(images.astype("float32"))))


def shown():
    """The test pictures as the network sees them."""
    return batches(TEST, batch=16, size=SIZE, channels=1, shuffle=False, interpolation="bicubic")[0][0]


def test_the_report_judges_the_network_that_is_saved():
    run, result = transferred(trains=True, strategy="full", epochs=20, learning_rate=0.05, decay=1.0)
    assert set(result) == {"accuracy", "macro_f1", "roc_auc", "calibration_error"}
    assert result["accuracy"] == np.mean(softmax(run.saved, shown()).argmax(axis=1) == TEST.labels)
    assert result["accuracy"] > 0.6
    scores = {row["score"]: row["value"] for row in run.tables["scores"]}
    assert scores["accuracy"] == round(result["accuracy"], 4)
    assert {"macro precision", "macro recall", "micro F1", "ROC AUC", "expected calibration error"} <= set(scores)
    assert [row["class"] for row in run.tables["classes"]] == list(CLASSES)
    assert run.tables["confusion"].sum() == len(TEST)
    assert "calibration" in run.tables


@same_everywhere
def test_rare_classes_weigh_more():
    logits = np.array([[1.0, -1.0, 0.5], [0.2, 0.1, 2.0]], "float32")
    log = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    weights = 16 / (3 * np.array([10, 4, 2]))
    for option, factors in (("balanced", weights), ("none", np.ones(3))):
        run, _ = transferred(class_weights=option, label_smoothing=0.3)
        each = [factors[label] * (0.7 * log[row, label] + 0.1 * log[row].sum()) for row, label in ((0, 0), (1, 2))]
        for _, model, *_ in run.fits:
            assert float(ops.convert_to_numpy(model.loss(np.array([0, 2]), logits))) == pytest.approx(
                -np.mean(each), rel=1e-5
            )


@same_everywhere
def test_pictures_are_changed_for_training_alone():
    def served(augment=None, **options):
        return learning_batches(TRAIN, TransferOptions(**options), augment, batch=16, size=SIZE, seed=1).batch(0, 0)

    plain = {image.tobytes() for image in served()[0]}

    def kept(images):
        return [image.tobytes() in plain for image in images]

    assert served()[1].shape == (16,)
    images, _ = served(mirror=True)
    back = kept(np.ascontiguousarray(images[:, :, ::-1]))
    assert 0 < sum(kept(images)) < 16
    assert all(straight or turned for straight, turned in zip(kept(images), back, strict=True))
    for option in ("mixup", "cutmix"):
        _, labels = served(**{option: 1.0})
        assert any(0 < value < 1 for value in labels.ravel())
        np.testing.assert_allclose(labels.sum(axis=1), 1, rtol=1e-5)
    still = dataclasses.replace(CHANGES, flip=False)
    assert not np.array_equal(served(CHANGES)[0], served(still)[0])
    np.testing.assert_array_equal(served(CHANGES)[0], served(still, mirror=True)[0])


def test_mixed_labels_are_learned_from_kept_activations():
    run, _ = transferred(trains=True, mixup=1.0, epochs=3, views=2)
    assert run.fits[0][0] == "gradual/head"
    first, second, third = run.labels[0]
    assert first.shape == (8, 3)
    np.testing.assert_array_equal(first, third)  # the views come round
    assert not np.array_equal(first, second)
    assert all(np.isfinite(history["loss"]).all() for _, _, history, _ in run.seen)


@pytest.mark.parametrize("patience", [None, 1])
def test_averages_of_weights_are_watched_and_kept_in_every_stage(patience):
    run, _ = transferred(trains=True, average=0.6, learning_rate=0.05, epochs=2, warmup_epochs=0, patience=patience)
    assert len(run.seen) == 2
    for path, kept, history, watched in run.seen:
        expected = min(history["val_loss"]) if patience else history["val_loss"][-1]
        assert watched["loss"] == pytest.approx(expected, rel=1e-4)
        assert np.abs(path[-1] - kept).max() > 1e-4
    if patience is None:  # the head begins its stages with an average of its own
        path, kept, *_ = run.seen[0]
        average = path[0]
        for weights in path[1:]:
            average = 0.6 * average + 0.4 * weights
        np.testing.assert_allclose(kept, average, rtol=1e-4, atol=1e-6)
    assert softmax(run.saved, shown()).shape == (12, 3)


@pytest.mark.parametrize("mirror", [False, True])
def test_views_are_averaged_as_the_weights_saw_pictures(mirror, monkeypatch):
    reported = []
    monkeypatch.setattr(
        "kerasarch.runs.classification_report.report_classifier", lambda run, test, found: reported.append(found)
    )
    run, result = transferred(tta=True, mirror=mirror)
    images = np.rint(shown()).astype(np.uint8)
    means = {
        name: np.mean([softmax(run.saved, view) for view in views(images, mirror=mirror, interpolation=name)], axis=0)
        for name in ("bicubic", "bilinear")
    }
    np.testing.assert_allclose(reported[0], means["bicubic"], atol=1e-5)
    assert result["accuracy"] == np.mean(means["bicubic"].argmax(axis=1) == TEST.labels)
    assert np.abs(means["bicubic"] - means["bilinear"]).max() > 1e-4
    assert np.abs(means["bicubic"] - softmax(run.saved, images)).max() > 1e-4


def test_an_ensemble_is_the_mean_of_its_networks(tmp_path):
    run, result = transferred(ensemble=3, compare=True)
    names = [name for name, *_ in run.fits]
    assert names[:3] == ["gradual/head", "gradual/stem-stage1", "gradual/network2/head"]
    assert [name for name in names if name.startswith("scratch")] == ["scratch/full"]
    starts = {name: epoch for name, _, _, epoch, _ in run.fits}
    assert [starts[f"gradual/{part}head"] for part in ("", "network2/", "network3/")] == [0, 2, 4]
    assert starts["extract/head"] == starts["scratch/full"] == 0
    rows = run.tables["networks"]
    assert [row["network"] for row in rows] == ["network 1", "network 2", "network 3", "ensemble"]
    heads = [run.saved.get_layer(f"network{number}").get_layer("head").get_weights()[0] for number in (1, 2, 3)]
    assert np.abs(heads[0] - heads[1]).max() > 1e-2
    assert np.abs(heads[1] - heads[2]).max() > 1e-2
    each = [softmax(run.saved.get_layer(f"network{number}"), shown()) for number in (1, 2, 3)]
    right = [np.mean(found.argmax(axis=1) == TEST.labels) for found in each]
    assert result["network_accuracy"] == pytest.approx(np.mean(right))
    assert result["accuracy"] == np.mean(np.mean(each, axis=0).argmax(axis=1) == TEST.labels)
    assert result["gain_over_scratch"] == pytest.approx(np.mean(right) - result["scratch_accuracy"])
    assert run.tables["strategies"][0]["strategy"] == "gradual, 3 networks"
    run.saved.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(softmax(loaded, shown()), np.mean(each, axis=0), atol=1e-5)
    assert loaded.preprocessing.interpolation == "bicubic"


@pytest.mark.backend_free
@pytest.mark.parametrize("mixing", [{"mixup": 0.2}, {"cutmix": 1.0}, {"mixup": 0.2, "cutmix": 1.0}])
def test_one_image_cannot_be_mixed(mixing):
    words = " and ".join(f"--{name} {value:g}" for name, value in mixing.items())
    with pytest.raises(UsageError, match=f"--batch: received 1 with {words}"):
        TransferOptions(batch=1, **mixing)
    assert TransferOptions(batch=2, **mixing).batch == 2
