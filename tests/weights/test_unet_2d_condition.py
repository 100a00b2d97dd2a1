"""UNet2DConditionModel against diffusers, from its folders and back into them."""

import json

import keras
import numpy as np
import pytest
import torch

import kerasarch
from kerasarch.errors import UsageError, WeightsError
from tests import conformance
from tests.conformance import outputs, to_numpy
from tests.weights.references import assert_close, diffusers_model, first, last

pytestmark = conformance.QUIET

SMALL = {
    "block_out_channels": (8, 16),
    "down_block_types": ("CrossAttnDownBlock2D", "DownBlock2D"),
    "up_block_types": ("UpBlock2D", "CrossAttnUpBlock2D"),
    "norm_num_groups": 4,
    "attention_head_dim": 2,
    "layers_per_block": 1,
    "cross_attention_dim": 6,
    "in_channels": 4,
}
CONFIGS = {
    "stable_diffusion_1": SMALL,
    "stable_diffusion_2": {
        **SMALL,
        "down_block_types": ("CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D"),
        "attention_head_dim": (1, 4),
        "layers_per_block": (2, 1),
        "use_linear_projection": True,
        "upcast_attention": True,
        "sample_size": 8,
        "num_class_embeds": 5,
        "only_cross_attention": (True, False),
    },
    "stable_diffusion_xl": {
        **SMALL,
        "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"),
        "up_block_types": ("CrossAttnUpBlock2D", "UpBlock2D"),
        "attention_head_dim": (2, 4),
        "transformer_layers_per_block": (1, 2),
        "use_linear_projection": True,
        "addition_embed_type": "text_time",
        "addition_time_embed_dim": 4,
        "projection_class_embeddings_input_dim": 6 * 4 + 5,
    },
    "inpainting_distilled": {
        **SMALL,
        "in_channels": 9,
        "time_cond_proj_dim": 7,
        "encoder_hid_dim": 3,
        "encoder_hid_dim_type": "text_proj",
        "class_embed_type": "projection",
        "projection_class_embeddings_input_dim": 5,
        "class_embeddings_concat": True,
        "timestep_post_act": "silu",
        "act_fn": "gelu",
        "conv_in_kernel": 1,
        "conv_out_kernel": 5,
        "downsample_padding": 0,
        "mid_block_scale_factor": 2.0,
    },
    "asymmetric": {
        **SMALL,
        "down_block_types": ("ResnetDownsampleBlock2D", "CrossAttnDownBlock2D"),
        "up_block_types": ("CrossAttnUpBlock2D", "ResnetUpsampleBlock2D"),
        "transformer_layers_per_block": ((1,), (2,)),
        "reverse_transformer_layers_per_block": ((1, 2), (1, 1)),
        "resnet_skip_time_act": True,
        "resnet_out_scale_factor": 1.5,
        "resnet_time_scale_shift": "scale_shift",
        "mid_block_type": "UNetMidBlock2D",
        "class_embed_type": "simple_projection",
        "projection_class_embeddings_input_dim": 5,
        "time_embedding_act_fn": "silu",
        "center_input_sample": True,
    },
    "timestep_classes": {**SMALL, "class_embed_type": "timestep", "mid_block_type": None, "act_fn": "mish"},
    "identity_classes": {**SMALL, "class_embed_type": "identity"},
}
# Stable Diffusion 1 and XL on every backend; the others where they do not have to be compiled
ALWAYS = ("stable_diffusion_1", "stable_diffusion_xl")
QUICK = [
    pytest.param(name, marks=() if name in ALWAYS else pytest.mark.quick_on("torch", "tensorflow")) for name in CONFIGS
]
TIMES = np.array([3, 981], "float32")
RNG = np.random.default_rng(0)


def normal(*shape) -> np.ndarray:
    return RNG.normal(size=shape).astype("float32")


def inputs(theirs) -> dict[str, np.ndarray]:
    """Inputs by the reference's names, channels last."""
    config = theirs.config
    height = 10 if config.downsample_padding else 8
    given = {"sample": normal(2, height, 6, config.in_channels), "timestep": TIMES}
    given["encoder_hidden_states"] = normal(2, 3, config.encoder_hid_dim or config.cross_attention_dim)
    if config.num_class_embeds:
        given["class_labels"] = np.array([4, 1], "int32")
    if config.class_embed_type == "timestep":
        given["class_labels"] = np.array([40, 7], "float32")
    elif config.class_embed_type is not None:
        given["class_labels"] = normal(2, 32 if config.class_embed_type == "identity" else 5)
    if config.addition_embed_type:
        given["text_embeds"] = normal(2, 5)
        given["time_ids"] = np.array([[1024, 768, 0, 3, 512, 512]] * 2, "float32")
    if config.time_cond_proj_dim:
        given["timestep_cond"] = normal(2, config.time_cond_proj_dim)
    return given


