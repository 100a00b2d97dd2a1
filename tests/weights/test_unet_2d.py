"""UNet2DModel against diffusers, from its folders and back into them."""

import json
import math

import keras
import numpy as np
import pytest
import torch

import kerasarch
from kerasarch import models
from kerasarch.errors import ShapeError, UsageError, WeightsError
from kerasarch.models import UNet2DConfig
from kerasarch.weights import unet_2d, unet_2d_condition
from kerasarch.weights.checkpoint import within
from tests import conformance
from tests.conformance import outputs, to_numpy
from tests.weights.references import assert_close, diffusers_model, first, last

pytestmark = conformance.QUIET

SMALL = {
    "block_out_channels": (8, 16),
    "down_block_types": ("DownBlock2D", "AttnDownBlock2D"),
    "up_block_types": ("AttnUpBlock2D", "UpBlock2D"),
    "norm_num_groups": 4,
    "attention_head_dim": 4,
    "layers_per_block": 1,
}
CONFIGS = {
    # As google/ddpm-cifar10-32, with classes
    "ddpm": {
        **SMALL,
        "attention_head_dim": None,
        "downsample_padding": 0,
        "flip_sin_to_cos": False,
        "freq_shift": 1,
        "norm_eps": 1e-6,
        "mid_block_scale_factor": 1.5,
        "num_class_embeds": 3,
        "center_input_sample": True,
    },
    "resampling_blocks": {
        **SMALL,
        "in_channels": 2,
        "out_channels": 4,
        "down_block_types": ("ResnetDownsampleBlock2D", "AttnDownBlock2D"),
        "up_block_types": ("AttnUpBlock2D", "ResnetUpsampleBlock2D"),
        "downsample_type": "resnet",
        "upsample_type": "resnet",
        "layers_per_block": 2,
        "resnet_time_scale_shift": "scale_shift",
        "class_embed_type": "timestep",
        "time_embedding_dim": 12,
        "act_fn": "mish",
    },
    "attention_that_resamples": {
        **SMALL,
        "down_block_types": ("AttnDownBlock2D", "DownBlock2D"),
        "up_block_types": ("AttnUpBlock2D", "AttnUpBlock2D"),
        "downsample_type": "resnet",
        "upsample_type": "resnet",
        "add_attention": False,
        "class_embed_type": "identity",
        "time_embedding_type": "fourier",
        "act_fn": "gelu",
    },
    "no_middle": {
        **SMALL,
        "mid_block_type": None,
        "time_embedding_type": "learned",
        "num_train_timesteps": 1000,
        "sample_size": (8, 6),
    },
    "normalised_middle": {**SMALL, "resnet_time_scale_shift": "scale_shift", "attn_norm_num_groups": 2},
}
# One walk through the network on every backend; the others where they do not have to be compiled
QUICK = [
    pytest.param(name, marks=() if name == "ddpm" else pytest.mark.quick_on("torch", "tensorflow")) for name in CONFIGS
]
# Of the files of google/ddpm-cifar10-32, google/ddpm-celebahq-256 and Stable Diffusion 1.5, 2.1 and XL
PUBLIC = [
    ("UNet2DModel", "ddpm_cifar10", 35_746_307),
    ("UNet2DModel", "ddpm_celebahq", 113_673_219),
    ("UNet2DConditionModel", "stable_diffusion_1", 859_520_964),
    ("UNet2DConditionModel", "stable_diffusion_2", 865_910_724),
    ("UNet2DConditionModel", "stable_diffusion_xl", 2_567_463_684),
]
PUBLIC = [pytest.param(*one, marks=[pytest.mark.slow] if one[2] > 10**8 else []) for one in PUBLIC]
TIMES = np.array([3, 981], "float32")


def labels_of(theirs):
    """Labels as the config wants them, or None."""
    rng = np.random.default_rng(1)
    kind = theirs.config.class_embed_type
    if kind == "identity":
        return rng.normal(size=(2, 32)).astype("float32")
    if kind == "timestep":
        return np.array([5, 250], "float32")
    return None if theirs.config.num_class_embeds is None else np.array([2, 0], "int32")


def samples(theirs, height: int = 8, width: int = 6) -> np.ndarray:
    shape = (2, height, width, theirs.config.in_channels)
    return np.random.default_rng(0).normal(size=shape).astype("float32")


def predicted(theirs, x, labels=None) -> np.ndarray:
    """The reference's prediction, channels last."""
    learned = theirs.config.time_embedding_type == "learned"
    times = torch.tensor(TIMES).long() if learned else torch.tensor(TIMES)
    with torch.no_grad():
        return last(theirs(first(x), times, None if labels is None else torch.tensor(labels)).sample)


