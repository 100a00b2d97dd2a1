"""Encoder-decoder transformers against transformers, from its folders and back into them."""

import json
import math
import re

import keras
import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

import kerasarch
from kerasarch import models
from kerasarch.errors import ShapeError, UsageError, WeightsError
from kerasarch.weights import load_into, marian
from kerasarch.weights.checkpoint import Checkpoint
from tests import conformance
from tests.conformance import to_numpy
from tests.weights.references import assert_close, assert_depends_on_input, call_quickly, named_outputs, randomise_torch

transformers = pytest.importorskip("transformers")
pytestmark = conformance.QUIET

SOURCE = np.array([[3, 5, 11, 7, 1, 28, 7], [2, 3, 29, 12, 4, 1, 1]], "int32")
TARGET = np.array([[29, 4, 11, 6, 9], [29, 8, 8, 1, 17]], "int32")
LEFT = np.array([[0, 0, 1, 1, 1, 1, 1], [1, 1, 1, 1, 1, 1, 1]], "int32")
RIGHT = np.array([[1, 1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 0, 0, 0]], "int32")
TARGETS = np.array([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]], "int32")
TOKENS = {"pad_token_id": 29, "eos_token_id": 0, "decoder_start_token_id": 29}
SIZES = {
    "vocab_size": 30,
    "d_model": 12,
    "encoder_layers": 2,
    "decoder_layers": 1,
    "encoder_attention_heads": 2,
    "decoder_attention_heads": 3,
    "encoder_ffn_dim": 10,
    "decoder_ffn_dim": 14,
    "max_position_embeddings": 16,
    **TOKENS,
}
T5 = {
    "vocab_size": 30,
    "d_model": 12,
    "d_kv": 5,
    "d_ff": 10,
    "num_layers": 2,
    "num_decoder_layers": 2,
    "num_heads": 3,
    "relative_attention_num_buckets": 8,
    "relative_attention_max_distance": 6,
    **TOKENS,
}
ROWS = {
    "marian": ("MarianMTModel", {**SIZES, "scale_embedding": True, "activation_function": "silu"}),
    "marian of two vocabularies": (
        "MarianMTModel",
        {**SIZES, "share_encoder_decoder_embeddings": False, "decoder_vocab_size": 34, "activation_function": "relu"},
    ),
    "marian untied": ("MarianMTModel", {**SIZES, "tie_word_embeddings": False, "activation_function": "gelu_new"}),
    "marian without head": ("MarianModel", {**SIZES, "encoder_layers": 3, "decoder_layers": 2}),
    "bart": ("BartForConditionalGeneration", {**SIZES, "scale_embedding": True}),
    "bart untied": ("BartForConditionalGeneration", {**SIZES, "tie_word_embeddings": False}),
    "bart without head": ("BartModel", {**SIZES, "activation_function": "relu"}),
    "mbart": ("MBartForConditionalGeneration", {**SIZES, "scale_embedding": True, "decoder_layers": 2}),
    "t5": ("T5ForConditionalGeneration", T5),
    "t5 1.1": (
        "T5ForConditionalGeneration",
        {**T5, "tie_word_embeddings": False, "feed_forward_proj": "gated-gelu", "num_decoder_layers": 1},
    ),
    "t5 without head": ("T5Model", {**T5, "feed_forward_proj": "gated-relu", "layer_norm_epsilon": 1e-2}),
    "mt5": ("MT5ForConditionalGeneration", {**T5, "feed_forward_proj": "gated-silu"}),
}
FAMILIES = ("marian", "bart", "mbart", "t5 1.1")
DEFAULT = ("marian", "mbart", "t5", "t5 1.1")
"""Rows that are quick enough on every backend."""


def reference(kind: str, fields: dict):
    torch.manual_seed(0)
    model = getattr(transformers, kind)
    model = model(model.config_class(**fields)).eval()
    randomise_torch(model)
    for module in model.modules():
        # Their kernels of 0.02 would leave hardly more than the embeddings
        if isinstance(module, torch.nn.Embedding | torch.nn.Linear) and "Sinusoidal" not in type(module).__name__:
            torch.nn.init.normal_(module.weight, std=0.3)
    if hasattr(model, "final_logits_bias"):
        model.final_logits_bias.normal_(std=0.3)
    if kind.startswith("MT5"):  # as in the public folders, whatever the config says
        model.lm_head.weight = torch.nn.Parameter(torch.randn_like(model.lm_head.weight))
    return model


