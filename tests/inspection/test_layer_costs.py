"""Sizes and costs of layers against published figures, the models' own shapes and the support of gradients."""

import keras
import numpy as np
import pytest
from keras import layers

from kerasarch import models
from kerasarch.errors import ShapeError, UsageError
from kerasarch.inspection import layer_costs
from kerasarch.layers import SymmetricMaxPooling
from kerasarch.training import grad
from tests import conformance

pytestmark = conformance.QUIET

# Multiply-adds in millions at 224 px: "GFLOPS" of https://docs.pytorch.org/vision/stable/models.html (fvcore), with
# three decimals "_ops" in torchvision's files of weights, except MobileNetV2: Sandler et al., 2018, table 4.
PUBLISHED = {
    "resnet18": 1814,
    "resnet34": 3664,
    "resnet50": 4089,
    "resnet101": 7801,
    "mobilenet_v2": 300,
    "alexnet": 714,
    "vgg16": 15470,
    "densenet121": 2834,
    "efficientnet_b0": 386,
    "convnext_tiny": 4456,
    "vit_base_patch16": 17564,
}


@pytest.fixture
def undrawn(monkeypatch):
    """Variables of zeros: only their shapes are looked at, and drawing VGG's would take gigabytes."""
    for name in ("VarianceScaling", "RandomNormal", "TruncatedNormal"):
        kind = getattr(keras.initializers, name)
        monkeypatch.setattr(kind, "__call__", lambda self, shape, dtype=None: keras.ops.zeros(shape, dtype))


@pytest.mark.quick_on("torch")  # no arithmetic is done, only variables are made
@pytest.mark.parametrize("name", PUBLISHED)
def test_published_multiply_adds(name, undrawn):
    cost = layer_costs(models.build(name))
    assert cost.multiply_adds == pytest.approx(PUBLISHED[name] * 1e6, rel=0.01)
    assert cost.unknown == ()


def test_receptive_fields_of_the_literature():
    """Araujo et al., 2019, table 1: ResNet-50 v2 at 483, MobileNet at 315; ours by its first definition."""
    cost = layer_costs(keras.applications.MobileNet(weights=None, alpha=0.25))
    assert {row.receptive_field for row in cost.layers if row.name == "conv_pw_13_relu"} == {(315, 315)}


def small(first="channels_last"):
    """A network with every kind of window, paths of different reach, and a size that no stride divides."""
    options = {"data_format": first}
    axis = 1 if first == "channels_first" else -1
    x = inputs = keras.Input((3, 37, 33) if first == "channels_first" else (37, 33, 3))
    x = layers.Conv2D(4, 3, strides=2, padding="same", name="stem_conv", **options)(x)
    x = layers.BatchNormalization(axis=axis, name="stem_norm")(x)
    x = layers.ZeroPadding2D(((2, 1), (0, 1)), name="stem_pad", **options)(x)
    x = layers.DepthwiseConv2D((3, 2), name="stem_depthwise", **options)(x)
    short = layers.AveragePooling2D(3, strides=2, padding="same", name="short_pool", **options)(x)
    long = layers.Conv2D(4, 3, strides=2, padding="same", name="long_first", **options)(x)
    long = layers.Conv2D(4, 3, dilation_rate=2, padding="same", name="long_second", **options)(long)
    x = layers.Add(name="sum")([short, layers.Activation("softplus", name="long_act")(long)])
    return keras.Model(inputs, layers.Cropping2D(1, name="crop", **options)(x))


def support(model, place):
    """Rows and columns of the input that one unit of the output depends on, by the gradient."""
    x = keras.ops.convert_to_tensor(np.random.default_rng(0).normal(size=(1, *model.input_shape[1:])).astype("float32"))

    def unit(x):
        return keras.ops.sum(model(x, training=False)[0, place[0], place[1]])

    slope = np.abs(keras.ops.convert_to_numpy(grad(unit)(x))).sum(axis=(0, -1))
    rows, columns = (np.flatnonzero(slope.sum(axis=1 - axis)) for axis in (0, 1))
    return (rows[0], rows[-1]), (columns[0], columns[-1])


@pytest.mark.quick_on("torch")  # JAX compiles each operation of a gradient by itself
def test_receptive_field_is_the_support_of_the_gradient():
    model = small()
    conformance.randomise(model)
    for name in ("stem_depthwise", "short_pool", "sum", "crop"):
        part = keras.Model(model.input, model.get_layer(name).output)
        row = layer_costs(part).layers[-1]
        centre = part.output.shape[1] // 2, part.output.shape[2] // 2
        found = support(part, centre)
        assert row.receptive_field == tuple(int(last - first + 1) for first, last in found), name
        neighbour = support(part, (centre[0] + 1, centre[1] + 1))
        assert row.stride == tuple(float(b[0] - a[0]) for a, b in zip(found, neighbour, strict=True)), name


