"""Mamba and Mamba-2 against transformers, from its folders and back into them, and text that goes on."""

import numpy as np
import pytest
import torch

import kerasarch
from kerasarch import backends, models
from kerasarch.errors import ShapeError, UsageError, WeightsError
from kerasarch.generation import TokenDecoder
from kerasarch.models.mamba import VARIANTS as MAMBA
from kerasarch.models.mamba2 import VARIANTS as MAMBA2
from kerasarch.weights import load_into
from kerasarch.weights.checkpoint import Checkpoint
from kerasarch.weights.mamba2 import read_config
from tests import conformance
from tests.conformance import to_numpy
from tests.weights.references import assert_close, assert_depends_on_input, call_quickly, named_outputs

transformers = pytest.importorskip("transformers")
pytestmark = conformance.QUIET

IDS = np.array([[3, 5, 11, 7, 1, 28, 7], [2, 3, 29, 12, 4, 1, 1]], "int32")
LEFT = np.array([[0, 0, 1, 1, 1, 1, 1], [1, 1, 1, 1, 1, 1, 1]], "int32")
RIGHT = np.array([[1, 1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 0, 0, 0]], "int32")
SIZES = {"vocab_size": 30, "hidden_size": 16, "num_hidden_layers": 2, "eos_token_id": None}
HEADS = {**SIZES, "num_heads": 4, "head_dim": 8, "n_groups": 2, "state_size": 5, "chunk_size": 3}
ROWS = {
    "mamba": ("MambaForCausalLM", {**SIZES, "state_size": 6}),
    "mamba without head": ("MambaModel", {**SIZES, "expand": 3, "conv_kernel": 2, "layer_norm_epsilon": 1e-2}),
    "mamba with biases": (
        "MambaForCausalLM",
        {**SIZES, "use_bias": True, "use_conv_bias": False, "time_step_rank": 3, "tie_word_embeddings": False},
    ),
    "mamba2": ("Mamba2ForCausalLM", HEADS),
    "mamba2 without head": ("Mamba2Model", {**HEADS, "n_groups": 4, "conv_kernel": 3, "layer_norm_epsilon": 1e-2}),
    "mamba2 with biases": (
        "Mamba2ForCausalLM",
        {
            **HEADS,
            "n_groups": 1,
            "expand": 3,
            "head_dim": 12,
            "use_bias": True,
            "use_conv_bias": False,
            "tie_word_embeddings": True,
            "time_step_limit": [0.05, 0.4],
            "chunk_size": 256,
        },
    ),
}


def reference(row):
    """A model with weights of a healthy size: fresh ones would leave hardly more than the embeddings."""
    kind, fields = ROWS[row]
    kind = getattr(transformers, kind)
    model = kind(kind.config_class(**fields)).eval()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, tensor in model.named_parameters():
            drawn = torch.randn(tensor.shape, generator=generator)
            norm = name.endswith("norm.weight") or name.endswith("norm_f.weight")
            tensor.copy_(1 + 0.3 * drawn if norm else (0.4 if tensor.ndim > 1 else 0.6) * drawn)
    return model


def compare(ours, theirs, seen=None) -> None:
    assert set(ours) == set(theirs)
    seen = np.ones(IDS.shape, bool) if seen is None else seen.astype(bool)
    for name, value in theirs.items():
        for one, other in zip(*((x if isinstance(x, tuple) else (x,)) for x in (ours[name], value)), strict=True):
            assert_close(to_numpy(one)[seen], other[seen])


def outputs(model, **inputs):
    model.config.use_cache = False  # its state is none of the outputs that are compared
    return named_outputs(model, **inputs)


@pytest.mark.parametrize("row", ROWS)
def test_outputs_both_ways(row, tmp_path):
    theirs = reference(row)
    theirs.save_pretrained(tmp_path / "theirs")
    ours = kerasarch.from_pretrained(tmp_path / "theirs", hidden_states=True)
    plain = outputs(theirs, input_ids=IDS)
    compare(call_quickly(ours, IDS), plain)
    assert_depends_on_input(next(iter(plain.values())))
    kerasarch.to_pretrained(ours, tmp_path / "ours")
    again, report = type(theirs).from_pretrained(tmp_path / "ours", output_loading_info=True)
    assert not any(report.values())
    for name in ROWS[row][1]:
        assert getattr(again.config, name) == getattr(theirs.config, name)
    compare(outputs(again, input_ids=IDS), plain)


@pytest.mark.parametrize("row", ["mamba", "mamba2"])
@pytest.mark.parametrize("mask", [LEFT, RIGHT], ids=["left", "right"])
def test_padding(row, mask, tmp_path):
    theirs = reference(row)
    theirs.save_pretrained(tmp_path)
    ours = kerasarch.from_pretrained(tmp_path)
    inputs = {"input_ids": IDS, "attention_mask": mask}
    found = outputs(theirs, **inputs)
    del found["hidden_states"]
    compare(call_quickly(ours, inputs), found, mask)
    if mask is LEFT:
        without = outputs(theirs, input_ids=IDS)["logits"]
        assert np.abs(found["logits"] - without)[0, 2:].max() > 0.01