@pytest.mark.parametrize("name", QUICK)
def test_both_ways(name, tmp_path):
    theirs = diffusers_model("UNet2DModel", **CONFIGS[name])
    theirs.save_pretrained(tmp_path / "theirs")
    x, labels = samples(theirs), labels_of(theirs)
    expected = predicted(theirs, x, labels)
    ours = kerasarch.from_pretrained(tmp_path / "theirs")
    y = outputs(ours, [x, TIMES] if labels is None else [x, TIMES, labels])
    assert_close(y, expected)
    kerasarch.to_pretrained(ours, tmp_path / "ours")
    again, report = type(theirs).from_pretrained(tmp_path / "ours", output_loading_info=True)
    assert not any(report.values())
    assert described(again) == described(theirs)
    assert_close(predicted(again, x, labels), expected)


def described(model) -> dict:
    """The config as JSON has it."""
    return json.loads(json.dumps({key: value for key, value in model.config.items() if not key.startswith("_")}))


@pytest.mark.quick_on("torch", "tensorflow")
def test_ways_to_call(tmp_path):
    """Names, whole times, one time for all, another layout, half precision: all the reference's numbers."""
    theirs = diffusers_model("UNet2DModel", **SMALL)
    theirs.save_pretrained(tmp_path)
    x = samples(theirs)
    expected = predicted(theirs, x)
    ours = kerasarch.from_pretrained(tmp_path)
    assert_close(outputs(ours, {"timestep": TIMES.astype("int32"), "sample": x}), expected)
    assert_close(to_numpy(ours([x[1:], np.array(981)])), expected[1:])
    half = kerasarch.from_pretrained(tmp_path, dtype="mixed_bfloat16")
    y = half([x, TIMES])
    assert keras.backend.standardize_dtype(y.dtype) == "bfloat16"
    assert np.abs(to_numpy(y) - expected).max() < 0.05 * np.abs(expected).max()
    keras.config.set_image_data_format("channels_first")
    try:
        turned = kerasarch.from_pretrained(tmp_path)
        assert_close(np.moveaxis(to_numpy(turned([np.moveaxis(x, -1, 1), TIMES])), 1, -1), expected)
    finally:
        keras.config.set_image_data_format("channels_last")


@pytest.mark.quick_on("torch")
def test_files_that_do_not_fit(tmp_path):
    diffusers_model("UNet2DModel", **SMALL, num_class_embeds=3).save_pretrained(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())

    def refused(match: str, error=WeightsError, **changes):
        (tmp_path / "config.json").write_text(json.dumps({**config, **changes}))
        with pytest.raises(error, match=match):
            kerasarch.from_pretrained(tmp_path)

    refused("not known here: window", window=3)
    refused("AttnSkipDownBlock2D' is not built", down_block_types=["AttnSkipDownBlock2D", "DownBlock2D"])
    refused("resnet_time_scale_shift 'spatial'", resnet_time_scale_shift="spatial")
    refused("for 3 widths", UsageError, block_out_channels=[8, 16, 16])
    refused("tensor class_embedding.weight has shape", num_class_embeds=4)
    refused("tensors without a variable", add_attention=False)
    refused("learned times need", UsageError, time_embedding_type="learned")
    (tmp_path / "config.json").write_text(json.dumps(config))
    ours = kerasarch.from_pretrained(tmp_path)
    x = np.zeros((1, 4, 4, 3), "float32")
    with pytest.raises(UsageError, match="Missing: class_labels"):
        ours([x, TIMES[:1]])
    with pytest.raises(UsageError, match="not known: number 4"):
        ours([x, TIMES[:1], np.zeros(1, "int32"), x])
    with pytest.raises(ShapeError, match="must have 3 channels"):
        ours.build((None, 4, 4, 1))


@pytest.mark.quick_on("torch", "tensorflow")
def test_stages():
    """Stages are made again from their configs; those that residual blocks double need sizes that can be halved."""
    halved = models.unet_2d(
        UNet2DConfig(widths=(4, 8), depth=1, groups=2, head_width=4, down=("resnet",) * 2, up=("resnet",) * 2)
    )
    with pytest.raises(ShapeError, match="can be halved"):
        halved([np.zeros((1, 5, 4, 3), "float32"), TIMES[:1]])
    for stage in (*halved.down, halved.middle, *halved.up):
        again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(stage))
        assert again.get_config() == stage.get_config()


@pytest.mark.parametrize(("kind", "name", "parameters"), PUBLIC)
def test_public_sizes(kind, name, parameters):
    """The variants have the tensors of the reference, and as many numbers as the public files."""
    if keras.backend.backend() != "torch":
        pytest.skip("only PyTorch builds gigabytes of weights without memory")
    module = {"UNet2DModel": unet_2d, "UNet2DConditionModel": unet_2d_condition}[kind]
    builder = {"UNet2DModel": models.unet_2d, "UNet2DConditionModel": models.unet_2d_condition}[kind]
    with keras.device("meta"):
        ours = builder(name)
    with torch.device("meta"):
        theirs = diffusers_model(kind, **module.write_config(ours.config))
    shapes = {module.tensor_name(within(ours, one.path)): math.prod(one.shape) for one in ours.weights}
    assert shapes == {key: tensor.numel() for key, tensor in theirs.state_dict().items()}
    assert ours.count_params() == parameters
