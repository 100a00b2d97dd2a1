"""MobileNetV2 against Hugging Face and keras.applications, and with real ImageNet weights."""

import json

import keras
import numpy as np
import pytest
import torch
from PIL import Image

import kerasarch
from kerasarch import models
from kerasarch.errors import WeightsError
from tests import conformance
from tests.conformance import outputs
from tests.weights.references import assert_close, huggingface_outputs, randomise_torch, write_legacy

pytestmark = conformance.QUIET


def pictures(height, width, channels=3):
    return np.random.default_rng(0).normal(size=(2, height, width, channels)).astype("float32")


@pytest.mark.parametrize(
    ("config", "size"),
    [
        ({"depth_multiplier": 0.35}, (33, 46)),
        ({"depth_multiplier": 0.5, "tf_padding": False, "output_stride": 16, "layer_norm_eps": 1e-5}, (32, 40)),
    ],
    ids=["tensorflow", "pytorch"],
)
def test_huggingface_both_ways(config, size, tmp_path):
    import transformers

    torch.manual_seed(0)
    theirs = transformers.MobileNetV2ForImageClassification(
        transformers.MobileNetV2Config(num_labels=5, **config)
    ).eval()
    randomise_torch(theirs)
    theirs.save_pretrained(tmp_path / "theirs")
    x = pictures(*size)
    expected = huggingface_outputs(theirs, x).logits
    model = kerasarch.from_pretrained(tmp_path / "theirs", input_shape=x.shape[1:])
    assert_close(outputs(model, x), expected)
    kerasarch.to_pretrained(model, tmp_path / "ours")
    again = transformers.MobileNetV2ForImageClassification.from_pretrained(tmp_path / "ours").eval()
    assert_close(huggingface_outputs(again, x).logits, expected)


def test_keras_applications_files(tmp_path):
    theirs = keras.applications.MobileNetV2(
        alpha=0.35, weights=None, classes=5, input_shape=(35, 32, 3), classifier_activation=None
    )
    conformance.randomise(theirs)
    x = pictures(35, 32)
    expected = outputs(theirs, x)
    theirs.save_weights(tmp_path / "new.weights.h5")
    write_legacy(theirs, tmp_path / "old.h5")
    model = kerasarch.from_pretrained(tmp_path / "old.h5", input_shape=(35, 32, 3))
    assert model.architecture["config"]["alpha"] == 0.35
    assert_close(outputs(model, x), expected)
    with pytest.raises(WeightsError, match=r"alpha is 0.35 in the file and 0.5 in the model"):
        models.mobilenet_v2(alpha=0.5, weights=str(tmp_path / "new.weights.h5"))


@pytest.mark.parametrize("alpha", [0.35, 0.5, 0.75, 1.0, 1.3, 1.4])
def test_the_multiplier_of_a_file_is_found(alpha):
    from kerasarch.weights.checkpoint import Checkpoint
    from kerasarch.weights.mobilenet_v2 import _widths, identify

    widths = _widths(models.MobileNetV2Config(alpha=alpha))
    names = ["expanded_conv_project/0", *(f"block_{index}_project/0" for index in range(1, 17)), "Conv_1/0"]
    tensors = {name: np.zeros((1, 1, 1, width)) for name, width in zip(names, widths[2:], strict=True)}
    tensors |= {"Conv1/0": np.zeros((3, 3, 3, widths[0])), "expanded_conv_depthwise/0": np.zeros((3, 3, widths[1], 1))}
    assert identify(Checkpoint("file", "keras", tensors)).config.alpha == alpha


def test_real_imagenet_weights_name_the_photos(shared_data):
    folder = shared_data / "mobilenet_v2_imagenet"
    model = models.mobilenet_v2(weights=str(folder / "mobilenet_v2.weights.h5"))
    expected = json.loads((folder / "photos" / "expected_top5.json").read_text())
    photos = np.stack([np.asarray(Image.open(folder / "photos" / name), "float32") for name in expected])
    logits = outputs(model, conformance.to_numpy(model.preprocessing.layer()(photos)))
    probabilities = np.exp(logits - logits.max(1, keepdims=True))
    probabilities /= probabilities.sum(1, keepdims=True)
    for row, entry in zip(probabilities, expected.values(), strict=True):
        best = np.argsort(-row)[:5]
        assert list(best) == [index for index, _, _ in entry["keras_top5"]]
        np.testing.assert_allclose(row[best], [share for _, _, share in entry["keras_top5"]], atol=1e-3)


def test_calibrated_statistics_are_assigned_only_when_asked(shared_data):
    from kerasarch import weights

    folder = shared_data / "mobilenet_v2_imagenet"
    model = models.mobilenet_v2(weights=str(folder / "mobilenet_v2.weights.h5"), input_shape=(64, 64, 3))
    x = np.random.default_rng(0).uniform(-1, 1, (2, 64, 64, 3)).astype("float32")
    before = outputs(model, x)
    plain = conformance.to_numpy(model.get_layer("stem_conv").norm.moving_mean)
    assert np.all(plain == 0)
    weights.assign_statistics(model, folder / "bn_calibrated.npz")
    assert np.any(conformance.to_numpy(model.get_layer("stem_conv").norm.moving_mean) != 0)
    np.testing.assert_allclose(outputs(model, x), before, atol=1e-2 * np.abs(before).max())
