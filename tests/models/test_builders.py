"""Builders, variants, heads, groups and first kernels."""

import os

import keras
import numpy as np
import pytest

from kerasarch import models
from kerasarch.errors import ShapeError, UsageError
from kerasarch.models.mobilenet_v2 import divisible
from tests import conformance
from tests.conformance import to_numpy

pytestmark = conformance.QUIET

# https://docs.pytorch.org/vision/stable/models.html, column "Params" of the ImageNet tables: 11689512, 21797672,
# 25557032, 44549160, 60192808, 3504872. torchvision counts trainable parameters; Keras counts the moving statistics
# too.
PUBLISHED = {
    "resnet18": 11_689_512,
    "resnet34": 21_797_672,
    "resnet50": 25_557_032,
    "resnet101": 44_549_160,
    "resnet152": 60_192_808,
    "mobilenet_v2": 3_504_872,
}


def small(**arguments):
    return models.resnet("resnet8_small", **{"classes": 4, "input_shape": (8, 8, 3), **arguments})


# The counts depend on no backend, and building is quickest on PyTorch: JAX compiles an initialiser for every shape.
once = pytest.mark.skipif(os.environ["KERAS_BACKEND"] != "torch", reason="counted once, on PyTorch")


def trainable(model):
    return sum(int(np.prod(variable.shape)) for variable in model.trainable_variables)


@once
@pytest.mark.parametrize("name", PUBLISHED)
def test_parameter_counts_are_the_published_ones(name):
    assert trainable(models.build(name)) == PUBLISHED[name]


@once
def test_cifar_variants_have_the_papers_depth_and_size():
    model = models.resnet("resnet20_small", classes=10, input_shape=(32, 32, 3))
    convolutions = [variable for variable in model.weights if variable.path.endswith("convolution/kernel")]
    projections = [variable for variable in convolutions if "shortcut" in variable.path]
    assert len(convolutions) - len(projections) + 1 == 20
    # He et al., 2015, table 6: 0.27 million, with parameter-free shortcuts
    counted = trainable(model) - sum(int(np.prod(variable.shape)) for variable in projections)
    assert round(counted / 1e6, 2) == 0.27


def test_preprocessing_is_put_in_front_once():
    model = models.accept_raw_pixels(small())
    assert model.layers[1].name == "stem_normalization"
    assert models.accept_raw_pixels(model) is model
    ensemble = models.mean_classifier([model, models.accept_raw_pixels(small())])
    assert models.accept_raw_pixels(ensemble) is ensemble
    with pytest.raises(UsageError, match="takes raw pixels already"):
        models.accept_raw_pixels(model, models.INCEPTION)


def test_names_versions_and_did_you_mean():
    assert models.build("resnet8_small", classes=2, input_shape=(8, 8, 1)).name == "resnet8_small"
    assert models.build("resnet", depths=(1,), widths=(8,), stem_width=4, input_shape=(16, 16, 3)).output_shape == (
        None,
        1000,
    )
    with pytest.raises(UsageError, match=r"No variant 'resnet51'. Did you mean 'resnet50'\?"):
        models.resnet("resnet51")
    with pytest.raises(UsageError, match="No model 'mobilenet_v3'"):
        models.build("mobilenet_v3")
    with pytest.raises(UsageError, match="No field width in ResNetConfig"):
        small(width=3)
    with pytest.raises(ShapeError, match=r"input_shape must be \(height, width, channels\)"):
        small(input_shape=(8, 8))
    with pytest.raises(UsageError, match="one positive number a stage"):
        small(depths=(1, 2))
    with pytest.raises(UsageError, match="alpha must be positive"):
        models.mobilenet_v2(alpha=0)


@pytest.mark.parametrize(
    ("value", "expected"), [(16 * 0.35, 8), (24 * 0.35, 8), (32 * 0.35, 16), (1280 * 1.4, 1792), (3, 8)]
)
def test_make_divisible(value, expected):
    assert divisible(value) == expected


def test_version_decides_where_the_stride_is():
    def strides(name):
        layer = models.resnet(name, depths=(1, 1), widths=(8, 16), stem_width=4, input_shape=(32, 32, 3)).get_layer(
            "stage2_block1"
        )
        return layer.reduce.stride, layer.spatial.stride

    assert strides("resnet50") == (1, 2)
    assert strides("resnet50_v1") == (2, 1)
    assert strides("resnet50_v2") == (1, 2)


def test_any_input_size_and_no_head():
    model = small(classes=None, input_shape=(None, None, 2))
    assert model.output_shape == (None, 64)
    for size in (7, 12):
        assert tuple(model(np.zeros((2, size, size + 1, 2), "float32")).shape) == (2, 64)