@pytest.mark.parametrize("row", ["mamba", "mamba2 with biases"])
def test_advancing_equals_reading_at_once(row, tmp_path):
    """Token by token through the state as in one call, with padding on the left."""
    theirs = reference(row)
    theirs.save_pretrained(tmp_path)
    ours = kerasarch.from_pretrained(tmp_path)
    whole = to_numpy(call_quickly(ours, {"input_ids": IDS, "attention_mask": LEFT})["logits"])
    cache = ours.empty_cache(2, 9)
    mask = np.concatenate([LEFT, np.zeros((2, 2), "int32")], axis=1)
    positions = np.zeros_like(IDS)
    advance = backends.compiled(ours.advance, ours)
    logits, cache = advance(IDS[:, :4], cache, np.int32(0), mask, positions[:, :4])
    for place in range(4, 7):
        assert_close(to_numpy(logits), whole[:, place - 1])
        token = slice(place, place + 1)
        logits, cache = advance(IDS[:, token], cache, np.int32(place), mask, positions[:, token])
    assert_close(to_numpy(logits), whole[:, -1])


@pytest.mark.parametrize("row", ["mamba", "mamba with biases", "mamba2"])
def test_greedy_search_is_that_of_transformers(row, tmp_path):
    theirs = reference(row)
    theirs.save_pretrained(tmp_path)
    prompts = [[3, 5, 11], [7, 1, 28, 7, 2, 9], [4, 8]]
    found = TokenDecoder(kerasarch.from_pretrained(tmp_path), chunk=4)(prompts, new=10)
    for prompt, tokens in zip(prompts, found, strict=True):
        ids = torch.tensor([prompt])
        expected = theirs.generate(
            ids, attention_mask=torch.ones_like(ids), max_new_tokens=10, do_sample=False, pad_token_id=0
        )
        assert tokens == expected[0, len(prompt) :].tolist()
    assert len({tuple(tokens) for tokens in found}) == 3


def test_what_is_not_built_is_said(tmp_path):
    wrong = transformers.MambaForCausalLM(transformers.MambaConfig(**SIZES, hidden_act="gelu"))
    wrong.save_pretrained(tmp_path)
    with pytest.raises(WeightsError, match="hidden_act 'gelu'"):
        kerasarch.from_pretrained(tmp_path)
    fields = {"model_type": "mamba2", "hidden_size": 16, "num_heads": 3, "head_dim": 8}
    with pytest.raises(WeightsError, match="should be expand"):
        read_config(Checkpoint("a folder", "huggingface", {}, fields))
    small = models.mamba(vocabulary=5, width=4, depth=1)
    with pytest.raises(UsageError, match="takes input_ids, attention_mask, the first always"):
        small({"input_ids": np.zeros((1, 2), "int32"), "position_ids": np.zeros((1, 2), "int32")})
    with pytest.raises(ShapeError, match="multiple of head_width"):
        models.mamba2(vocabulary=5, width=4, depth=1, head_width=3)
    small.check_length(10**9)


@pytest.mark.parametrize(
    ("row", "wrong"), [("mamba", {"epsilon": 0.5}), ("mamba2", {"step_limit": (0.1, None)})], ids=["mamba", "mamba2"]
)
def test_weights_of_another_configuration_are_refused(row, wrong, tmp_path):
    reference(row).save_pretrained(tmp_path)
    sizes = {"vocabulary": 30, "width": 16, "depth": 2}
    if row == "mamba":
        build, config, sizes = models.mamba, models.MambaConfig(), {**sizes, "states": 6, "rank": 1}
    else:
        sizes = {**sizes, "head_width": 8, "groups": 2, "states": 5, "chunk": 7}
        build, config = models.mamba2, models.Mamba2Config()
    load_into(build(config, **sizes, start=5), tmp_path)
    with pytest.raises(WeightsError, match=f"another configuration: {next(iter(wrong))} is"):
        load_into(build(config, **sizes, **wrong), tmp_path)


PUBLISHED = {
    "mamba_130m": 129_135_360,
    "mamba_370m": 371_516_416,
    "mamba_790m": 793_204_224,
    "mamba_1.4b": 1_372_178_432,
    "mamba_2.8b": 2_768_345_600,
    "mamba2_130m": 128_989_632,
    "mamba2_370m": 368_346_624,
    "mamba2_780m": 780_161_280,
    "mamba2_1.3b": 1_343_757_312,
    "mamba2_2.7b": 2_702_599_680,
}


@pytest.mark.parametrize(
    "name", [name if "130m" in name else pytest.param(name, marks=pytest.mark.quick_on("torch")) for name in PUBLISHED]
)
def test_published_sizes(name):
    """Counted from one block and one token; the figures are transformers' `num_parameters` on its meta device."""
    build, variants = (models.mamba2, MAMBA2) if name in MAMBA2 else (models.mamba, MAMBA)
    config = variants[name]
    model = build(name, vocabulary=1, depth=1)
    block = model.blocks[0].count_params()
    assert model.count_params() + (config.depth - 1) * block + (config.vocabulary - 1) * config.width == PUBLISHED[name]
