"""Layer groups by name, by pattern and for subclassed models; strategies over them."""

import keras
import pytest

from kerasarch import backends, training
from kerasarch.errors import UsageError


def chain(*names):
    """A sequential model of layers of these names; '~' in front marks one without weights."""
    layers = [keras.Input((2,))]
    for name in names:
        plain = name.startswith("~")
        layers.append(keras.layers.Activation("relu", name=name[1:]) if plain else keras.layers.Dense(2, name=name))
    return keras.Sequential(layers)


def by_name(model, groups=None):
    return {group.name: [layer.name for layer in group.layers] for group in training.layer_groups(model, groups)}


@pytest.mark.parametrize(
    ("names", "groups"),
    [
        (
            ["stem_conv", "stage1_block1", "stage1_block2", "~pool", "~dropout_x", "head"],
            {
                "stem": ["stem_conv"],
                "stage1": ["stage1_block1", "stage1_block2"],
                "head": ["pool", "dropout_x", "head"],
            },
        ),
        (  # ResNet of keras.applications
            ["~conv1_pad", "conv1_conv", "~pool1_pool", "conv2_block1_1_conv", "conv2_block2_out", "predictions"],
            {
                "conv1": ["conv1_pad", "conv1_conv"],
                "conv2": ["pool1_pool", "conv2_block1_1_conv", "conv2_block2_out"],
                "predictions": ["predictions"],
            },
        ),
        (  # MobileNetV2
            ["Conv1", "bn_Conv1", "~Conv1_relu", "expanded_conv", "block_1_expand", "block_10_expand", "Conv_1"],
            {
                "Conv1": ["Conv1", "bn_Conv1", "Conv1_relu"],
                "expanded": ["expanded_conv"],
                "block_1": ["block_1_expand"],
                "block_10": ["block_10_expand"],
                "Conv_1": ["Conv_1"],
            },
        ),
        (  # Inception: names that Keras made up, between named concatenations
            ["dense_57", "dense_58", "~mixed0", "dense_59", "~mixed1", "~avg_pool", "predictions"],
            {
                "mixed0": ["dense_57", "dense_58", "mixed0"],
                "mixed1": ["dense_59", "mixed1"],
                "predictions": ["avg_pool", "predictions"],
            },
        ),
        (["dense", "~activation_3", "dense_1"], {"dense": ["dense"], "dense_1": ["activation_3", "dense_1"]}),
        (["block1a_conv", "block1b_conv", "top_conv", "~top_activation"],
         {"block1a": ["block1a_conv"], "block1b": ["block1b_conv"], "top": ["top_conv", "top_activation"]}),
    ],
    ids=["ours", "resnet", "mobilenet", "inception", "made-up", "efficientnet"],
)  # fmt: skip
def test_groups_by_name(names, groups):
    assert by_name(chain(*names)) == groups


def test_groups_of_keras_applications():
    with backends.drawn_on_host():
        model = keras.applications.MobileNetV2(input_shape=(32, 32, 3), alpha=0.35, weights=None, classes=3)
    names = list(by_name(model))
    assert names == ["Conv1", "expanded", *[f"block_{index}" for index in range(1, 17)], "Conv_1", "predictions"]
    layers = [layer for group in training.layer_groups(model) for layer in group.layers]
    assert len(layers) == len(model.layers) - 1  # all but the input, each once
    _, stages = training.plan("gradual", training.layer_groups(model), epochs=1)
    assert [stage.name for stage in stages] == [
        "head", "block_15-Conv_1", "block_11-block_14", "block_7-block_10", "block_3-block_6", "Conv1-block_2",
    ]  # fmt: skip
    assert set(stages[-1].open) == set(names)


def test_models_inside_models():
    base = chain("stem_a", "stage1_a", "stage2_a")
    assert list(by_name(keras.Sequential([keras.Input((2,)), base, keras.layers.Dense(2, name="head")]))) == [
        "stem", "stage1", "stage2", "head",
    ]  # fmt: skip


def test_subclassed(subclassed):
    assert list(by_name(subclassed)) == ["stem", "stage1", "head"]


