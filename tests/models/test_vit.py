"""Vision transformers: groups, sizes, details, and the model of attention weights."""

import keras
import numpy as np
import pytest

from kerasarch import models
from kerasarch.errors import ShapeError, UsageError
from tests import conformance
from tests.conformance import to_numpy

# What depends on the backend is in the conformance tables and beside the references.
pytestmark = [conformance.QUIET, pytest.mark.quick_on("torch")]
TINY = {"patch": 4, "width": 8, "depth": 2, "heads": 2, "classes": 3}


def tiny(**arguments):
    return models.vit(**{**TINY, "input_shape": (9, 13, 3), **arguments})


def test_groups_and_features():
    model = tiny()
    groups = models.features(model)
    assert list(groups) == ["stem", "stage1", "stage2", "top", "head"]
    assert groups["stage1"].shape == (None, 1 + 2 * 3, 8)
    assert models.features(tiny(pooled_norm=True)).keys() == {"stem", "stage1", "stage2", "head"}
    assert models.replace_head(model, 5).output_shape == (None, 5)
    assert tiny(classes=None, pooler=6).output_shape == (None, 6)
    assert tiny(classes=None).output_shape == (None, 8)


def test_the_input_decides_where_positions_are():
    assert tiny().architecture["config"]["image_size"] == (9, 13)
    assert tiny(input_shape=None, image_size=12).input_shape == (None, 12, 12, 3)
    free = tiny(input_shape=(None, None, 1), image_size=(8, 12))
    assert free.get_layer("stem_tokens").grid == (2, 3)
    assert tuple(free(np.zeros((1, 17, 4, 1), "float32")).shape) == (1, 3)
    assert models.build("vit_tiny_patch4", depth=1, width=8, heads=1).input_shape == (None, 32, 32, 3)


def test_what_is_refused():
    with pytest.raises(ShapeError, match=r"vit: pictures need at least 4 pixels .*\(3, 13, 3\)"):
        models.vit(models.ViTConfig(patch=4, width=8, depth=1, heads=2), input_shape=(3, 13, 3))
    with pytest.raises(UsageError, match=r"width a multiple of heads. Received patch=4, width=8, depth=2, heads=3"):
        tiny(heads=3)
    with pytest.raises(UsageError, match=r"'token', which needs a class token"):
        tiny(class_token=False)
    with pytest.raises(UsageError, match="pooling must be"):
        tiny(pooling="max")


def test_attention_maps_share_the_models_layers():
    model = tiny(heads=4, class_token=False, pooling="mean")
    maps = models.attention_maps(model)
    assert maps.output_shape == [(None, 4, 6, 6)] * 2
    x = np.random.default_rng(0).normal(size=(2, 9, 13, 3)).astype("float32")
    first, second = (to_numpy(weights) for weights in maps(x))
    np.testing.assert_allclose(first.sum(-1), 1, atol=1e-5)
    # Queries of zero attend to everything alike: the weights are those of the model, now.
    attention = model.get_layer("stage2_block").attention
    attention.query.kernel.assign(np.zeros((8, 8)))
    np.testing.assert_allclose(to_numpy(maps(x)[1]), np.full_like(second, 1 / 6), atol=1e-6)
    assert np.abs(second - 1 / 6).max() > 1e-3
    assert maps.preprocessing == model.preprocessing
    assert len(models.attention_maps(models.replace_head(model, 2)).outputs) == 2
    with pytest.raises(UsageError, match="expected a model with attention blocks"):
        models.attention_maps(models.resnet("resnet8_small", input_shape=(8, 8, 1)))


def test_stochastic_depth_grows_with_the_block():
    model = tiny(depth=3, stochastic_depth=0.2, dropout=0.1)
    rates = [model.get_layer(f"stage{index}_block").stochastic_depth for index in (1, 2, 3)]
    np.testing.assert_allclose(rates, [0, 0.1, 0.2])
    kinds = [layer.name for layer in model.layers if isinstance(layer, keras.layers.Dropout)]
    assert kinds == ["stem_dropout", "head_dropout"]
