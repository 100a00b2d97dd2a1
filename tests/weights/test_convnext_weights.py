"""ConvNeXt against Hugging Face, timm's names and keras.applications."""

import keras
import numpy as np
import pytest
import torch
from keras.src.applications import convnext as reference
from torch import nn

import kerasarch
from kerasarch import models
from kerasarch.errors import ShapeError, UsageError, WeightsError
from kerasarch.weights.safetensors_files import write_safetensors
from tests import conformance
from tests.conformance import outputs
from tests.weights.references import assert_close, first, huggingface_outputs, randomise_torch, write_legacy

pytestmark = conformance.QUIET
SHORT = pytest.mark.quick_on("tensorflow", "torch")  # JAX compiles every network: one by default

TINY = {"hidden_sizes": [8, 12], "num_stages": 2, "depths": [1, 2], "num_labels": 5}
HUGGINGFACE = {
    "plain": {**TINY, "layer_scale_init_value": 0.5},
    "odd": {**TINY, "patch_size": 3, "layer_scale_init_value": 0.0, "num_channels": 1, "hidden_act": "relu"},
}


def pictures(height=15, width=22, channels=3):
    return np.random.default_rng(0).normal(size=(2, height, width, channels)).astype("float32")


def huggingface(folder, kind="ConvNextForImageClassification", **config):
    import transformers

    torch.manual_seed(0)
    model = getattr(transformers, kind)(transformers.ConvNextConfig(**config)).eval()
    for name, parameter in model.named_parameters():
        if name.endswith("layer_scale_parameter"):
            nn.init.uniform_(parameter, 0.5, 1.5)
    randomise_torch(model)
    model.save_pretrained(folder)
    return model


@pytest.mark.parametrize("name", [pytest.param("plain", marks=SHORT), "odd"])
def test_huggingface_both_ways(name, tmp_path):
    import transformers

    theirs = huggingface(tmp_path / "theirs", **HUGGINGFACE[name], layer_norm_eps=1e-3)
    x = pictures(channels=HUGGINGFACE[name].get("num_channels", 3))
    model = kerasarch.from_pretrained(tmp_path / "theirs", input_shape=x.shape[1:])
    expected = huggingface_outputs(theirs, x).logits
    assert_close(outputs(model, x), expected)
    kerasarch.to_pretrained(model, tmp_path / "ours")
    again = transformers.ConvNextForImageClassification.from_pretrained(tmp_path / "ours").eval()
    assert_close(huggingface_outputs(again, x).logits, expected)


@SHORT
def test_huggingface_backbone_and_other_channels(tmp_path):
    theirs = huggingface(tmp_path, "ConvNextModel", **HUGGINGFACE["plain"])
    x = pictures()
    model = kerasarch.from_pretrained(tmp_path, input_shape=x.shape[1:])
    ours, expected = model.predict_on_batch(x), huggingface_outputs(theirs, x)
    assert_close(np.moveaxis(ours["last_hidden_state"], -1, 1), expected.last_hidden_state)
    assert_close(ours["pooler_output"], expected.pooler_output)
    assert models.replace_head(model, 3).output_shape == (None, 3)
    grey = kerasarch.from_pretrained(tmp_path, input_shape=(15, 22, 1))
    kernels = [each.get_layer("stem_conv").kernel for each in (grey, model)]
    summed = conformance.to_numpy(kernels[1]).sum(2, keepdims=True)
    np.testing.assert_allclose(conformance.to_numpy(kernels[0]), summed, atol=1e-6)


class Block(nn.Module):
    """A block with timm's names."""

    def __init__(self, width):
        super().__init__()
        self.conv_dw = nn.Conv2d(width, width, 7, padding=3, groups=width)
        self.norm = nn.LayerNorm(width, 1e-6)
        self.mlp = nn.Module()
        self.mlp.fc1, self.mlp.fc2 = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.gamma = nn.Parameter(torch.rand(width) + 0.5)

    def forward(self, x):
        h = self.norm(self.conv_dw(x).permute(0, 2, 3, 1))
        h = self.gamma * self.mlp.fc2(nn.functional.gelu(self.mlp.fc1(h)))
        return x + h.permute(0, 3, 1, 2)


