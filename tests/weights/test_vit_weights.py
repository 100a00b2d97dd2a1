"""ViT against Hugging Face and timm's names; positions for other sizes; attention weights."""

import json
import re

import numpy as np
import pytest
import torch

import kerasarch
from kerasarch import models, weights
from kerasarch.errors import WeightsError
from kerasarch.weights.safetensors_files import read_safetensors, write_safetensors
from tests import conformance
from tests.conformance import outputs, to_numpy
from tests.weights.plain_vit import PlainViT
from tests.weights.references import assert_close, first, huggingface_outputs, randomise_torch

pytestmark = conformance.QUIET
ONCE = pytest.mark.quick_on("torch")  # what does not depend on the backend, or only as its neighbours do

SIZES = {
    "hidden_size": 8,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 12,
    "image_size": 8,
    "patch_size": 4,
    "num_labels": 3,
}
CONFIGS = {
    "plain": SIZES,
    "odd": {**SIZES, "image_size": [9, 15], "num_channels": 1, "hidden_act": "relu", "qkv_bias": False}
    | {"layer_norm_eps": 1e-3, "num_attention_heads": 4, "intermediate_size": 7},
}


def pictures(height=8, width=8, channels=3, count=2):
    return np.random.default_rng(0).normal(size=(count, height, width, channels)).astype("float32")


def huggingface(folder, kind="ViTForImageClassification", **config):
    import transformers

    torch.manual_seed(0)
    model = getattr(transformers, kind)(transformers.ViTConfig(**config)).eval()
    randomise_torch(model)
    # Fresh tokens and positions are near zero, which would hide their absence.
    for name, tensor in model.named_parameters():
        if "token" in name or "position" in name:
            tensor.data.normal_()
    model.save_pretrained(folder)
    return model


def interpolated(model, x):
    """The reference's outputs for pictures of another size than that of its positions."""
    with torch.no_grad():
        return model(first(x), interpolate_pos_encoding=True).logits.numpy()


@pytest.mark.parametrize("name", ["odd", pytest.param("plain", marks=ONCE)])
def test_huggingface_classifier_both_ways(name, tmp_path):
    import transformers

    theirs = huggingface(tmp_path / "theirs", **CONFIGS[name])
    model = kerasarch.from_pretrained(tmp_path / "theirs")
    x = pictures(*model.input_shape[1:])
    expected = huggingface_outputs(theirs, x).logits
    assert_close(outputs(model, x), expected)
    kerasarch.to_pretrained(model, tmp_path / "ours")
    again = transformers.ViTForImageClassification.from_pretrained(tmp_path / "ours").eval()
    assert_close(huggingface_outputs(again, x).logits, expected)
    assert json.loads((tmp_path / "ours/config.json").read_text())["image_size"] == CONFIGS[name]["image_size"]


@ONCE
def test_huggingface_backbone_both_ways(tmp_path):
    import transformers

    theirs = huggingface(tmp_path / "theirs", "ViTModel", **SIZES, pooler_output_size=5)
    x = pictures()
    model = kerasarch.from_pretrained(tmp_path / "theirs")
    ours, expected = model.predict_on_batch(x), huggingface_outputs(theirs, x)
    assert_close(ours["last_hidden_state"], expected.last_hidden_state)
    assert_close(ours["pooler_output"], expected.pooler_output)
    kerasarch.to_pretrained(model, tmp_path / "ours")
    again = transformers.ViTModel.from_pretrained(tmp_path / "ours").eval()
    assert_close(huggingface_outputs(again, x).pooler_output, expected.pooler_output)
    # A classifier on it has no pooler, as in the reference.
    classifier = kerasarch.from_pretrained(tmp_path / "theirs", classes=4)
    assert classifier.output_shape == (None, 4)
    assert not [variable.path for variable in classifier.weights if "pooler" in variable.path]


def test_attention_weights_are_the_references(tmp_path):
    theirs = huggingface(tmp_path, **SIZES, attn_implementation="eager")
    x = pictures()
    maps = models.attention_maps(kerasarch.from_pretrained(tmp_path))
    with torch.no_grad():
        expected = theirs(first(x), output_attentions=True).attentions
    for ours, reference in zip(maps.predict_on_batch(x), expected, strict=True):
        assert_close(ours, reference.numpy())