def test_called_on_an_array_or_by_the_references_name():
    model = small()
    x = np.random.default_rng(0).normal(size=(2, 8, 8, 3)).astype("float32")
    np.testing.assert_array_equal(to_numpy(model({"pixel_values": x})), to_numpy(model(x)))


def test_groups_run_from_stem_to_head():
    groups = models.features(small())
    assert list(groups) == ["stem", "stage1", "stage2", "stage3", "head"]
    assert groups["stage2"].shape == (None, 4, 4, 32)


def test_features_cut_the_model():
    model = small()
    x = np.random.default_rng(0).normal(size=(2, 8, 8, 3)).astype("float32")
    groups = models.features(model)
    lower = keras.Model(model.input, groups["stage2"])
    upper = keras.Model(groups["stage2"], model.output)
    np.testing.assert_allclose(to_numpy(upper(lower(x))), to_numpy(model(x)), atol=1e-6)


def test_features_survive_a_second_call_of_the_model():
    model = small()
    model(keras.Input((8, 8, 3)))
    cut = keras.Model(model.input, models.features(model)["stage1"])
    assert cut.output_shape == (None, 8, 8, 16)


def test_replaced_head_shares_what_is_below():
    model = small()
    new = models.replace_head(model, 7, dropout=0.5, seed=1)
    assert new.output_shape == (None, 7)
    assert [layer.name for layer in new.layers[-2:]] == ["head_dropout", "head"]
    assert all(layer is model.get_layer(layer.name) for layer in new.layers[:-2])
    again = models.replace_head(new, 2)
    assert [layer.name for layer in again.layers[-2:]] == ["head_pool", "head"]
    assert again.preprocessing == model.preprocessing
    assert again.architecture["classes"] == 2


def test_replaced_head_of_others():
    inputs = keras.Input((4,))
    x = keras.layers.Dense(5, activation="relu", name="hidden")(inputs)
    x = keras.layers.Dropout(0.5)(x)
    x = keras.layers.Dense(3, name="predictions")(x)
    new = models.replace_head(keras.Model(inputs, keras.layers.Softmax()(x)), 2)
    assert [layer.name for layer in new.layers[1:]] == ["hidden", "head"]
    headless = models.replace_head(small(classes=0), 2)
    assert headless.output_shape == (None, 2)
    with pytest.raises(ShapeError, match="no Dense layer to replace"):
        models.replace_head(keras.Sequential([keras.Input((4, 4, 3)), keras.layers.Conv2D(2, 3)]), 2)
    with pytest.raises(UsageError, match="classes must be at least 1"):
        models.replace_head(small(), 0)
    subclassed = type("Mine", (keras.Model,), {"call": lambda self, x: x})()
    with pytest.raises(UsageError, match="functional model"):
        models.replace_head(subclassed, 2)


def test_adapted_first_kernels():
    kernel = np.random.default_rng(0).normal(size=(3, 3, 3, 2))
    grey = np.random.default_rng(1).normal(size=(3, 3))
    ours = np.einsum("hw,hwo->o", grey, models.adapt_channels(kernel, 1)[:, :, 0])
    np.testing.assert_allclose(ours, np.einsum("hw,hwco->o", grey, kernel))  # a grey picture as RGB
    four = models.adapt_channels(kernel, 4)
    np.testing.assert_allclose(four[:, :, 3], kernel[:, :, 0] * 0.75)
    np.testing.assert_allclose(models.adapt_channels(kernel, 2)[:, :, 1], kernel[:, :, 1] * 1.5)
    assert models.adapt_channels(kernel, 3) is kernel
    with pytest.raises(ShapeError, match="Received 3 in the file, 5 wanted"):
        models.adapt_channels(kernel, 5)


def test_preprocessing_of_grey_and_bgr():
    grey = models.IMAGENET.layer(1)
    np.testing.assert_allclose(grey.mean, [np.mean((0.485, 0.456, 0.406))])
    assert models.IMAGENET.layer(4).mean == [0.485, 0.456, 0.406, 0.485]
    pixels = np.random.default_rng(0).integers(0, 256, (2, 3, 3, 3)).astype("float32")
    # keras.applications is the independent reference: its "caffe" and "tf" modes
    theirs = keras.applications.resnet.preprocess_input(pixels.copy())
    np.testing.assert_allclose(to_numpy(models.CAFFE.layer()(pixels)), theirs, atol=1e-4)
    theirs = keras.applications.mobilenet_v2.preprocess_input(pixels.copy())
    np.testing.assert_allclose(to_numpy(models.INCEPTION.layer()(pixels)), theirs, atol=1e-5)