def predicted(theirs, given: dict[str, np.ndarray]) -> np.ndarray:
    """The reference's prediction, channels last."""
    tensors = {name: torch.tensor(value) for name, value in given.items() if name != "sample"}
    added = {name: tensors.pop(name) for name in ("text_embeds", "time_ids") if name in tensors}
    with torch.no_grad():
        return last(theirs(first(given["sample"]), **tensors, added_cond_kwargs=added).sample)


def described(model) -> dict:
    """The config as JSON has it."""
    return json.loads(json.dumps({key: value for key, value in model.config.items() if not key.startswith("_")}))


@pytest.mark.parametrize("name", QUICK)
def test_both_ways(name, tmp_path):
    theirs = diffusers_model("UNet2DConditionModel", **CONFIGS[name])
    theirs.save_pretrained(tmp_path / "theirs")
    given = inputs(theirs)
    expected = predicted(theirs, given)
    ours = kerasarch.from_pretrained(tmp_path / "theirs")
    called = given if "timestep_cond" in given else [given[part] for part in ours.input_names_in_order]
    assert_close(outputs(ours, called), expected)
    kerasarch.to_pretrained(ours, tmp_path / "ours")
    again, report = type(theirs).from_pretrained(tmp_path / "ours", output_loading_info=True)
    assert not any(report.values())
    assert described(again) == described(theirs)
    assert_close(predicted(again, given), expected)


@pytest.mark.quick_on("torch", "tensorflow")
def test_ways_to_call(tmp_path):
    """Nested names and whole times, masked tokens, a size that cannot be halved, another layout, half precision."""
    theirs = diffusers_model("UNet2DConditionModel", **CONFIGS["stable_diffusion_xl"])
    theirs.save_pretrained(tmp_path)
    given = inputs(theirs)
    expected = predicted(theirs, given)
    ours = kerasarch.from_pretrained(tmp_path)
    added = {name: given[name] for name in ("text_embeds", "time_ids")}
    nested = {name: given[name] for name in ("encoder_hidden_states", "sample")}
    nested = {**nested, "timestep": TIMES.astype("int32"), "added_cond_kwargs": added}
    assert_close(to_numpy(ours(nested)), expected)
    masked = {**given, "encoder_attention_mask": np.array([[1, 1, 0], [1, 0, 0]], "int32")}
    assert_close(to_numpy(ours(masked)), predicted(theirs, masked))
    odd = {**given, "sample": normal(2, 7, 5, 4)}
    assert_close(to_numpy(ours(odd)), predicted(theirs, odd))
    half = kerasarch.from_pretrained(tmp_path, dtype="mixed_bfloat16")
    y = half(given)
    assert keras.backend.standardize_dtype(y.dtype) == "bfloat16"
    assert np.abs(to_numpy(y) - expected).max() < 0.1 * np.abs(expected).max()
    keras.config.set_image_data_format("channels_first")
    try:
        turned = kerasarch.from_pretrained(tmp_path)
        y = turned({**given, "sample": np.moveaxis(given["sample"], -1, 1)})
        assert_close(np.moveaxis(to_numpy(y), 1, -1), expected)
    finally:
        keras.config.set_image_data_format("channels_last")


def test_files_that_do_not_fit(tmp_path):
    diffusers_model("UNet2DConditionModel", **SMALL).save_pretrained(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())

    def refused(match: str, error=WeightsError, **changes):
        (tmp_path / "config.json").write_text(json.dumps({**config, **changes}))
        with pytest.raises(error, match=match):
            kerasarch.from_pretrained(tmp_path)

    refused("not known here: window", window=3)
    refused("down_block_types 'SimpleCrossAttnDownBlock2D'", down_block_types=["SimpleCrossAttnDownBlock2D"] * 2)
    refused("attention_type 'gated' is not built", attention_type="gated")
    refused("dual_cross_attention True is not built", dual_cross_attention=True)
    refused("addition_embed_type 'image'", addition_embed_type="image")
    refused("norm_num_groups None", norm_num_groups=None)
    refused("tokens of other widths", cross_attention_dim=[6, 8])
    refused("need projection_width", UsageError, class_embed_type="projection")
    refused("heads has a value for each of 2", UsageError, attention_head_dim=[2, 2, 2])
    refused("has shape", cross_attention_dim=7)
