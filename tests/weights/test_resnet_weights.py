"""ResNet against Hugging Face, timm's names and keras.applications, in both directions where there are two."""

import importlib.util
from pathlib import Path

import keras
import numpy as np
import pytest
import torch
from keras.src.applications import resnet as reference

import kerasarch
from kerasarch import models, weights
from kerasarch.errors import UsageError, WeightsError
from kerasarch.weights.safetensors_files import read_safetensors, write_safetensors
from tests import conformance
from tests.conformance import outputs
from tests.weights.references import assert_close, huggingface_outputs, randomise_torch, write_legacy

pytestmark = conformance.QUIET

SIZES = {"embedding_size": 8, "hidden_sizes": [8, 16], "depths": [1, 2], "num_labels": 5}
CONFIGS = {
    "bottleneck": {**SIZES, "layer_type": "bottleneck"},
    "basic": {**SIZES, "layer_type": "basic"},
    "v1": {**SIZES, "layer_type": "bottleneck", "downsample_in_bottleneck": True},
    "odd": {**SIZES, "layer_type": "basic", "num_channels": 1, "downsample_in_first_stage": True, "hidden_act": "gelu"},
}


def pictures(height=33, width=46, channels=3, count=2):
    return np.random.default_rng(0).normal(size=(count, height, width, channels)).astype("float32")


def huggingface(folder, kind="ResNetForImageClassification", **config):
    import transformers

    torch.manual_seed(0)
    model = getattr(transformers, kind)(transformers.ResNetConfig(**config)).eval()
    randomise_torch(model)
    model.save_pretrained(folder)
    return model


@pytest.mark.parametrize("name", CONFIGS)
def test_huggingface_classifier_both_ways(name, tmp_path):
    import transformers

    theirs = huggingface(tmp_path / "theirs", **CONFIGS[name])
    x = pictures(channels=CONFIGS[name].get("num_channels", 3))
    model = kerasarch.from_pretrained(tmp_path / "theirs", input_shape=(*x.shape[1:],))
    expected = huggingface_outputs(theirs, x).logits
    assert_close(outputs(model, x), expected)
    kerasarch.to_pretrained(model, tmp_path / "ours")
    again = transformers.ResNetForImageClassification.from_pretrained(tmp_path / "ours").eval()
    assert_close(huggingface_outputs(again, x).logits, expected)


def test_huggingface_backbone_both_ways(tmp_path):
    import transformers

    theirs = huggingface(tmp_path / "theirs", "ResNetModel", **CONFIGS["bottleneck"])
    x = pictures()
    model = kerasarch.from_pretrained(tmp_path / "theirs", input_shape=x.shape[1:])
    ours, expected = model.predict_on_batch(x), huggingface_outputs(theirs, x)
    assert_close(np.moveaxis(ours["last_hidden_state"], -1, 1), expected.last_hidden_state)
    assert_close(ours["pooler_output"], expected.pooler_output[:, :, 0, 0])
    kerasarch.to_pretrained(model, tmp_path / "ours")
    again = transformers.ResNetModel.from_pretrained(tmp_path / "ours").eval()
    assert_close(huggingface_outputs(again, x).pooler_output, expected.pooler_output)
    assert models.replace_head(model, 3).output_shape == (None, 3)


def test_shards_other_classes_and_other_channels(tmp_path):
    theirs = huggingface(tmp_path / "whole", **CONFIGS["basic"])
    theirs.save_pretrained(tmp_path / "shards", max_shard_size="20KB")
    assert (tmp_path / "shards" / "model.safetensors.index.json").is_file()
    x = pictures(32, 32, 1)
    model = kerasarch.from_pretrained(tmp_path / "shards", input_shape=(32, 32, 1))
    # a grey picture must give what the same picture as RGB gives
    assert_close(outputs(model, x), huggingface_outputs(theirs, np.repeat(x, 3, axis=-1)).logits)
    other = kerasarch.from_pretrained(tmp_path / "shards", input_shape=(32, 32, 3), classes=2)
    assert other.output_shape == (None, 2)
    (next((tmp_path / "shards").glob("*00001-of*"))).unlink()
    with pytest.raises(WeightsError, match="no such file"):
        kerasarch.from_pretrained(tmp_path / "shards")


