"""Texts that are written after others were read: those of transformers' ``generate``, and how they are shown."""

import numpy as np
import pytest
import torch

import kerasarch
from kerasarch import models
from kerasarch.data import ByteTokenizer
from kerasarch.errors import ShapeError, UsageError
from kerasarch.generation import BeamSearch, TextWriter, TokenChoice, TokenRules, TokenWriter
from tests import conformance
from tests.weights.references import randomise_torch

transformers = pytest.importorskip("transformers")
pytestmark = conformance.QUIET
NEW = 7
SOURCES = [[3, 5, 11, 7, 1, 28, 7], [2, 9, 12], [8, 8, 1, 4, 6]]
SIZES = {
    "vocab_size": 30, "d_model": 12, "encoder_layers": 2, "decoder_layers": 2, "encoder_attention_heads": 2,
    "decoder_attention_heads": 3, "encoder_ffn_dim": 10, "decoder_ffn_dim": 14, "max_position_embeddings": 16,
    "decoder_start_token_id": 29, "pad_token_id": 29,
}  # fmt: skip
T5 = {
    "vocab_size": 30, "d_model": 12, "d_kv": 5, "d_ff": 10, "num_layers": 2, "num_decoder_layers": 2, "num_heads": 3,
    "relative_attention_num_buckets": 8, "relative_attention_max_distance": 6, "decoder_start_token_id": 29,
    "pad_token_id": 29,
}  # fmt: skip
# Class, fields and what the public folders of the family say of generation
FAMILIES = {
    "marian": ("MarianMTModel", SIZES, {"bad_words_ids": [[29], [13]], "forced_eos_token_id": True}),
    "bart": ("BartForConditionalGeneration", SIZES, {"forced_bos_token_id": 6, "forced_eos_token_id": True}),
    "t5": ("T5ForConditionalGeneration", T5, {}),
}


def generated(theirs, **how):
    """New tokens of each text by transformers, without the ending one, and their scores."""
    length = max(len(source) for source in SOURCES)
    ids = torch.tensor([source + [29] * (length - len(source)) for source in SOURCES])
    mask = torch.tensor([[1] * len(source) + [0] * (length - len(source)) for source in SOURCES])
    given = {"max_new_tokens": NEW, "do_sample": False, "return_dict_in_generate": True, "output_scores": True, **how}
    with torch.no_grad():
        found = theirs.generate(ids, attention_mask=mask, **given)
    end = theirs.generation_config.eos_token_id
    rows = [row[1:] for row in found.sequences.tolist()]
    texts = [row[: row.index(end)] if end in row else row for row in rows]
    return texts, getattr(found, "sequences_scores", None)


def lively(kind, fields, said, seed):
    """A model of transformers with random weights and what is said of its texts, all but how they end."""
    torch.manual_seed(seed)
    theirs = getattr(transformers, kind)
    theirs = theirs(theirs.config_class(**fields, eos_token_id=0)).eval()
    randomise_torch(theirs)
    for module in theirs.modules():
        if isinstance(module, torch.nn.Linear | torch.nn.Embedding) and "Sinusoidal" not in type(module).__name__:
            torch.nn.init.normal_(module.weight, std=0.6)
    for name, value in said.items():
        setattr(theirs.generation_config, name, None if value is True else value)
    theirs.generation_config.eos_token_id = None
    return theirs


@pytest.fixture(scope="module", params=FAMILIES)
def both(request, tmp_path_factory):
    """A model of transformers that ends some of its texts, and ours of its folder."""
    kind, fields, said = FAMILIES[request.param]
    for seed in range(40):
        theirs = lively(kind, fields, said, seed)
        texts, _ = generated(theirs)
        ends = [
            token for token in texts[0][2:5] if token not in texts[0][:2] and not all(token in text for text in texts)
        ]
        if ends:
            break
    how = theirs.generation_config
    how.eos_token_id = theirs.config.eos_token_id = ends[0]
    for name, value in said.items():
        if value is True:
            setattr(how, name, ends[0])
    folder = tmp_path_factory.mktemp("model")
    theirs.save_pretrained(folder)
    return theirs, kerasarch.from_pretrained(folder)


