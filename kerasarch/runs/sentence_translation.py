"""What the recipes that learn to translate sentences share: pairs to tokens, training, BLEU, what is shown."""

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

from kerasarch.data import LengthBuckets, ParallelSplits, ParallelText, PieceTokenizer, load_parallel_text
from kerasarch.errors import DataError
from kerasarch.generation import BeamSearch, TextTranslator
from kerasarch.metrics.bleu import Bleu, bleu, require_sacrebleu
from kerasarch.recipe import Run
from kerasarch.runs.alignments import show_alignments
from kerasarch.runs.folder import TOKENIZER
from kerasarch.runs.tokenizer_pair import TokenizerPair, load_tokenizers
from kerasarch.runs.watching_translations import WatchTranslations
from kerasarch.training.parallel_options import ParallelTextOptions

SMOKE_PAIRS, SMOKE_SCORED, SMOKE_TOKENS = 200, 8, 256
SHOWN = 12
"""Translations of the test set in the report."""
SCORED_SHAPES = 3
"""Different lengths of validation batches, at most."""

Rows = list[list[int]]


@dataclasses.dataclass(frozen=True)
class SentenceData:
    """Sentence pairs as a translator learns them.

    Attributes:
        texts: The pairs.
        tokenizers: Of both languages.
        train: Batches to learn from.
        validation: Batches to judge by.
        test: Batches of the test part.
    """

    texts: ParallelSplits
    tokenizers: TokenizerPair
    train: LengthBuckets
    validation: LengthBuckets
    test: LengthBuckets

    @property
    def vocabularies(self) -> tuple[int, int]:
        """How many tokens there are to read, and to write."""
        return len(self.tokenizers.source), len(self.tokenizers.target)

    @property
    def special(self) -> dict[str, int]:
        """Numbers of the tokens for start, end and padding."""
        return {role: self.tokenizers.target.special[role] for role in ("start", "end", "padding")}


def load_sentences(run: Run, options: ParallelTextOptions) -> SentenceData:
    """Read sentence pairs, learn pieces of words from them, and lay them out in batches.

    The tokenizers are written into the run's folder at once: a run that is resumed reads them there.

    Args:
        run: The run.
        options: Its options.

    Raises:
        UsageError: There are no such data.
        DataError: They are damaged, or there is too little.
        DependencyError: A package is missing.
    """
    require_sacrebleu()
    texts = load_parallel_text(
        options.data, source=options.source, target=options.target, seed=run.seed, offline=run.offline
    )
    limit = SMOKE_PAIRS if run.smoke else options.limit
    train = texts.train.first(limit)
    held_out = [part.first(SMOKE_SCORED) if run.smoke else part for part in (texts.validation, texts.test)]
    texts = dataclasses.replace(texts, train=train, validation=held_out[0], test=held_out[1])
    if (run.dir / TOKENIZER).is_dir():
        pair = load_tokenizers(run.dir / TOKENIZER)
    else:
        pair = _learn(texts.train, options)
        pair.write(run.dir / TOKENIZER)
    sources, targets, left = _short(*_tokens(texts.train, pair), options.longest)
    if not sources:
        raise DataError(f"{texts.name}: all {left} pairs have more than {options.longest} tokens. Raise --longest.")
    tokens = min(options.tokens, max(SMOKE_TOKENS, options.longest)) if run.smoke else options.tokens
    layout: dict[str, Any] = {"tokens": tokens, "padding": pair.target.padding}
    shapes = 1 if run.smoke else options.shapes
    data = SentenceData(
        texts,
        pair,
        LengthBuckets(sources, targets, shapes=shapes, seed=run.seed, **layout),
        *(
            LengthBuckets(*_tokens(part, pair), shapes=min(shapes, SCORED_SHAPES), **layout)
            for part in (texts.validation, texts.test)
        ),
    )
    run.say(
        f"{texts.name}: {len(sources):,} pairs to learn from{f' ({left:,} more are too long)' if left else ''}, "
        f"{len(texts.validation):,} to choose by, {len(texts.test):,} to report"
    )
    lengths = [int(edge) for edge in data.train.edges]
    run.say(
        f"{len(pair.source):,} tokens{'' if pair.joint else f' to read, {len(pair.target):,} to write'}; "
        f"{data.train.steps:,} batches with rows of {lengths[0]}{f' to {lengths[-1]}' if len(lengths) > 1 else ''} "
        f"tokens, {data.train.filled:.0%} filled"
    )
    return data


