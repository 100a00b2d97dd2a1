"""DeiT's two heads."""

import keras
import numpy as np
import pytest

from kerasarch import models
from kerasarch.errors import UsageError
from tests import conformance
from tests.conformance import to_numpy

# What depends on the backend is in the conformance tables and beside the references.
pytestmark = [conformance.QUIET, pytest.mark.quick_on("torch")]


def tiny(**arguments):
    fields = {"patch": 4, "width": 8, "depth": 1, "heads": 2, "classes": 3, "input_shape": (8, 8, 3)}
    return models.deit(**{**fields, **arguments})


def test_a_new_head_is_two_new_heads():
    model = tiny(dropout=0.1)
    assert list(models.features(model)) == ["stem", "stage1", "top", "head"]
    new = models.replace_head(model, 5, dropout=0.2, seed=1)
    both = models.distillation_heads(new)
    x = np.random.default_rng(0).normal(size=(2, 8, 8, 3)).astype("float32")
    found = {name: to_numpy(value) for name, value in both(x).items()}
    assert found["cls_logits"].shape == (2, 5)
    np.testing.assert_allclose(found["logits"], (found["cls_logits"] + found["distillation_logits"]) / 2, atol=1e-6)
    # Each sees its own token: the first two that leave the last normalisation.
    tokens = to_numpy(keras.Model(new.input, models.features(new)["top"])(x))
    for place, (layer, output) in enumerate((("head", "cls_logits"), ("head_distillation", "distillation_logits"))):
        kernel = to_numpy(new.get_layer(layer).kernel)
        np.testing.assert_allclose(found[output], tokens[:, place] @ kernel, atol=1e-5)
    names = [layer.name for layer in new.layers if "dropout" in layer.name]
    assert names == ["stem_dropout", "head_dropout", "head_distillation_dropout"]
    assert new.architecture["classes"] == 5
    assert tiny(classes=None).output_shape == (None, 8)


def test_one_head_and_what_is_refused():
    single = tiny(distillation_head=False)
    assert single.get_layer("stem_tokens").prefix == 2
    with pytest.raises(UsageError, match="expected a DeiT with a distillation head"):
        models.distillation_heads(single)
    with pytest.raises(UsageError, match=r"class_token=True, pooling='mean'; use models.vit"):
        tiny(pooling="mean")
    # One block gives a list of one.
    maps = models.attention_maps(single)
    pictures = np.zeros((1, 8, 8, 3), "float32")
    assert [tuple(weights.shape) for weights in maps(pictures)] == [(1, 2, 6, 6)]
    assert [weights.shape for weights in maps.predict(pictures, verbose=0)] == [(1, 2, 6, 6)]
