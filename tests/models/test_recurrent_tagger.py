"""The recurrent tagger: its parts against NumPy, padding, saving, groups, errors."""

import keras
import numpy as np
import pytest

from kerasarch import models
from kerasarch.errors import ShapeError
from kerasarch.inspection import layer_costs
from kerasarch.training import layer_groups
from tests import conformance

pytestmark = conformance.QUIET
SIZES = {"words": 9, "characters": 7, "embedding": 5, "character_embedding": 3, "filters": 4, "width": 6}


@pytest.fixture(scope="module")
def tagger():
    model = models.recurrent_tagger(labels=("O", "B-x", "I-x"), **SIZES)
    conformance.randomise(model)
    return model


def sentence(length, seed=0):
    rng = np.random.default_rng(seed)
    return {
        "word_ids": rng.integers(1, 9, (1, length)).astype("int32"),
        "character_ids": rng.integers(0, 7, (1, length, 5)).astype("int32"),
    }


def logits(model, inputs):
    return conformance.to_numpy(model(inputs)["logits"])


def test_spelling_is_a_convolution_and_its_maximum(tagger):
    characters = sentence(3)["character_ids"]
    table = conformance.to_numpy(tagger.character_embedding.embeddings)
    kernel, bias = map(conformance.to_numpy, tagger.spelling.weights)
    for word, found in zip(characters[0], conformance.to_numpy(tagger.spell(characters))[0], strict=True):
        rows = np.pad(table[word] * (word > 0)[:, None], ((1, 1), (0, 0)))
        windows = [np.tensordot(rows[place : place + 3], kernel[0], 2) + bias for place in range(len(word))]
        np.testing.assert_allclose(found, np.max(windows, axis=0), atol=1e-5)


def test_both_directions_read_words_and_spelling(tagger):
    """The whole by Keras' own layers, each direction alone; an LSTM is held against its equations elsewhere."""
    inputs = sentence(4)
    words = conformance.to_numpy(tagger.word_embedding.embeddings)[inputs["word_ids"]]
    x = np.concatenate([words, conformance.to_numpy(tagger.spell(inputs["character_ids"]))], axis=-1)
    both = tagger.recurrent.recurrent_layers[0]
    ways = []
    for layer, step in ((both.forward_layer, 1), (both.backward_layer, -1)):
        alone = keras.layers.LSTM(6, return_sequences=True)
        alone.build((1, 4, 9))
        alone.set_weights([conformance.to_numpy(weight) for weight in layer.weights])
        ways.append(conformance.to_numpy(alone(np.ascontiguousarray(x[:, ::step])))[:, ::step])
    kernel, bias = map(conformance.to_numpy, tagger.classifier.weights)
    np.testing.assert_allclose(
        logits(tagger, inputs), np.concatenate(ways, axis=-1) @ kernel + bias, atol=1e-5 * np.abs(kernel).max()
    )


def test_padding_changes_nothing(tagger, tmp_path):
    alone = sentence(3)
    padded = {name: np.pad(part, [(0, 0), (0, 2), (0, 0)][: part.ndim]) for name, part in alone.items()}
    wanted = logits(tagger, alone)
    np.testing.assert_allclose(logits(tagger, padded)[:, :3], wanted, atol=1e-5)
    tagger.save(tmp_path / "tagger.keras")
    loaded = keras.saving.load_model(tmp_path / "tagger.keras")
    assert loaded.config.labels == ("O", "B-x", "I-x")
    np.testing.assert_allclose(logits(loaded, alone), wanted, atol=1e-6)


def test_groups_from_the_input_upward(tagger):
    assert [group.name for group in layer_groups(tagger)] == ["embeddings", "recurrent", "head"]
    assert sum(len(group.variables) for group in layer_groups(tagger)) == len(tagger.trainable_variables)
    encoder = models.deberta_v2(
        width=8, depth=2, heads=2, hidden=8, vocabulary=9, positions=16, buckets=8, head="classification"
    )
    groups = layer_groups(encoder)
    assert [group.name for group in groups] == ["embeddings", "block0", "block1", "head"]
    assert sum(len(group.variables) for group in groups) == len(encoder.trainable_variables)
    assert [layer.name for layer in groups[-1].layers] == ["pooler", "classifier"]


def test_what_is_refused(tagger):
    with pytest.raises(ShapeError, match="labels must be at least 1"):
        models.recurrent_tagger(labels=0)
    with pytest.raises(ShapeError, match="expected character_ids"):
        tagger(sentence(2)["word_ids"])


def test_multiply_adds(tagger):
    """By hand, a word: taps over 16 characters, four gates in two directions, the head."""
    found = layer_costs(tagger, (4,))
    word = 16 * 3 * 3 * 4 + 2 * 4 * 6 * (5 + 4 + 6) + 2 * 6 * 3
    assert (found.multiply_adds, found.unknown) == (4 * word, ())
