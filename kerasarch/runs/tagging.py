"""What recipes share that tag words: train a tagger, judge its spans beside a linear model, report, save."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from kerasarch.data.conll import TaggedSentences, TagSplits
from kerasarch.data.tag_batches import TagBatches
from kerasarch.data.tag_readers import TagReader, TokenTagReader, WordTagReader
from kerasarch.data.word_vocabulary import WordVocabulary
from kerasarch.metrics.spans import SpanSummary, span_scores
from kerasarch.metrics.tag_baselines import feature_tags
from kerasarch.recipe import Run
from kerasarch.runs.encoders import open_encoder
from kerasarch.runs.folder import TOKENIZER
from kerasarch.runs.pretrained_folder import ENCODER, save_with_tokenizer
from kerasarch.runs.tagger import Tagger, with_brackets
from kerasarch.runs.text_training import train_in_stages
from kerasarch.training.text_options import TaggingOptions
from kerasarch.training.token_metrics import TokenAccuracy

SMOKE_SENTENCES = 200
"""Sentences of each part in a quick trial."""
SHOWN = 20
"""Sentences in the report."""
RECURRENT = "bilstm"


def some_sentences(run: Run, splits: TagSplits) -> TagSplits:
    """Return the sentences, in a quick trial some of them."""
    if not run.smoke:
        return splits

    def few(part: TaggedSentences) -> TaggedSentences:
        return part.subset(np.random.default_rng(run.seed).permutation(len(part))[:SMOKE_SENTENCES])

    return TagSplits(splits.name, splits.labels, few(splits.train), few(splits.validation), few(splits.test))


def open_tagger(run: Run, splits: TagSplits, kind: str, options: TaggingOptions) -> tuple[Tagger, str]:
    """Build a tagger, or open a trained encoder and give it a head for tags.

    Args:
        run: The run.
        splits: The sentences, which a vocabulary is learned from where there are no weights.
        kind: ``"bilstm"`` or a family of encoders, where there are no weights.
        options: Settled options.

    Returns:
        The tagger, and what it is.
    """
    if kind == RECURRENT and options.weights is None:
        from kerasarch.models import recurrent_tagger

        vocabulary = WordVocabulary.learn(splits.train.words, options.vocabulary)
        words, characters = vocabulary.sizes
        model = recurrent_tagger(
            words=words, characters=characters, labels=splits.labels, width=options.width, depth=options.depth,
            dropout=options.dropout,
        )  # fmt: skip
        return Tagger(model, WordTagReader(vocabulary, options.length)), "words and characters with fresh weights"
    texts = [" ".join(words) for words in splits.train.words]
    encoder = open_encoder(run, options, texts, family=kind, lower=False, head="tags", labels=splits.labels)
    return Tagger(encoder.model, TokenTagReader(encoder.tokenizer, encoder.length)), encoder.name


def train_tagger(run: Run, tagger: Tagger, name: str, splits: TagSplits, options: TaggingOptions) -> dict[str, float]:
    """Train a tagger, judge its spans on the test sentences, write the report and save it.

    Args:
        run: The run.
        tagger: With fresh weights or a fresh head.
        name: What it is, for people.
        splits: The sentences.
        options: Settled options.

    Returns:
        ``f1``, ``precision`` and ``recall`` of whole spans, ``macro_f1`` over their kinds, ``accuracy`` of single tags,
        ``baseline_f1`` of a linear model, and ``gain_over_baseline``.
    """
    shape: dict[str, Any] = {"batch": options.batch, "seed": run.seed}
    reader: TagReader = tagger.reader
    train = TagBatches(splits.train, splits.labels, reader, **shape)
    watched = TagBatches(splits.validation, splits.labels, reader, shuffle=False, **shape)
    train_in_stages(
        run, tagger.model, train, watched, options, loss=tagger.model.losses_by_name(), metrics=[TokenAccuracy()]
    )
    if isinstance(reader, TokenTagReader):
        save_with_tokenizer(run, tagger.model, reader.tokenizer, ENCODER)
    else:
        run.save(tagger.model)
        reader.write(run.dir / TOKENIZER)
    test = splits.test
    found = tagger.tags(test.words)
    linear = feature_tags(splits.train.words, splits.train.tags, test.words, seed=run.seed)
    scores, baseline = span_scores(test.tags, found), span_scores(test.tags, linear)
    _report(run, name, splits, scores, baseline)
    _show_sentences(run, test, found)
    run.say(
        f"F1 {scores.overall.f1:.2%} of {scores.overall.count:,} spans in {len(test):,} test sentences; a linear model "
        f"has {baseline.overall.f1:.2%}"
    )
    wanted, given = (np.array([tag for tags in one for tag in tags]) for one in (test.tags, found))
    return {
        "f1": scores.overall.f1,
        "precision": scores.overall.precision,
        "recall": scores.overall.recall,
        "macro_f1": scores.macro_f1,
        "accuracy": float((wanted == given).mean()),
        "baseline_f1": baseline.overall.f1,
        "gain_over_baseline": scores.overall.f1 - baseline.overall.f1,
    }


def _report(run: Run, name: str, splits: TagSplits, scores: SpanSummary, baseline: SpanSummary) -> None:
    rows = {name: scores, "logistic regression on words and their neighbours": baseline}
    run.table(
        "baselines",
        [
            {
                "what marks spans": what,
                "precision": round(one.overall.precision, 4),
                "recall": round(one.overall.recall, 4),
                "F1": round(one.overall.f1, 4),
                "macro F1": round(one.macro_f1, 4),
            }
            for what, one in rows.items()
        ],
        caption=f"{splits.name}: {len(splits.train):,} sentences to learn from, {len(splits.test):,} test sentences; a "
        "span is right where its words and its kind are",
    )
    run.table(
        "kinds",
        [
            {
                "kind": kind,
                "precision": round(one.precision, 4),
                "recall": round(one.recall, 4),
                "F1": round(one.f1, 4),
                "linear model's F1": round(baseline.kinds[kind].f1, 4) if kind in baseline.kinds else 0.0,
                "spans": one.count,
            }
            for kind, one in scores.kinds.items()
        ],
        caption="Scores of each kind of span",
    )


def _show_sentences(run: Run, test: TaggedSentences, found: Sequence[Sequence[str]]) -> None:
    """Show sentences with spans: those with mistakes and those without, spread over the test sentences."""
    spoken = [place for place, tags in enumerate(test.tags) if set(tags) | set(found[place]) != {"O"}]
    wrong = [place for place in spoken if list(test.tags[place]) != list(found[place])]
    right = [place for place in spoken if list(test.tags[place]) == list(found[place])]
    chosen = _spread(wrong, SHOWN // 2) + _spread(right, SHOWN // 2)
    rows = [
        {
            "marked by hand": with_brackets(test.words[place], test.tags[place]),
            "marked by the model": with_brackets(test.words[place], found[place]) if place in wrong else "the same",
        }
        for place in chosen
    ]
    if rows:
        run.table("examples", rows, caption="Sentences with mistakes, then sentences without")


def _spread(places: Sequence[int], count: int) -> list[int]:
    if not places:
        return []
    return [
        places[number] for number in np.unique(np.linspace(0, len(places) - 1, min(count, len(places))).astype(int))
    ]
