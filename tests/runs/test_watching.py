"""Every run is watched: what goes wrong is told in the record, the report and TensorBoard; what is healthy is quiet."""

import keras
import numpy as np
import pytest

from kerasarch.errors import TrainingError
from kerasarch.runs.active import ActiveRun
from kerasarch.runs.folder import METRICS, RunFolder
from kerasarch.runs.record import read_record
from kerasarch.runs.report import write_report
from kerasarch.training.autoencoding import PosteriorCollapse


def network(activation="relu", depth=2, deviation=None):
    keras.utils.set_random_seed(0)
    start = "glorot_uniform" if deviation is None else keras.initializers.RandomNormal(stddev=deviation, seed=1)
    hidden = [keras.layers.Dense(8, activation, kernel_initializer=start, name=f"dense{i}") for i in range(depth)]
    return keras.Sequential([keras.Input((4,)), *hidden, keras.layers.Dense(1, name="head")])


def data():
    x = np.random.default_rng(0).normal(size=(64, 4)).astype("float32")
    return x, x[:, :1] * 0.5


@pytest.fixture
def folder(tmp_path):
    return RunFolder.create(tmp_path, "watched", {"backend": "any"}, {})


def fit(folder, model, rate, plain=False, callbacks=(), **options):
    model.compile(keras.optimizers.SGD(rate), "mse")
    run = ActiveRun(folder, seed=0, quiet=True, **options)
    if plain:
        model.fit(*data(), batch_size=16, epochs=2, verbose=0, callbacks=run.callbacks())
    else:
        try:
            run.fit("train", model, data(), epochs=6, callbacks=callbacks)
        finally:
            run.close()
    return run


def record_of(folder):
    return read_record(folder.path / METRICS)


def test_a_deep_sigmoid_network_with_small_weights_vanishes(folder):
    fit(folder, network("sigmoid", depth=7, deviation=0.1), 0.01)
    warnings = record_of(folder).warnings
    assert [(warning["name"], warning["part"]) for warning in warnings] == [("vanishing", "dense0")]
    page = write_report(folder).read_text()
    assert "Health of training" in page
    assert "ReLU-like activations" in page


def test_a_large_rate_explodes_and_the_report_tells_why_training_ended(folder):
    with pytest.raises(TrainingError):
        fit(folder, network(depth=3), 30.0)
    assert {warning["name"] for warning in record_of(folder).warnings} & {"not-finite", "exploding"}
    assert "Lower the learning rate" in write_report(folder).read_text()


def test_a_posterior_collapse_is_in_the_report_and_in_tensorboard(folder):
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")

    class Collapsed(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            logs["active_units"] = 1.0

    own = []
    told = [PosteriorCollapse(16, steps=0), PosteriorCollapse(16, steps=0, warn=own.append)]
    fit(folder, network(), 0.05, tensorboard=True, monitor=0, callbacks=[Collapsed(), *told])
    assert [warning.name for warning in own] == ["posterior-collapse"]
    (warning,) = record_of(folder).warnings
    assert (warning["name"], warning["phase"]) == ("posterior-collapse", "train")
    page = write_report(folder).read_text()
    assert "1 of 16 latent components are active" in page
    assert "Lengthen the warm-up" in page
    found = accumulator.EventAccumulator(str(folder.path / "tensorboard"))
    found.Reload()
    (event,) = found.Tensors("train/posterior-collapse/latent")
    assert event.tensor_proto.string_val[0].startswith(b"Posterior collapse: 1 of 16")


def test_healthy_training_is_quiet_and_tensorboard_has_it_all(folder):
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    fit(folder, network(), 0.05, tensorboard=True)
    record = record_of(folder)
    assert record.warnings == []
    assert [row["step"] for row in record.looks["train"]] == list(range(1, 13))  # 12 steps: each is looked at
    groups = ["dense0", "dense1", "head"]
    for row in record.looks["train"]:
        parts = row["gradient_norm"]
        assert list(parts) == ["all", *groups]
        assert parts["all"] ** 2 == pytest.approx(sum(parts[group] ** 2 for group in groups))
    first, last = record.weights["train"][0], record.weights["train"][-1]
    assert (first["step"], last["step"]) == (0, 12)
    assert [sum(first["parts"][group]["counts"]) for group in groups] == [32, 64, 8]  # kernels
    assert "No warnings" in write_report(folder).read_text()
    found = accumulator.EventAccumulator(str(folder.path / "tensorboard"))
    found.Reload()
    written = [event.value for event in found.Scalars("train/gradient_norm/head")]
    assert written == pytest.approx([row["gradient_norm"]["head"] for row in record.looks["train"]], rel=1e-6)
    histogram = found.Histograms("train/weights/head")[-1].histogram_value
    assert (histogram.num, sum(histogram.bucket)) == (8, 8)
    assert histogram.max == pytest.approx(last["parts"]["head"]["high"])


def test_a_fit_of_ones_own_is_watched_every_so_many_steps(folder):
    fit(folder, network(), 0.05, plain=True, monitor=3)
    assert [row["step"] for row in record_of(folder).looks["fit 1"]] == list(range(1, 9))  # few steps: more often


def test_zero_never_looks(folder):
    model = network()
    fit(folder, model, 0.05, monitor=0)
    record = record_of(folder)
    assert (record.looks, record.weights) == ({}, {})
    assert "Health of training" not in write_report(folder).read_text()
    assert not hasattr(model.train_function, "kerasarch_monitor")