def _learn(texts: ParallelText, options: ParallelTextOptions) -> TokenizerPair:
    def learn(lines: Sequence[str]) -> PieceTokenizer:
        return PieceTokenizer.learn(
            lines, size=options.words, kind=options.pieces, framed="end", frequency=options.frequency
        )

    if options.joint:
        one = learn([*texts.sources, *texts.targets])
        return TokenizerPair(one, one)
    return TokenizerPair(learn(texts.sources), learn(texts.targets))


def _tokens(texts: ParallelText, pair: TokenizerPair) -> tuple[Rows, Rows]:
    """Return what is read, with its end, and what is written, with start and end."""
    start = pair.target.special["start"]
    sources = [pair.source.frame(pair.source.encode(text))[0] for text in texts.sources]
    return sources, [[start, *pair.target.frame(pair.target.encode(text))[0]] for text in texts.targets]


def _short(sources: Rows, targets: Rows, longest: int) -> tuple[Rows, Rows, int]:
    """Leave out long pairs, and count them."""
    kept = [both for both in zip(sources, targets, strict=True) if max(len(both[0]), len(both[1]) - 1) <= longest]
    return [source for source, _ in kept], [target for _, target in kept], len(sources) - len(kept)


def train_translator(run: Run, model: Any, data: SentenceData, options: ParallelTextOptions) -> dict[str, float]:
    """Train a translator, keep its best weights, translate the test set, save it.

    Args:
        run: The run.
        model: A model with fresh weights that reads one text and writes another, such as
            [`RecurrentTranslator`][kerasarch.models.RecurrentTranslator].
        data: The sentences.
        options: The options.

    Returns:
        ``bleu`` of the test set by a beam search, ``greedy_bleu``, ``test_perplexity`` and ``validation_perplexity``.
    """
    from kerasarch.training import EarlyStopping
    from kerasarch.training.weight_averages import ValidateAverages

    compile_translator(model, options, data.train.steps * options.epochs)
    scored = data.texts.validation.first(options.scored)
    greedy = _translator(model, data.tokenizers, 1, options)
    watch = WatchTranslations(greedy, scored.sources, scored.targets)
    best = EarlyStopping("val_perplexity", patience=options.patience or options.epochs, mode="min")
    run.fit(
        "training",
        model,
        data.train,
        epochs=options.epochs,
        validation_data=data.validation,
        callbacks=[ValidateAverages(), watch, best],
    )
    run.save(model)
    return _judged(run, model, data, options, greedy, watch)


def _judged(
    run: Run,
    model: Any,
    data: SentenceData,
    options: ParallelTextOptions,
    greedy: TextTranslator,
    watch: WatchTranslations,
) -> dict[str, float]:
    """Translate the test set, and show what comes of it."""
    test = data.texts.test
    quick = bleu(greedy(test.sources), test.targets)
    translate = _translator(model, data.tokenizers, options.beams, options)
    read = [translate.read(text) for text in test.sources]
    found = translate.tokens(read)
    translations = [data.tokenizers.target.decode(tokens) for tokens in found]
    score = bleu(translations, test.targets)
    _report(run, data, {f"beam search, {options.beams}": score, "greedy": quick}, translations, watch)
    show_alignments(run, model, data.tokenizers, list(zip(read, found, strict=True)))
    perplexities = {
        f"{part}_perplexity": float(model.evaluate(batches, verbose=0, return_dict=True)["perplexity"])
        for part, batches in (("test", data.test), ("validation", data.validation))
    }
    return {"bleu": score.score, "greedy_bleu": quick.score, **perplexities}


