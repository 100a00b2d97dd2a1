"""CLIP's text encoder against transformers, from its folders and back into them."""

import json

import keras
import numpy as np
import pytest
import torch

import kerasarch
from kerasarch import models
from kerasarch.errors import ShapeError, UsageError, WeightsError
from kerasarch.models.clip_text import VARIANTS
from kerasarch.weights.safetensors_files import read_safetensors, write_safetensors
from tests import conformance
from tests.conformance import to_numpy
from tests.weights.references import assert_close, call_quickly, named_outputs, randomise_torch

transformers = pytest.importorskip("transformers")
pytestmark = conformance.QUIET

SIZES = {
    "vocab_size": 30,
    "hidden_size": 12,
    "intermediate_size": 20,
    "num_hidden_layers": 2,
    "num_attention_heads": 3,
    "max_position_embeddings": 9,
    "projection_dim": 6,
    "bos_token_id": 0,
    "pad_token_id": 1,
}
# Two texts, whose end-of-text token (7, for old configs the highest number) comes twice in the first
IDS = np.array([[0, 5, 11, 7, 7, 7, 7], [0, 3, 29, 12, 7, 1, 1]], "int32")
MASK = np.array([[1, 1, 1, 1, 0, 0, 0], [1, 1, 1, 1, 1, 0, 0]], "int32")


def reference(kind: str, **fields):
    torch.manual_seed(0)
    config = transformers.CLIPTextConfig(**{**SIZES, "eos_token_id": 7, **fields})
    model = getattr(transformers, kind)(config).eval()
    randomise_torch(model)
    for embedding in model.modules():
        if isinstance(embedding, torch.nn.Embedding):
            torch.nn.init.normal_(embedding.weight)
    return model


def compare(ours, theirs) -> None:
    assert set(theirs) - {"pooler_output"} == set(ours) - {"pooler_output"}
    for name, value in theirs.items():
        if isinstance(value, tuple):
            assert len(value) == len(ours[name])
            for one, other in zip(ours[name], value, strict=True):
                assert_close(to_numpy(one), other)
        else:
            assert_close(to_numpy(ours[name]), value)


@pytest.mark.parametrize("old", [False, True])
def test_text_model_both_ways(old, tmp_path):
    """Also as before transformers 5, with another prefix, a counter among the tensors and a wrong number of the end."""
    theirs = reference("CLIPTextModel", **({"eos_token_id": 2, "hidden_act": "gelu"} if old else {}))
    theirs.save_pretrained(tmp_path / "theirs")
    if old:
        file = tmp_path / "theirs" / "model.safetensors"
        tensors = {f"text_model.{name}": np.array(tensor) for name, tensor in read_safetensors(file).items()}
        write_safetensors(file, {**tensors, "text_model.embeddings.position_ids": np.arange(9)[None]})
    ours = kerasarch.from_pretrained(tmp_path / "theirs", hidden_states=True)
    compare(call_quickly(ours, IDS), named_outputs(theirs, input_ids=IDS))
    inputs = {"input_ids": IDS, "attention_mask": MASK}
    padded = named_outputs(theirs, **inputs)
    compare(call_quickly(ours, inputs), padded)
    if old:
        return
    kerasarch.to_pretrained(ours, tmp_path / "ours")
    again, report = type(theirs).from_pretrained(tmp_path / "ours", output_loading_info=True)
    assert not any(report.values())
    for name in SIZES:
        assert getattr(again.config, name) == getattr(theirs.config, name)
    compare(padded, named_outputs(again, **inputs))


def test_with_projection_both_ways(tmp_path):
    theirs = reference("CLIPTextModelWithProjection", hidden_act="gelu_pytorch_tanh")
    theirs.save_pretrained(tmp_path / "theirs")
    ours = kerasarch.from_pretrained(tmp_path / "theirs")
    found = named_outputs(theirs, input_ids=IDS, attention_mask=MASK)
    del found["hidden_states"]
    compare(call_quickly(ours, [IDS, MASK]), found)
    kerasarch.to_pretrained(ours, tmp_path / "ours")
    again, report = type(theirs).from_pretrained(tmp_path / "ours", output_loading_info=True)
    assert not any(report.values())
    np.testing.assert_array_equal(
        named_outputs(again, input_ids=IDS, attention_mask=MASK)["text_embeds"], found["text_embeds"]
    )


def test_the_text_encoder_of_a_whole_clip(tmp_path):
    text = transformers.CLIPTextConfig(**{**SIZES, "eos_token_id": 7, "projection_dim": 50})
    picture = {"hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = transformers.CLIPConfig(
        text_config=text.to_dict(), vision_config={**picture, "image_size": 8, "patch_size": 4}, projection_dim=6
    )
    torch.manual_seed(0)
    theirs = transformers.CLIPModel(config).eval()
    theirs.save_pretrained(tmp_path)
    ours = kerasarch.from_pretrained(tmp_path)
    with torch.no_grad():
        found = theirs.get_text_features(input_ids=torch.tensor(IDS), return_dict=True).pooler_output
    assert_close(to_numpy(call_quickly(ours, IDS)["text_embeds"]), found)


def test_folders_and_calls_that_do_not_fit(tmp_path):
    reference("CLIPTextModel").save_pretrained(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())

    def refused(match: str, error=WeightsError, **changes):
        (tmp_path / "config.json").write_text(json.dumps({**config, **changes}))
        with pytest.raises(error, match=match):
            kerasarch.from_pretrained(tmp_path)

    refused("hidden_act 'relu' is not built here", hidden_act="relu")
    refused("attention_dropout 0.1", attention_dropout=0.1)
    refused("use_attention_mask", use_attention_mask=True)
    refused("one whole number", eos_token_id=[1, 2])
    refused("variables without a tensor", num_hidden_layers=3)
    refused("multiple of heads", ShapeError, num_attention_heads=5)
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(UsageError, match="no classes"):
        kerasarch.from_pretrained(tmp_path, classes=3)
    ours = kerasarch.from_pretrained(tmp_path)
    with pytest.raises(ShapeError, match="at most 9 tokens"):
        ours(np.zeros((1, 10), "int32"))
    with pytest.raises(UsageError, match="pixel_values"):
        ours({"pixel_values": IDS})
    with pytest.raises(UsageError, match="Received a Functional"):
        kerasarch.weights.load_into(keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)])._functional, tmp_path)


@pytest.mark.quick_on("torch")
def test_variants_have_the_published_sizes():
    """Parameters as counted from the public files: 123,060,480 for ViT-L, 340,387,840 for 23 layers of ViT-H."""
    for variant, count in (("stable_diffusion", 123_060_480), ("stable_diffusion_2", 340_387_840)):
        without, one = (models.clip_text(variant, depth=depth).count_params() for depth in (0, 1))
        assert without + VARIANTS[variant].depth * (one - without) == count
