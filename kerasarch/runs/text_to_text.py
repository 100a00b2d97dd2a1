"""What the recipe of texts to texts does: pairs, spans taken out, training, ROUGE, what is shown and saved."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from kerasarch.data import LengthBuckets, ParallelSplits, ParallelText, PieceTokenizer, Tokenizer, load_parallel_text
from kerasarch.data.span_corruption import CorruptedSpans, SpanCorruption
from kerasarch.errors import UsageError
from kerasarch.metrics.rouge import KINDS, rouge
from kerasarch.recipe import Run
from kerasarch.runs.language import SMOKE_CHARACTERS, language_optimizer
from kerasarch.runs.pretrained_folder import save_with_tokenizer
from kerasarch.training.text_to_text_options import TextToTextOptions

FOLDER = "text-to-text"
"""Folder in Hugging Face layout within the run's."""
NUMBERS = "numbers"
TASKS = ("translate English to German: ", "translate German to English: ")
SENTINEL, SENTINELS = "<extra_id_{}>", 100
SMOKE_PAIRS, SMOKE_SCORED, SMOKE_TOKENS = 120, 8, 512
SHOWN, TRIED, LOOKS = 12, 6, 4
"""Texts in the report; held-out texts with spans to restore; looks at the loss while spans are learned."""
SPARE = 10
"""Tokens that a text may be longer than the longest target."""


@dataclasses.dataclass(frozen=True)
class Writer:
    """A model that reads one text and writes another.

    Attributes:
        model: A `kerasarch.models.EncoderDecoder`.
        tokenizer: Of both sides.
        name: What it is, for people.
    """

    model: Any
    tokenizer: Tokenizer
    name: str


def load_text_pairs(run: Run, options: TextToTextOptions) -> ParallelSplits:
    """Read the pairs, inputs with the prefix before them.

    Args:
        run: The run; a quick trial gets few.
        options: Its options.

    Raises:
        UsageError: There are no such data.
        DataError: They are damaged, or there is too little.
        DependencyError: A package is missing.
    """
    if options.data == NUMBERS:
        pairs = load_parallel_text(NUMBERS, seed=run.seed)
        parts = [_both_ways(part) for part in (pairs.train, pairs.validation, pairs.test)]
        name = f"{pairs.name}, both ways"
    else:
        pairs = load_parallel_text(options.data, source="input", target="target", seed=run.seed, offline=run.offline)
        parts, name = [pairs.train, pairs.validation, pairs.test], pairs.name
    if options.prefix:
        parts = [ParallelText(tuple(options.prefix + text for text in part.sources), part.targets) for part in parts]
    limits = (SMOKE_PAIRS, SMOKE_SCORED, SMOKE_SCORED) if run.smoke else (options.limit, None, options.scored)
    parts = [part.first(limit) for part, limit in zip(parts, limits, strict=True)]
    return ParallelSplits(name, ("input", "target"), *parts)


def _both_ways(part: ParallelText) -> ParallelText:
    """Return each pair in both directions, with what is to be done before it."""
    there, back = TASKS
    rows = [
        row
        for english, german in zip(part.sources, part.targets, strict=True)
        for row in ((there + english, german), (back + german, english))
    ]
    return ParallelText(tuple(source for source, _ in rows), tuple(target for _, target in rows))


def open_writer(run: Run, options: TextToTextOptions, pairs: ParallelSplits) -> Writer:
    """Open a trained model, or build a small T5 with a tokenizer that is learned from the pairs.

    Args:
        run: The run.
        options: Its options.
        pairs: The pairs.

    Raises:
        UsageError: There are no such weights, or they are of another kind of model.
        WeightsError: A file is missing or damaged.
        DependencyError: The network or a package is missing.
    """
    from kerasarch import models

    if options.weights is not None:
        from kerasarch.runs.text_model import open_text_model, run_of

        model, tokenizers = open_text_model(options.weights, run_of(options.weights, run.dir.parent.parent))
        if not isinstance(model, models.EncoderDecoder) or not tokenizers.joint:
            raise UsageError(
                f"--weights: {options.weights} holds a {type(model).__name__}, expected a T5 or BART of one tokenizer."
            )
        return Writer(model, tokenizers.source, f"{model.family} of {options.weights}")
    texts = [*pairs.train.sources, *pairs.train.targets]
    tokenizer = PieceTokenizer.learn(texts, size=options.words, framed="end")
    tokenizer.pieces.add_special_tokens([SENTINEL.format(number) for number in range(SENTINELS)])
    model = models.t5(
        vocabulary=len(tokenizer), width=options.width, depth=options.depth, heads=options.heads,
        head_width=options.width // options.heads, hidden=4 * options.width, dropout=options.dropout,
        hidden_dropout=options.dropout, start=tokenizer.padding, end=tokenizer.special["end"],
        padding=tokenizer.padding,
    )  # fmt: skip
    return Writer(model, tokenizer, "a T5 with fresh weights")


