"""What a recipe of masked language models does: text to tokens, training, figures, guesses, what is saved."""

import dataclasses
import math
from typing import Any

import numpy as np

from kerasarch.data import Corpus
from kerasarch.data.packing import IGNORED
from kerasarch.data.token_masking import HiddenOneByOne, MaskedPassages, TokenMasking, masking_of, word_numbers
from kerasarch.metrics.token_baselines import unigram_loss
from kerasarch.recipe import Run
from kerasarch.runs.encoders import Encoder, open_encoder
from kerasarch.runs.language import SMOKE_CHARACTERS, language_optimizer
from kerasarch.runs.pretrained_folder import ENCODER, save_with_tokenizer
from kerasarch.training.language_options import MaskedLanguageOptions
from kerasarch.training.text_options import EncoderOptions, Family

EVALUATED, SCORED, SHOWN = 64, 16, 12
"""Held-out passages in a batch; those whose tokens are hidden one by one, at most; guesses in the report."""


@dataclasses.dataclass(frozen=True)
class MaskedData:
    """Text as a masked language model learns it.

    Attributes:
        corpus: The text.
        encoder: The model with its tokenizer.
        masking: How tokens are hidden.
        train: Tokens to learn from, ``(N,)``.
        held_out: Held-out tokens, ``(M,)``.
        words: Number of the word of each token of both parts; None where single tokens are hidden.
    """

    corpus: Corpus
    encoder: Encoder
    masking: TokenMasking
    train: np.ndarray
    held_out: np.ndarray
    words: tuple[np.ndarray, np.ndarray] | None


def load_masked(run: Run, options: MaskedLanguageOptions, family: Family) -> MaskedData:
    """Read the text, learn or read a tokenizer, and build or open the encoder.

    Args:
        run: The run.
        options: Its options.
        family: Of a new encoder.

    Raises:
        UsageError: There is no such text, encoder or mask.
        DataError: There is too little text.
        DependencyError: A package is missing.
    """
    from kerasarch.data import load_corpus

    limit = SMOKE_CHARACTERS if run.smoke else options.limit
    corpus = load_corpus(options.data, validation=options.validation, characters=limit, offline=run.offline)
    sizes = EncoderOptions(
        weights=options.weights, width=options.width, depth=options.depth, heads=options.heads,
        vocabulary=options.vocabulary, length=options.context, dropout=options.dropout,
    )  # fmt: skip
    lines = corpus.train.splitlines(keepends=True)
    encoder = open_encoder(run, sizes, lines, family=family, lower=options.lower, head="masked_lm")
    masking = masking_of(encoder.tokenizer, share=options.share)
    located = [encoder.tokenizer.locate(part) for part in (corpus.train, corpus.validation)]
    words = None
    if options.whole_words:
        parts = (corpus.train, corpus.validation)
        words = tuple(word_numbers(part, offsets) for part, (_, offsets) in zip(parts, located, strict=True))
    train, held_out = (np.array(ids, "int32") for ids, _ in located)
    run.say(f"{corpus.name}: {len(train):,} tokens to learn from, {len(held_out):,} held out; {encoder.name}")
    return MaskedData(corpus, encoder, masking, train, held_out, words)  # type: ignore[arg-type]


