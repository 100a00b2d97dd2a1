"""EfficientNet against Hugging Face, timm's names and keras.applications."""

import json

import keras
import numpy as np
import pytest
import torch
from keras.src.applications import efficientnet as reference
from torch import nn

import kerasarch
from kerasarch import models
from kerasarch.errors import ShapeError, UsageError, WeightsError
from kerasarch.models.efficientnet import VARIANTS
from kerasarch.weights.safetensors_files import write_safetensors
from tests import conformance
from tests.conformance import outputs
from tests.weights.references import assert_close, first, huggingface_outputs, randomise_torch, write_legacy

pytestmark = conformance.QUIET
SHORT = pytest.mark.quick_on("tensorflow", "torch")  # JAX compiles every network: one by default

TINY = {
    "width_coefficient": 0.1,
    "depth_coefficient": 0.5,
    "depth_divisor": 2,
    "in_channels": [32, 16, 24],
    "out_channels": [16, 24, 60],
    "kernel_sizes": [3, 3, 5],
    "strides": [1, 2, 2],
    "num_block_repeats": [1, 3, 2],
    "expand_ratios": [1, 3, 2],
    "hidden_dim": 128,
    "image_size": 32,
    "num_labels": 5,
}
HUGGINGFACE = {
    "even": TINY,
    "odd": {**TINY, "depthwise_padding": [1, 3], "num_channels": 1, "hidden_act": "gelu", "batch_norm_eps": 1e-5},
}


def pictures(height=33, width=46, channels=3):
    return np.random.default_rng(0).normal(size=(2, height, width, channels)).astype("float32")


def healthy(model):
    """Random weights of a size that keeps the signal."""
    randomise_torch(model)
    for parameter in model.parameters():
        if parameter.ndim > 1:
            nn.init.normal_(parameter, std=(1.5 / parameter[0].numel()) ** 0.5)
    return model.eval()


def huggingface(folder, kind="EfficientNetForImageClassification", **config):
    import transformers

    torch.manual_seed(0)
    model = healthy(getattr(transformers, kind)(transformers.EfficientNetConfig(**config)))
    model.save_pretrained(folder)
    return model


@pytest.mark.parametrize("name", [pytest.param("even", marks=SHORT), "odd"])
def test_huggingface_both_ways(name, tmp_path):
    import transformers

    theirs = huggingface(tmp_path / "theirs", **HUGGINGFACE[name])
    x = pictures(channels=HUGGINGFACE[name].get("num_channels", 3))
    model = kerasarch.from_pretrained(tmp_path / "theirs", input_shape=x.shape[1:])
    expected = huggingface_outputs(theirs, x).logits
    assert_close(outputs(model, x), expected)
    kerasarch.to_pretrained(model, tmp_path / "ours")
    again = transformers.EfficientNetForImageClassification.from_pretrained(tmp_path / "ours").eval()
    assert_close(huggingface_outputs(again, x).logits, expected)


@pytest.mark.quick_on("torch")
def test_our_padding_is_written_for_the_resolution(tmp_path):
    import transformers

    # 22 pixels: 11 after the stem, so that the second stage meets maps of an odd size
    model = models.efficientnet(
        stages=((1, 8, 1, 1, 3), (2, 16, 1, 2, 5)), top_width=1280, resolution=22, classes=3, activation="relu"
    )
    conformance.randomise(model)
    kerasarch.to_pretrained(model, tmp_path)
    assert json.loads((tmp_path / "config.json").read_text())["depthwise_padding"] == [1]
    theirs = transformers.EfficientNetForImageClassification.from_pretrained(tmp_path).eval()
    x = pictures(22, 22)
    assert_close(outputs(model, x), huggingface_outputs(theirs, x).logits)
    for field in ({"padding": "symmetric"}, {"resolution": 23}):
        other = models.efficientnet(stages=((1, 8, 1, 1, 3),), classes=3, **field)
        with pytest.raises(WeightsError, match="pads the stem's pictures at the bottom and the right alone"):
            kerasarch.to_pretrained(other, tmp_path / "other")


