"""Every option of the classification recipes does what it says; fits are recorded, and trained where that matters."""

import json

import keras
import numpy as np
import pytest
from keras import ops

from kerasarch import models
from kerasarch.data import ArrayImages, ImageSplits
from kerasarch.data.views import views
from kerasarch.runs.classification import compare_classifiers, train_classifier
from kerasarch.runs.predictions import predict_probabilities
from kerasarch.training import ClassificationOptions, WeightPath
from kerasarch.training.classification import make_optimizer

CLASSES = ("a", "b", "c")
same_everywhere = pytest.mark.quick_on("torch")  # of which a backend computes nothing but what other tests cover


def pictures(count=30, seed=0, size=(4, 6)):
    """Grey pictures whose left half is the brighter, the higher the class."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % 3
    images = rng.integers(0, 60, (count, *size, 1))
    images[:, :, : size[1] // 2] += labels[:, None, None, None] * 90
    return ArrayImages(images.astype(np.uint8), labels, CLASSES)


def splits(train=24):
    return ImageSplits("made", CLASSES, pictures(train), pictures(9, seed=1), pictures(12, seed=2))


def make(shape):
    """A linear classifier of the mean over all positions and of the picture's left edge."""
    pixels = keras.Input(shape, name="pixel_values")
    x = keras.layers.GlobalAveragePooling2D(name="stem_pool")(pixels)
    x = keras.layers.Rescaling(1 / 255, name="stem_scale")(x)
    return models.Network(pixels, keras.layers.Dense(3, name="head")(x), name="made")


class Recorded:
    """A run that keeps what it is given and trains when it is asked to."""

    smoke, seed = False, 3

    def __init__(self, train=False):
        self.trains, self.fits, self.tables, self.saved, self.watchers = train, [], {}, None, []

    def fit(self, name, model, data, *, epochs, validation_data=None, callbacks=()):
        self.fits.append((name, model, data, epochs, data.epoch, validation_data, list(callbacks)))
        if self.trains:
            callbacks = [*callbacks, *self.watchers]
            first = data.epoch
            history = model.fit(
                data, initial_epoch=first, epochs=first + epochs, validation_data=validation_data, verbose=0,
                callbacks=callbacks,
            )  # fmt: skip
            return history.history
        return {}

    def table(self, name, rows, caption=""):
        self.tables[name] = rows

    def save(self, model):
        self.saved = model

    def figure(self, name, caption=""):
        import contextlib

        from matplotlib.figure import Figure

        return contextlib.nullcontext(Figure(layout="constrained"))

    def say(self, text): ...
    def confusion(self, matrix, classes): ...
    def examples(self, images, labels, predictions, classes): ...


def trained(train=False, data=None, make=make, **options):
    run = Recorded(train)
    chosen = ClassificationOptions(**{"epochs": 2, "batch": 8, **options})
    return run, train_classifier(run, make, data or splits(), chosen)


def first(run):
    return run.fits[0]


def numbers(tensor):
    return ops.convert_to_numpy(tensor)


def test_one_network_is_trained_judged_reported_and_saved():
    run, result = trained(train=True, learning_rate=0.5, epochs=10, optimizer="sgd")
    name, model, data, epochs, *_ = first(run)
    assert (name, epochs, data.steps) == ("training", 10, 3)
    assert run.saved is model
    assert result["accuracy"] > 0.6
    assert set(result) == {"accuracy", "macro_f1", "roc_auc", "calibration_error"}
    test = splits().test
    probabilities = numbers(ops.softmax(model(test.images.astype("float32"))))
    assert result["accuracy"] == np.mean(probabilities.argmax(axis=1) == test.labels)
    by_name = {row["score"]: row["value"] for row in run.tables["scores"]}
    assert by_name["accuracy"] == round(result["accuracy"], 4)
    assert {"macro precision", "macro recall", "micro F1", "ROC AUC", "expected calibration error"} <= set(by_name)
    assert [row["class"] for row in run.tables["classes"]] == list(CLASSES)