def test_pictures_of_another_size_get_interpolated_positions(tmp_path):
    theirs = huggingface(tmp_path, **SIZES)
    x = pictures(21, 13)
    free = kerasarch.from_pretrained(tmp_path, input_shape=(None, None, 3))
    assert free.get_layer("stem_tokens").grid == (2, 2)
    assert_close(outputs(free, x), interpolated(theirs, x))


@ONCE
def test_weights_of_another_size_get_interpolated_positions(tmp_path):
    theirs = huggingface(tmp_path / "theirs", **SIZES)
    x = pictures(21, 13)
    expected = interpolated(theirs, x)
    fixed = kerasarch.from_pretrained(tmp_path / "theirs", input_shape=(21, 13, 3))
    assert fixed.get_layer("stem_tokens").grid == (5, 3)
    assert_close(outputs(fixed, x), expected)
    # What is there already takes them too, from the folder and from a file of ours of another size.
    small = kerasarch.from_pretrained(tmp_path / "theirs")
    small.save(tmp_path / "small.keras")
    for source in (tmp_path / "theirs", tmp_path / "small.keras"):
        conformance.randomise(fixed)
        assert_close(outputs(weights.load_into(fixed, source), x), expected)
    built = models.vit(
        models.ViTConfig(patch=4, width=8, depth=2, heads=2, expansion=1.5),
        classes=3,
        input_shape=(21, 13, 3),
        weights=str(tmp_path / "small.keras"),
    )
    assert_close(outputs(built, x), expected)


TIMM = {
    "token": {},
    "mean": {"mean": True, "token_positions": False, "scaled": True, "bias": False},
    "no class token": {"tokens": 0, "mean": True},
    "DeiT III's own names": {"scaled": True},
}


@pytest.mark.parametrize("name", ["mean", *(pytest.param(name, marks=ONCE) for name in TIMM if name != "mean")])
def test_timm_names(name, tmp_path):
    torch.manual_seed(0)
    theirs = PlainViT(**TIMM[name]).eval()
    randomise_torch(theirs)
    file = tmp_path / "timm.safetensors"
    tensors = {key: tensor.numpy() for key, tensor in theirs.state_dict().items()}
    if "own names" in name:
        tensors = {re.sub(r"ls(\d)\.gamma", r"gamma_\1", key): tensor for key, tensor in tensors.items()}
        assert "blocks.1.gamma_2" in tensors
    write_safetensors(file, tensors)
    x = pictures()
    model = kerasarch.from_pretrained(file, heads=2)
    with torch.no_grad():
        expected = theirs(first(x)).numpy()
    assert_close(outputs(model, x), expected)


@ONCE
def test_timm_files_that_do_not_say_enough(tmp_path):
    theirs = PlainViT((2, 3))
    tensors = {key: tensor.numpy() for key, tensor in theirs.state_dict().items()}
    write_safetensors(tmp_path / "model.safetensors", tensors)
    with pytest.raises(WeightsError, match=r"pos_embed has 7 positions, which is no square"):
        kerasarch.from_pretrained(tmp_path / "model.safetensors", heads=2)
    described = {"architecture": "vit", "pretrained_cfg": {"input_size": [3, 8, 12], "mean": [0.5] * 3}}
    (tmp_path / "config.json").write_text(json.dumps(described))
    with pytest.raises(WeightsError, match=r"does not tell heads of the vit. Give heads="):
        kerasarch.from_pretrained(tmp_path)
    x = pictures(8, 12)
    with torch.no_grad():
        expected = theirs(first(x)).numpy()
    model = kerasarch.from_pretrained(tmp_path, heads=2)
    assert_close(outputs(model, x), expected)
    assert (model.preprocessing.interpolation, model.preprocessing.mean[0]) == ("bicubic", 0.5)
    described["pretrained_cfg"]["interpolation"] = "area"
    (tmp_path / "config.json").write_text(json.dumps(described))
    with pytest.raises(WeightsError, match=r"'area'. Expected one of nearest, lanczos, bilinear, bicubic"):
        kerasarch.from_pretrained(tmp_path, heads=2)
    described["pretrained_cfg"]["interpolation"] = "lanczos"
    (tmp_path / "config.json").write_text(json.dumps(described))
    assert kerasarch.from_pretrained(tmp_path, heads=2).preprocessing.interpolation == "lanczos"
    # Positions are laid out by the file's rows, not as a square.
    x = pictures(16, 12)
    model = kerasarch.from_pretrained(tmp_path, heads=2, input_shape=(16, 12, 3))
    old = theirs.pos_embed[:, 1:].reshape(1, 2, 3, 8).permute(0, 3, 1, 2)
    new = torch.nn.functional.interpolate(old, size=(4, 3), mode="bicubic").permute(0, 2, 3, 1).reshape(1, 12, 8)
    theirs.pos_embed.data = torch.cat([theirs.pos_embed[:, :1], new], 1)
    with torch.no_grad():
        assert_close(outputs(model, x), theirs(first(x)).numpy())
    write_safetensors(tmp_path / "model.safetensors", {**tensors, "reg_token": np.zeros((1, 1, 8), "float32")})
    with pytest.raises(WeightsError, match=r"1 tensors without a variable: reg_token"):
        kerasarch.from_pretrained(tmp_path, heads=2)


