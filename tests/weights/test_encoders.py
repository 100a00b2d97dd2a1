"""Text encoders against transformers, from its folders and back into them."""

import json
import logging

import keras
import numpy as np
import pytest
import torch

import kerasarch
from kerasarch import models
from kerasarch.errors import ShapeError, UsageError, WeightsError
from kerasarch.weights import load_into
from kerasarch.weights.safetensors_files import read_safetensors, write_safetensors
from tests import conformance
from tests.conformance import to_numpy
from tests.weights.references import assert_close, assert_depends_on_input, call_quickly, named_outputs, randomise_torch

transformers = pytest.importorskip("transformers")
pytestmark = conformance.QUIET

IDS = np.array([[3, 5, 11, 7, 6, 28, 7], [2, 3, 29, 12, 4, 8, 9]], "int32")
LEFT = np.array([[0, 0, 1, 1, 1, 1, 1], [1, 1, 1, 1, 1, 1, 1]], "int32")
RIGHT = np.array([[1, 1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 0, 0, 0]], "int32")
TYPES = np.array([[0, 0, 0, 1, 1, 1, 1], [0, 0, 0, 0, 0, 1, 1]], "int32")
SIZES = {
    "vocab_size": 30,
    "max_position_embeddings": 9,
    "hidden_size": 12,
    "intermediate_size": 20,
    "num_hidden_layers": 2,
    "num_attention_heads": 3,
}
ROBERTA = {**SIZES, "max_position_embeddings": 12}
DISTILBERT = {"vocab_size": 30, "max_position_embeddings": 9, "dim": 12, "hidden_dim": 20, "n_layers": 2, "n_heads": 3}
ALBERT = {**SIZES, "embedding_size": 6}
DEBERTA = {**SIZES, "relative_attention": True, "position_biased_input": False, "pos_att_type": ["c2p", "p2c"]}
DEBERTA_V3 = {**DEBERTA, "position_buckets": 4, "share_att_key": True, "norm_rel_ebd": "layer_norm"}
TAGS = ("O", "B-LOC", "I-LOC", "B-PER")
NAMED = {"id2label": dict(enumerate(TAGS)), "label2id": {name: index for index, name in enumerate(TAGS)}}
ROWS = {
    "bert": ("BertModel", SIZES),
    "bert masked": ("BertForMaskedLM", {**SIZES, "hidden_act": "gelu_new", "layer_norm_eps": 1e-2}),
    "bert untied": ("BertForMaskedLM", {**SIZES, "tie_word_embeddings": False, "type_vocab_size": 3}),
    "bert regression": ("BertForSequenceClassification", {**SIZES, "num_labels": 1, "problem_type": "regression"}),
    "bert tags": ("BertForTokenClassification", {**SIZES, "hidden_act": "relu", "num_attention_heads": 1, **NAMED}),
    "bert spans": ("BertForQuestionAnswering", {**SIZES, "intermediate_size": 7}),
    "bert next": ("BertForNextSentencePrediction", {**SIZES, "hidden_act": "silu"}),
    "bert pretraining": ("BertForPreTraining", SIZES),
    "roberta": ("RobertaModel", {**ROBERTA, "type_vocab_size": 1}),
    "roberta masked": ("RobertaForMaskedLM", {**ROBERTA, "hidden_act": "relu", "pad_token_id": 2}),
    "roberta untied": ("RobertaForMaskedLM", {**ROBERTA, "tie_word_embeddings": False}),
    "roberta labels": ("RobertaForSequenceClassification", {**ROBERTA, "num_labels": 3}),
    "roberta tags": ("RobertaForTokenClassification", {**ROBERTA, **NAMED, "layer_norm_eps": 1e-2}),
    "roberta spans": ("RobertaForQuestionAnswering", ROBERTA),
    "xlm-r": ("XLMRobertaModel", {**ROBERTA, "pad_token_id": 0}),
    "xlm-r masked": ("XLMRobertaForMaskedLM", ROBERTA),
    "xlm-r labels": ("XLMRobertaForSequenceClassification", {**ROBERTA, "num_labels": 1}),
    "distilbert": ("DistilBertModel", DISTILBERT),
    "distilbert masked": ("DistilBertForMaskedLM", {**DISTILBERT, "activation": "relu"}),
    "distilbert untied": ("DistilBertForMaskedLM", {**DISTILBERT, "tie_word_embeddings": False}),
    "distilbert labels": ("DistilBertForSequenceClassification", {**DISTILBERT, "num_labels": 5}),
    "distilbert tags": ("DistilBertForTokenClassification", {**DISTILBERT, **NAMED}),
    "distilbert spans": ("DistilBertForQuestionAnswering", {**DISTILBERT, "hidden_dim": 7}),
    "albert": ("AlbertModel", ALBERT),
    "albert groups": ("AlbertModel", {**ALBERT, "num_hidden_layers": 5, "num_hidden_groups": 2, "inner_group_num": 2}),
    "albert masked": ("AlbertForMaskedLM", {**ALBERT, "hidden_act": "gelu", "layer_norm_eps": 1e-2}),
    "albert untied": ("AlbertForMaskedLM", {**ALBERT, "tie_word_embeddings": False}),
    "albert labels": ("AlbertForSequenceClassification", {**ALBERT, "num_labels": 3, "embedding_size": 14}),
    "albert tags": ("AlbertForTokenClassification", {**ALBERT, **NAMED}),
    "albert spans": ("AlbertForQuestionAnswering", ALBERT),
    "albert pretraining": ("AlbertForPreTraining", ALBERT),
    "deberta": ("DebertaModel", DEBERTA),
    "deberta c2p": ("DebertaModel", {**DEBERTA, "pos_att_type": ["c2p"], "max_relative_positions": 3}),
    "deberta p2c": ("DebertaModel", {**DEBERTA, "pos_att_type": ["p2c"], "position_biased_input": True}),
    "deberta absolute": ("DebertaModel", {**SIZES, "type_vocab_size": 2, "embedding_size": 6}),
    "deberta masked": ("DebertaForMaskedLM", {**DEBERTA, "hidden_act": "gelu_new"}),
    "deberta not legacy": ("DebertaForMaskedLM", {**DEBERTA, "legacy": False}),
    "deberta untied": ("DebertaForMaskedLM", {**DEBERTA, "tie_word_embeddings": False}),
    "deberta labels": ("DebertaForSequenceClassification", {**DEBERTA, "num_labels": 3, "pooler_hidden_act": "tanh"}),
    "deberta tags": ("DebertaForTokenClassification", {**DEBERTA, **NAMED, "layer_norm_eps": 1e-2}),
    "deberta spans": ("DebertaForQuestionAnswering", DEBERTA),
    "deberta-v2": ("DebertaV2Model", {**DEBERTA, "type_vocab_size": 2}),
    "deberta-v2 large": ("DebertaV2Model", {**DEBERTA_V3, "conv_kernel_size": 3, "conv_act": "gelu"}),
    "deberta-v2 groups": ("DebertaV2Model", {**DEBERTA_V3, "conv_kernel_size": 5, "conv_groups": 2}),
    "deberta-v2 absolute": ("DebertaV2Model", {**SIZES, "embedding_size": 6}),
    "deberta-v2 odd buckets": ("DebertaV2Model", {**DEBERTA_V3, "position_buckets": 5, "max_relative_positions": 6}),
    "deberta-v3": ("DebertaV2Model", DEBERTA_V3),
    "deberta-v3 c2p": ("DebertaV2Model", {**DEBERTA_V3, "pos_att_type": ["c2p"], "share_att_key": False}),
    "deberta-v3 p2c": ("DebertaV2Model", {**DEBERTA_V3, "pos_att_type": ["p2c"], "norm_rel_ebd": "none"}),
    "deberta-v3 masked": ("DebertaV2ForMaskedLM", DEBERTA_V3),
    "deberta-v3 not legacy": ("DebertaV2ForMaskedLM", {**DEBERTA_V3, "legacy": False}),
    "deberta-v3 labels": ("DebertaV2ForSequenceClassification", {**DEBERTA_V3, "num_labels": 3}),
    "deberta-v3 tags": ("DebertaV2ForTokenClassification", {**DEBERTA_V3, **NAMED}),
    "deberta-v3 spans": ("DebertaV2ForQuestionAnswering", DEBERTA_V3),
}
KINDS = {
    "bert": "Bert",
    "roberta": "Roberta",
    "distilbert": "DistilBert",
    "albert": "Albert",
    "deberta": "Deberta",
    "deberta_v2": "DebertaV2",
}
# Fields of the tiny model of a family
FIELDS = {
    "bert": SIZES,
    "roberta": ROBERTA,
    "distilbert": DISTILBERT,
    "albert": ALBERT,
    "deberta": DEBERTA,
    "deberta_v2": DEBERTA_V3,
}


