"""Decoder-only language models against transformers, from its folders and back into them."""

import functools
import json
import re

import keras
import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

import kerasarch
from kerasarch import models
from kerasarch.errors import ShapeError, UsageError, WeightsError
from kerasarch.weights import bloom, load_into
from kerasarch.weights.checkpoint import Checkpoint
from kerasarch.weights.llama import read_config
from tests import conformance
from tests.conformance import to_numpy
from tests.weights.references import assert_close, assert_depends_on_input, call_quickly, named_outputs, randomise_torch

transformers = pytest.importorskip("transformers")
pytestmark = conformance.QUIET

IDS = np.array([[3, 5, 11, 7, 1, 28, 7], [2, 3, 29, 12, 4, 1, 1]], "int32")
LEFT = np.array([[0, 0, 1, 1, 1, 1, 1], [1, 1, 1, 1, 1, 1, 1]], "int32")
HOLES = np.array([[0, 1, 1, 0, 0, 1, 1], [1, 1, 1, 0, 1, 1, 1]], "int32")
RIGHT = np.array([[1, 1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 0, 0, 0]], "int32")
GPT2 = {"vocab_size": 30, "n_positions": 9, "n_embd": 12, "n_layer": 2, "n_head": 3}
FIRST = {"vocab_size": 30, "n_positions": 9, "n_embd": 12, "n_layer": 2, "n_head": 3}
BLOOM = {"vocab_size": 30, "hidden_size": 12, "n_layer": 2, "n_head": 3}
MPT = {"vocab_size": 30, "max_seq_len": 9, "d_model": 12, "n_layers": 2, "n_heads": 3}
LLAMA = {
    "vocab_size": 30,
    "max_position_embeddings": 16,
    "hidden_size": 16,
    "intermediate_size": 20,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
}
STRETCHED = {"kind": "dynamic", "factor": 2.0, "trained": 4}
LLAMA3 = {"rope_type": "llama3", "factor": 4.0, "low_freq_factor": 1.0, "high_freq_factor": 3.0}
ROWS = {
    "gpt2": ("GPT2LMHeadModel", GPT2),
    "gpt2 without head": ("GPT2Model", {**GPT2, "activation_function": "gelu", "layer_norm_epsilon": 1e-2}),
    "gpt2 untied": ("GPT2LMHeadModel", {**GPT2, "tie_word_embeddings": False, "n_inner": 10, "n_head": 1}),
    "openai gpt": ("OpenAIGPTLMHeadModel", FIRST),
    "openai gpt without head": ("OpenAIGPTModel", {**FIRST, "afn": "relu", "layer_norm_epsilon": 1e-2}),
    "openai gpt untied": ("OpenAIGPTLMHeadModel", {**FIRST, "tie_word_embeddings": False, "afn": "silu"}),
    "bloom": ("BloomForCausalLM", BLOOM),
    "bloom without head": ("BloomModel", {**BLOOM, "n_head": 4, "layer_norm_epsilon": 1e-2}),
    "bloom with normalised shortcuts": (
        "BloomForCausalLM",
        {**BLOOM, "apply_residual_connection_post_layernorm": True, "tie_word_embeddings": False, "n_head": 6},
    ),
    "mpt": ("MptForCausalLM", MPT),
    "mpt without head": ("MptModel", {**MPT, "n_heads": 2, "layer_norm_epsilon": 1e-2}),
    "mpt clipped": (
        "MptForCausalLM",
        {
            **MPT,
            "n_heads": 6,
            "tie_word_embeddings": False,
            "attn_config": {"clip_qkv": 0.7, "softmax_scale": 0.9},
        },
    ),
    "llama": ("LlamaForCausalLM", LLAMA),
    "llama without head": ("LlamaModel", {**LLAMA, "num_key_value_heads": 4, "rms_norm_eps": 1e-2}),
    "llama with biases": (
        "LlamaForCausalLM",
        {**LLAMA, "attention_bias": True, "mlp_bias": True, "tie_word_embeddings": True, "head_dim": 6},
    ),
    "llama stretched": (
        "LlamaForCausalLM",
        {**LLAMA, "rope_parameters": {**LLAMA3, "rope_theta": 50.0, "original_max_position_embeddings": 8}},
    ),
    "llama linear": (
        "LlamaForCausalLM",
        {**LLAMA, "rope_parameters": {"rope_type": "linear", "factor": 2.5, "rope_theta": 30.0}},
    ),
    "llama dynamic": (
        "LlamaForCausalLM",
        {
            **LLAMA,
            "max_position_embeddings": 4,
            "rope_parameters": {"rope_type": "dynamic", "factor": 2.0, "rope_theta": 40.0},
        },
    ),
    "llama yarn": (
        "LlamaForCausalLM",
        {
            **LLAMA,
            "head_dim": 12,
            "rope_parameters": {
                "rope_type": "yarn",
                "factor": 4.0,
                "rope_theta": 20.0,
                "original_max_position_embeddings": 8,
                "beta_fast": 2.0,
                "beta_slow": 0.5,
            },
        },
    ),
}

