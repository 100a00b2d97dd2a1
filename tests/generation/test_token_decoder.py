"""Texts that go on: as by transformers' greedy search, in any company, drawn as often as probabilities say."""

import keras
import numpy as np
import pytest
import torch

import kerasarch
from kerasarch import models
from kerasarch.errors import ShapeError, UsageError
from kerasarch.generation import TokenChoice, TokenDecoder
from tests import conformance
from tests.conformance import to_numpy

transformers = pytest.importorskip("transformers")
pytestmark = conformance.QUIET
PROMPTS = [[3, 5, 11], [7, 1, 28, 7, 2, 9], [4]]
SIZES = {"vocabulary": 30, "width": 16, "depth": 2, "heads": 4, "hidden": 24}


def gpt2(positions=64):
    return models.gpt2(**SIZES, positions=positions, start=None, end=None)


def llama():
    return models.llama(models.LlamaConfig(), **SIZES, kv_heads=2, start=None, end=None)


def openai_gpt():
    return models.openai_gpt(vocabulary=30, positions=64, width=20, depth=2, heads=4)


def bloom():
    return models.bloom(vocabulary=30, width=18, depth=2, heads=6, start=None, end=None)


def mpt():
    return models.mpt(vocabulary=30, width=18, depth=2, heads=3, start=None, end=None, clip=2.0)


def enliven(model):
    """Fresh embeddings are so small that all texts would go on alike."""
    rng = np.random.default_rng(0)
    for variable in model.weights:
        size, middle = {"gamma": (0.3, 1), "scale": (0.3, 1), "beta": (0.1, 0), "bias": (0.1, 0)}.get(
            variable.name, (0.7, 0)
        )
        variable.assign(rng.normal(middle, size, variable.shape).astype("float32"))
    return model


QUICK = pytest.mark.quick_on("torch")


@pytest.mark.parametrize(
    "make", [gpt2, llama, pytest.param(openai_gpt, marks=QUICK), bloom, pytest.param(mpt, marks=QUICK)]
)
def test_greedy_search_is_that_of_transformers(make, tmp_path):
    model = enliven(make())
    kerasarch.to_pretrained(model, tmp_path)
    theirs = transformers.AutoModelForCausalLM.from_pretrained(tmp_path).eval()
    found = TokenDecoder(model, chunk=4)(PROMPTS, new=10)
    for prompt, tokens in zip(PROMPTS, found, strict=True):
        with torch.no_grad():
            ids = torch.tensor([prompt])
            expected = theirs.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=10, do_sample=False)
        assert tokens == expected[0, len(prompt) :].tolist()
    assert len({tuple(tokens) for tokens in found}) == 3


def test_texts_end_where_an_ending_token_is_drawn():
    model = enliven(llama())
    whole = TokenDecoder(model, chunk=4)(PROMPTS, new=12)
    end = whole[0][5]
    watched = []
    found = TokenDecoder(model, chunk=4, end=[end])(PROMPTS, new=12, watch=watched.append)
    for tokens, all_of_them in zip(found, whole, strict=True):
        assert tokens == (all_of_them[: all_of_them.index(end)] if end in all_of_them else all_of_them)
    assert watched[-1] == found
    assert all(len(text) <= 4 for text in watched[0])


def test_draws_depend_on_seed_and_row_alone():
    model = enliven(gpt2())
    decoder = TokenDecoder(model, choice=TokenChoice(1.5, top_p=0.9, repetition_penalty=1.3), chunk=5)
    found = decoder(PROMPTS, new=7, seed=3)
    assert decoder(PROMPTS, new=7, seed=3) == found
    assert decoder(PROMPTS, new=7, seed=4) != found
    assert decoder([PROMPTS[0], [9, 9]], new=7, seed=3)[0] == found[0]


def test_a_text_may_fill_all_positions():
    model = enliven(gpt2(positions=13))
    found = TokenDecoder(model, chunk=4)([[3, 4, 5]], new=10)
    state = [3, 4, 5]
    for token in found[0]:
        logits = (
            to_numpy(model(np.array([state], "int32"))["logits"])
            if keras.backend.backend() != "jax"
            else (model.predict_on_batch(np.array([state + [0] * (13 - len(state))], "int32"))["logits"])
        )
        assert token == int(np.argmax(logits[0, len(state) - 1]))
        state.append(token)
    with pytest.raises(ShapeError, match="at most 13 tokens"):
        TokenDecoder(model)([[3, 4, 5]], new=11)