def test_greedy_texts_are_those_of_transformers(both):
    theirs, ours = both
    texts, _ = generated(theirs)
    writer = TokenWriter(ours, chunk=4)
    assert writer(SOURCES, NEW) == texts
    assert writer(SOURCES[1:2], NEW) == texts[1:2]
    assert len({len(text) for text in texts}) > 1


@pytest.mark.parametrize(
    "how",
    [
        {"num_beams": 4, "num_return_sequences": 2},
        pytest.param(
            {"num_beams": 3, "length_penalty": 2.0, "early_stopping": True}, marks=pytest.mark.quick_on("torch")
        ),
    ],
    ids=["usual", "as summaries"],
)
def test_beams_are_those_of_transformers(both, how):
    theirs, ours = both
    texts, scores = generated(theirs, **how)
    search = BeamSearch(
        ours,
        beams=how["num_beams"],
        best=how.get("num_return_sequences", 1),
        length_penalty=how.get("length_penalty", 1.0),
        early_stopping=how.get("early_stopping", False),
    )
    found = [one for row in search(SOURCES, new=NEW) for one in row]
    assert [one.tokens for one in found] == texts
    np.testing.assert_allclose([one.score for one in found], scores.numpy(), atol=1e-4)


def letters(**fields):
    """A model of bytes, whose texts are of few letters and end soon."""
    sizes = {"vocabulary": 260, "width": 8, "depth": 1, "heads": 2, "hidden": 8, "start": 256, "end": 257}
    made = models.transformer(**{**sizes, "padding": 258, **fields})
    rng = np.random.default_rng(0)
    for variable in made.weights:
        variable.assign(rng.normal(1 if variable.name == "gamma" else 0, 0.6, variable.shape).astype("float32"))
    return made, ByteTokenizer()


def test_texts_are_shown_while_they_are_written():
    model, tokenizer = letters(suppressed=tuple(range(128, 260)), end=None)
    writer = TokenWriter(model, choice=TokenChoice(1.5, repetition_penalty=1.2), chunk=3)
    write, shown = TextWriter(writer, tokenizer), []
    found = write(["one", "a second one"], new=7, seed=2, watch=shown.append)
    assert found == write(["one"], new=7, seed=2) + found[1:]
    assert [len(text) for text in found] == [7, 7]
    assert found[0] != found[1]
    assert len(shown) == 3
    assert all(text.startswith(part) for parts in shown for part, text in zip(parts, found, strict=True))
    stopped = TextWriter(writer, tokenizer, stop=[found[0][2:4]])
    assert stopped(["one"], new=7, seed=2) == [found[0][:2]]
    assert write.tokens_of("one") == tokenizer.frame(tokenizer.encode("one"))[0]


def test_rules_force_and_forbid():
    scores = np.array([[0.1, 0.5, 0.2, 0.4]], "float32")
    rules = TokenRules((1,), first=2, last=3)
    best = [int(np.argmax(np.asarray(rules.apply(scores, step, 3)))) for step in range(3)]
    assert best == [2, 3, 3]
    assert int(np.argmax(np.asarray(TokenRules((1, 3)).apply(scores, 0, 3)))) == 2
    assert TokenRules.of(models.GPT2Config()) == TokenRules()


def test_what_cannot_be_written_is_refused():
    model, _ = letters()
    with pytest.raises(UsageError, match="reads one text and writes another"):
        TokenWriter(models.gpt2(vocabulary=9, width=4, depth=1, heads=2, positions=4))
    with pytest.raises(UsageError, match="Tokens must be from 0 to 259"):
        TokenWriter(model)([[260]], 2)
    small = models.bart(vocabulary=9, width=4, depth=1, heads=2, hidden=4, positions=4, first=None)
    for write in (TokenWriter(small), BeamSearch(small, beams=2)):
        for source, new in (([3, 4, 5, 6, 7], 2), ([3], 5)):
            with pytest.raises(ShapeError, match="at most 4 tokens"):
                write([source], new)
