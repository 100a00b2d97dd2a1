"""VGG against torchvision's and timm's names and keras.applications."""

import keras
import numpy as np
import pytest
import torch

import kerasarch
from kerasarch import models
from kerasarch.errors import ShapeError, UsageError, WeightsError
from kerasarch.weights.safetensors_files import write_safetensors
from tests import conformance
from tests.conformance import outputs
from tests.weights.references import (
    assert_close,
    assert_depends_on_input,
    enliven_torch,
    first,
    randomise_torch,
    write_legacy,
)

pytestmark = conformance.QUIET

WIDTHS, DEPTHS, HIDDEN = (4, 6), (1, 2), (9, 7)


class Torchvision(torch.nn.Module):
    """A small VGG with torchvision's names."""

    def __init__(self, norm, channels=3, classes=5, grid=2):
        super().__init__()
        layers = []
        for depth, width in zip(DEPTHS, WIDTHS, strict=True):
            for _ in range(depth):
                layers.append(torch.nn.Conv2d(channels, width, 3, padding=1))
                layers += [torch.nn.BatchNorm2d(width)] if norm else []
                layers.append(torch.nn.ReLU())
                channels = width
            layers.append(torch.nn.MaxPool2d(2))
        self.features = torch.nn.Sequential(*layers)
        self.avgpool = torch.nn.AdaptiveAvgPool2d(grid)
        parts = [torch.nn.Linear(WIDTHS[-1] * grid**2, HIDDEN[0]), torch.nn.ReLU(), torch.nn.Dropout()]
        parts += [torch.nn.Linear(*HIDDEN), torch.nn.ReLU(), torch.nn.Dropout(), torch.nn.Linear(HIDDEN[1], classes)]
        self.classifier = torch.nn.Sequential(*parts)

    def forward(self, x):
        return self.classifier(torch.flatten(self.avgpool(self.features(x)), 1))


def timm_tensors(tensors, grid=2):
    """The same weights as timm has them: hidden layers are convolutions, over the whole map and over one pixel."""
    layers = {"classifier.0": "pre_logits.fc1", "classifier.3": "pre_logits.fc2", "classifier.6": "head.fc"}
    result = {}
    for name, tensor in tensors.items():
        layer, variable = name.rsplit(".", 1)
        if name == "classifier.0.weight":
            tensor = tensor.reshape(len(tensor), -1, grid, grid)
        if name == "classifier.3.weight":
            tensor = tensor[:, :, None, None]
        result[f"{layers.get(layer, layer)}.{variable}"] = tensor
    return result


@pytest.mark.parametrize(("norm", "channels"), [(False, 3), (True, 1)])
def test_torchvision_and_timm_names(norm, channels, tmp_path):
    torch.manual_seed(0)
    theirs = Torchvision(norm, channels).eval()
    randomise_torch(theirs)
    enliven_torch(theirs)
    tensors = {name: tensor.numpy() for name, tensor in theirs.state_dict().items()}
    write_safetensors(tmp_path / "torchvision.safetensors", tensors)
    write_safetensors(tmp_path / "timm.safetensors", timm_tensors(tensors))
    x = np.random.default_rng(0).normal(size=(2, 13, 15, channels)).astype("float32")  # maps of 3x3: windows overlap
    with torch.no_grad():
        expected = theirs(first(x)).numpy()
    assert_depends_on_input(expected)
    model = kerasarch.from_pretrained(tmp_path / "torchvision.safetensors", input_shape=x.shape[1:])
    assert_close(outputs(model, x), expected)
    assert model.architecture["config"] == {
        **model.architecture["config"], "depths": DEPTHS, "widths": WIDTHS, "hidden": HIDDEN, "pool": 2, "norm": norm
    }  # fmt: skip
    other = kerasarch.from_pretrained(tmp_path / "timm.safetensors", input_shape=(None, None, channels))
    for ours, same in zip(other.weights, model.weights, strict=True):
        np.testing.assert_array_equal(conformance.to_numpy(ours), conformance.to_numpy(same))
    assert_close(outputs(other, x), expected)  # a size that is known only now
    with pytest.raises(WeightsError, match="Hugging Face has no counterpart of the family vgg"):
        kerasarch.to_pretrained(model, tmp_path / "folder")
    tensors["classifier.0.weight"] = tensors["classifier.0.weight"][:, :-1]
    write_safetensors(tmp_path / "broken.safetensors", tensors)
    with pytest.raises(WeightsError, match=r"first hidden layer reads 23 numbers. Expected a square of maps with 6"):
        kerasarch.from_pretrained(tmp_path / "broken.safetensors")


