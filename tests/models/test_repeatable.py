"""Steps of fit, evaluate and predict: repeated from records on PyTorch, they give what Keras gives layer by layer."""

import keras
import numpy as np
import pytest
from keras import ops

from kerasarch import models
from kerasarch.models.network import Network

RNG = np.random.default_rng(0)
X = RNG.normal(size=(160, 6)).astype("float32")
Y = RNG.normal(size=(160, 2)).astype("float32")
ON_TORCH = keras.backend.backend() == "torch"


class Counted(keras.layers.Layer):
    """Scales, and counts how often Keras calls it."""

    def __init__(self, kind="plain", **kwargs):
        super().__init__(**kwargs)
        self.kind, self.calls, self.factor = kind, 0, 2.0

    def call(self, x):
        self.calls += 1
        if self.kind == "loss":
            self.add_loss(ops.mean(x**2))
        if self.kind == "lookup":
            return x * self.factor * [1.0][int(ops.convert_to_numpy(x).shape[0] > 100)]
        return x * self.factor

    def compute_mask(self, x, mask=None):
        return ops.greater(x[:, 0], 0.0) if self.kind == "mask" else None


def network(kind="plain", dropout=0.3):
    keras.utils.set_random_seed(0)
    counted = Counted(kind, name="counted")
    x = keras.Input((6,))
    y = keras.layers.Dropout(dropout)(counted(keras.layers.Dense(8, activation="gelu")(x)))
    return Network(x, keras.layers.Dense(2)(y)), counted


def trained(model, *, batch=4, eager=False, **compiled):
    model.compile(keras.optimizers.SGD(0.05), "mse", run_eagerly=eager, **compiled)
    keras.utils.set_random_seed(1)
    history = model.fit(X, Y, batch_size=batch, epochs=2, shuffle=False, verbose=0, validation_data=(X, Y)).history
    return [*history["loss"], *history["val_loss"]], model.get_weights()


def assert_same(found, wanted, tolerance=1e-5):
    for one, other in zip(keras.tree.flatten(found), keras.tree.flatten(wanted), strict=True):
        np.testing.assert_allclose(one, other, rtol=tolerance, atol=tolerance)


@pytest.mark.skipif(not ON_TORCH, reason="the others compile the step, and draw other numbers where they do not")
@pytest.mark.parametrize("kind", ["plain", "loss", "mask", "lookup"])
def test_training_is_that_of_keras_random_numbers_too(kind):
    (model, counted), (again, _) = network(kind), network(kind)
    assert_same(trained(model), trained(again, eager=True))
    calls = counted.calls
    model.fit(X, Y, batch_size=4, verbose=0)
    model.predict(X, batch_size=4, verbose=0)  # another function than that of fit: 32 calls before it is recorded
    plain = 40 - 7 + 2 + 1 if kind in ("plain", "mask") else 40 + 40
    assert abs(counted.calls - calls - plain) <= 2, "Keras was called where a record was expected, or the reverse"
    assert_same(model.predict(X, verbose=0), again_with(again, model).predict(X, verbose=0))


def again_with(model, source):
    model.set_weights(source.get_weights())
    return model


def test_predictions_follow_the_weights_and_the_size_of_the_batch():
    model, counted = network(dropout=0.0)
    wanted = ops.convert_to_numpy(model(X))
    for _ in range(45):
        assert_same(model.predict_on_batch(X), wanted)
    assert_same(model.predict(X, batch_size=37, verbose=0), wanted)
    for variable in model.trainable_variables:
        variable.assign(variable * 1.5)
    assert_same(model.predict_on_batch(X), ops.convert_to_numpy(model(X)))
    if ON_TORCH:
        calls = counted.calls
        model.predict_on_batch(X)
        assert counted.calls == calls
    counted.factor = 5.0  # as on the backends that compile: seen by calls, by steps after the next compile
    model.compile()
    assert_same(model.predict_on_batch(X), ops.convert_to_numpy(model(X)))


def test_layers_that_are_frozen_later_stay():
    model, _ = network(dropout=0.0)
    trained(model)
    model.layers[1].trainable = False
    before, others = model.layers[1].get_weights(), model.layers[-1].get_weights()
    trained(model)
    assert_same(model.layers[1].get_weights(), before, 0.0)
    assert np.abs(model.layers[-1].get_weights()[0] - others[0]).max() > 1e-3


@pytest.mark.parametrize("kind", ["lstm", "gru"])
def test_lengths_of_packed_sequences_are_those_of_each_batch(kind):
    sizes = {"words": 20, "characters": 10, "labels": 3, "embedding": 4, "character_embedding": 4, "filters": 4}
    model = models.recurrent_tagger(**sizes, width=5, kind=kind)
    rng = np.random.default_rng(0)
    for number in range(45):
        lengths = rng.integers(1, 9, (3, 1))
        words = np.where(np.arange(8) < lengths, rng.integers(1, 20, (3, 8)), 0).astype("int32")
        batch = {"word_ids": words, "character_ids": rng.integers(1, 10, (3, 8, 4)).astype("int32")}
        found = model.predict_on_batch(batch)
        if number > 30:
            assert_same(found, keras.tree.map_structure(ops.convert_to_numpy, model(batch, training=False)))
            whole = model.predict_on_batch({**batch, "word_ids": np.maximum(words, 1)})["logits"]
            if (lengths < 8).any():
                assert np.abs(whole - found["logits"]).max() > 1e-4, "lengths make no difference: nothing is tested"


@pytest.mark.skipif(not ON_TORCH, reason="the others compile the step, and draw other numbers where they do not")
@pytest.mark.parametrize("padded", [False, True])
def test_masked_language_models_learn_as_without_records(monkeypatch, padded):
    """With an attention mask the logits carry it to the loss, from records too."""
    calls, call = [], models.Bert.call

    def counted(self, *args, **kwargs):
        calls.append(1)
        return call(self, *args, **kwargs)

    monkeypatch.setattr(models.Bert, "call", counted)

    def learned(eager):
        keras.utils.set_random_seed(0)
        model = models.bert(
            head="masked_lm", vocabulary=30, width=16, depth=2, heads=2, hidden=32, positions=8, dropout=0.1
        )
        model.compile(keras.optimizers.Adam(1e-3), loss=model.losses_by_name(), run_eagerly=eager)
        rng = np.random.default_rng(0)
        keras.utils.set_random_seed(1)
        losses = []
        for _ in range(45):
            ids = rng.integers(0, 30, (4, 8)).astype("int32")
            mask = (np.arange(8) < rng.integers(4, 9, (4, 1))).astype("int32")
            batch = {"input_ids": ids, "attention_mask": mask} if padded else {"input_ids": ids}
            losses.append(model.train_on_batch(batch, {"logits": ids}))
        return losses

    recorded, own = learned(False), len(calls)
    assert_same(recorded, learned(True))
    assert len(calls) - own >= 45
    assert own < 40
