"""Beam search: the texts of transformers' ``generate``; all texts there are, where few can be written."""

import collections
import itertools

import numpy as np
import pytest
import torch

import kerasarch
from kerasarch import models
from kerasarch.errors import ShapeError, UsageError
from kerasarch.generation import BeamSearch
from tests import conformance

transformers = pytest.importorskip("transformers")
pytestmark = conformance.QUIET
NEW = 9
PROMPTS = [[3, 5, 11], [7, 1, 28, 7, 2, 9], [4]]
SIZES = {"vocabulary": 30, "width": 16, "depth": 2, "heads": 4, "hidden": 24}
MAKE = {
    "gpt2": lambda: models.gpt2(**SIZES, positions=64, start=None, end=None),
    "llama": lambda: models.llama(models.LlamaConfig(), **SIZES, kv_heads=2, start=None, end=None),
}


def enliven(model, size=0.5):
    rng = np.random.default_rng(0)
    for variable in model.weights:
        one = variable.name in ("gamma", "scale")
        variable.assign(rng.normal(1 if one else 0, 0.2 if one else size, variable.shape).astype("float32"))
    return model


def expected(theirs, new, end, **how):
    """New tokens and scores by transformers, from a batch that is padded on the left."""
    length = max(len(prompt) for prompt in PROMPTS)
    ids = torch.tensor([[0] * (length - len(prompt)) + prompt for prompt in PROMPTS])
    mask = torch.tensor([[0] * (length - len(prompt)) + [1] * len(prompt) for prompt in PROMPTS])
    with torch.no_grad():
        found = theirs.generate(
            ids, attention_mask=mask, max_new_tokens=new, do_sample=False, eos_token_id=end, pad_token_id=0,
            return_dict_in_generate=True, output_scores=True, **how,
        )  # fmt: skip
    texts = []
    for row in found.sequences[:, length:].tolist():
        ends = [place for place, token in enumerate(row) if token in (end or ())]
        texts.append(row[: ends[0]] if ends else row)
    return texts, found.sequences_scores.tolist()


CASES = {
    "four": {"num_beams": 4, "num_return_sequences": 4},
    "long": {"num_beams": 3, "num_return_sequences": 2, "length_penalty": 1.5},
    "short": {"num_beams": 4, "num_return_sequences": 3, "length_penalty": -1.0, "early_stopping": True},
    "never": {"num_beams": 3, "num_return_sequences": 3, "early_stopping": "never", "length_penalty": 1.2},
    "without an end": {"num_beams": 2, "num_return_sequences": 1, "length_penalty": 0.0},
}


@pytest.fixture(scope="module", params=MAKE)
def both(request, tmp_path_factory):
    """A model, what transformers finds with it, and tokens that end some of the texts of every case."""
    model, folder = enliven(MAKE[request.param](), 0.35), tmp_path_factory.mktemp("model")
    kerasarch.to_pretrained(model, folder)
    theirs = transformers.AutoModelForCausalLM.from_pretrained(folder).eval()
    texts, _ = expected(theirs, NEW, None, num_beams=4, num_return_sequences=4)
    common = collections.Counter(token for text in texts for token in text[2:6]).most_common()
    for count in range(1, len(common) + 1):
        end = [token for token, _ in common[:count]]
        found = {}
        for case, how in CASES.items():
            found[case] = expected(theirs, NEW, None if case == "without an end" else end, **how)
            if case != "without an end" and len({len(text) for text in found[case][0]}) == 1:
                break
        else:
            return model, found, end
    raise AssertionError("no text of this model ends")


@pytest.mark.parametrize(
    "case",
    [
        "four",
        "short",
        "without an end",
        pytest.param("long", marks=pytest.mark.quick_on("torch")),
        pytest.param("never", marks=pytest.mark.quick_on("torch")),
    ],
)
def test_texts_are_those_of_transformers(both, case):
    model, found, end = both
    how, (texts, scores) = CASES[case], found[case]
    search = BeamSearch(
        model,
        beams=how["num_beams"],
        best=how["num_return_sequences"],
        length_penalty=how.get("length_penalty", 1.0),
        early_stopping=how.get("early_stopping", False),
        end=[] if case == "without an end" else end,
    )
    found = [one for row in search(PROMPTS, new=NEW) for one in row]
    assert [one.tokens for one in found] == texts
    np.testing.assert_allclose([one.score for one in found], scores, atol=1e-4)


@pytest.mark.parametrize(
    "fields",
    [
        {"attention": "dot", "input_feeding": True, "kind": "lstm"},
        pytest.param({}, marks=pytest.mark.quick_on("torch")),
    ],
)
def test_a_search_that_is_wide_enough_finds_the_best_of_all_translations(fields):
    """Every translation of up to three tokens, its probability by one call of the model."""
    sizes = {"source_vocabulary": 9, "target_vocabulary": 5, "embedding": 4, "width": 6}
    model = enliven(models.seq2seq_rnn(**sizes, **fields), 1.0)
    sources = [[3, 4, 5, 6], [7, 3]]
    found = BeamSearch(model, beams=25, best=3, length_penalty=0.5, early_stopping="never")(sources, new=3)
    texts = [(*text, 2) for length in (0, 1) for text in itertools.product((0, 1, 3, 4), repeat=length)]
    texts += [(*text, last) for text in itertools.product((0, 1, 3, 4), repeat=2) for last in range(5)]
    target = np.array([(1, *text, *(0,) * (3 - len(text))) for text in texts], "int32")
    for source, hypotheses in zip(sources, found, strict=True):
        inputs = {"source_ids": np.tile(np.array([source], "int32"), (len(texts), 1)), "target_ids": target[:, :-1]}
        logits = model.predict_on_batch(inputs)["logits"]
        shares = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
        scores = [
            sum(shares[row, place, token] for place, token in enumerate(text)) / len(text) ** 0.5
            for row, text in enumerate(texts)
        ]
        best = np.argsort(scores)[::-1][:3]
        expected = [[token for token in texts[row] if token != 2] for row in best]
        assert [one.tokens for one in hypotheses] == expected
        np.testing.assert_allclose([one.score for one in hypotheses], np.array(scores)[best], atol=1e-5)


def test_what_cannot_be_searched_is_refused():
    model = MAKE["gpt2"]()
    for wrong in ({"best": 5}, {"beams": 0}, {"early_stopping": "always"}):
        with pytest.raises(UsageError, match="best from 1 to beams"):
            BeamSearch(model, **wrong)
    with pytest.raises(UsageError, match="with a head"):
        BeamSearch(models.gpt2(**SIZES, head=False))
    with pytest.raises(UsageError, match="one token or more"):
        BeamSearch(model)([[]], new=3)
    with pytest.raises(ShapeError, match="at most 64 tokens"):
        BeamSearch(model)(PROMPTS, new=60)