def expected(theirs, source_mask=None, target_mask=None):
    masks = {"attention_mask": source_mask, "decoder_attention_mask": target_mask}
    masks = {name: mask for name, mask in masks.items() if mask is not None}
    return named_outputs(theirs, input_ids=SOURCE, decoder_input_ids=TARGET, **masks)


def compare(ours, theirs, source_mask=None, target_mask=None) -> None:
    """Compare the places that the masks say are seen, of all that is put out."""
    seen = {"encoder": SOURCE if source_mask is None else source_mask}
    assert set(ours) | {"encoder_last_hidden_state"} >= set(theirs)
    for name, value in ours.items():
        rows = seen.get(name.split("_")[0], TARGET if target_mask is None else target_mask)
        rows = np.ones_like(rows, bool) if rows is SOURCE or rows is TARGET else rows.astype(bool)
        for one, other in zip(*((x if isinstance(x, tuple) else (x,)) for x in (value, theirs[name])), strict=True):
            assert_close(to_numpy(one)[rows], other[rows])


@pytest.mark.parametrize(
    "row", [row if row in DEFAULT else pytest.param(row, marks=pytest.mark.quick_on("torch")) for row in ROWS]
)
def test_outputs_both_ways(row, tmp_path):
    """Hidden states and logits of texts that are padded on the left, right, and not at all; and the folder back."""
    theirs = reference(*ROWS[row])
    theirs.save_pretrained(tmp_path / "theirs")
    ours = kerasarch.from_pretrained(tmp_path / "theirs", hidden_states=True)
    plain = expected(theirs)
    assert_depends_on_input(plain["logits" if "logits" in plain else "last_hidden_state"])
    compare(call_quickly(ours, {"source_ids": SOURCE, "target_ids": TARGET}), plain)
    for source_mask, target_mask in ((LEFT, None), (RIGHT, TARGETS)):
        target = np.ones_like(TARGETS) if target_mask is None else target_mask
        inputs = {"source_ids": SOURCE, "source_mask": source_mask, "target_ids": TARGET, "target_mask": target}
        masked = expected(theirs, source_mask, target)
        compare(call_quickly(ours, inputs), masked, source_mask, target)
        if source_mask is LEFT:
            changed = np.abs(masked["encoder_last_hidden_state"] - plain["encoder_last_hidden_state"])[0, 2:]
            assert changed.max() > 0.01
    kerasarch.to_pretrained(ours, tmp_path / "ours")
    kind = transformers.T5ForConditionalGeneration if row == "mt5" else type(theirs)
    again, report = kind.from_pretrained(tmp_path / "ours", output_loading_info=True)
    if row == "marian without head":  # transformers makes its sinusoids, and names them nevertheless
        report["missing_keys"] = {
            name for name in report["missing_keys"] if not name.endswith("embed_positions.weight")
        }
    assert not any(report.values())
    for name in ROWS[row][1]:
        if name != "tie_word_embeddings" or not row.startswith("t5"):  # of which transformers keeps another field
            assert getattr(again.config, name) == getattr(theirs.config, name)
    for name, value in expected(again).items():
        for one, other in zip(*((x if isinstance(x, tuple) else (x,)) for x in (value, plain[name])), strict=True):
            assert_close(one, other)


