"""What is missing, truncated, foreign or out of reach is an error that says so."""

import json
import struct
from pathlib import Path

import numpy as np
import pytest

import kerasarch
from kerasarch import models
from kerasarch.errors import DependencyError, UsageError, WeightsError
from kerasarch.weights.safetensors_files import read_safetensors, write_safetensors
from tests import conformance

pytestmark = conformance.QUIET


def test_safetensors_round_trip_agrees_with_the_reference_reader(tmp_path):
    from safetensors.numpy import load_file, save_file

    tensors = {
        "a": np.arange(6, dtype="float32").reshape(2, 3),
        "b": np.array(3, "int64"),
        "c": np.ones((2, 2), "float16"),
        "empty": np.zeros((0, 3), "float32"),
    }
    write_safetensors(tmp_path / "ours.safetensors", tensors)
    save_file(tensors, tmp_path / "theirs.safetensors")
    for path in ("ours.safetensors", "theirs.safetensors"):
        for read in (load_file, read_safetensors):
            found = read(tmp_path / path)
            assert set(found) == set(tensors)
            for name, value in tensors.items():
                np.testing.assert_array_equal(found[name], value)


def test_bfloat16_is_read(tmp_path):
    import torch
    from safetensors.torch import save_file

    values = torch.tensor([1.0, -2.5, 3.0e20])
    save_file({"a": values.bfloat16()}, tmp_path / "half.safetensors")
    np.testing.assert_array_equal(
        read_safetensors(tmp_path / "half.safetensors")["a"], values.bfloat16().float().numpy()
    )


@pytest.mark.parametrize("keep", [4, 12, 60, -1])
def test_truncated_safetensors(keep, tmp_path):
    path = tmp_path / "model.safetensors"
    write_safetensors(path, {"a": np.ones(100, "float32")})
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(WeightsError, match=r"truncated|too few|no JSON"):
        read_safetensors(path)


def test_lying_safetensors_headers(tmp_path):
    path = tmp_path / "model.safetensors"
    for entry in ({"dtype": "F32", "shape": [4], "data_offsets": [0, 8]}, {"dtype": "F32"}, {"dtype": "XX"}, 3):
        header = json.dumps({"a": entry}).encode()
        path.write_bytes(struct.pack("<Q", len(header)) + header + bytes(8))
        with pytest.raises(WeightsError):
            read_safetensors(path)
    path.write_bytes(struct.pack("<Q", 2**62) + bytes(100))
    with pytest.raises(WeightsError, match="header of"):
        read_safetensors(path)


@pytest.mark.parametrize("name", ["model.keras", "model.weights.h5"])
def test_truncated_keras_files(name, tmp_path):
    model = models.resnet("resnet8_small", classes=2, input_shape=(8, 8, 1), widths=(4, 4, 4))
    path = tmp_path / name
    model.save(path) if name.endswith(".keras") else model.save_weights(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(WeightsError, match="truncated"):
        kerasarch.from_pretrained(path)


def test_folders_that_lack_something(tmp_path):
    with pytest.raises(WeightsError, match=r"config.json: no such file"):
        kerasarch.from_pretrained(tmp_path)
    (tmp_path / "config.json").write_text('{"model_type": "resnet"}')
    (tmp_path / "pytorch_model.bin").write_bytes(b"pickle")
    with pytest.raises(WeightsError, match="pickles, which are never read"):
        kerasarch.from_pretrained(tmp_path)
    write_safetensors(tmp_path / "model.safetensors", {"a": np.ones(1, "float32")})
    with pytest.raises(WeightsError, match="no tensor embedder"):
        kerasarch.from_pretrained(tmp_path)
    (tmp_path / "config.json").write_text('{"model_type": "longformer"}')
    with pytest.raises(WeightsError, match=r"not built here \(tensors a, ...\). Families: resnet, mobilenet_v2"):
        kerasarch.from_pretrained(tmp_path)
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(WeightsError, match="not readable as JSON"):
        kerasarch.from_pretrained(tmp_path)


def test_sources_that_are_not(tmp_path):
    with pytest.raises(WeightsError, match=r"no such file or folder. A source of weights is a folder"):
        kerasarch.from_pretrained(tmp_path / "nothing")
    (tmp_path / "model.pth").write_bytes(b"")
    with pytest.raises(WeightsError, match="pickles are never read"):
        kerasarch.from_pretrained(tmp_path / "model.pth")
    with pytest.raises(UsageError, match="hf:org/name"):
        kerasarch.from_pretrained("hf:resnet")
    with pytest.raises(UsageError, match=r"no such weights. There are: "):
        kerasarch.from_pretrained("keras:resnet51")
    with pytest.raises(WeightsError, match="no ImageNet weights for a ResNet with basic blocks"):
        models.resnet("resnet18", weights="imagenet")


def test_without_network_the_error_says_which_file_goes_where(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    place = tmp_path / "models" / "resnet50_weights_tf_dim_ordering_tf_kernels.h5"
    with pytest.raises(DependencyError) as error:
        models.resnet("resnet50", weights="imagenet")
    assert f"put it at {place}" in str(error.value)
    assert "https://storage.googleapis.com" in str(error.value)
    with pytest.raises(DependencyError, match=r"mobilenet_v2_weights_tf_dim_ordering_tf_kernels_0.5_128.h5"):
        models.mobilenet_v2(alpha=0.5, input_shape=(128, 128, 3), weights="imagenet")


@pytest.mark.parametrize("source", ["hf:microsoft/resnet-50@main", "timm:resnet18.a1_in1k"])
def test_the_hub_out_of_reach(source):
    with pytest.raises(DependencyError, match=r"Put config.json and model.safetensors of https://huggingface.co/"):
        kerasarch.from_pretrained(source)


@pytest.mark.parametrize(
    ("name", "file", "kind"),
    [
        ("resnet50", "resnet50_weights_tf_dim_ordering_tf_kernels.h5", "MD5"),
        ("convnext_tiny", "convnext_tiny.h5", "SHA-256"),
    ],
)
def test_a_cached_file_with_the_wrong_hash_is_refused(name, file, kind, tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    place = Path(tmp_path / "models" / file)
    place.parent.mkdir()
    place.write_bytes(b"not the weights")
    with pytest.raises(WeightsError, match=kind):
        kerasarch.from_pretrained(f"keras:{name}")