def sentinels_of(tokenizer: Tokenizer) -> tuple[int, ...]:
    """Return the tokens that stand for spans, as T5 calls them: ``<extra_id_0>`` to ``<extra_id_99>``.

    Args:
        tokenizer: One that has them.

    Raises:
        UsageError: It has none.
    """
    found = [tokenizer.encode(SENTINEL.format(number)) for number in range(SENTINELS)]
    single = [ids[-1] for ids in found if len(ids) == 1 and ids[0] != tokenizer.special.get("unknown")]
    if not single or len(set(single)) != len(single):
        raise UsageError(f"The tokenizer has no {SENTINEL.format(0)} to stand for spans. Take --pretrain-steps 0.")
    return tuple(single)


def learn_spans(run: Run, writer: Writer, pairs: ParallelSplits, options: TextToTextOptions) -> dict[str, float]:
    """Train on running text with spans taken out, if asked to.

    Args:
        run: The run.
        writer: The model, which is changed.
        pairs: Whose texts are taken where there is no other.
        options: The options.

    Returns:
        ``span_perplexity`` of a held-out token, where there was such training.
    """
    if not options.first_steps:
        return {}
    model, tokenizer = writer.model, writer.tokenizer
    corruption = SpanCorruption(
        sentinels_of(tokenizer), end=tokenizer.special["end"], share=options.share, mean=options.span
    )
    name, parts = _running(run, pairs, options)
    tokens = [np.array(tokenizer.encode(part), "int32") for part in parts]
    looks = min(LOOKS, options.first_steps)
    steps = options.first_steps // looks
    layout: dict[str, Any] = {"length": options.passage, "start": model.config.start, "seed": run.seed}
    batches = CorruptedSpans(tokens[0], corruption, batch=options.passages, steps=steps, **layout)
    size = max(min(options.passages, len(tokens[1]) // batches.inner), 1)
    held_out = CorruptedSpans(tokens[1], corruption, batch=size, **layout)
    _compile(model, options, looks * steps)
    run.say(f"{writer.name} restores spans of {name}: {len(tokens[0]):,} tokens")
    run.fit("pre-training", model, batches, epochs=looks, validation_data=held_out)
    inputs, targets = held_out.batch(0, 0)
    rows = [row.tolist() for row in inputs["source_ids"][:TRIED]]
    written = _search(model, 1)(rows, targets["logits"].shape[1] + SPARE)
    run.table(
        "spans",
        [
            {
                "text": tokenizer.decode(row, special=True),
                "taken out": tokenizer.decode(wanted, special=True),
                "written": tokenizer.decode(found[0].tokens, special=True),
            }
            for row, wanted, found in zip(rows, targets["logits"], written, strict=False)
        ],
        caption="Held-out text with spans taken out, and what the model puts there",
    )
    return {"span_perplexity": float(model.evaluate(held_out, verbose=0, return_dict=True)["perplexity"])}


def _running(run: Run, pairs: ParallelSplits, options: TextToTextOptions) -> tuple[str, tuple[str, str]]:
    """Return the name of running text, and its parts to learn from and to judge on."""
    if options.text is None:
        texts = [[*part.sources, *part.targets] for part in (pairs.train, pairs.validation)]
        return "the pairs' texts", ("\n".join(texts[0]), "\n".join(texts[1]))
    from kerasarch.data import load_corpus

    corpus = load_corpus(options.text, characters=SMOKE_CHARACTERS if run.smoke else None, offline=run.offline)
    return corpus.name, (corpus.train, corpus.validation)


def learn_pairs(run: Run, writer: Writer, pairs: ParallelSplits, options: TextToTextOptions) -> dict[str, float]:
    """Train on pairs, write and score the test part, save the model with its tokenizer.

    Args:
        run: The run.
        writer: The model, which is changed.
        pairs: The pairs.
        options: The options.

    Returns:
        ``rouge1``, ``rouge2`` and ``rougeL``, mean F1 in per cent, ``exact_match`` in per cent,
        ``validation_perplexity``, and ``copied_rougeL``, what the inputs themselves come to.
    """
    model, tokenizer = writer.model, writer.tokenizer
    train = _batches(pairs.train, writer, options, run.seed)
    validation = _batches(pairs.validation, writer, options, None)
    run.say(
        f"{pairs.name}: {len(pairs.train):,} pairs to learn from, {len(pairs.test):,} to report; {writer.name}; "
        f"batches of up to {', '.join(map(str, train.edges))} tokens, {train.filled:.0%} of them filled"
    )
    _compile(model, options, train.steps * options.epochs)
    run.fit("training", model, train, epochs=options.epochs, validation_data=validation)
    perplexity = float(model.evaluate(validation, verbose=0, return_dict=True)["perplexity"])
    written = write_texts(model, tokenizer, pairs.test.sources, longest=options.longest, beams=options.beams)
    plain = [_without_task(text, options) for text in pairs.test.sources]
    figures = rouge(written, pairs.test.targets)
    exact = 100 * float(np.mean([one == other for one, other in zip(written, pairs.test.targets, strict=True)]))
    copied = rouge(plain, pairs.test.targets)
    _report(run, pairs.test, written, {"the inputs themselves": copied, "this model": figures})
    save_with_tokenizer(run, model, tokenizer, FOLDER)
    return {
        **figures,
        "exact_match": exact,
        "validation_perplexity": perplexity,
        "copied_rougeL": copied["rougeL"],
    }


def write_texts(
    model: Any, tokenizer: Tokenizer, texts: Sequence[str], *, longest: int = 128, beams: int = 4
) -> list[str]:
    """Return what a model writes for texts.

    Args:
        model: One that reads one text and writes another.
        tokenizer: Of both sides.
        texts: What is read.
        longest: Tokens that are read at most, and written.
        beams: Candidates of the search.
    """
    from kerasarch.generation import TextTranslator

    translate = TextTranslator(_search(model, beams), tokenizer)
    rows = [_framed(tokenizer, text, longest) for text in texts]
    return [tokenizer.decode(tokens) for tokens in translate.tokens(rows, new=longest)]


def _search(model: Any, beams: int) -> Any:
    from kerasarch.generation import BeamSearch

    return BeamSearch(model, beams=beams)


def _framed(tokenizer: Tokenizer, text: str, longest: int) -> list[int]:
    """Return the tokens of a text with special ones around, cut to a length."""
    room = longest - len(tokenizer.frame([])[0])
    return tokenizer.frame(tokenizer.encode(text)[:room])[0]


def _batches(part: ParallelText, writer: Writer, options: TextToTextOptions, seed: int | None) -> LengthBuckets:
    tokenizer, config = writer.tokenizer, writer.model.config
    sources = [_framed(tokenizer, text, options.longest) for text in part.sources]
    targets = [[config.start, *_framed(tokenizer, text, options.longest)] for text in part.targets]
    return LengthBuckets(
        sources, targets, tokens=max(options.tokens, options.longest), shapes=options.shapes, padding=config.padding,
        seed=seed,
    )  # fmt: skip


def _compile(model: Any, options: TextToTextOptions, steps: int) -> None:
    from kerasarch.training import Perplexity, TokenCrossentropy

    padding = model.config.padding
    options = dataclasses.replace(options, warmup=min(options.warmup, max(steps - 1, 0)))
    model.compile(
        language_optimizer(model, options, steps),
        loss={"logits": TokenCrossentropy(padding=padding)},
        metrics={"logits": Perplexity(padding=padding)},
    )


def _without_task(text: str, options: TextToTextOptions) -> str:
    tasks = TASKS if options.data == NUMBERS else ()
    text = text.removeprefix(options.prefix)
    return next((text.removeprefix(task) for task in tasks if text.startswith(task)), text)


def _report(run: Run, test: ParallelText, written: Sequence[str], scores: dict[str, dict[str, float]]) -> None:
    titles = dict(zip(KINDS, ("ROUGE-1", "ROUGE-2", "ROUGE-L"), strict=True))
    run.table(
        "ROUGE",
        [{"texts": name, **{titles[kind]: found[kind] for kind in KINDS}} for name, found in scores.items()],
        caption=f"{len(test):,} texts of the test part, mean F1 in per cent; words are not stemmed",
    )
    places = np.linspace(0, len(written) - 1, min(SHOWN, len(written))).astype(int)
    rows = [
        {"input": test.sources[place], "target": test.targets[place], "written": written[place]} for place in places
    ]
    run.table("texts", rows, caption="Texts of the test part")