class Norm(nn.LayerNorm):
    """Over the channels of maps."""

    def forward(self, x):
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class PlainConvNeXt(nn.Module):
    """timm's names of a ConvNeXt of two stages."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 4, 4), Norm(8, 1e-6))
        self.stages = nn.ModuleList([nn.Module(), nn.Module()])
        self.stages[0].downsample, self.stages[0].blocks = nn.Identity(), nn.Sequential(Block(8))
        self.stages[1].downsample = nn.Sequential(Norm(8, 1e-6), nn.Conv2d(8, 12, 2, 2))
        self.stages[1].blocks = nn.Sequential(Block(12), Block(12))
        self.head = nn.Module()
        self.head.norm, self.head.fc = nn.LayerNorm(12, 1e-6), nn.Linear(12, 5)

    def forward(self, x):
        x = self.stem(x)
        for stage in self.stages:
            x = stage.blocks(stage.downsample(x))
        return self.head.fc(self.head.norm(x.mean((2, 3))))


@SHORT
def test_timm_names(tmp_path):
    torch.manual_seed(0)
    theirs = PlainConvNeXt().eval()
    randomise_torch(theirs)
    tensors = {name: tensor.numpy() for name, tensor in theirs.state_dict().items()}
    write_safetensors(tmp_path / "timm.safetensors", tensors)
    x = pictures()
    model = kerasarch.from_pretrained(tmp_path / "timm.safetensors", input_shape=x.shape[1:])
    with torch.no_grad():
        assert_close(outputs(model, x), theirs(first(x)).numpy())
    other = kerasarch.from_pretrained(tmp_path / "timm.safetensors", input_shape=x.shape[1:], classes=2)
    assert other.output_shape == (None, 2)
    tensors["stages.0.blocks.0.mlp.grn.weight"] = np.zeros(32, "float32")  # version 2 has it
    write_safetensors(tmp_path / "timm.safetensors", tensors)
    with pytest.raises(WeightsError, match=r"1 tensors without a variable: stages.0.blocks.0.mlp.grn.weight"):
        kerasarch.from_pretrained(tmp_path / "timm.safetensors")


@SHORT
@pytest.mark.parametrize("top", [True, pytest.param(False, marks=pytest.mark.quick_on("torch"))])
def test_keras_applications_files(top, tmp_path):
    theirs = reference.ConvNeXt(
        [1, 1, 2, 1],
        [4, 4, 6, 8],
        name="theirs",
        weights=None,
        classes=5,
        input_shape=(33, 46, 3),
        classifier_activation=None,
        include_top=top,
        pooling=None if top else "avg",
    )
    conformance.randomise(theirs)
    pixels = np.random.default_rng(0).uniform(0, 255, (2, 33, 46, 3)).astype("float32")
    expected = outputs(theirs, pixels)
    theirs.save_weights(tmp_path / "new.weights.h5")
    write_legacy(theirs, tmp_path / "old.h5")
    model = kerasarch.from_pretrained(tmp_path / "new.weights.h5", input_shape=(33, 46, 3))
    assert_close(outputs(model, conformance.to_numpy(model.preprocessing.layer()(pixels))), expected)
    other = models.convnext(
        depths=(1, 1, 2, 1),
        widths=(4, 4, 6, 8),
        classes=5 if top else 0,
        input_shape=(33, 46, 3),
        weights=str(tmp_path / "old.h5"),
    )
    for ours, same in zip(other.weights, model.weights, strict=True):
        np.testing.assert_array_equal(conformance.to_numpy(ours), conformance.to_numpy(same))
    with pytest.raises(WeightsError, match=r"depths is \(1, 1, 2, 1\) in the file and \(3, 3, 9, 3\) in the model"):
        models.convnext("convnext_tiny", widths=(4, 4, 6, 8), weights=str(tmp_path / "old.h5"))


@SHORT
def test_configs_are_checked(tmp_path):
    with pytest.raises(ShapeError, match="pictures need at least 32 pixels"):
        models.convnext("convnext_tiny", input_shape=(31, 64, 3))
    with pytest.raises(UsageError, match="one positive number a stage"):
        models.convnext(depths=(1, 2), widths=(4,))
    with pytest.raises(UsageError, match=r"layer_scale 0 \(none\) or more"):
        models.convnext(layer_scale=-1.0)
    with pytest.raises(WeightsError, match=r"keras.applications has no ImageNet weights for a ConvNeXt"):
        models.convnext(depths=(1, 2), widths=(4, 8), weights="imagenet")
    tiny = models.convnext(depths=(1,), widths=(4,), epsilon=1e-3, input_shape=(None, None, 1), classes=2)
    assert tiny(np.zeros((1, 5, 9, 1), "float32")).shape == (1, 2)
    with pytest.raises(WeightsError, match="epsilon 1e-6 before the head"):
        kerasarch.to_pretrained(tiny, tmp_path)


def test_stochastic_depth_grows_linearly():
    model = models.convnext(depths=(1, 2), widths=(4, 4), stochastic_depth=0.3, input_shape=(8, 8, 1), classes=2)
    rates = [layer.stochastic_depth for layer in model.layers if "block" in layer.name]
    np.testing.assert_allclose(rates, np.linspace(0, 0.3, 3))


@pytest.mark.slow
def test_keras_applications_at_full_width(tmp_path):
    theirs = keras.applications.ConvNeXtTiny(weights=None, input_shape=(64, 64, 3), classifier_activation=None)
    conformance.randomise(theirs)
    theirs.save_weights(tmp_path / "new.weights.h5")
    model = models.convnext("convnext_tiny", input_shape=(64, 64, 3), weights=str(tmp_path / "new.weights.h5"))
    pixels = np.random.default_rng(0).uniform(0, 255, (2, 64, 64, 3)).astype("float32")
    ours = outputs(model, conformance.to_numpy(model.preprocessing.layer()(pixels)))
    assert_close(ours, outputs(theirs, pixels))