def applications(top=True):
    """The graph of keras.applications.VGG16 at other sizes; the full one has 138 million numbers to draw."""
    x = inputs = keras.Input((9, 8, 3))
    for stage, (depth, width) in enumerate(zip(DEPTHS, WIDTHS, strict=True), start=1):
        for index in range(1, depth + 1):
            name = f"block{stage}_conv{index}"
            x = keras.layers.Conv2D(width, 3, padding="same", activation="relu", name=name)(x)
        x = keras.layers.MaxPooling2D(2, name=f"block{stage}_pool")(x)
    if top:
        x = keras.layers.Flatten(name="flatten")(x)
        for index, units in enumerate(HIDDEN, start=1):
            x = keras.layers.Dense(units, activation="relu", name=f"fc{index}")(x)
        x = keras.layers.Dense(5, name="predictions")(x)
    else:
        x = keras.layers.GlobalAveragePooling2D()(x)
    model = keras.Model(inputs, x)
    conformance.randomise(model)
    return model


def test_keras_applications_files(tmp_path):
    theirs = applications()
    theirs.save_weights(tmp_path / "new.weights.h5")
    write_legacy(theirs, tmp_path / "old.h5")
    x = np.random.default_rng(0).normal(size=(2, 9, 8, 3)).astype("float32")
    expected = outputs(theirs, x)
    assert_depends_on_input(expected)
    model = kerasarch.from_pretrained(tmp_path / "new.weights.h5", input_shape=(9, 8, 3))
    assert_close(outputs(model, x), expected)
    assert model.preprocessing.channel_order == "bgr"
    sizes = {"depths": DEPTHS, "widths": WIDTHS, "hidden": HIDDEN, "input_shape": (9, 8, 3)}
    built = models.vgg("vgg16", **sizes, pool=2, classes=3, dropout=0.1, weights=str(tmp_path / "old.h5"))
    assert built.output_shape == (None, 3)
    for ours, same in zip(built.weights[:-2], model.weights[:-2], strict=True):  # all but the head
        np.testing.assert_array_equal(conformance.to_numpy(ours), conformance.to_numpy(same))
    with pytest.raises(WeightsError, match="pool is 2 in the file and 7 in the model"):
        models.vgg("vgg16", **sizes, classes=5, weights=str(tmp_path / "old.h5"))


def test_keras_applications_without_top(tmp_path):
    theirs = applications(top=False)
    theirs.save_weights(tmp_path / "notop.weights.h5")
    x = np.random.default_rng(0).normal(size=(2, 9, 8, 3)).astype("float32")
    model = kerasarch.from_pretrained(tmp_path / "notop.weights.h5", input_shape=(9, 8, 3))
    expected = outputs(theirs, x)
    assert_depends_on_input(expected)
    assert_close(outputs(model, x), expected)


@pytest.mark.slow
def test_keras_applications_at_full_width(tmp_path):
    theirs = keras.applications.VGG16(weights=None, input_shape=(64, 64, 3), classifier_activation=None)
    conformance.randomise(theirs)
    theirs.save_weights(tmp_path / "new.weights.h5")
    x = np.random.default_rng(0).normal(size=(2, 64, 64, 3)).astype("float32")
    model = kerasarch.from_pretrained(tmp_path / "new.weights.h5", input_shape=(64, 64, 3))
    assert_close(outputs(model, x), outputs(theirs, x))


def small(**arguments):
    sizes = {"depths": DEPTHS, "widths": WIDTHS, "hidden": HIDDEN, "pool": 2, "classes": 3, "input_shape": (8, 8, 1)}
    return models.vgg("vgg11", **{**sizes, **arguments})


def test_our_own_files(tmp_path):
    model = small()
    x = np.random.default_rng(0).normal(size=(2, 8, 8, 1)).astype("float32")
    model.save(tmp_path / "ours.keras")
    model.save_weights(tmp_path / "ours.weights.h5")
    for again in (
        kerasarch.from_pretrained(tmp_path / "ours.keras"),
        small(weights=str(tmp_path / "ours.weights.h5")),
    ):
        assert_close(outputs(again, x), outputs(model, x))


def test_errors():
    with pytest.raises(WeightsError, match=r"keras.applications has no ImageNet weights for a VGG .* norm=True"):
        models.vgg("vgg16_bn", weights="imagenet")
    with pytest.raises(ShapeError, match=r"vgg16: pictures need at least 32 pixels .* input_shape=\(31, 64, 3\)"):
        models.vgg("vgg16", input_shape=(31, 64, 3))
    with pytest.raises(UsageError, match="one positive number a stage"):
        small(depths=(1,))
    with pytest.raises(UsageError, match=r"dropout in \[0, 1\). Received pool=0"):
        small(pool=0)


def test_groups_new_heads_and_no_hidden_layers():
    model = small(dropout=0.5)
    groups = models.features(model)
    assert list(groups) == ["stem", "stage1", "stage2", "top", "head"]
    assert groups["stage1"].shape == (None, 4, 4, 4)
    assert groups["top"].shape == (None, 7)
    new = models.replace_head(model, 4)
    assert [layer.name for layer in new.layers[-2:]] == ["top_fc2", "head"]
    pooled = small(hidden=(), classes=None)
    assert [layer.name for layer in pooled.layers[-2:]] == ["stage2_pool", "head_pool"]
    assert pooled.output_shape == (None, 6)