FAMILIES = ("gpt2", "llama", "openai gpt", "bloom", "mpt")


def reference(kind: str, fields: dict):
    torch.manual_seed(0)
    model = getattr(transformers, kind)
    model = model(model.config_class(**fields)).eval()
    angles = {name: tensor.clone() for name, tensor in model.named_buffers()}
    randomise_torch(model)
    for name, tensor in model.named_buffers():
        tensor.copy_(angles[name])
    for module in model.modules():
        # Their kernels of 0.02 would leave hardly more than the embeddings
        if isinstance(module, torch.nn.Embedding | torch.nn.Linear | transformers.pytorch_utils.Conv1D):
            torch.nn.init.normal_(module.weight, std=0.3)
    return model


def said(config, name):
    """What a config says, without the types that transformers notes in inner ones."""
    value = config.to_dict()[name]
    return {key: part for key, part in value.items() if key != "dtype"} if isinstance(value, dict) else value


def compare(ours, theirs, rows=None) -> None:
    """Compare the places that a mask says are seen: of others nobody promises anything."""
    seen = np.ones(IDS.shape, bool) if rows is None else rows.astype(bool)
    assert set(ours) == set(theirs)
    for name, value in theirs.items():
        for one, other in zip(*((x if isinstance(x, tuple) else (x,)) for x in (ours[name], value)), strict=True):
            assert_close(to_numpy(one)[seen], other[seen])


@pytest.mark.parametrize("row", ROWS)
def test_outputs_both_ways(row, tmp_path):
    theirs = reference(*ROWS[row])
    theirs.save_pretrained(tmp_path / "theirs")
    ours = kerasarch.from_pretrained(tmp_path / "theirs", hidden_states=True)
    plain = named_outputs(theirs, input_ids=IDS)
    compare(call_quickly(ours, IDS), plain)
    assert_depends_on_input(next(iter(plain.values())))
    kerasarch.to_pretrained(ours, tmp_path / "ours")
    again, report = type(theirs).from_pretrained(tmp_path / "ours", output_loading_info=True)
    assert not any(report.values())
    for name in ROWS[row][1]:
        assert said(again.config, name) == said(theirs.config, name)
    compare(named_outputs(again, input_ids=IDS), plain)


def masked(row, mask):
    """Inputs with a mask, and with positions that count what it shows; linear biases need none."""
    inputs = {"input_ids": IDS, "attention_mask": mask}
    if row not in ("bloom", "mpt"):
        inputs["position_ids"] = np.maximum(np.cumsum(mask, axis=1) - 1, 0).astype("int32")
    return inputs


