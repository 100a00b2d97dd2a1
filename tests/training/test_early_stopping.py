"""Early stopping: when it stops, which weights stay, and that an interruption changes nothing."""

import keras
import numpy as np
import pytest

from kerasarch import training
from kerasarch.errors import TrainingError, UsageError

LOSSES = [3.0, 2.0, 2.5, 2.1, 1.0, 1.1, 1.2]


def stopping(*arguments, epochs=7, **options):
    """A callback as fit would set it up, and its model."""
    callback = training.EarlyStopping(*arguments, **options)
    built = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False)])
    built.stop_training = False
    callback.set_model(built)
    callback.set_params({"epochs": epochs})
    return callback


def follow(callback, losses, start=0):
    """Sends losses to the callback; before each the model's weight is the number of its epoch."""
    for epoch, loss in enumerate(losses, start):
        callback.model.set_weights([np.array([[epoch]], "float32")])
        callback.on_epoch_end(epoch, {"val_loss": loss})
        if callback.model.stop_training:
            break
    return epoch, float(callback.model.get_weights()[0][0, 0])


@pytest.mark.parametrize(
    ("patience", "change", "last", "kept"), [(2, 0, 3, 1), (3, 0, 6, 4), (3, 1.5, 3, 0), (9, 0, 6, 4), (1, 0, 2, 1)]
)
def test_stops_and_keeps_the_best(patience, change, last, kept):
    callback = stopping(patience=patience, minimum_change=change)
    assert follow(callback, LOSSES) == (last, kept)


def test_continues_after_an_interruption():
    whole, first, second = (stopping(patience=2) for _ in range(3))
    follow(first, LOSSES[:3])
    second.restore(first.state())
    assert follow(second, LOSSES[3:], start=3) == follow(whole, LOSSES) == (3, 1)


def test_rising_metrics():
    callback = stopping("val_accuracy", patience=1)
    for value in (0.5, 0.7):
        callback.on_epoch_end(0, {"val_accuracy": value})
    assert not callback.model.stop_training
    callback.on_epoch_end(0, {"val_accuracy": 0.6})
    assert callback.model.stop_training


def test_errors():
    callback = stopping(patience=1)
    with pytest.raises(TrainingError, match="Received no 'val_loss'"):
        callback.on_epoch_end(0, {"loss": 1.0})
    with pytest.raises(UsageError, match="patience=0"):
        training.EarlyStopping(patience=0)


def test_stops_stages_of_unfreezing(network, images):
    """A stage that cannot improve ends after `patience` epochs; the next begins at its planned epoch and rate."""
    unfreezing = training.GradualUnfreezing(
        network(), epochs=4, learning_rate=0.0, patience=1, max_stages=2, verbose=0, decay=1
    )
    epochs = []

    def fit(name, part, data, *, epochs: int, validation_data, callbacks, seen=epochs):
        seen.append(data.epoch)
        options = {"epochs": epochs, "validation_data": validation_data, "callbacks": list(callbacks)}
        return part.fit(data, verbose=0, shuffle=False, **options).history

    history = unfreezing.fit(training.ArrayBatches(*images, batch=8), images, fit=fit)
    assert len(history["head"]["loss"]) == 2
    assert epochs == [0, 4]


@pytest.mark.parametrize("epochs", [1, 3])
def test_best_weights_are_those_of_the_best_epoch(network, images, epochs):
    """The kept weights give the best validation loss of the history."""
    model = network()
    history = training.GradualUnfreezing(
        model, strategy="extract", epochs=epochs, learning_rate=1.0, patience=5, verbose=0
    ).fit(training.ArrayBatches(*images, batch=8), images)
    assert model.evaluate(training.ArrayBatches(*images, batch=32, shuffle=False), verbose=0)[0] == pytest.approx(
        min(history["head"]["val_loss"]), rel=1e-5
    )
