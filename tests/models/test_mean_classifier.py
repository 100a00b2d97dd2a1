"""Several classifiers as one answer with their mean probabilities."""

import keras
import numpy as np
import pytest
from keras import ops

from kerasarch import models
from kerasarch.errors import ShapeError, UsageError


def member(classes=3, size=4):
    return models.accept_raw_pixels(models.mlp(classes=classes, input_shape=(size, size, 1), width=5, depth=1))


def test_probabilities_are_the_mean(tmp_path):
    members = [member() for _ in range(3)]
    pixels = np.random.default_rng(0).integers(0, 256, (2, 4, 4, 1)).astype("float32")
    if keras.config.image_data_format() == "channels_first":
        pixels = np.moveaxis(pixels, -1, 1)
    logits = np.stack([ops.convert_to_numpy(one(pixels)) for one in members])
    expected = (np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)).mean(axis=0)
    model = models.mean_classifier(members)
    np.testing.assert_allclose(ops.convert_to_numpy(ops.exp(model(pixels))), expected, atol=1e-6)
    assert model.preprocessing == members[0].preprocessing
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(ops.convert_to_numpy(ops.exp(loaded(pixels))), expected, atol=1e-6)


def test_members_must_agree():
    with pytest.raises(ShapeError, match="must agree"):
        models.mean_classifier([member(), member(classes=4)])
    with pytest.raises(UsageError, match="no members"):
        models.mean_classifier([])