@pytest.mark.parametrize(
    ("row", "mask"),
    [
        *((row, mask) for row in FAMILIES for mask in (LEFT, RIGHT)),
        *((row, HOLES) for row in ("bloom", "mpt")),
    ],
    ids=lambda part: part if isinstance(part, str) else {id(LEFT): "left", id(RIGHT): "right"}.get(id(part), "holes"),
)
def test_padding(row, mask, tmp_path):
    theirs = reference(*ROWS[row])
    theirs.save_pretrained(tmp_path)
    ours = kerasarch.from_pretrained(tmp_path)
    inputs = masked(row, mask)
    found = named_outputs(theirs, **inputs)
    del found["hidden_states"]
    compare(call_quickly(ours, inputs), found, mask)
    if mask is LEFT:  # what is seen afterwards cannot change what comes before
        without = named_outputs(theirs, input_ids=IDS)["logits"]
        assert np.abs(found["logits"] - without)[0, 2:].max() > 0.01


@pytest.mark.parametrize("row", FAMILIES)
def test_advancing_equals_reading_at_once(row, tmp_path):
    """Token by token through the cache as in one call, with padding on the left."""
    theirs = reference(*ROWS[row])
    theirs.save_pretrained(tmp_path)
    ours = kerasarch.from_pretrained(tmp_path)
    positions = np.maximum(np.cumsum(LEFT, axis=1) - 1, 0).astype("int32")
    whole = to_numpy(call_quickly(ours, masked(row, LEFT))["logits"])
    cache = ours.empty_cache(2, 9)
    mask = np.concatenate([LEFT, np.zeros((2, 2), "int32")], axis=1)
    begin = 4
    logits, cache = ours.advance(IDS[:, :begin], cache, 0, mask, positions[:, :begin])
    for place in range(begin, 7):
        assert_close(to_numpy(logits), whole[:, place - 1])
        logits, cache = ours.advance(IDS[:, place : place + 1], cache, place, mask, positions[:, place : place + 1])
    assert_close(to_numpy(logits), whole[:, -1])


def test_what_is_not_built_is_said(tmp_path):
    theirs = transformers.GPT2LMHeadModel(transformers.GPT2Config(**GPT2, scale_attn_by_inverse_layer_idx=True))
    theirs.save_pretrained(tmp_path / "a")
    with pytest.raises(WeightsError, match="scale_attn_by_inverse_layer_idx"):
        kerasarch.from_pretrained(tmp_path / "a")
    theirs = transformers.LlamaForCausalLM(transformers.LlamaConfig(**{**LLAMA, "hidden_act": "gelu"}))
    theirs.save_pretrained(tmp_path / "b")
    with pytest.raises(WeightsError, match="hidden_act 'gelu'"):
        kerasarch.from_pretrained(tmp_path / "b")
    small = models.gpt2(vocabulary=5, positions=4, width=4, depth=1, heads=2)
    with pytest.raises(ShapeError, match="at most 4 tokens"):
        small(np.zeros((1, 5), "int32"))
    with pytest.raises(ShapeError, match="at most 4 tokens"):
        small.check_length(5)
    with pytest.raises(UsageError, match="input_ids, attention_mask"):
        small({"input_ids": np.zeros((1, 2), "int32"), "mask": np.ones((1, 2))})
    with pytest.raises(UsageError, match="Received 5 tensors"):
        small([np.zeros((1, 2), "int32")] * 5)
    with pytest.raises(WeightsError, match="bias=False"):
        kerasarch.to_pretrained(models.gpt2(vocabulary=5, width=4, depth=1, heads=2, bias=False), tmp_path / "c")


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"model_type": "openai-gpt", "afn": "tanh"}, "afn 'tanh' is not built here. Known are gelu, relu, silu"),
        ({"model_type": "mpt", "no_bias": False}, "no_bias=False is not built here, only True"),
        ({"model_type": "mpt", "norm_type": "rmsnorm"}, "norm_type 'rmsnorm'"),
        ({"model_type": "mpt", "attn_config": {"alibi": False}}, "attn_config: alibi=False"),
        ({"model_type": "mpt", "attn_config": {"qk_ln": True}}, "attn_config: qk_ln=True"),
        ({"model_type": "mpt", "attn_config": {"attn_type": "multiquery_attention"}}, "only 'multihead_attention'"),
    ],
)
def test_fields_that_are_not_built(fields, words, tmp_path):
    (tmp_path / "config.json").write_text(json.dumps(fields))
    save_file({"transformer.wte.weight": np.zeros((2, 2), "float32")}, tmp_path / "model.safetensors")
    with pytest.raises(WeightsError, match=re.escape(words)):
        kerasarch.from_pretrained(tmp_path)


