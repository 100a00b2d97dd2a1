"""DenseNet against torchvision's and timm's names and keras.applications."""

import re

import numpy as np
import pytest
import torch
from keras.src.applications import densenet as reference

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

DEPTHS, GROWTH, STEM = (2, 1), 3, 7


class DenseLayer(torch.nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.norm1 = torch.nn.BatchNorm2d(channels)
        self.conv1 = torch.nn.Conv2d(channels, 2 * GROWTH, 1, bias=False)
        self.norm2 = torch.nn.BatchNorm2d(2 * GROWTH)
        self.conv2 = torch.nn.Conv2d(2 * GROWTH, GROWTH, 3, padding=1, bias=False)

    def forward(self, x):
        h = self.conv1(torch.relu(self.norm1(x)))
        return torch.cat([x, self.conv2(torch.relu(self.norm2(h)))], 1)


class Torchvision(torch.nn.Module):
    """A small DenseNet with the names that torchvision and timm share."""

    def __init__(self, channels=3, classes=5):
        super().__init__()
        parts = {
            "conv0": torch.nn.Conv2d(channels, STEM, 7, stride=2, padding=3, bias=False),
            "norm0": torch.nn.BatchNorm2d(STEM),
            "relu0": torch.nn.ReLU(),
            "pool0": torch.nn.MaxPool2d(3, stride=2, padding=1),
        }
        width = STEM
        for stage, depth in enumerate(DEPTHS, start=1):
            layers = {f"denselayer{index + 1}": DenseLayer(width + index * GROWTH) for index in range(depth)}
            parts[f"denseblock{stage}"] = torch.nn.Sequential()
            for name, layer in layers.items():
                parts[f"denseblock{stage}"].add_module(name, layer)
            width += depth * GROWTH
            if stage < len(DEPTHS):
                transition = torch.nn.Sequential()
                transition.add_module("norm", torch.nn.BatchNorm2d(width))
                transition.add_module("relu", torch.nn.ReLU())
                transition.add_module("conv", torch.nn.Conv2d(width, width // 2, 1, bias=False))
                transition.add_module("pool", torch.nn.AvgPool2d(2))
                parts[f"transition{stage}"] = transition
                width //= 2
        parts["norm5"] = torch.nn.BatchNorm2d(width)
        self.features = torch.nn.Sequential()
        for name, part in parts.items():
            self.features.add_module(name, part)
        self.classifier = torch.nn.Linear(width, classes)

    def forward(self, x):
        return self.classifier(torch.relu(self.features(x)).mean((2, 3)))


@pytest.mark.parametrize("channels", [3, 1])
def test_torchvision_and_timm_names(channels, tmp_path):
    torch.manual_seed(0)
    theirs = Torchvision(channels).eval()
    randomise_torch(theirs)
    enliven_torch(theirs)
    tensors = {name: tensor.numpy() for name, tensor in theirs.state_dict().items()}
    write_safetensors(tmp_path / "today.safetensors", tensors)
    x = np.random.default_rng(0).normal(size=(2, 35, 22, channels)).astype("float32")
    model = kerasarch.from_pretrained(tmp_path / "today.safetensors", input_shape=x.shape[1:])
    with torch.no_grad():
        expected = theirs(first(x)).numpy()
    assert_depends_on_input(expected)
    assert_close(outputs(model, x), expected)
    if channels == 3:
        return
    # torchvision's files of 2017 have a point in "norm.1"
    old = {re.sub(r"(norm|conv)([12])\.", r"\1.\2.", name): tensor for name, tensor in tensors.items()}
    assert set(old) != set(tensors)
    write_safetensors(tmp_path / "old.safetensors", old)
    again = kerasarch.from_pretrained(tmp_path / "old.safetensors", input_shape=x.shape[1:])
    for ours, same in zip(again.weights, model.weights, strict=True):
        np.testing.assert_array_equal(conformance.to_numpy(ours), conformance.to_numpy(same))
    with pytest.raises(WeightsError, match="Hugging Face has no counterpart of the family densenet"):
        kerasarch.to_pretrained(model, tmp_path / "folder")


def test_keras_applications_files(tmp_path):
    theirs = reference.DenseNet(
        [1, 2, 1, 1], weights=None, input_shape=(37, 32, 3), classes=5, classifier_activation=None
    )
    conformance.randomise(theirs)
    x = np.random.default_rng(0).normal(size=(2, 37, 32, 3)).astype("float32")
    theirs.save_weights(tmp_path / "new.weights.h5")
    for layer in theirs.layers:  # the public files are older than the names of today's layers
        layer._name = re.sub(r"^conv1_(conv|bn)$", r"conv1/\1", layer.name)
    write_legacy(theirs, tmp_path / "old.h5")
    model = kerasarch.from_pretrained(tmp_path / "new.weights.h5", input_shape=(37, 32, 3))
    expected = outputs(theirs, x)
    assert_depends_on_input(expected)
    assert_close(outputs(model, x), expected)
    built = models.densenet(
        "densenet121", depths=(1, 2, 1, 1), classes=5, input_shape=(37, 32, 3), weights=str(tmp_path / "old.h5")
    )
    for ours, same in zip(built.weights, model.weights, strict=True):
        np.testing.assert_array_equal(conformance.to_numpy(ours), conformance.to_numpy(same))
    assert built.get_layer("stage1_layer1").epsilon == 1.001e-5
    assert built.get_layer("stage1_layer1").momentum == 0.9  # training is the caller's


def small(**arguments):
    sizes = {"depths": DEPTHS, "growth": GROWTH, "stem_width": STEM, "classes": 3, "input_shape": (8, 9, 1)}
    return models.densenet("densenet100_small", **{**sizes, **arguments})


def test_our_own_files(tmp_path):
    model = small(dropout=0.1)
    x = np.random.default_rng(0).normal(size=(2, 8, 9, 1)).astype("float32")
    model.save(tmp_path / "ours.keras")
    model.save_weights(tmp_path / "ours.weights.h5")
    for again in (
        kerasarch.from_pretrained(tmp_path / "ours.keras"),
        small(weights=str(tmp_path / "ours.weights.h5")),
    ):
        assert_close(outputs(again, x), outputs(model, x))


def test_groups_sizes_and_errors():
    model = small(input_shape=(None, None, 3), classes=0)
    groups = models.features(model)
    assert list(groups) == ["stem", "stage1", "stage2", "top", "head"]
    assert groups["stage1"].shape == (None, None, None, STEM + 2 * GROWTH)
    assert model.output_shape == (None, (STEM + 2 * GROWTH) // 2 + GROWTH)
    assert models.features(models.densenet(depths=(1,) * 4, growth=2, input_shape=(29, 32, 3)))["stage4"].shape[1] == 1
    with pytest.raises(ShapeError, match="pictures need at least 29 pixels"):
        models.densenet(input_shape=(28, 32, 3))
    with pytest.raises(UsageError, match=r"must be positive. Received depths=\(0,\)"):
        small(depths=(0,))
    with pytest.raises(UsageError, match=r"compression must be in \(0, 1\]"):
        small(compression=0)
    with pytest.raises(WeightsError, match=r"keras.applications has no ImageNet weights for a DenseNet"):
        models.densenet("densenet161", weights="imagenet")