def train_masked(run: Run, data: MaskedData, options: MaskedLanguageOptions) -> dict[str, float]:
    """Train an encoder to guess hidden tokens, judge it, save it with its tokenizer.

    Args:
        run: The run.
        data: Text and encoder.
        options: The options.

    Returns:
        ``validation_loss`` in nats a hidden token, ``accuracy`` of the most probable one, ``unigram_loss`` and
        ``unigram_accuracy``, what counts of tokens come to, and ``pseudo_perplexity`` of some held-out passages.
    """
    from kerasarch.training.token_metrics import TokenAccuracy, TokenLoss

    model, tokenizer = data.encoder.model, data.encoder.tokenizer
    epochs, steps = options.epochs
    shape: dict[str, Any] = {"length": data.encoder.length}
    words = data.words or (None, None)
    passages = MaskedPassages(
        data.train, tokenizer, data.masking, batch=options.batch, steps=steps, words=words[0], seed=run.seed, **shape
    )
    held_out = MaskedPassages(
        data.held_out, tokenizer, data.masking, batch=EVALUATED, words=words[1], seed=run.seed, **shape
    )
    model.compile(
        language_optimizer(model, options, epochs * steps),
        loss=model.losses_by_name(),
        metrics={"logits": [TokenLoss(), TokenAccuracy()]},
    )
    run.fit("training", model, passages, epochs=epochs, validation_data=held_out)
    found = model.evaluate(held_out, verbose=0, return_dict=True)
    count = min(len(held_out.places), 1 if run.smoke else SCORED)
    chosen = held_out.places[np.linspace(0, len(held_out.places) - 1, count).astype(int)]
    one_by_one = HiddenOneByOne(held_out.passages(chosen), data.masking, batch=EVALUATED)
    alone = float(model.evaluate(one_by_one, verbose=0, return_dict=True)["nats"])
    figures = {
        "validation_loss": float(found["nats"]),
        "accuracy": float(found["accuracy"]),
        **_counted(data, held_out),
        "pseudo_perplexity": math.exp(min(alone, 700.0)),
    }
    _report(run, data, figures, len(one_by_one.places))
    _show_guesses(run, data, held_out)
    save_with_tokenizer(run, model, tokenizer, ENCODER)
    return figures


def _counted(data: MaskedData, held_out: MaskedPassages) -> dict[str, float]:
    """Return what counts of tokens say of the hidden ones."""
    targets = np.concatenate([held_out.batch(0, index)[1]["logits"].ravel() for index in range(held_out.steps)])
    targets = targets[targets != IGNORED]
    size = len(data.encoder.tokenizer)
    ordinary = data.train[np.isin(data.train, data.masking.ordinary)]
    common = np.bincount(ordinary, minlength=size).argmax()
    return {
        "unigram_loss": unigram_loss(ordinary, targets, size),
        "unigram_accuracy": float((targets == common).mean()),
    }


def _report(run: Run, data: MaskedData, figures: dict[str, float], scored: int) -> None:
    rows = {
        "how often each token occurs": (figures["unigram_loss"], figures["unigram_accuracy"]),
        "this model": (figures["validation_loss"], figures["accuracy"]),
    }
    run.table(
        "hidden tokens",
        [
            {"what guesses": name, "nats a token": loss, "perplexity": math.exp(min(loss, 700.0)), "right": right}
            for name, (loss, right) in rows.items()
        ],
        caption=f"{data.masking.share:.0%} of {len(data.held_out):,} held-out tokens are hidden"
        f"{', words as a whole' if data.words else ''}; pseudo-perplexity, with {scored:,} tokens hidden one by one: "
        f"{figures['pseudo_perplexity']:.2f}",
    )


def _show_guesses(run: Run, data: MaskedData, held_out: MaskedPassages) -> None:
    """Put some hidden tokens, and what the model takes them for, into the report."""
    import keras

    model, tokenizer = data.encoder.model, data.encoder.tokenizer
    inputs, targets = held_out.batch(0, 0)
    logits = np.asarray(model.predict_on_batch(inputs)["logits"], "float32")
    places = np.argwhere((targets["logits"] != IGNORED) & (inputs["input_ids"] == data.masking.mask))
    rows = []
    for row, place in places[np.linspace(0, len(places) - 1, min(SHOWN, len(places))).astype(int)]:
        chances = keras.ops.convert_to_numpy(keras.ops.softmax(logits[row, place]))
        best = np.argsort(-chances, kind="stable")[:3]
        around = inputs["input_ids"][row, max(place - 8, 0) : place + 9].tolist()
        rows.append(
            {
                "text": tokenizer.decode(around, special=True),
                "hidden": tokenizer.decode([targets["logits"][row, place]]),
                "guesses": ", ".join(f"{tokenizer.decode([token])} ({chances[token]:.0%})" for token in best),
            }
        )
    run.table("guesses", rows, caption="Hidden tokens of held-out text; of each passage the part around one of them")