@pytest.mark.parametrize("bottleneck", [True, False])
def test_timm_names(bottleneck, tmp_path):
    path = Path(__file__).parents[2] / "benchmarks" / "plain_resnet.py"
    spec = importlib.util.spec_from_file_location("plain_resnet", path)
    plain = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(plain)
    theirs = plain.PlainResNet((1, 2), bottleneck, classes=5, width=8).eval()
    randomise_torch(theirs)
    file = tmp_path / "timm.safetensors"
    write_safetensors(file, {name: tensor.numpy() for name, tensor in theirs.state_dict().items()})
    x = pictures()
    model = kerasarch.from_pretrained(file, input_shape=x.shape[1:])
    with torch.no_grad():
        expected = theirs(torch.tensor(np.moveaxis(x, -1, 1))).numpy()
    assert_close(outputs(model, x), expected)
    broken = dict(read_safetensors(file))
    broken["layer1.0.se.fc1.weight"] = np.zeros((2, 2), "float32")
    write_safetensors(file, broken)
    with pytest.raises(WeightsError, match=r"1 tensors without a variable: layer1.0.se.fc1.weight"):
        kerasarch.from_pretrained(file)


def applications(version):
    """A narrow ResNet of keras.applications, from its own functions."""
    stack = reference.stack_residual_blocks_v1 if version == 1 else reference.stack_residual_blocks_v2

    def stages(x):
        x = stack(x, 4, 2, stride1=1 if version == 1 else 2, name="conv2")
        return stack(x, 8, 2, stride1=2 if version == 1 else 1, name="conv3")

    model = reference.ResNet(
        stages,
        preact=version == 2,
        use_bias=True,
        weights=None,
        classes=5,
        input_shape=(35, 32, 3),
        classifier_activation=None,
    )
    conformance.randomise(model)
    return model


def built_config(model):
    return models.ResNetConfig(**model.architecture["config"])


@pytest.mark.parametrize("version", [1, 2])
def test_keras_applications_files(version, tmp_path):
    theirs = applications(version)
    x = pictures(35, 32)
    expected = outputs(theirs, x)
    theirs.save_weights(tmp_path / "new.weights.h5")
    theirs.save(tmp_path / "whole.keras")
    write_legacy(theirs, tmp_path / "old.h5")
    found = [
        kerasarch.from_pretrained(tmp_path / file, input_shape=(35, 32, 3))
        for file in ("new.weights.h5", "whole.keras", "old.h5")
    ]
    model = found[0]
    assert_close(outputs(model, x), expected)
    for other in found[1:]:
        for ours, same in zip(other.weights, model.weights, strict=True):
            np.testing.assert_array_equal(conformance.to_numpy(ours), conformance.to_numpy(same))
    assert model.preprocessing.channel_order == ("bgr" if version == 1 else "rgb")
    # The builder takes the details (bias, epsilon, place of the stride) from the file, and the sizes must agree.
    built = models.resnet(
        "resnet50" if version == 1 else "resnet50_v2",
        depths=(2, 2),
        widths=(16, 32),
        classes=5,
        input_shape=(35, 32, 3),
        weights=str(tmp_path / "new.weights.h5"),
    )
    assert_close(outputs(built, x), expected)
    assert built.get_layer("stage1_block1").momentum == 0.9  # training is the caller's
    with pytest.raises(WeightsError, match=r"bias is True in the file and False in the model"):
        models.resnet(built_config(built), bias=False, weights=str(tmp_path / "new.weights.h5"))
    with pytest.raises(WeightsError, match=r"depths is \(2, 2\) in the file and \(3, 4, 6, 3\) in the model"):
        models.resnet("resnet50", preactivation=version == 2, weights=str(tmp_path / "new.weights.h5"))
    with pytest.raises(WeightsError, match="no counterpart of"):
        kerasarch.to_pretrained(model, tmp_path / "folder")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["ResNet50", "ResNet50V2"])