@same_everywhere
def test_batch_workers_and_size_reach_the_batches():
    run, _ = trained(batch=5, workers=2, image_size=7)
    _, model, data, _, _, validation, _ = first(run)
    assert model.input_shape == (None, 7, 7, 1)
    assert (data.steps, data.worker_count, validation.worker_count) == (4, 2, 2)  # the rest of 24 is left out
    assert data.batch(0, 0)[0].shape == (5, 7, 7, 1)
    assert trained()[0].fits[0][1].input_shape == (None, 4, 6, 1)


def test_optimizer():
    model = make((4, 6, 1))
    kernel, bias = model.get_layer("head").weights
    for name in ("AdamW", "Adam", "SGD", "RMSprop", "Lion", "Lamb", "Nadam"):
        options = ClassificationOptions(optimizer=name.lower(), weight_decay=0.03)
        optimizer = make_optimizer(model, options, steps=3)
        assert type(optimizer).__name__ == name
        assert optimizer.weight_decay == 0.03
        assert optimizer._use_weight_decay(kernel)
        assert not optimizer._use_weight_decay(bias)
        assert not optimizer.use_ema
        if name == "SGD":
            assert (optimizer.momentum, optimizer.nesterov) == (0.9, True)
    assert type(first(trained(optimizer="lion")[0])[1].optimizer).__name__ == "Lion"


@same_everywhere
def test_rate_rises_and_falls():
    run, _ = trained(epochs=4, learning_rate=0.2, warmup_epochs=1)  # 3 steps an epoch
    rates = [float(numbers(first(run)[1].optimizer._learning_rate(step))) for step in range(12)]
    np.testing.assert_allclose(rates[:3], [0.2 / 3, 0.4 / 3, 0.2], rtol=1e-5)
    expected = [0.2 * 0.5 * (1 + np.cos(np.pi * (step - 3) / 9)) for step in range(3, 12)]
    np.testing.assert_allclose(rates[3:], expected, rtol=1e-5)
    run, _ = trained(epochs=4, learning_rate=0.2, warmup_epochs=0, cosine=False)
    assert [float(numbers(first(run)[1].optimizer._learning_rate(step))) for step in (0, 11)] == pytest.approx(
        [0.2] * 2
    )


def test_loss_smooths_labels_and_weighs_classes():
    few = splits().train.subset([0, 3, 6, 9, 12, 15, 1, 4, 2])  # 6, 2 and 1 of the classes
    data = ImageSplits("made", CLASSES, few, pictures(9, seed=1))
    run, _ = trained(data=data, label_smoothing=0.3, class_weights="balanced")
    logits = np.array([[1.0, -1.0, 0.5], [0.2, 0.1, 2.0]], "float32")
    log = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    target = np.array([[0.8, 0.1, 0.1], [0.1, 0.1, 0.8]])
    weights = 9 / (3 * np.array([6, 2, 1]))
    expected = np.mean(-(target * log).sum(axis=1) * weights[[0, 2]])
    loss = first(run)[1].loss
    assert float(numbers(loss(np.array([0, 2]), logits))) == pytest.approx(expected, rel=1e-5)
    mixed = np.array([[0.5, 0.5, 0]], "float32")
    target = 0.7 * mixed + 0.1
    expected = float(-(target * log[:1]).sum() * (weights[0] + weights[1]) / 2)
    assert float(numbers(loss(mixed, logits[:1]))) == pytest.approx(expected, rel=1e-5)
    loss = trained(data=data)[0].fits[0][1].loss
    assert float(numbers(loss(np.array([0, 2]), logits))) == pytest.approx(-np.mean([log[0, 0], log[1, 2]]), rel=1e-5)