def shares(choice, logits, seen=None, count=4000):
    """How often each token is drawn."""
    uniform = (np.arange(count, dtype="float32") + 0.5) / count
    rows = np.tile(np.asarray(logits, "float32"), (count, 1))
    drawn = keras.ops.convert_to_numpy(
        choice.choose(rows, uniform, None if seen is None else np.tile(seen, (count, 1)))
    )
    return np.bincount(drawn, minlength=len(logits)) / count


LOGITS = np.log(np.array([0.05, 0.5, 0.0001, 0.2499, 0.2]))


@pytest.mark.parametrize(
    ("choice", "kept"),
    [
        (TokenChoice(), [1, 1, 1, 1, 1]),
        (TokenChoice(temperature=0.0), [0, 1, 0, 0, 0]),
        (TokenChoice(top_k=2), [0, 1, 0, 1, 0]),
        (TokenChoice(top_k=9), [1, 1, 1, 1, 1]),
        (TokenChoice(top_p=0.5), [0, 1, 0, 0, 0]),
        (TokenChoice(top_p=0.7), [0, 1, 0, 1, 0]),
        (TokenChoice(top_p=0.9), [0, 1, 0, 1, 1]),
        (TokenChoice(min_p=0.45), [0, 1, 0, 1, 0]),
        (TokenChoice(top_k=4, top_p=0.9, min_p=0.1), [0, 1, 0, 1, 1]),
    ],
)
def test_tokens_are_drawn_as_often_as_they_should(choice, kept):
    expected = np.exp(LOGITS) * kept
    np.testing.assert_allclose(shares(choice, LOGITS), expected / expected.sum(), atol=1e-3)


def test_temperature_and_repetition():
    found = shares(TokenChoice(temperature=2.0), LOGITS)
    np.testing.assert_allclose(found, np.exp(LOGITS / 2) / np.exp(LOGITS / 2).sum(), atol=1e-3)
    logits = np.array([2.0, 1.0, -1.0])
    found = shares(TokenChoice(repetition_penalty=2.0), logits, seen=np.array([True, False, True]))
    weaker = np.array([1.0, 1.0, -2.0])
    np.testing.assert_allclose(found, np.exp(weaker) / np.exp(weaker).sum(), atol=1e-3)


@pytest.mark.parametrize(
    "wrong", [{"temperature": -1.0}, {"top_k": 0}, {"top_p": 0.0}, {"min_p": 2.0}, {"repetition_penalty": 0.0}]
)
def test_choices_out_of_range_are_refused(wrong):
    with pytest.raises(UsageError, match=f"{next(iter(wrong))} must be"):
        TokenChoice(**wrong)


def test_what_cannot_go_on_is_refused():
    decoder = TokenDecoder(gpt2())
    for prompts, new, words in (
        ([], 3, "0 prompts"), ([[]], 3, "one token or more"), ([[1]], 0, "new=0"), ([[30]], 3, "from 0 to 29"),
    ):  # fmt: skip
        with pytest.raises(UsageError, match=words):
            decoder(prompts, new)
    with pytest.raises(UsageError, match="with a head"):
        TokenDecoder(models.gpt2(**SIZES, head=False))


@pytest.mark.quick_on("jax", "torch")  # TensorFlow compiles a loop for each length
def test_a_text_slides_over_the_positions():
    """Beyond the learned positions a text goes on as from its last part alone; draws go on where they were."""
    model = enliven(gpt2(positions=12))
    decoder = TokenDecoder(model, chunk=4)
    whole = decoder([[3, 4, 5], [7]], new=24, slide=True)
    assert [len(text) for text in whole] == [24, 24]
    assert whole[0][:9] == decoder([[3, 4, 5]], new=9)[0]
    assert whole[0][9:15] == decoder([[3, 4, 5, *whole[0][:9]][-6:]], new=6)[0]
    assert whole[1][15:21] == decoder([[7, *whole[1][:15]][-6:]], new=6)[0]
    with pytest.raises(ShapeError, match="at most 12"):
        decoder([[3, 4, 5]], new=24)
    drawing = TokenDecoder(model, choice=TokenChoice(1.5), chunk=3)
    whole = drawing([[3]], new=24, seed=2, slide=True)
    assert drawing([[3]], new=11, seed=2)[0] == whole[0][:11]
    assert TokenDecoder(model, choice=TokenChoice(1.5), chunk=5)([[3]], new=24, seed=2, slide=True) == whole


def test_a_text_ends_where_it_is_said_to():
    model = enliven(llama())
    whole = TokenDecoder(model, chunk=2)(PROMPTS, new=12)
    found = TokenDecoder(model, chunk=2)(PROMPTS, new=12, stop=lambda row, tokens: row == 1 and len(tokens) >= 3)
    assert found == [whole[0], whole[1][:4], whole[2]]