def reference(kind: str, fields: dict):
    torch.manual_seed(0)
    model = getattr(transformers, kind)
    model = model(model.config_class(**fields)).eval()
    buffers = {name: tensor.clone() for name, tensor in model.named_buffers()}
    randomise_torch(model)
    for name, tensor in model.named_buffers():
        tensor.copy_(buffers[name])
    for module in model.modules():
        # Their kernels of 0.02 would leave hardly more than the biases
        if isinstance(module, torch.nn.Embedding | torch.nn.Linear | torch.nn.Conv1d):
            torch.nn.init.normal_(module.weight, std=0.3)
    return model


def compare(ours, theirs, mask=None) -> None:
    """Compare the places that a mask says are seen: of others nobody promises anything."""
    seen = np.ones(IDS.shape, bool) if mask is None else mask.astype(bool)
    assert set(ours) == set(theirs)
    for name, value in theirs.items():
        for one, other in zip(*((x if isinstance(x, tuple) else (x,)) for x in (ours[name], value)), strict=True):
            one = to_numpy(one)
            assert_close(*((one[seen], other[seen]) if other.shape[:2] == IDS.shape else (one, other)))


def inputs_of(theirs, mask=None, types=TYPES) -> dict:
    """Inputs by name, with types where the model has some."""
    given = {"input_ids": IDS} if mask is None else {"input_ids": IDS, "attention_mask": mask}
    has_types = getattr(theirs.config, "type_vocab_size", 0) > 1
    return {**given, "token_type_ids": types} if has_types else given