@same_everywhere
def test_pictures_are_changed_for_training_alone():
    originals = {image.tobytes() for image in splits().train.images}

    def served(**options):
        data = first(trained(**options)[0])[2]
        return [data.batch(0, index) for index in range(data.steps)]

    def kept(found):
        return [image.astype(np.uint8).tobytes() in originals for images, _ in found for image in images]

    assert all(kept(served()))
    assert not any(kept(served(augment=True)))
    mirrored = served(mirror=True)
    back = kept([(images[:, :, ::-1], labels) for images, labels in mirrored])
    assert 0 < sum(kept(mirrored)) < 24
    assert all(straight or turned for straight, turned in zip(kept(mirrored), back, strict=True))
    for option in ("mixup", "cutmix"):
        found = served(**{option: 1.0})
        assert any(0 < value < 1 for _, labels in found for value in labels.ravel())
    validation = first(trained(augment=True, mixup=1.0, mirror=True)[0])[5]
    assert all(image.astype(np.uint8) in pictures(9, seed=1).images for image in validation.batch(0, 0)[0])


@same_everywhere
def test_sizes_follow_each_other():
    run, _ = trained(sizes=(4, 6, 8), epochs=7)
    names, nets, data, epochs, begin, validation, _ = zip(*run.fits, strict=True)
    assert names == ("training/4x4", "training/6x6", "training/8x8")
    assert epochs == (2, 2, 3)
    assert begin == (0, 2, 4)  # no order of the pictures comes twice
    assert nets[0] is nets[1] is nets[2]
    assert [found.batch(0, 0)[0].shape[1] for found in data] == [4, 6, 8]
    assert [found.batch(0, 0)[0].shape[1] for found in validation] == [4, 6, 8]
    assert run.saved.input_shape == (None, 8, 8, 1)
    for ours, theirs in zip(run.saved.get_weights(), nets[0].get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_averages_of_weights_are_watched_and_kept():
    run = Recorded(train=True)
    path = WeightPath()
    run.watchers.append(path)
    options = ClassificationOptions(epochs=2, batch=8, average=0.6, learning_rate=0.3, optimizer="sgd")
    train_classifier(run, make, splits(), options)
    average = path.path[0]
    for weights in path.path[1:]:
        average = 0.6 * average + 0.4 * weights
    final = np.concatenate([weight.ravel() for weight in run.saved.get_weights()])
    np.testing.assert_allclose(final, average, rtol=1e-4, atol=1e-6)
    assert np.abs(path.path[-1] - average).max() > 1e-3
    # The last validation judged the averages, with which training ended.
    validation = first(run)[5]
    loss = run.saved.history.history["val_loss"][-1]
    assert loss == pytest.approx(run.saved.evaluate(validation, verbose=0, return_dict=True)["loss"], rel=1e-4)


@pytest.mark.parametrize("average", [pytest.param(0.0, marks=pytest.mark.quick_on("jax", "torch")), 0.5])
def test_patience_keeps_the_best(average):
    images = splits()
    wrong = ArrayImages(images.validation.images, (images.validation.labels + 1) % 3, CLASSES)
    data = ImageSplits("made", CLASSES, images.train, wrong, images.test)
    run, _ = trained(
        train=True, data=data, patience=2, epochs=9, average=average, learning_rate=0.5, warmup_epochs=0,
        optimizer="sgd", cosine=False,
    )  # fmt: skip
    losses = run.saved.history.history["val_loss"]
    assert len(losses) < 9
    kept = run.saved.evaluate(first(run)[5], verbose=0, return_dict=True)["loss"]
    assert kept == pytest.approx(min(losses), rel=1e-4)
    assert kept < losses[-1]


def test_views_are_averaged():
    model = make((4, 6, 1))
    data = first(trained()[0])[5]
    images = pictures(9, seed=1).images
    for mirror in (False, True):
        each = [numbers(ops.softmax(model(view.astype("float32")))) for view in views(images, mirror=mirror)]
        found = predict_probabilities(model, data, tta=True, mirror=mirror)
        np.testing.assert_allclose(found, np.mean(each, axis=0), atol=1e-5)
    plain = numbers(ops.softmax(model(images.astype("float32"))))
    np.testing.assert_allclose(predict_probabilities(model, data), plain, atol=1e-5)
    assert np.abs(found - plain).max() > 1e-4


@same_everywhere
def test_tta_reaches_the_result(monkeypatch):
    asked = []
    from kerasarch.runs import classification

    monkeypatch.setattr(
        classification,
        "predict_probabilities",
        lambda model, data, **how: asked.append(how) or predict_probabilities(model, data, **how),
    )
    trained(tta=True, mirror=True)
    trained()
    assert asked[0] == {"tta": True, "mirror": True}
    assert asked[-1] == {"tta": False, "mirror": False}


def test_ensemble_is_the_mean_of_its_networks(tmp_path):
    run, result = trained(ensemble=3)
    assert [fit[0] for fit in run.fits] == ["network1", "network2", "network3"]
    nets = [fit[1] for fit in run.fits]
    assert np.abs(nets[0].get_weights()[0] - nets[1].get_weights()[0]).max() > 1e-3
    assert (run.fits[0][2].order(0) != run.fits[1][2].order(0)).any()
    test = splits().test
    each = [numbers(ops.softmax(net(test.images.astype("float32")))) for net in nets]
    right = [np.mean(found.argmax(axis=1) == test.labels) for found in each]
    assert result["network_accuracy"] == pytest.approx(np.mean(right))
    assert result["accuracy"] == pytest.approx(np.mean(np.mean(each, axis=0).argmax(axis=1) == test.labels))
    assert [row["network"] for row in run.tables["networks"]] == ["network 1", "network 2", "network 3", "ensemble"]
    run.saved.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    found = numbers(ops.softmax(loaded(test.images.astype("float32"))))
    np.testing.assert_allclose(found, np.mean(each, axis=0), atol=1e-5)


@same_everywhere
def test_folds_judge_every_image_once():
    data = ImageSplits("made", CLASSES, pictures(24), pictures(9, seed=1), pictures(12, seed=2))
    run, result = trained(data=data, folds=3, ensemble=2)
    assert [fit[0] for fit in run.fits[:3]] == ["fold1/network1", "fold1/network2", "fold2/network1"]
    assert len(run.fits) == 6
    held = [{image.tobytes() for image in fit[5].source.images} for fit in run.fits[::2]]
    assert [len(fold) for fold in held] == [15, 15, 15]
    assert len(set.union(*held)) == 45
    for fit, fold in zip(run.fits[::2], held, strict=True):
        assert not fold & {image.tobytes() for image in fit[2].source.images}
    rows = run.tables["folds"]
    assert [row["fold"] for row in rows] == ["1", "2", "3", "mean", "deviation"]
    accuracies = [row["accuracy"] for row in rows[:3]]
    assert result["accuracy"] == pytest.approx(np.mean(accuracies), abs=1e-4)
    assert result["accuracy_deviation"] == pytest.approx(np.std(accuracies, ddof=1), abs=1e-4)
    json.dumps(result)


@same_everywhere
def test_patience_of_folds_never_looks_at_the_fold():
    data = ImageSplits("made", CLASSES, pictures(45), pictures(9, seed=1))
    run, _ = trained(data=data, folds=2, patience=1)
    watched = [{image.tobytes() for image in fit[5].source.images} for fit in run.fits]
    learned = [{image.tobytes() for image in fit[2].source.images} for fit in run.fits]
    assert all(not a & b for a, b in zip(watched, learned, strict=True))
    assert [len(a) + len(b) for a, b in zip(watched, learned, strict=True)] == [27, 27]


@same_everywhere
def test_comparison_keeps_what_validation_finds_best():
    def silent(shape):
        network = make(shape)
        network.get_layer("head").kernel.assign(np.zeros((1, 3)))
        return network

    run = Recorded(train=True)
    options = ClassificationOptions(epochs=8, batch=8, learning_rate=0.5, optimizer="sgd", ensemble=1)
    results = compare_classifiers(
        run, {"learner": make, "stuck": lambda shape: _frozen(silent(shape))}, splits(), options
    )
    assert [fit[0] for fit in run.fits] == ["learner/training", "stuck/training"]
    assert results["stuck"]["accuracy"] == pytest.approx(1 / 3)
    assert results["learner"]["parameters"] == 6
    assert run.saved is run.fits[0][1]
    assert [row["network"] for row in run.tables["comparison"]] == ["learner", "stuck"]


def _frozen(network):
    network.get_layer("stem_scale").scale = 0.0  # no light comes in
    return network