@SHORT
def test_huggingface_backbone_and_its_pictures(tmp_path):
    theirs = huggingface(tmp_path, "EfficientNetModel", **TINY)
    # as https://huggingface.co/google/efficientnet-b0/blob/main/preprocessor_config.json, with other numbers
    processor = {"image_mean": [0.4, 0.5, 0.6], "image_std": [0.5, 0.4, 0.3], "include_top": True, "size": 32}
    (tmp_path / "preprocessor_config.json").write_text(json.dumps({**processor, "resample": 3}))
    x = pictures(32, 32)
    model = kerasarch.from_pretrained(tmp_path)
    ours, expected = model.predict_on_batch(x), huggingface_outputs(theirs, x)
    assert_close(np.moveaxis(ours["last_hidden_state"], -1, 1), expected.last_hidden_state)
    assert_close(ours["pooler_output"], expected.pooler_output)
    assert model.preprocessing.interpolation == "bicubic"
    pixels = np.random.default_rng(0).integers(0, 256, (1, 2, 2, 3)).astype("float32")
    twice = (pixels / 255 - processor["image_mean"]) / processor["image_std"] / processor["image_std"]
    assert_close(conformance.to_numpy(model.preprocessing.layer()(pixels)), twice)
    (tmp_path / "preprocessor_config.json").write_text(json.dumps({**processor, "resample": 4}))
    with pytest.raises(WeightsError, match=r"resized by resample 4 \(Pillow's number\). Expected one of 0 \(nearest\)"):
        kerasarch.from_pretrained(tmp_path)


@SHORT
def test_huggingface_networks_that_are_not_built(tmp_path):
    huggingface(tmp_path, "EfficientNetModel", **TINY)
    path = tmp_path / "config.json"
    config = json.loads(path.read_text())
    path.write_text(json.dumps({**config, "pooling_type": "max"}))
    with pytest.raises(WeightsError, match="pooling_type 'mean'"):
        kerasarch.from_pretrained(tmp_path)
    path.write_text(json.dumps({**config, "out_channels": [32, 24, 60], "in_channels": [32, 32, 24]}))
    with pytest.raises(WeightsError, match="the first block of stage 1, from 4 to 4 channels"):
        kerasarch.from_pretrained(tmp_path)