# On JAX each model takes seconds to compile: one of each family by default
EVERYWHERE = (
    "bert pretraining",
    "roberta labels",
    "distilbert masked",
    "albert groups",
    "deberta",
    "deberta-v2 large",
)


def quickly(names, everywhere):
    """Parameters, of which some are quick on PyTorch alone."""
    return [pytest.param(name, marks=[] if name in everywhere else pytest.mark.quick_on("torch")) for name in names]


@pytest.mark.parametrize("row", quickly(ROWS, EVERYWHERE))
def test_outputs_both_ways(row, tmp_path):
    theirs = reference(*ROWS[row])
    theirs.save_pretrained(tmp_path / "theirs")
    ours = kerasarch.from_pretrained(tmp_path / "theirs", hidden_states=True)
    given = inputs_of(theirs, RIGHT)
    expected = named_outputs(theirs, **given)
    compare(call_quickly(ours, given), expected, RIGHT)
    assert_depends_on_input(next(iter(expected.values())))
    plain = named_outputs(theirs, input_ids=IDS)
    defaults = {"attention_mask": np.ones_like(IDS), "token_type_ids": np.zeros_like(IDS)}
    # What is compiled already; without mask and types on PyTorch
    spelled = {"input_ids": IDS, **{name: defaults[name] for name in given if name in defaults}}
    compare(call_quickly(ours, IDS if keras.backend.backend() == "torch" else spelled), plain)
    kerasarch.to_pretrained(ours, tmp_path / "ours")
    again, report = type(theirs).from_pretrained(tmp_path / "ours", output_loading_info=True)
    assert not any(report.values())
    for name in (*ROWS[row][1], "id2label"):
        assert getattr(again.config, name) == getattr(theirs.config, name)
    compare(named_outputs(again, input_ids=IDS), plain)


