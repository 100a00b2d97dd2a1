"""DiT against diffusers, from its folders and back into them."""

import json

import keras
import numpy as np
import pytest
import torch

import kerasarch
from kerasarch import models
from kerasarch.errors import ShapeError, UsageError, WeightsError
from tests import conformance
from tests.conformance import outputs, to_numpy
from tests.weights.references import assert_close, diffusers_model, first, last

pytestmark = conformance.QUIET

SMALL = {
    "num_attention_heads": 2,
    "attention_head_dim": 4,
    "in_channels": 3,
    "num_layers": 2,
    "sample_size": 8,
    "num_embeds_ada_norm": 5,
}
CONFIGS = {
    "plain": SMALL,
    "odd": {
        **SMALL,
        "out_channels": 6,
        "patch_size": 4,
        "attention_bias": False,
        "activation_fn": "geglu",
        "norm_elementwise_affine": True,
        "norm_eps": 1e-6,
    },
}
QUICK = [
    pytest.param(name, marks=() if name == "plain" else pytest.mark.quick_on("torch", "tensorflow")) for name in CONFIGS
]
TIMES, LABELS = np.array([3, 981], "float32"), np.array([4, 5], "int32")  # the last class, and none


def samples(height: int = 8, width: int = 8) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(2, height, width, 3)).astype("float32")


def predicted(theirs, x) -> np.ndarray:
    """The reference's prediction, channels last."""
    with torch.no_grad():
        return last(theirs(first(x), torch.tensor(TIMES), torch.tensor(LABELS)).sample)


@pytest.mark.parametrize("name", QUICK)
def test_both_ways(name, tmp_path):
    theirs = diffusers_model("DiTTransformer2DModel", **CONFIGS[name])
    theirs.save_pretrained(tmp_path / "theirs")
    x = samples(16, 16) if name == "odd" else samples()  # larger than in training: places lie between known ones
    expected = predicted(theirs, x)
    ours = kerasarch.from_pretrained(tmp_path / "theirs")
    assert_close(outputs(ours, [x, TIMES, LABELS]), expected)
    if name == "odd":
        mean_alone = kerasarch.from_pretrained(tmp_path / "theirs", variance=False)
        assert mean_alone.compute_output_shape(x.shape) == x.shape
        assert_close(outputs(mean_alone, [x, TIMES, LABELS]), expected[..., :3])
    kerasarch.to_pretrained(ours, tmp_path / "ours")
    again, report = type(theirs).from_pretrained(tmp_path / "ours", output_loading_info=True)
    assert not any(report.values())
    assert described(again) == described(theirs)
    np.testing.assert_array_equal(predicted(again, x), expected)


def described(model) -> dict:
    return {key: value for key, value in model.config.items() if not key.startswith("_")}


def test_one_embedding_for_all_blocks(tmp_path):
    """As in the paper; diffusers keeps a copy in each block."""
    ours = models.dit(channels=3, sample_size=8, heads=2, head_width=4, depth=2, classes=5)
    conformance.randomise(ours)
    kerasarch.to_pretrained(ours, tmp_path)
    y = outputs(ours, [samples(), TIMES, LABELS])
    theirs = type(diffusers_model("DiTTransformer2DModel", **SMALL)).from_pretrained(tmp_path).eval()
    assert_close(y, predicted(theirs, samples()))
    separate = kerasarch.from_pretrained(tmp_path)
    assert len(separate.weights) == len(ours.weights) + 5
    again = kerasarch.from_pretrained(tmp_path, shared=True)
    for one, two in zip(again.weights, ours.weights, strict=True):
        np.testing.assert_array_equal(to_numpy(one), to_numpy(two))
    theirs.transformer_blocks[1].norm1.emb.class_embedder.embedding_table.weight.data[0, 0] += 1
    theirs.save_pretrained(tmp_path / "apart")
    with pytest.raises(WeightsError, match=r"blocks\.1\.norm1.* is not that of the first block"):
        kerasarch.from_pretrained(tmp_path / "apart", shared=True)


@pytest.mark.quick_on("torch", "tensorflow")
def test_ways_to_call(tmp_path):
    """Names, no labels, one time for all, another layout, half precision: all the reference's numbers."""
    theirs = diffusers_model("DiTTransformer2DModel", **SMALL)
    theirs.save_pretrained(tmp_path)
    x = samples()
    expected = predicted(theirs, x)
    config = json.loads((tmp_path / "config.json").read_text())
    former = {"_class_name": "Transformer2DModel", "cross_attention_dim": None, "only_cross_attention": False}
    (tmp_path / "config.json").write_text(json.dumps({**config, **former}))
    ours = kerasarch.from_pretrained(tmp_path)
    given = {"class_labels": LABELS, "timestep": TIMES.astype("int32"), "hidden_states": x}
    assert_close(to_numpy(ours(given)), expected)
    assert_close(to_numpy(ours([x[1:], np.array(981)])), expected[1:])
    half = kerasarch.from_pretrained(tmp_path, dtype="mixed_bfloat16")
    y = half([x, TIMES, LABELS])
    assert keras.backend.standardize_dtype(y.dtype) == "bfloat16"
    assert np.abs(to_numpy(y) - expected).max() < 0.05 * np.abs(expected).max()
    keras.config.set_image_data_format("channels_first")
    try:
        turned = kerasarch.from_pretrained(tmp_path)
        y = turned([np.moveaxis(x, -1, 1), TIMES, LABELS])
        assert_close(np.moveaxis(to_numpy(y), 1, -1), expected)
    finally:
        keras.config.set_image_data_format("channels_last")


def test_fresh_models_predict_zero():
    fresh = models.dit(input_shape=(6, 4, 1), depth=1, heads=1, head_width=4)
    assert fresh.config.sample_size == 6
    assert not outputs(fresh, [samples()[:, :6, :4, :1], TIMES, LABELS]).any()


@pytest.mark.quick_on("torch")
@pytest.mark.parametrize(("variant", "millions"), [("dit_s_2", 33), ("dit_b_2", 130)])
def test_parameters_of_the_papers_table(variant, millions):
    """Peebles & Xie, 2022, table 1."""
    assert models.dit(variant).count_params() / 1e6 == pytest.approx(millions, abs=0.9)


def test_files_that_do_not_fit(tmp_path):
    diffusers_model("DiTTransformer2DModel", **SMALL).save_pretrained(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())

    def refused(match: str, error=WeightsError, **changes):
        (tmp_path / "config.json").write_text(json.dumps({**config, **changes}))
        with pytest.raises(error, match=match):
            kerasarch.from_pretrained(tmp_path)

    refused("not known here: window", window=3)
    refused("norm_type 'layer_norm'", norm_type="layer_norm")
    refused("activation_fn 'relu'", activation_fn="relu")
    refused("has shape", num_embeds_ada_norm=4)
    refused("variables without a tensor", num_layers=3)
    refused("must be a multiple of 4", UsageError, attention_head_dim=3)
    (tmp_path / "config.json").write_text(json.dumps(config))
    ours = kerasarch.from_pretrained(tmp_path)
    with pytest.raises(UsageError, match="Missing: timestep"):
        ours([samples()])
    with pytest.raises(UsageError, match="not known: number 4"):
        ours([samples(), TIMES, LABELS, TIMES])
    with pytest.raises(ShapeError, match="multiples of patch=2"):
        ours([samples(8, 7), TIMES, LABELS])
    with pytest.raises(ShapeError, match="must have 3 channels"):
        ours.build((None, 8, 8, 1))
