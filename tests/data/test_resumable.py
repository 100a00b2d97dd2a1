"""The position of a dataset under model.fit: exact on every backend, whatever Keras asks for in between."""

import keras
import numpy as np
import pytest

from kerasarch.data import ResumableDataset
from kerasarch.errors import DataError


class Numbered(ResumableDataset):
    """Batches that say which one they are."""

    def batch(self, epoch, index):
        return np.full((2, 1), 100.0 * epoch + index, np.float32), np.zeros((2, 1), np.float32)


class Scale(keras.layers.Layer):
    """One weight, so that there is something to train."""

    def __init__(self):
        super().__init__()
        self.weight = self.add_weight(shape=(1,), initializer="zeros")

    def call(self, x):
        return x * self.weight


class Recorder(keras.callbacks.Callback):
    """Notes the loss of each batch, from which the batch is recognised, and the position after it."""

    def __init__(self, data, stop_after=None):
        super().__init__()
        self.data, self.stop_after = data, stop_after
        self.seen, self.states, self.epochs = [], [], []
        self.count = 0

    def on_epoch_begin(self, epoch, logs=None):
        self.epochs.append(epoch)
        self.before = 0.0
        self.done = 0

    def on_train_batch_end(self, batch, logs=None):
        # Keras reports the mean of the losses of the epoch so far.
        total = float(logs["loss"]) * (self.done + 1)
        self.seen.append(round(total - self.before))
        self.before, self.done = total, self.done + 1
        self.states.append(self.data.state(batch + 1))
        _ = self.model.layers[0].weight.value  # On JAX this brings the weights back from the compiled step.
        self.count += 1
        if self.stop_after == self.count:
            self.model.stop_training = True


def tiny_model():
    layer = Scale()
    model = keras.Sequential([layer])
    # The loss is the batch's own number.
    model.compile(optimizer=keras.optimizers.SGD(0.0), loss=NumberOfTheBatch())
    return model


class NumberOfTheBatch(keras.losses.Loss):
    def call(self, y_true, y_pred):
        return y_true[..., 0] + 0.0 * y_pred[..., 0]


class NumberedTargets(Numbered):
    def batch(self, epoch, index):
        numbers, _ = super().batch(epoch, index)
        return numbers, numbers


def whole(steps, epochs):
    return [100 * epoch + index for epoch in range(epochs) for index in range(steps)]


def fit(data, epochs, model=None, **kwargs):
    recorder = Recorder(data, kwargs.pop("stop_after", None))
    (model or tiny_model()).fit(
        data, initial_epoch=data.epoch, epochs=epochs, callbacks=[recorder], verbose=0, **kwargs
    )
    return recorder


@pytest.mark.parametrize("steps", [1, 2, 5])
@pytest.mark.parametrize("shuffle", [True, False])
def test_fit_serves_every_batch_once_in_order(steps, shuffle):
    data = NumberedTargets(steps)
    recorder = fit(data, 3, shuffle=shuffle)
    assert recorder.seen == whole(steps, 3)
    assert (data.epoch, data.start) == (3, 0)


def test_a_second_fit_goes_on():
    data, model = NumberedTargets(1), tiny_model()
    assert fit(data, 2, model).seen == whole(1, 2)
    assert fit(data, 3, model).seen == [200]
    assert fit(data, 4).seen == [300]  # a new model, which Keras builds from an extra batch


@pytest.mark.parametrize("steps", [1, 4])
def test_fit_resumed_from_every_state_serves_the_rest(steps):
    states = fit(NumberedTargets(steps), 3).states
    for done, state in enumerate(states, start=1):
        data = NumberedTargets(steps)
        data.restore(state)
        recorder = fit(data, 3)
        assert recorder.seen == whole(steps, 3)[done:]
        assert (data.epoch, data.start) == (3, 0)


def test_a_stopped_fit_can_be_resumed_in_place():
    data, model = NumberedTargets(4), tiny_model()
    recorder = fit(data, 3, model, stop_after=6)
    assert recorder.seen == whole(4, 3)[:6]
    data.restore(recorder.states[-1])
    assert fit(data, 3, model).seen == whole(4, 3)[6:]


def test_restore_refuses_the_position_of_other_data():
    with pytest.raises(DataError, match="other data"):
        NumberedTargets(4).restore({"epoch": 0, "start": 2, "steps": 5})