@pytest.mark.parametrize("family", quickly(KINDS, ("deberta_v2",)))
def test_padding_on_the_left(family, tmp_path):
    theirs = reference(f"{KINDS[family]}ForMaskedLM", FIELDS[family])
    theirs.save_pretrained(tmp_path)
    ours = kerasarch.from_pretrained(tmp_path)
    given = inputs_of(theirs, LEFT)
    found = named_outputs(theirs, **given)
    del found["hidden_states"]
    compare(call_quickly(ours, given), found, LEFT)
    without = named_outputs(theirs, **inputs_of(theirs))["logits"]
    assert np.abs(found["logits"] - without)[0, 2:].max() > 0.01


@pytest.mark.parametrize("family", quickly(KINDS, ("roberta",)))
def test_a_new_head_on_a_pretrained_encoder(family, tmp_path, caplog):
    """From every kind of folder: what it has is taken, the rest stays fresh and is named."""
    bare, masked, classifier = (KINDS[family] + end for end in ("Model", "ForMaskedLM", "ForSequenceClassification"))
    for kind in (bare, masked, classifier):
        theirs = reference(kind, FIELDS[family])
        theirs.save_pretrained(tmp_path / kind)
        with caplog.at_level(logging.INFO, "kerasarch"):
            caplog.clear()
            ours = kerasarch.from_pretrained(tmp_path / kind, head="classification", labels=6, hidden_states=True)
        said = caplog.text
        assert "classifier/kernel" in said
        assert "stay fresh" in said
        assert "block" not in said
        assert "embedding" not in said
        found = call_quickly(ours, IDS)
        assert found["logits"].shape == (2, 6)
        states = named_outputs(theirs, input_ids=IDS)["hidden_states"]
        for one, other in zip(found["hidden_states"], states, strict=True):
            assert_close(to_numpy(one), other)
    assert "pooler" not in said  # a classifier's own goes to another classifier
    same = kerasarch.from_pretrained(tmp_path / classifier, labels=("no", "yes"))
    assert same.config.labels == ("no", "yes")
    expected = named_outputs(theirs, input_ids=IDS)["logits"]
    assert_close(to_numpy(call_quickly(same, IDS)["logits"]), expected)
    bare_again = kerasarch.from_pretrained(tmp_path / masked, head="none")
    assert "last_hidden_state" in call_quickly(bare_again, IDS)
    load_into(ours, tmp_path / bare)  # an existing model takes what its head does not depend on


@pytest.mark.parametrize("family", quickly(KINDS, ("deberta_v2",)))
@pytest.mark.parametrize("half", quickly(("float16", "bfloat16"), ("bfloat16",)))
def test_half_precision_in_shards(family, half, tmp_path):
    theirs = reference(f"{KINDS[family]}ForMaskedLM", FIELDS[family]).to(getattr(torch, half))
    theirs.save_pretrained(tmp_path, max_shard_size="3KB")
    assert len(list(tmp_path.glob("*.safetensors"))) > 1
    ours = kerasarch.from_pretrained(tmp_path)
    expected = named_outputs(theirs.float(), input_ids=IDS)["logits"]
    assert_close(to_numpy(call_quickly(ours, IDS)["logits"]), expected)
    mixed = kerasarch.from_pretrained(tmp_path, dtype="mixed_bfloat16")
    found = call_quickly(mixed, IDS)["logits"]
    assert keras.backend.standardize_dtype(found.dtype) in ("bfloat16", "float32")
    assert np.abs(to_numpy(found) - expected).max() < 0.1 * np.abs(expected).max()


