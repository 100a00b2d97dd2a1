"""Language models with a state train when compiled, read texts of any length, and are counted."""

import os

import keras
import numpy as np
import pytest

from kerasarch import models
from kerasarch.backends import operations
from kerasarch.generation import TokenDecoder
from kerasarch.inspection import layer_costs
from tests import conformance

pytestmark = conformance.QUIET
MODELS = {
    "s4d": lambda **own: models.s4d(states=4, **own),
    "mamba": lambda **own: models.mamba(states=3, **own),
    "mamba2": lambda **own: models.mamba2(states=3, head_width=4, groups=2, chunk=8, **own),
    "recurrent_lm": lambda **own: models.recurrent_lm(kind="gru", **own),
}
SIZES = {"vocabulary": 11, "width": 8, "depth": 1}
TOKENS = operations.RECURRENCE_CHUNK + 3


class Named(keras.losses.Loss):
    """Cross-entropy of the logits among named outputs."""

    def call(self, y_true, y_pred):
        return keras.losses.sparse_categorical_crossentropy(y_true, y_pred, from_logits=True)


@pytest.mark.parametrize("name", MODELS)
def test_training_with_a_compiler(name):
    """What comes after a token is a function of the one before: a model that learns gets there."""
    model = MODELS[name](**SIZES)
    rng = np.random.default_rng(0)
    ids = (rng.integers(0, 11, (8, 1)) + 3 * np.arange(TOKENS + 1)) % 11
    compiler = os.environ["KERAS_BACKEND"] != "torch"  # torch.compile needs a C++ compiler and minutes
    model.compile(keras.optimizers.Adam(0.03), loss={"logits": Named()}, jit_compile=compiler)
    history = model.fit(ids[:, :-1].astype("int32"), {"logits": ids[:, 1:]}, batch_size=8, epochs=12, verbose=0)
    losses = history.history["loss"]
    assert np.isfinite(losses).all()
    assert losses[-1] < 0.6 * losses[0]


@pytest.mark.parametrize("name", MODELS)
def test_an_unknown_length(name):
    """In a functional model of texts of any length, and in one that TensorFlow traces without it."""
    inner = MODELS[name](**SIZES)
    ids = keras.Input((None,), dtype="int32")
    model = keras.Model(ids, inner(ids)["logits"])
    assert tuple(model.output.shape) == (None, None, 11)
    x = np.random.default_rng(0).integers(0, 11, (2, TOKENS)).astype("int32")
    found = model.predict_on_batch(x)
    # Nothing comes from the future
    np.testing.assert_allclose(model.predict_on_batch(x[:, :-2]), found[:, :-2], atol=1e-5)
    if os.environ["KERAS_BACKEND"] == "tensorflow":
        import tensorflow as tf

        traced = tf.function(lambda x: inner(x)["logits"], input_signature=[tf.TensorSpec((None, None), "int32")])
        np.testing.assert_allclose(traced(tf.constant(x)), found, atol=1e-5)


@pytest.mark.parametrize("name", MODELS)
def test_texts_go_on_alike_in_any_company(name):
    model = MODELS[name](**{**SIZES, "tied": False}, end=None)
    rng = np.random.default_rng(0)
    for variable in model.weights:
        variable.assign(variable + 0.5 * rng.normal(size=variable.shape).astype("float32"))
    decoder = TokenDecoder(model, chunk=4)
    prompts = [[3, 5, 1], [7, 1, 9, 7, 2]]
    found = decoder(prompts, new=6)
    state = list(prompts[0])
    for token in found[0]:
        logits = model.predict_on_batch(np.array([state + [0] * (9 - len(state))], "int32"))["logits"]
        assert token == int(np.argmax(logits[0, len(state) - 1]))
        state.append(token)
    assert decoder([[9], prompts[0]], new=6)[1] == found[0]


def test_multiply_adds():
    """By hand, a token: maps, taps, states; then the head."""
    tokens, width, vocabulary = 6, 8, 11
    found = layer_costs(models.mamba(states=3, **SIZES), (tokens,))
    inner, rank = 2 * width, 1
    block = width * 2 * inner + 4 * inner + inner * (rank + 6) + rank * inner + 3 * inner * 3 + inner * width
    assert (found.multiply_adds, found.unknown) == (tokens * (block + width * vocabulary), ())
    found = layer_costs(models.mamba2(states=3, head_width=4, groups=2, chunk=4, **SIZES), (tokens,))
    heads, shared = 4, 2 * 3
    block = width * (2 * inner + 2 * shared + heads) + 4 * (inner + 2 * shared) + inner * width
    block += 4 * (shared + heads * 4) + 2 * heads * 4 * 3
    assert (found.multiply_adds, found.unknown) == (tokens * (block + width * vocabulary), ())
    assert layer_costs(models.s4d(states=4, **SIZES), (tokens,)).unknown == ()
