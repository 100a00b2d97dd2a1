"""DeiT against Hugging Face and timm's names: two tokens, two heads."""

import json

import pytest
import torch

import kerasarch
from kerasarch import models
from kerasarch.errors import WeightsError
from kerasarch.weights.safetensors_files import write_safetensors
from tests import conformance
from tests.conformance import outputs
from tests.weights.plain_vit import PlainViT
from tests.weights.references import assert_close, first, huggingface_outputs, randomise_torch
from tests.weights.test_vit_weights import ONCE, SIZES, pictures

pytestmark = conformance.QUIET

BOTH = "DeiTForImageClassificationWithTeacher"


def huggingface(folder, kind=BOTH, **config):
    import transformers

    torch.manual_seed(0)
    model = getattr(transformers, kind)(transformers.DeiTConfig(**{**SIZES, **config})).eval()
    randomise_torch(model)
    # Fresh tokens and positions are zero, which would hide their absence.
    for name, tensor in model.named_parameters():
        if "token" in name or "position" in name:
            tensor.data.normal_()
    model.save_pretrained(folder)
    return model


def test_both_heads_both_ways(tmp_path):
    import transformers

    theirs = huggingface(tmp_path / "theirs", num_channels=1, layer_norm_eps=1e-3)
    x = pictures(channels=1)
    model = kerasarch.from_pretrained(tmp_path / "theirs")
    expected = huggingface_outputs(theirs, x)
    both = models.distillation_heads(model).predict_on_batch(x)
    assert set(both) == {"logits", "cls_logits", "distillation_logits"}
    for name, value in both.items():
        assert_close(value, expected[name])
    assert model.preprocessing.interpolation == "bicubic"
    kerasarch.to_pretrained(model, tmp_path / "ours")
    assert json.loads((tmp_path / "ours/config.json").read_text())["architectures"] == [BOTH]
    again = getattr(transformers, BOTH).from_pretrained(tmp_path / "ours").eval()
    assert_close(huggingface_outputs(again, x).logits, expected.logits)


@ONCE
def test_pictures_of_another_size_get_interpolated_positions(tmp_path):
    theirs = huggingface(tmp_path)
    x = pictures(13, 22)
    with torch.no_grad():
        expected = theirs(first(x), interpolate_pos_encoding=True).logits.numpy()
    free = kerasarch.from_pretrained(tmp_path, input_shape=(None, None, 3))
    assert_close(outputs(free, x), expected)
    fixed = kerasarch.from_pretrained(tmp_path, input_shape=(13, 22, 3))
    assert_close(outputs(fixed, x), expected)


@ONCE
@pytest.mark.parametrize("kind", ["DeiTForImageClassification", "DeiTModel"])
def test_one_head_and_none_both_ways(kind, tmp_path):
    import transformers

    theirs = huggingface(tmp_path / "theirs", kind)
    x = pictures()
    model = kerasarch.from_pretrained(tmp_path / "theirs")
    name = "pooler_output" if kind == "DeiTModel" else "logits"
    expected = huggingface_outputs(theirs, x)[name]
    found = model.predict_on_batch(x)
    assert_close(found[name] if isinstance(found, dict) else found, expected)
    kerasarch.to_pretrained(model, tmp_path / "ours")
    assert json.loads((tmp_path / "ours/config.json").read_text())["architectures"] == [kind]
    again = getattr(transformers, kind).from_pretrained(tmp_path / "ours").eval()
    assert_close(huggingface_outputs(again, x)[name], expected)


@ONCE
def test_other_heads_than_the_files(tmp_path, caplog):
    huggingface(tmp_path)
    with caplog.at_level("INFO", "kerasarch"):
        model = kerasarch.from_pretrained(tmp_path, classes=5)
    assert model.output_shape == (None, 5)
    assert "stays fresh (head/kernel, head/bias, head_distillation/kernel, head_distillation/bias)" in caplog.text
    single = kerasarch.from_pretrained(tmp_path, distillation_head=False)
    assert [layer.name for layer in single.layers if layer.name.startswith("head")] == ["head_pool", "head"]
    with pytest.raises(WeightsError, match=r"weights of the family deit. Expected vit"):
        models.vit(weights=str(tmp_path))
    with pytest.raises(WeightsError, match=r"keras\.applications has no DeiT"):
        models.deit(weights="imagenet")


@ONCE
def test_timm_names(tmp_path):
    torch.manual_seed(0)
    theirs = PlainViT((2, 3), tokens=2).eval()
    randomise_torch(theirs)
    tensors = {key: tensor.numpy() for key, tensor in theirs.state_dict().items()}
    write_safetensors(tmp_path / "model.safetensors", tensors)
    described = {"architecture": "deit", "pretrained_cfg": {"input_size": [3, 8, 12]}}
    (tmp_path / "config.json").write_text(json.dumps(described))
    x = pictures(8, 12)
    model = kerasarch.from_pretrained(tmp_path, heads=2)
    with torch.no_grad():
        expected = theirs(first(x)).numpy()
    assert_close(outputs(model, x), expected)