def test_names_of_old_files(tmp_path):
    """The first public BERT has all heads of pre-training, other names of normalisations, counters and copies."""
    theirs = reference("BertForPreTraining", SIZES)
    theirs.save_pretrained(tmp_path)
    file = tmp_path / "model.safetensors"
    tensors = {name: np.array(tensor) for name, tensor in read_safetensors(file).items()}
    tensors["cls.predictions.decoder.weight"] = tensors["bert.embeddings.word_embeddings.weight"]
    tensors["bert.embeddings.position_ids"] = np.arange(9)[None]
    changed = {}
    for name, tensor in tensors.items():
        for part, old in (("LayerNorm.weight", "LayerNorm.gamma"), ("LayerNorm.bias", "LayerNorm.beta")):
            name = name.replace(part, old)
        changed[name] = tensor
    write_safetensors(file, changed)
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**config, "architectures": ["BertForMaskedLM"]}))
    expected = named_outputs(theirs, input_ids=IDS)
    masked = kerasarch.from_pretrained(tmp_path)
    assert masked.config.head == "masked_lm"
    assert_close(to_numpy(call_quickly(masked, IDS)["logits"]), expected["prediction_logits"])
    both = kerasarch.from_pretrained(tmp_path, head="pretraining")
    found = call_quickly(both, IDS)
    assert_close(to_numpy(found["seq_relationship_logits"]), expected["seq_relationship_logits"])
    write_safetensors(
        file, {**changed, "cls.predictions.decoder.weight": tensors["cls.predictions.decoder.weight"] + 1}
    )
    with pytest.raises(WeightsError, match=r"differs from bert\.embeddings\.word_embeddings\.weight"):
        kerasarch.from_pretrained(tmp_path)


LOSSES = {
    "one of several": ("BertForSequenceClassification", {"num_labels": 3}, {"labels": np.array([2, 0])}),
    "several at once": (
        "BertForSequenceClassification",
        {"num_labels": 3, "problem_type": "multi_label_classification"},
        {"labels": np.array([[1.0, 0.0, 1.0], [0.0, 0.0, 1.0]], "float32")},
    ),
    "a number": ("BertForSequenceClassification", {"num_labels": 1}, {"labels": np.array([[0.5], [-1.0]], "float32")}),
    "tokens": ("BertForMaskedLM", {}, {"labels": np.where(RIGHT == 1, IDS, -100)}),
    "tags": ("BertForTokenClassification", {"num_labels": 4}, {"labels": np.where(LEFT == 1, TYPES, -100)}),
    "spans": (
        "BertForQuestionAnswering",
        {},
        {"start_positions": np.array([1, 4]), "end_positions": np.array([3, 6])},
    ),
}


DTYPES = {"i": torch.int64, "f": torch.float32}


@pytest.mark.parametrize("row", quickly(LOSSES, ("tags",)))
def test_losses(row, tmp_path):
    kind, fields, labels = LOSSES[row]
    theirs = reference(kind, {**SIZES, **fields})
    theirs.save_pretrained(tmp_path)
    with torch.no_grad():
        theirs_labels = {name: torch.tensor(value).to(DTYPES[value.dtype.kind]) for name, value in labels.items()}
        expected = theirs(torch.tensor(IDS), **theirs_labels).loss
    ours = kerasarch.from_pretrained(tmp_path)
    losses = ours.losses_by_name()
    targets = dict(zip(losses, labels.values(), strict=True))
    outputs = call_quickly(ours, IDS)
    found = [to_numpy(loss(targets[name], keras.ops.convert_to_tensor(outputs[name]))) for name, loss in losses.items()]
    assert np.mean(found) == pytest.approx(float(expected), rel=1e-4)


def test_fitting_a_head():
    """The losses by name are what ``compile`` takes; ignored places change nothing."""
    model = models.bert("bert_tiny", vocabulary=30, width=8, heads=2, hidden=8, positions=9, head="tags", labels=2)
    model.compile(keras.optimizers.Adam(0.05), model.losses_by_name())
    tags = np.where(RIGHT == 1, IDS % 2, -100)
    given = {"input_ids": IDS, "attention_mask": RIGHT}
    first = float(model.train_on_batch(given, {"logits": tags}))
    for _ in range(20):
        last = float(model.train_on_batch(given, {"logits": tags}))
    assert last < 0.5 * first
    with pytest.raises(UsageError, match="no loss"):
        models.bert("bert_tiny", width=4, heads=2, vocabulary=5).losses_by_name()