def test_keras_applications_at_full_width(name, tmp_path):
    theirs = getattr(keras.applications, name)(weights=None, input_shape=(64, 64, 3), classifier_activation=None)
    conformance.randomise(theirs)
    theirs.save_weights(tmp_path / "new.weights.h5")
    x = pictures(64, 64)
    variant = "resnet50" if name == "ResNet50" else "resnet50_v2"
    model = models.resnet(variant, input_shape=(64, 64, 3), weights=str(tmp_path / "new.weights.h5"))
    assert_close(outputs(model, x), outputs(theirs, x))


def small(**arguments):
    return models.resnet("resnet8_small", **{"classes": 4, "input_shape": (8, 8, 3), "widths": (4, 8, 8), **arguments})


def test_our_own_files(tmp_path):
    model = small()
    conformance.randomise(model)
    x = pictures(8, 8)
    model.save(tmp_path / "ours.keras")
    model.save_weights(tmp_path / "ours.weights.h5")
    again = kerasarch.from_pretrained(tmp_path / "ours.keras")
    assert_close(outputs(again, x), outputs(model, x))
    assert again.preprocessing == model.preprocessing
    again = small(weights=str(tmp_path / "ours.weights.h5"))
    assert_close(outputs(again, x), outputs(model, x))
    again = kerasarch.from_pretrained(
        tmp_path / "ours.weights.h5", variant="resnet8_small", input_shape=(8, 8, 3), widths=(4, 8, 8)
    )
    assert_close(outputs(again, x), outputs(model, x))
    with pytest.raises(WeightsError, match=r"does not say which model it is. Give variant="):
        kerasarch.from_pretrained(tmp_path / "ours.weights.h5")


def test_load_into_leaves_a_head_of_other_classes_alone(tmp_path, caplog):
    model = small()
    model.save_weights(tmp_path / "ours.weights.h5")
    new = models.replace_head(small(), 7)
    conformance.randomise(new)
    head = conformance.to_numpy(new.get_layer("head").kernel)
    with caplog.at_level("INFO", "kerasarch"):
        weights.load_into(new, tmp_path / "ours.weights.h5")
    assert "the head stays fresh (head/kernel, head/bias)" in caplog.text
    np.testing.assert_array_equal(conformance.to_numpy(new.get_layer("head").kernel), head)
    stem = [conformance.to_numpy(each.get_layer("stem_conv").convolution.kernel) for each in (new, model)]
    np.testing.assert_array_equal(*stem)
    with pytest.raises(UsageError, match="expected a model that kerasarch built"):
        weights.load_into(keras.Sequential([keras.layers.Dense(1)]), tmp_path / "ours.weights.h5")


def test_nothing_is_assigned_when_something_does_not_fit(tmp_path):
    small(widths=(4, 8, 16)).save_weights(tmp_path / "wide.weights.h5")
    model = small()
    before = [conformance.to_numpy(variable) for variable in model.weights]
    with pytest.raises(WeightsError, match=r"tensor stage3_block1/.* has shape .* variable stage3_block1/.* has"):
        weights.load_into(model, tmp_path / "wide.weights.h5")
    for variable, value in zip(model.weights, before, strict=True):
        np.testing.assert_array_equal(conformance.to_numpy(variable), value)
    with pytest.raises(WeightsError, match=r"tensor stem_conv/convolution/0 has shape \(3, 3, 3, 16\)"):
        models.mobilenet_v2(
            input_shape=(32, 32, 3), stages=((1, 8, 1, 1),), top_width=16, weights=str(tmp_path / "wide.weights.h5")
        )