@pytest.mark.quick_on("torch")  # JAX compiles each operation by itself; searches are compared on all backends
@pytest.mark.parametrize("row", FAMILIES)
def test_advancing_equals_reading_at_once(row, tmp_path):
    """Token by token through the cache as in one call; the attention's weights are those of transformers."""
    theirs = reference(*ROWS[row])
    theirs.save_pretrained(tmp_path)
    ours = kerasarch.from_pretrained(tmp_path)
    inputs = {"source_ids": SOURCE, "source_mask": RIGHT, "target_ids": TARGET}
    whole = to_numpy(call_quickly(ours, inputs)["logits"])
    cache = ours.read_source(SOURCE, RIGHT, 8)
    mask = np.zeros((2, 8), bool)
    for start, stop in ((0, 2), (2, 3), (3, 5)):
        mask[:, :stop] = True
        positions = np.tile(np.arange(start, stop, dtype="int32"), (2, 1))
        logits, cache = ours.advance(TARGET[:, start:stop], cache, start, mask, positions)
        assert_close(to_numpy(logits), whole[:, stop - 1])
    theirs.set_attn_implementation("eager")
    with torch.no_grad():
        given = {"input_ids": SOURCE, "attention_mask": RIGHT, "decoder_input_ids": TARGET}
        found = theirs(**{name: torch.tensor(value) for name, value in given.items()}, output_attentions=True)
    weights = to_numpy(ours.attention_weights(inputs))
    np.testing.assert_allclose(weights, found.cross_attentions[-1].mean(1).numpy(), atol=1e-5)


@pytest.mark.parametrize(
    ("row", "half"),
    [("t5", "bfloat16"), pytest.param("bart untied", "float16", marks=pytest.mark.quick_on("torch"))],
)
def test_half_precision_in_shards(row, half, tmp_path):
    theirs = reference(*ROWS[row]).to(getattr(torch, half))
    theirs.save_pretrained(tmp_path, max_shard_size="3KB")
    assert len(list(tmp_path.glob("*.safetensors"))) > 1
    inputs = {"source_ids": SOURCE, "target_ids": TARGET}
    want = expected(theirs.float())["logits"]
    assert_close(to_numpy(call_quickly(kerasarch.from_pretrained(tmp_path), inputs)["logits"]), want)
    mixed = kerasarch.from_pretrained(tmp_path, dtype="mixed_bfloat16")
    found = call_quickly(mixed, inputs)["logits"]
    assert keras.backend.standardize_dtype(found.dtype) == "bfloat16"
    assert np.abs(to_numpy(found) - want).max() < 0.1 * np.abs(want).max()


def test_how_texts_are_generated_goes_both_ways(tmp_path):
    """What generation_config.json says is read, and written again; without such a file it is config.json's."""
    theirs = reference("BartForConditionalGeneration", SIZES)
    how = theirs.generation_config
    how.bad_words_ids, how.forced_bos_token_id, how.eos_token_id, how.suppress_tokens = [[5], [4]], 6, [0, 2], [7]
    theirs.save_pretrained(tmp_path / "theirs")
    ours = kerasarch.from_pretrained(tmp_path / "theirs")
    fields = {"start": 29, "end": (0, 2), "padding": 29, "first": 6, "last": 2, "suppressed": (4, 5, 7)}
    assert {name: getattr(ours.config, name) for name in fields} == fields
    kerasarch.to_pretrained(ours, tmp_path / "ours")
    again = type(theirs).from_pretrained(tmp_path / "ours").generation_config
    assert again.bad_words_ids == [[4], [5], [7]]
    for name in ("forced_bos_token_id", "forced_eos_token_id", "eos_token_id", "decoder_start_token_id"):
        assert getattr(again, name) == getattr(how, name)
    (tmp_path / "theirs" / "generation_config.json").unlink()
    plain = kerasarch.from_pretrained(tmp_path / "theirs").config
    assert (plain.first, plain.last, plain.end, plain.suppressed) == (None, 2, 0, ())
    said = {"model_type": "marian", "bad_words_ids": [[1, 2]]}
    with pytest.raises(WeightsError, match="bad_words_ids of several tokens"):
        marian.read_config(Checkpoint("it", "huggingface", {}, said))