class Block(nn.Module):
    """A block with timm's names; TensorFlow's padding where ``same``."""

    def __init__(self, inputs, outputs, *, expansion, kernel, stride, same, epsilon):
        super().__init__()
        hidden = inputs * expansion
        names = iter(("bn1", "bn2", "bn3"))
        self.same, self.plain, self.shortcut = same, expansion == 1, stride == 1 and inputs == outputs
        if not self.plain:
            self.conv_pw = nn.Conv2d(inputs, hidden, 1, bias=False)
            self.add_module(next(names), nn.BatchNorm2d(hidden, epsilon))
        padding = 0 if same else kernel // 2
        self.conv_dw = nn.Conv2d(hidden, hidden, kernel, stride, padding, groups=hidden, bias=False)
        self.add_module(next(names), nn.BatchNorm2d(hidden, epsilon))
        self.se = nn.Module()
        self.se.conv_reduce = nn.Conv2d(hidden, max(1, inputs // 4), 1)
        self.se.conv_expand = nn.Conv2d(max(1, inputs // 4), hidden, 1)
        self.add_module("conv_pw" if self.plain else "conv_pwl", nn.Conv2d(hidden, outputs, 1, bias=False))
        self.add_module(next(names), nn.BatchNorm2d(outputs, epsilon))

    def forward(self, x):
        h = x if self.plain else nn.functional.silu(self.bn1(self.conv_pw(x)))
        norms = (self.bn1, self.bn2) if self.plain else (self.bn2, self.bn3)
        h = nn.functional.silu(norms[0](convolve(self.conv_dw, h, self.same)))
        gate = nn.functional.silu(self.se.conv_reduce(h.mean((2, 3), keepdim=True)))
        h = h * torch.sigmoid(self.se.conv_expand(gate))
        h = norms[1]((self.conv_pw if self.plain else self.conv_pwl)(h))
        return x + h if self.shortcut else h


def convolve(layer, x, same):
    if same:  # TensorFlow's rule: https://www.tensorflow.org/api_docs/python/tf/nn#notes_on_padding_2
        pads = []
        for size, kernel, stride in zip(x.shape[:1:-1], layer.kernel_size, layer.stride, strict=True):
            total = max(kernel - (stride if size % stride == 0 else size % stride), 0)
            pads += [total // 2, total - total // 2]
        x = nn.functional.pad(x, pads)
    return layer(x)


class PlainEfficientNet(nn.Module):
    """timm's names of an EfficientNet of a few channels."""

    def __init__(self, same, epsilon):
        super().__init__()
        common = {"same": same, "epsilon": epsilon}
        self.same = same
        self.conv_stem = nn.Conv2d(3, 8, 3, 2, 0 if same else 1, bias=False)
        self.bn1 = nn.BatchNorm2d(8, epsilon)
        self.blocks = nn.Sequential(
            nn.Sequential(Block(8, 4, expansion=1, kernel=3, stride=1, **common)),
            nn.Sequential(
                Block(4, 8, expansion=3, kernel=3, stride=2, **common),
                Block(8, 8, expansion=3, kernel=3, stride=1, **common),
            ),
            nn.Sequential(Block(8, 12, expansion=2, kernel=5, stride=2, **common)),
        )
        self.conv_head = nn.Conv2d(12, 16, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(16, epsilon)
        self.classifier = nn.Linear(16, 5)

    def forward(self, x):
        x = nn.functional.silu(self.bn1(convolve(self.conv_stem, x, self.same)))
        x = nn.functional.silu(self.bn2(self.conv_head(self.blocks(x))))
        return self.classifier(x.mean((2, 3)))


@SHORT
@pytest.mark.parametrize(
    ("architecture", "same", "epsilon"), [("tf_efficientnet_b0", True, 1e-3), ("efficientnet_b0", False, 1e-5)]
)
def test_timm_names(architecture, same, epsilon, tmp_path):
    torch.manual_seed(0)
    theirs = healthy(PlainEfficientNet(same, epsilon))
    tensors = {name: tensor.numpy() for name, tensor in theirs.state_dict().items()}
    write_safetensors(tmp_path / "model.safetensors", tensors)
    config = {"architecture": architecture, "pretrained_cfg": {"input_size": [3, 40, 40], "mean": [0.5, 0.5, 0.5]}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    x = pictures(34, 45)
    model = kerasarch.from_pretrained(tmp_path, input_shape=x.shape[1:])
    with torch.no_grad():
        assert_close(outputs(model, x), theirs(first(x)).numpy())
    assert model.preprocessing.mean == (0.5, 0.5, 0.5)
    assert model.architecture["config"]["resolution"] == 40
    with pytest.raises(WeightsError, match=r"does not tell padding, epsilon of the efficientnet"):
        kerasarch.from_pretrained(tmp_path / "model.safetensors")
    built = models.efficientnet(
        models.EfficientNetConfig(**model.architecture["config"]),
        classes=5,
        input_shape=x.shape[1:],
        weights=str(tmp_path / "model.safetensors"),
    )
    assert built.architecture == model.architecture
    del tensors["blocks.1.1.se.conv_reduce.bias"]
    write_safetensors(tmp_path / "model.safetensors", tensors)
    with pytest.raises(WeightsError, match=r"1 variables without a tensor: stage2_block2/squeeze_excite/reduce/bias"):
        kerasarch.from_pretrained(tmp_path)


def applications(mean, variance, shape=(35, 32, 3)):
    """A narrow EfficientNet of keras.applications, with the first three stages."""
    model = reference.EfficientNet(
        0.25,
        0.5,
        32,
        blocks_args=reference.DEFAULT_BLOCKS_ARGS[:3],
        weights=None,
        classes=5,
        input_shape=shape,
        classifier_activation=None,
    )
    conformance.randomise(model)
    normalization = next(layer for layer in model.layers if isinstance(layer, keras.layers.Normalization))
    for variable, values in ((normalization.adapt_mean, mean), (normalization.adapt_variance, variance)):
        variable.assign(np.reshape(values, variable.shape))
    normalization.finalize_state()
    return model


@SHORT
def test_keras_applications_files(tmp_path):
    theirs = applications([0.1, 0.2, 0.3], [0.25, 0.5, 0.75])
    theirs.save_weights(tmp_path / "new.weights.h5")
    write_legacy(theirs, tmp_path / "old.h5")
    pixels = np.random.default_rng(0).uniform(0, 255, (2, 35, 32, 3)).astype("float32")
    expected = outputs(theirs, pixels)
    for file in ("new.weights.h5", "old.h5"):
        model = kerasarch.from_pretrained(tmp_path / file, input_shape=(35, 32, 3))
        assert_close(outputs(model, conformance.to_numpy(model.preprocessing.layer()(pixels))), expected)
    config = models.EfficientNetConfig(**model.architecture["config"])
    with pytest.raises(WeightsError, match=r"top_width is 320 in the file and 1280 in the model"):
        models.efficientnet(config, top_width=1280, weights=str(tmp_path / "old.h5"))
    built = models.efficientnet(config, classes=2, padding="same", weights=str(tmp_path / "old.h5"))
    assert built.output_shape == (None, 2)


def test_published_keras_files_hold_deviations_where_variances_belong(tmp_path):
    deviations = np.array([0.229, 0.224, 0.225])
    write_legacy(applications([0.485, 0.456, 0.406], deviations), tmp_path / "published.h5")
    pixels = np.random.default_rng(0).uniform(0, 255, (2, 4, 4, 3)).astype("float32")
    model = kerasarch.from_pretrained(tmp_path / "published.h5")
    expected = (pixels / 255 - models.IMAGENET.mean) / deviations
    assert_close(conformance.to_numpy(model.preprocessing.layer()(pixels)), expected)


def test_configs_are_checked():
    with pytest.raises(UsageError, match="expansion, channels, blocks, stride and kernel"):
        models.efficientnet(stages=((1, 16, 1, 1),))
    with pytest.raises(ShapeError, match="nothing is left of 7 pixels"):
        models.efficientnet(padding="even", input_shape=(64, 7, 3), stages=VARIANTS["efficientnet_b0"].stages[:4])
    with pytest.raises(WeightsError, match=r"keras.applications has no ImageNet weights for this EfficientNet"):
        models.efficientnet(stem_width=8, weights="imagenet")


@pytest.mark.slow
@pytest.mark.parametrize("number", range(8))
def test_keras_applications_at_full_width(number, tmp_path):
    theirs = getattr(keras.applications, f"EfficientNetB{number}")(
        weights=None, input_shape=(64, 64, 3), classifier_activation=None
    )
    conformance.randomise(theirs)
    normalization = next(layer for layer in theirs.layers if isinstance(layer, keras.layers.Normalization))
    normalization.adapt_variance.assign(np.ones(normalization.adapt_variance.shape))
    normalization.finalize_state()
    theirs.save_weights(tmp_path / "new.weights.h5")
    model = models.efficientnet(
        f"efficientnet_b{number}", input_shape=(64, 64, 3), weights=str(tmp_path / "new.weights.h5")
    )
    pixels = np.random.default_rng(0).uniform(0, 255, (2, 64, 64, 3)).astype("float32")
    ours = outputs(model, conformance.to_numpy(model.preprocessing.layer()(pixels)))
    assert_close(ours, outputs(theirs, pixels))