@pytest.mark.quick_on("torch")
def test_blocks_of_ours_by_the_gradient():
    model = models.resnet("resnet18", input_shape=(95, 95, 3), depths=(1, 1), widths=(4, 4), stem_width=4, classes=0)
    part = keras.Model(model.input, models.features(model)["stage2"])
    conformance.randomise(part)
    cost = layer_costs(part)
    first, last = support(part, (6, 6))[0]
    # 7 of the stem, 2 times 2 of the pooling, 4 times 4, 4 times 2 and 8 times 2 of the blocks
    assert cost.layers[-1].receptive_field == (51, 51)
    assert first >= 6 * 8 - 25  # less where the maximum hides a place
    assert last <= 6 * 8 + 25
    assert cost.layers[-1].stride == (8.0, 8.0)


def test_shapes_parameters_and_memory():
    model = models.build("mobilenet_v2", input_shape=(33, 46, 1), classes=5, alpha=0.35)
    cost = layer_costs(model)
    assert cost.parameters == model.count_params()
    assert sum(row.parameters for row in cost.layers) == cost.parameters
    own = {layer.name: tuple(layer.output.shape[1:]) for layer in model.layers[1:]}
    assert {row.name: row.output for row in cost.layers} == own
    assert cost.layers[-1].activations == 5 * 4
    details = layer_costs(model, blocks=False)
    assert (details.multiply_adds, details.activations) == (cost.multiply_adds, cost.activations)
    assert len(details.layers) > 3 * len(cost.layers)
    assert details.layers[0].name == "stem_conv/pad" or details.layers[0].name.startswith("stem_conv/")


def test_other_sizes_than_the_model_was_built_for():
    model = models.build("resnet8_small", input_shape=(16, 16, 3))
    assert layer_costs(model, (64, 48, 3)).layers[-3].output == (16, 12, 64)
    assert len(model.layers[1]._inbound_nodes) == 1  # the model is as it was
    assert layer_costs(model, (32, 32, 3)).multiply_adds > 3 * layer_costs(model).multiply_adds
    open_sizes = models.build("resnet8_small", input_shape=(None, None, 3))
    with pytest.raises(UsageError, match="any size"):
        layer_costs(open_sizes)
    with pytest.raises(ShapeError, match=r"stem_conv.*axis -1.*value 3.*206, 206, 1|stem_conv.*3.*1"):
        layer_costs(open_sizes, (206, 206, 1))
    with pytest.raises(ShapeError, match="3 axes"):
        layer_costs(open_sizes, (200, 3))


def test_a_mismatch_names_the_layer_and_both_sizes():
    x = inputs = keras.Input((8, 8, 3))
    x = layers.Dense(4, name="fully_connected")(layers.Flatten()(layers.Conv2D(2, 3)(x)))
    with pytest.raises(ShapeError, match=r"fully_connected: received an input of \(None, 128\).*axis -1 of 72"):
        layer_costs(keras.Model(inputs, x), (10, 10, 3))


def test_products_in_layers_of_anyone():
    class Scores(keras.Layer):
        def build(self, shape):
            self.kernel = self.add_weight(shape=(shape[-1], 7))

        def call(self, x):
            return keras.ops.softmax(keras.ops.matmul(x, self.kernel))

    class Hidden(keras.Layer):
        def build(self, shape):
            self.kernel = self.add_weight(shape=(shape[-1], 7))

        def call(self, x):
            return x + float(keras.ops.convert_to_numpy(x).sum())

        def compute_output_shape(self, shape):
            return shape

    x = inputs = keras.Input((5, 3))
    x = Scores(name="scores")(x)
    cost = layer_costs(keras.Model(inputs, x))
    assert (cost.multiply_adds, cost.unknown) == (5 * 3 * 7, ())
    cost = layer_costs(keras.Model(inputs, Hidden(name="hidden")(x)))
    assert cost.unknown == ("hidden",)


def test_attention_and_recurrence():
    x = inputs = keras.Input((10, 8))
    x = layers.MultiHeadAttention(2, 4, name="attention")(x, x)
    x = layers.LSTM(6, name="memory")(x)
    rows = {row.name: row for row in layer_costs(keras.Model(inputs, x)).layers}
    assert rows["attention"].multiply_adds == 4 * 10 * 8 * 8 + 2 * 10 * 10 * 8
    assert rows["memory"].multiply_adds == 10 * 4 * 6 * (8 + 6)
    assert rows["attention"].receptive_field is None


def test_pooling_as_an_operation():
    x = inputs = keras.Input((9, 9, 2))
    row = layer_costs(keras.Model(inputs, SymmetricMaxPooling(3, stride=2)(x))).layers[0]
    assert (row.receptive_field, row.stride, row.output) == ((3, 3), (2.0, 2.0), (5, 5, 2))