def test_what_does_not_fit_is_said(tmp_path):
    theirs = reference("BertModel", SIZES)
    theirs.save_pretrained(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())

    def refused(match: str, error=WeightsError, **changes):
        (tmp_path / "config.json").write_text(json.dumps({**config, **changes}))
        with pytest.raises(error, match=match):
            kerasarch.from_pretrained(tmp_path)

    refused("hidden_act 'mish' is not built here", hidden_act="mish")
    refused("position_embedding_type='relative_key'", position_embedding_type="relative_key")
    refused("is_decoder=True", is_decoder=True)
    refused("problem_type 'ranking'", problem_type="ranking")
    refused("a BertForMultipleChoice is not built here. Known are BertModel", architectures=["BertForMultipleChoice"])
    refused("id2label should have numbers", id2label={"a": "b"})
    refused("variables without a tensor", num_hidden_layers=3)
    refused("variables without a tensor", architectures=["BertForMaskedLM"])
    refused("multiple of heads", ShapeError, num_attention_heads=5)
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(UsageError, match="head must be one of none, masked_lm"):
        kerasarch.from_pretrained(tmp_path, head="parsing")
    with pytest.raises(UsageError, match="labels must be at least 1"):
        kerasarch.from_pretrained(tmp_path, head="tags", labels=0)
    with pytest.raises(UsageError, match="task must be one of single_label"):
        kerasarch.from_pretrained(tmp_path, head="classification", task="ranking")
    ours = kerasarch.from_pretrained(tmp_path)
    with pytest.raises(ShapeError, match="at most 9 tokens"):
        ours(np.zeros((1, 10), "int32"))
    with pytest.raises(UsageError, match="input_ids, attention_mask, token_type_ids"):
        ours({"input_ids": IDS, "mask": RIGHT})
    other = models.bert(vocabulary=30, positions=9, width=12, depth=2, heads=4, hidden=20)
    with pytest.raises(WeightsError, match="another configuration: heads is 3"):
        load_into(other, tmp_path)


LARGE = {"hidden_size": 1024, "num_hidden_layers": 24, "num_attention_heads": 16, "intermediate_size": 4096}
BASE = {"hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12, "intermediate_size": 3072}
FAIRSEQ = {"max_position_embeddings": 514, "type_vocab_size": 1}
RELATIVE = {"relative_attention": True, "position_biased_input": False, "pos_att_type": ["c2p", "p2c"]}
BUCKETS = {**RELATIVE, "position_buckets": 256, "share_att_key": True, "norm_rel_ebd": "layer_norm"}
PUBLISHED = {  # the config.json of the public repositories, and what their encoders count
    "bert_base_uncased": (models.bert, "BertModel", {}, 109_482_240),
    "bert_large_cased": (models.bert, "BertModel", {**LARGE, "vocab_size": 28996}, 333_579_264),
    "bert_base_multilingual_cased": (models.bert, "BertModel", {"vocab_size": 119547}, 177_853_440),
    "roberta_base": (models.roberta, "RobertaModel", FAIRSEQ, 124_645_632),
    "xlm_roberta_large": (
        models.roberta,
        "XLMRobertaModel",
        {**FAIRSEQ, **LARGE, "vocab_size": 250002},
        559_890_432,
    ),
    "distilbert_base_uncased": (models.distilbert, "DistilBertModel", {}, 66_362_880),
    "albert_base_v2": (models.albert, "AlbertModel", BASE, 11_683_584),
    "albert_xxlarge_v2": (models.albert, "AlbertModel", {}, 222_595_584),
    "deberta_base": (models.deberta, "DebertaModel", RELATIVE, 138_601_728),
    "deberta_v2_xlarge": (models.deberta_v2, "DebertaV2Model", {**BUCKETS, "conv_kernel_size": 3}, 884_593_152),
    "deberta_v3_base": (models.deberta_v2, "DebertaV2Model", {**BUCKETS, **BASE}, 183_831_552),
    "deberta_v3_large": (models.deberta_v2, "DebertaV2Model", {**BUCKETS, **LARGE}, 434_012_160),
}


@pytest.mark.skipif(keras.backend.backend() != "torch", reason="counted once, without numbers")
@pytest.mark.parametrize("variant", PUBLISHED)
def test_published_sizes(variant):
    build, kind, fields, count = PUBLISHED[variant]
    kind = getattr(transformers, kind)
    with torch.device("meta"):
        theirs = kind(kind.config_class(**fields))
    assert theirs.num_parameters() == count
    with keras.device("meta"):
        ours = build(variant)
    assert ours.count_params() == count