def test_names_of_public_bloom_folders():
    """The first folders call sizes otherwise, and say things that transformers passes over."""
    public = {"model_type": "bloom", "n_embed": 8, "n_layer": 3, "num_attention_heads": 4, "offset_alibi": 100}
    config = bloom.read_config(Checkpoint("it", "huggingface", {}, {**public, "seq_length": 16}))
    assert (config.width, config.depth, config.heads, config.positions) == (8, 3, 4, 16)


def test_the_slopes_of_mpt(tmp_path):
    """transformers 5 reads how flat they get, and passes it over; its function knows it."""
    theirs = reference("MptForCausalLM", {**MPT, "attn_config": {"alibi_bias_max": 4}})
    theirs.save_pretrained(tmp_path)
    ours = kerasarch.from_pretrained(tmp_path)
    assert ours.config.flattest == 4
    body = theirs.transformer
    body.build_mpt_alibi_tensor = functools.partial(body.build_mpt_alibi_tensor, alibi_bias_max=4)
    assert_close(to_numpy(call_quickly(ours, IDS)["logits"]), named_outputs(theirs, input_ids=IDS)["logits"])


def test_fused_maps_have_three_parts_a_head():
    names = {"transformer.h.0.self_attention.query_key_value.bias": np.zeros(8, "float32")}
    with pytest.raises(WeightsError, match="three parts of 2 heads"):
        bloom.select(models.BloomConfig(heads=2), names, "it")


YARN = {"rope_type": "yarn", "factor": 4.0, "rope_theta": 20.0}


@pytest.mark.parametrize(
    ("angles", "words"),
    [
        ({**YARN, "mscale": 0.7, "mscale_all_dim": 0.5}, "with mscale, mscale_all_dim is not built"),
        ({**YARN, "truncate": False}, "with truncate is not built"),
        ({"rope_type": "default", "rope_theta": 9.0, "partial_rotary_factor": 0.5}, "partial_rotary_factor"),
        ({"rope_type": "linear", "rope_theta": 9.0}, "needs a factor"),
        ({"rope_type": "longrope", "factor": 2.0}, "rope_type 'longrope' is not built here. Known are default, linear"),
    ],
)
def test_rotations_that_are_not_built(angles, words):
    checkpoint = Checkpoint("a folder", "huggingface", {}, {"model_type": "llama", "rope_parameters": angles})
    with pytest.raises(WeightsError, match=re.escape(words)):
        read_config(checkpoint)


def test_the_length_of_training_may_stand_beside_the_rotation():
    config = {"model_type": "llama", "max_position_embeddings": 16, "original_max_position_embeddings": 8}
    for kind, trained in (("yarn", 8), ("dynamic", 16)):
        checkpoint = Checkpoint("it", "huggingface", {}, {**config, "rope_scaling": {"type": kind, "factor": 2.0}})
        assert read_config(checkpoint).scaling.trained == trained