def test_patterns():
    model = chain("a_1", "b_1", "~b_out", "c_1")
    assert by_name(model, {"low": ["a*", "b_1"], "high": "c*"}) == {"low": ["a_1", "b_1"], "high": ["b_out", "c_1"]}
    with pytest.raises(UsageError, match="of which none hold layer 'c_1'"):
        training.layer_groups(model, {"low": ["a*", "b*"]})
    with pytest.raises(UsageError, match=r"\['low', 'high'\] hold layer 'b_1'"):
        training.layer_groups(model, {"low": ["a*", "b*"], "high": ["b*", "c*"]})
    with pytest.raises(UsageError, match=r"groups \['odd'\] that hold no layer"):
        training.layer_groups(model, {"all": "*_*", "odd": "x"})
    with pytest.raises(UsageError, match="from the input upward: low, high"):
        training.layer_groups(model, {"high": ["c*", "b_out"], "low": ["a*", "b_1"]})


def test_model_without_weights():
    class Unbuilt(keras.Model):
        def __init__(self):
            super().__init__()
            self.head = keras.layers.Dense(2)

    with pytest.raises(UsageError, match="Call it once on a batch"):
        training.layer_groups(Unbuilt())


@pytest.fixture
def groups():
    return training.layer_groups(chain("stem_a", "stage1_a", "stage1_bn", "stage2_a", "stage2_bn", "head"))


def plan(groups, strategy, **options):
    groups, stages = training.plan(strategy, groups, **{"epochs": 1, **options})
    return [(stage.name, stage.open) for stage in stages]


def test_strategies(groups):
    every = ("stem", "stage1", "stage2", "head")
    assert plan(groups, "extract") == [("head", ("head",))]
    assert plan(groups, "full") == [("full", every)]
    assert plan(groups, "gradual") == [
        ("head", ("head",)), ("stage2", every[2:]), ("stage1", every[1:]), ("stem", every),
    ]  # fmt: skip
    assert plan(groups, "bottom-up") == [
        ("head", ("head",)), ("stem", ("stem", "head")), ("stage1", ("stem", "stage1", "head")), ("stage2", every),
    ]  # fmt: skip
    assert plan(groups, "gradual", max_stages=3) == [("head", ("head",)), ("stage2", every[2:]), ("stem-stage1", every)]
    assert plan(groups, "gradual", max_stages=1) == [("head", every)]
    assert plan(groups, "selective", patterns=["stage1"]) == [("selective", ("stage1", "head"))]


def test_selective_by_layers_splits_groups(groups):
    split, stages = training.plan("selective", groups, epochs=1, patterns=["*_bn"])
    assert [group.name for group in split] == ["stem", "stage1/rest", "stage1", "stage2/rest", "stage2", "head"]
    assert stages[0].open == ("stage1", "stage2", "head")
    assert [layer.name for layer in split[2].layers] == ["stage1_bn"]


def test_epochs(groups):
    _, stages = training.plan("gradual", groups, epochs=(1, 2, 3, 4))
    assert [stage.epochs for stage in stages] == [1, 2, 3, 4]
    for epochs in ((1, 2), 0, (1, 2, 3, 0)):
        with pytest.raises(UsageError, match="for 4 stages"):
            training.plan("gradual", groups, epochs=epochs)


@pytest.mark.parametrize(
    ("strategy", "options", "message"),
    [
        ("sideways", {}, "Expected one of extract, full, gradual, bottom-up, selective"),
        ("selective", {}, "Expected patterns with 'selective'"),
        ("full", {"patterns": ["x"]}, "Expected patterns with 'selective'"),
        ("selective", {"patterns": ["x"]}, "the groups are stem, stage1, stage2, head"),
        ("gradual", {"max_stages": 0}, "Expected at least 1"),
    ],
)
def test_bad_strategies(groups, strategy, options, message):
    with pytest.raises(UsageError, match=message):
        plan(groups, strategy, **options)


def test_rates_by_group():
    assert training.group_rates(["a", "b", "c"], 0.4, 2.0) == {"a": 0.1, "b": 0.2, "c": 0.4}
    assert training.group_rates(["a", "b"], {"b": 1.0, "a": 0.5}, 2.6) == {"a": 0.5, "b": 1.0}
    with pytest.raises(UsageError, match="Expected none below 0"):
        training.group_rates(["a"], -1.0, 2.0)