def own_tokens_schedule(share: float, steps: int) -> Any:
    """Return a `kerasarch.models.SamplingSchedule`, or None where a decoder reads the right tokens alone.

    Args:
        share: Part of its own tokens that a decoder reads at the end of training; it grows evenly.
        steps: Steps of training.
    """
    from kerasarch.models import SamplingSchedule

    return SamplingSchedule("linear", rate=share / steps, floor=1 - share) if share else None


def compile_translator(model: Any, options: ParallelTextOptions, steps: int) -> None:
    """Say how a translator learns: Adam with a warm-up, label smoothing, averages of the weights.

    Args:
        model: With an output named ``logits``, built.
        options: The options.
        steps: Steps of training.
    """
    import keras

    from kerasarch.training import InverseSquareRoot, Perplexity, TokenCrossentropy, WarmupCosine

    rate: Any
    if options.schedule == "noam":
        rate = InverseSquareRoot(options.learning_rate, warmup=options.warmup)
    else:
        rate = WarmupCosine(options.learning_rate, total=steps, warmup=min(options.warmup, max(1, steps // 4)))
    optimizer = keras.optimizers.Adam(
        rate,
        beta_2=0.98,
        epsilon=1e-9,
        global_clipnorm=options.clip or None,
        use_ema=options.average > 0,
        ema_momentum=options.average or 0.99,
    )
    padding = model.config.padding
    model.compile(
        optimizer,
        loss={"logits": TokenCrossentropy(options.label_smoothing, padding=padding)},
        metrics={"logits": Perplexity(padding=padding)},
    )


def _translator(model: Any, pair: TokenizerPair, beams: int, options: ParallelTextOptions) -> TextTranslator:
    search = BeamSearch(model, beams=beams, length_penalty=options.length_penalty)
    return TextTranslator(search, pair.source, pair.target, batch=64 if beams == 1 else 32)


def _report(
    run: Run, data: SentenceData, scores: dict[str, Bleu], translations: Sequence[str], watch: WatchTranslations
) -> None:
    test = data.texts.test
    run.table(
        "BLEU",
        [
            {
                "search": name,
                "BLEU": one.score,
                **{f"{n}-grams (%)": value for n, value in enumerate(one.precisions, 1)},
                "brevity": one.brevity,
            }
            for name, one in scores.items()
        ],
        caption=f"{len(test):,} sentences of the test set; {next(iter(scores.values())).signature}",
    )
    run.table(
        "translations",
        [
            {data.texts.languages[0]: source, "reference": reference, "translation": translation}
            for source, reference, translation in list(zip(*_sides(test), translations, strict=True))[:SHOWN]
        ],
        caption="The first sentences of the test set",
    )
    epochs = _spread([epoch for epoch, _ in watch.texts])
    chosen = {epoch: texts for epoch, texts in watch.texts if epoch in epochs}
    rows = [
        {"sentence": source if place == 0 else "", "after epoch": epoch, "translation": texts[number]}
        for number, source in enumerate(watch.sources[: watch.kept])
        for place, (epoch, texts) in enumerate(chosen.items())
    ]
    if rows:  # none where training was done before an interruption
        run.table("over training", rows, caption="What becomes of validation sentences over the course of training")


def _sides(texts: ParallelText) -> tuple[tuple[str, ...], tuple[str, ...]]:
    return texts.sources, texts.targets


def _spread(epochs: Sequence[int], count: int = 4) -> set[int]:
    """Return the first and the last epoch, and some between."""
    if not epochs:
        return set()
    steps = max(count - 1, 1)
    return {epochs[math.floor(place * (len(epochs) - 1) / steps)] for place in range(count)}