@pytest.mark.parametrize("wrong", [{"tied": True}, {"heads": 2, "head_width": 8}, {"base": 7.0}])
def test_weights_of_another_configuration_are_refused(wrong, tmp_path):
    theirs = reference("LlamaForCausalLM", {**LLAMA, "num_key_value_heads": 4})
    theirs.save_pretrained(tmp_path)
    sizes = {"vocabulary": 30, "width": 16, "depth": 2, "heads": 4, "kv_heads": None, "hidden": 20}
    fits = models.llama(models.LlamaConfig(), **sizes, start=5)
    load_into(fits, tmp_path)
    assert_close(to_numpy(call_quickly(fits, IDS)["logits"]), named_outputs(theirs, input_ids=IDS)["logits"])
    other = models.llama(models.LlamaConfig(), **{**sizes, **wrong})
    before = [weight.copy() for weight in other.get_weights()]
    with pytest.raises(WeightsError, match=f"another configuration: {next(iter(wrong))} is"):
        load_into(other, tmp_path)
    assert all(np.array_equal(one, two) for one, two in zip(before, other.get_weights(), strict=True))
    if "tied" in wrong:
        with pytest.raises(WeightsError, match=r"differs from model\.embed_tokens.weight"):
            kerasarch.from_pretrained(tmp_path, tied=True)


def test_what_transformers_lacks_is_not_written(tmp_path):
    tiny = {"vocabulary": 5, "width": 4, "depth": 1, "heads": 2}
    for model, words in (
        (models.llama(models.LlamaConfig(), **tiny, hidden=6, activation="geglu"), "gate of SiLU"),
        (models.llama(models.LlamaConfig(), **tiny, hidden=6, head_width=4, scaling=STRETCHED), "trained=4"),
        (models.gpt2(**tiny, activation="linear-silu"), "no 'linear-silu'"),
        (models.openai_gpt(**tiny, activation="geglu"), "no 'geglu'"),
        (models.mpt(**tiny, flattest=7.5), "whole exponents"),
    ):
        with pytest.raises(WeightsError, match=words):
            kerasarch.to_pretrained(model, tmp_path)


@pytest.mark.parametrize(
    "model",
    [lambda **sizes: models.gpt2(positions=5, **sizes), lambda **sizes: models.llama(models.LlamaConfig(), **sizes)],
    ids=["gpt2", "llama"],
)
def test_fresh_kernels_of_one_shape_differ(model):
    """One initializer without a seed draws the same numbers again."""
    weights = model(vocabulary=5, width=8, depth=2, heads=2, hidden=8).get_weights()
    kernels = [weight for weight in weights if weight.shape == (8, 8)]
    assert len(kernels) >= 8
    assert all(not np.array_equal(one, two) for place, one in enumerate(kernels) for two in kernels[:place])


@pytest.mark.parametrize(
    ("name", "parameters"),
    [  # Of the public checkpoints, counted from their tensors: transformers' `num_parameters`
        ("gpt2", 124_439_808),
        pytest.param("gpt2_medium", 354_823_168, marks=pytest.mark.quick_on("torch")),
    ],
)
def test_published_sizes(name, parameters):
    assert models.gpt2(name).count_params() == parameters


SIZES = {
    "openai_gpt": ("OpenAIGPTLMHeadModel", {}, 116_534_784),
    "bloom_560m": ("BloomForCausalLM", {"hidden_size": 1024, "n_layer": 24, "n_head": 16}, 559_214_592),
    "mpt_7b": ("MptForCausalLM", {"vocab_size": 50432, "d_model": 4096, "n_layers": 32, "n_heads": 32}, 6_649_286_656),
}


@pytest.mark.skipif(keras.backend.backend() != "torch", reason="counted once, without numbers")
@pytest.mark.parametrize("variant", SIZES)
def test_published_sizes_without_numbers(variant):
    kind, fields, count = SIZES[variant]
    kind = getattr(transformers, kind)
    with torch.device("meta"):
        theirs = kind(kind.config_class(**fields))
    assert theirs.num_parameters() == count
    with keras.device("meta"):
        ours = getattr(models, variant.removesuffix("_560m").removesuffix("_7b"))(variant)
    assert ours.count_params() == count
