"""A draft makes texts come sooner, not other ones: the same ids at temperature 0, the same probabilities above."""

import itertools

import keras
import numpy as np
import pytest
from scipy import stats

from kerasarch import models
from kerasarch.errors import ShapeError, UsageError
from kerasarch.generation import SpeculativeDecoder, TokenChoice, TokenDecoder
from tests import conformance
from tests.conformance import to_numpy

pytestmark = conformance.QUIET
PROMPTS = [[3, 5, 11], [7, 1, 28, 7, 2, 9], [4]]
SIZES = {"width": 16, "depth": 1, "heads": 4, "start": None, "end": None}


def enlivened(model, seed):
    rng = np.random.default_rng(seed)
    for variable in model.weights:
        middle = 1 if variable.name in ("gamma", "scale") else 0
        variable.assign(rng.normal(middle, 0.4, variable.shape).astype("float32"))
    return model


def nearly(model, other):
    """Give a model weights close to those of another one of its shape, so that they agree on some tokens."""
    rng = np.random.default_rng(9)
    for variable, source in zip(model.weights, other.weights, strict=True):
        variable.assign(to_numpy(source) + rng.normal(0, 0.1, source.shape).astype("float32"))
    return model


@pytest.fixture(scope="module")
def llama():
    return enlivened(models.llama(models.LlamaConfig(), vocabulary=30, hidden=24, kv_heads=2, **SIZES), 0)


@pytest.fixture(scope="module")
def draft(llama):
    return nearly(models.llama(llama.config), llama)


def test_greedy_texts_are_those_of_the_model(llama, draft):
    expected = TokenDecoder(llama)(PROMPTS, new=30)
    decoder = SpeculativeDecoder(llama, draft, tokens=3, chunk=16)
    watched = []
    assert decoder(PROMPTS, new=30, watch=watched.append) == expected
    assert 0.1 < decoder.acceptance < 0.9  # texts took proposals, and were rolled back
    assert watched[-1] == expected
    assert len({len(text) for text in watched[0]}) > 1  # each at its own pace
    end = expected[0][7]
    ended = SpeculativeDecoder(llama, draft, tokens=3, chunk=16, end=[end])
    ended._rounds, ended._read_both = decoder._rounds, decoder._read_both  # compiled already
    for tokens, whole in zip(ended(PROMPTS, new=30), expected, strict=True):
        assert tokens == (whole[: whole.index(end)] if end in whole else whole)


def test_a_draft_that_always_agrees_is_always_believed(llama):
    """Also where all of a round stays, and its last proposal is read with the next one."""
    decoder = SpeculativeDecoder(llama, llama, tokens=3)
    assert decoder([PROMPTS[1]], new=21) == TokenDecoder(llama)([PROMPTS[1]], new=21)
    assert decoder.acceptance == 1.0


def test_learned_positions_and_linear_biases():
    """Texts slide over the positions of either model."""
    model = enlivened(models.mpt(vocabulary=30, **{**SIZES, "width": 18, "heads": 3}), 3)
    draft = enlivened(models.gpt2(vocabulary=30, hidden=24, positions=16, **SIZES), 4)
    decoder = SpeculativeDecoder(model, draft, tokens=2)
    assert decoder(PROMPTS, new=9) == TokenDecoder(model)(PROMPTS, new=9)
    with pytest.raises(ShapeError, match="at most 16"):
        decoder(PROMPTS, new=20)
    assert [len(text) for text in decoder(PROMPTS, new=20, slide=True)] == [20, 20, 20]


VOCABULARY = 4


@pytest.fixture(scope="module")
def small():
    sizes = {**SIZES, "vocabulary": VOCABULARY, "hidden": 16, "positions": 64}
    model = enlivened(models.gpt2(**sizes), 5)
    return model, nearly(models.gpt2(**sizes), model)


@pytest.mark.parametrize(
    "choice",
    [pytest.param(TokenChoice(1.3), marks=pytest.mark.quick_on("torch")), TokenChoice(0.8, top_k=3, top_p=0.9)],
)
def test_texts_are_drawn_as_often_as_by_the_model_alone(small, choice):
    """Three tokens: proposals that stay, those that are replaced, and the token behind a round that stays."""
    model, draft = small
    prompt, texts = [2, 0, 1], list(itertools.product(range(VOCABULARY), repeat=3))
    logits = to_numpy(model(np.array([[*prompt, *text] for text in texts], "int32"))["logits"])[:, 2:5]
    flat = to_numpy(choice.filtered(keras.ops.convert_to_tensor(logits.reshape(-1, VOCABULARY))))
    shares = np.exp(flat.astype("float64") - flat.max(1, keepdims=True))
    shares = (shares / shares.sum(1, keepdims=True)).reshape(logits.shape)
    expected = np.prod(
        [[shares[row, place, token] for place, token in enumerate(text)] for row, text in enumerate(texts)], 1
    )
    decoder = SpeculativeDecoder(model, draft, tokens=2, choice=choice, chunk=3)
    found = [tuple(text) for seed in range(6) for text in decoder([prompt] * 512, new=3, seed=seed)]
    assert 0.3 < decoder.acceptance < 0.95
    counts = np.array([found.count(text) for text in texts])
    assert counts[expected == 0].sum() == 0
    often = expected * len(found) >= 5
    observed = np.append(counts[often], counts[~often].sum())
    wanted = np.append(expected[often], expected[~often].sum()) * len(found)
    kept = wanted > 0
    assert stats.chisquare(observed[kept], wanted[kept] * (observed.sum() / wanted.sum())).pvalue > 0.01
    assert decoder([prompt] * 2, new=3, seed=1)[1] == decoder([prompt] * 512, new=3, seed=1)[1]


def test_what_does_not_fit_is_refused(llama, draft):
    other = models.gpt2(vocabulary=31, hidden=24, positions=16, **SIZES)
    with pytest.raises(UsageError, match="Received one of 31"):
        SpeculativeDecoder(llama, other)
    with pytest.raises(UsageError, match="Mamba keeps one state"):
        SpeculativeDecoder(llama, models.mamba(vocabulary=30, width=8, depth=1))
    with pytest.raises(UsageError, match="tokens=0"):
        SpeculativeDecoder(llama, draft, tokens=0)
    with pytest.raises(UsageError, match="repetition_penalty=1"):
        SpeculativeDecoder(llama, draft, choice=TokenChoice(repetition_penalty=1.5))