@ONCE
def test_what_the_reference_has_not():
    model = models.vit(patch=4, width=8, depth=1, heads=2, input_shape=(8, 8, 3), layer_scale=0.1, pooling="mean")
    with pytest.raises(WeightsError, match=r"no counterpart of pooling='mean', layer_scale=0.1. Save as .keras"):
        kerasarch.to_pretrained(model, "folder")
    with pytest.raises(WeightsError, match=r"keras\.applications has no ViT"):
        models.vit(weights="imagenet")


@ONCE
def test_details_come_from_the_file_and_sizes_must_agree(tmp_path):
    huggingface(tmp_path, **SIZES)
    config = models.ViTConfig(patch=4, width=8, depth=2, heads=2, expansion=1.5, image_size=8)
    model = models.vit(config, classes=5, weights=str(tmp_path), dropout=0.1)
    assert model.output_shape == (None, 5)
    assert model.architecture["config"]["epsilon"] == 1e-12
    kernel = read_safetensors(tmp_path / "model.safetensors")["vit.embeddings.patch_embeddings.projection.weight"]
    np.testing.assert_array_equal(to_numpy(model.get_layer("stem_patches").kernel), kernel.transpose(2, 3, 1, 0))
    grey = models.vit(config, classes=3, weights=str(tmp_path), input_shape=(8, 8, 1))
    np.testing.assert_allclose(
        to_numpy(grey.get_layer("stem_patches").kernel)[:, :, 0], kernel.sum(1).transpose(1, 2, 0), atol=1e-6
    )
    with pytest.raises(WeightsError, match=r"depth is 2 in the file and 3 in the model"):
        models.vit(config, depth=3, weights=str(tmp_path))
    with pytest.raises(WeightsError, match=r"epsilon is 1e-12 in the file and 0.1 in the model"):
        models.vit(config, epsilon=0.1, weights=str(tmp_path))
    described = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**described, "image_size": 12}))
    with pytest.raises(WeightsError, match=r"positions of 4 patches. Expected 3 x 3 of them"):
        kerasarch.from_pretrained(tmp_path)


@ONCE
def test_our_bare_files_say_no_grid(tmp_path):
    arguments = {"patch": 4, "width": 8, "depth": 1, "heads": 2, "classes": 2}
    small = models.vit(**arguments, input_shape=(8, 8, 3))
    conformance.randomise(small)
    small.save_weights(tmp_path / "small.weights.h5")
    large = models.vit(**arguments, input_shape=(12, 8, 3), weights=str(tmp_path / "small.weights.h5"))
    # A square is assumed where the numbers differ.
    old = torch.tensor(to_numpy(small.get_layer("stem_tokens").positions))[:, 1:].reshape(1, 2, 2, 8)
    new = torch.nn.functional.interpolate(old.permute(0, 3, 1, 2), size=(3, 2), mode="bicubic").permute(0, 2, 3, 1)
    assert_close(to_numpy(large.get_layer("stem_tokens").positions)[:, 1:].reshape(1, 3, 2, 8), new.numpy())
    large.save_weights(tmp_path / "large.weights.h5")
    with pytest.raises(WeightsError, match="6 positions of patches are no square, so their rows are unknown"):
        models.vit(**arguments, input_shape=(8, 8, 3), weights=str(tmp_path / "large.weights.h5"))