def test_weights_of_another_configuration_are_refused(tmp_path):
    theirs = reference("T5ForConditionalGeneration", T5)
    theirs.save_pretrained(tmp_path)
    sizes = {"vocabulary": 30, "width": 12, "depth": 2, "heads": 3, "hidden": 10, "head_width": 5, "buckets": 8}
    fits = models.t5(**sizes, furthest=6, dropout=0.3)
    load_into(fits, tmp_path)
    inputs = {"source_ids": SOURCE, "target_ids": TARGET}
    assert_close(to_numpy(call_quickly(fits, inputs)["logits"]), expected(theirs)["logits"])
    with pytest.raises(WeightsError, match="another configuration: furthest is 6"):
        load_into(models.t5(**sizes, furthest=7), tmp_path)
    with pytest.raises(UsageError, match="weights of a T5"):
        load_into(models.transformer(vocabulary=30, width=12, depth=1, heads=2), tmp_path)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"model_type": "t5", "feed_forward_proj": "gated-tanh"}, "feed_forward_proj 'gated-tanh' is not built here"),
        ({"model_type": "bart", "activation_function": "tanh"}, "activation_function 'tanh' is not built here"),
    ],
)
def test_fields_that_are_not_built(fields, words, tmp_path):
    (tmp_path / "config.json").write_text(json.dumps(fields))
    save_file({"shared.weight": np.zeros((2, 2), "float32")}, tmp_path / "model.safetensors")
    with pytest.raises(WeightsError, match=re.escape(words)):
        kerasarch.from_pretrained(tmp_path)


def test_what_transformers_lacks_is_not_written(tmp_path):
    tiny = {"vocabulary": 9, "width": 4, "depth": 1, "heads": 2, "hidden": 4}
    for model, words in (
        (models.transformer(**tiny), "Received interleaved=True, attention_bias=False"),
        (models.marian(**tiny, norm_first=True), "Received norm_first=True"),
        (models.bart(**tiny, shared=False), "tied=False where shared=False"),
        (models.t5(**tiny, source_heads=1), "heads 1 and 2"),
    ):
        with pytest.raises(WeightsError, match=words):
            kerasarch.to_pretrained(model, tmp_path)


def test_what_is_called_wrongly_is_said():
    with pytest.raises(UsageError, match="one vocabulary"):
        models.transformer(vocabulary=9, source_vocabulary=8, width=4, depth=1, heads=2)
    model = models.bart(vocabulary=9, width=4, depth=1, heads=2, hidden=4, positions=3)
    with pytest.raises(UsageError, match="no target_ids"):
        model({"source_ids": SOURCE[:, :2]})
    with pytest.raises(ShapeError, match="at most 3 tokens"):
        model({"source_ids": SOURCE[:, :4] % 9, "target_ids": TARGET[:, :2] % 9})
    with pytest.raises(UsageError, match="Give a number of tokens"):
        model.input_tensors()


BART = {"d_model": 768, "encoder_layers": 6, "decoder_layers": 6}
BART |= {
    f"{side}_{name}": size
    for side in ("encoder", "decoder")
    for name, size in (("attention_heads", 12), ("ffn_dim", 3072))
}
OPUS = {"d_model": 512, "encoder_layers": 6, "decoder_layers": 6, "max_position_embeddings": 512}
OPUS |= {
    f"{side}_{name}": size
    for side in ("encoder", "decoder")
    for name, size in (("attention_heads", 8), ("ffn_dim", 2048))
}
PUBLISHED = {
    # Class, fields, and parameters that are learned: counted from the tensors of the public checkpoints
    "t5_small": ("T5ForConditionalGeneration", {}, 60_506_624),
    "bart_base": ("BartForConditionalGeneration", BART, 139_420_416),
    "mt5_small": ("MT5ForConditionalGeneration", {}, 300_176_768),
    "marian": ("MarianMTModel", OPUS, 73_886_208),
}
ALONE = {"t5_base": 222_903_552, "t5_1.1_base": 247_577_856, "bart_large": 406_291_456}


@pytest.mark.skipif(keras.backend.backend() != "torch", reason="counted once, without numbers")
@pytest.mark.parametrize("variant", [*PUBLISHED, *ALONE])
def test_published_sizes_without_numbers(variant):
    with keras.device("meta"):
        ours = getattr(models, variant.split("_")[0].replace("mt5", "t5"))(variant)
    count = sum(math.prod(variable.shape) for variable in ours.trainable_variables)
    if variant in ALONE:
        assert count == ALONE[variant]
        return
    kind, fields, parameters = PUBLISHED[variant]
    with torch.device("meta"):
        theirs = getattr(transformers, kind)
        theirs = theirs(theirs.config_class(**fields))
    learned = sum(one.numel() for name, one in theirs.named_parameters() if one.requires_grad)
    head = 0 if ours.config.tied else theirs.lm_head.weight.numel()  # which transformers 5 counts as the embedding's
    assert count == parameters == learned + head
