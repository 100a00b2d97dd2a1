"""What the recipe that goes on training a language model does: model, texts, training, figures, samples, files."""

import dataclasses
import math
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from kerasarch.data import Corpus, PieceTokenizer, TokenPassages, TokenWindows
from kerasarch.data.packing import PackedBatches, pack
from kerasarch.data.tokenizers import Tokenizer
from kerasarch.errors import UsageError
from kerasarch.recipe import Run
from kerasarch.runs.language import EVALUATED, SMOKE_CHARACTERS, SMOKE_SAMPLE, language_optimizer
from kerasarch.runs.pretrained_folder import save_with_tokenizer
from kerasarch.training.language_options import AdaptationOptions

FOLDER, ADAPTERS = "language-model", "adapters/adapters.safetensors"
"""The merged model in Hugging Face layout, and the adapters alone, within the run's folder."""
SAMPLES, BEGINNING = 2, 40
"""Samples before and after, and characters of held-out text that they begin with."""
_BLANK = re.compile(r"\n[ \t]*\n")


@dataclasses.dataclass(frozen=True)
class Language:
    """A trained language model.

    Attributes:
        model: A `kerasarch.models.CausalLanguageModel`.
        tokenizer: Its tokenizer.
        first: The text that this run trained it on, or None.
    """

    model: Any
    tokenizer: Tokenizer
    first: Corpus | None = None


def open_language(run: Run, options: AdaptationOptions) -> Language:
    """Open a trained language model, or train a small one first.

    Args:
        run: The run.
        options: Its options.

    Raises:
        UsageError: There are no such weights, or they are of no language model.
        WeightsError: A file is missing or damaged.
        DependencyError: The network or a package is missing.
    """
    if options.weights is not None:
        from kerasarch.runs.text_model import is_translator, open_text_model, run_of

        model, tokenizer = open_text_model(options.weights, run_of(options.weights, run.dir.parent.parent))
        if is_translator(model):
            raise UsageError(
                f"--weights: {options.weights} holds a {type(model).__name__}, expected a model that goes on with "
                f"texts. Models that write one text for another learn by text-to-text."
            )
        return Language(model, tokenizer)
    from kerasarch import models

    corpus = _corpus(run, options, options.first_data)
    tokenizer = PieceTokenizer.learn(corpus.train.splitlines(keepends=True), size=options.vocabulary, framed=False)
    special = tokenizer.special
    model = models.gpt2(
        vocabulary=len(tokenizer), positions=options.context, width=options.width, depth=options.depth,
        heads=options.width // 32, start=special["start"], end=special["end"],
    )  # fmt: skip
    tokens = np.array(tokenizer.encode(corpus.train), "int32")
    looks = max(options.first_steps // options.every, 1)
    steps = options.first_steps // looks
    first = dataclasses.replace(
        options, learning_rate=options.first_rate, steps=options.first_steps,
        warmup=min(options.warmup, looks * steps - 1),
    )  # fmt: skip
    model.compile(language_optimizer(model, first, looks * steps), loss=_loss())
    windows = TokenWindows(tokens, length=options.context, batch=options.batch, steps=steps, seed=run.seed)
    held_out = _running(tokenizer, corpus.validation, options)
    run.say(f"a GPT of {model.count_params():,} weights learns from {corpus.name} first")
    run.fit("pre-training", model, windows, epochs=looks, validation_data=held_out)
    return Language(model, tokenizer, corpus)


def adapt(run: Run, language: Language, options: AdaptationOptions) -> dict[str, float]:
    """Go on training a language model on another text, judge it, let it write, save it.

    Args:
        run: The run.
        language: The model, which is changed.
        options: The options.

    Returns:
        ``perplexity_before`` and ``perplexity`` of a held-out token, ``bits_per_character``, ``trained_share`` of the
        weights; of a model that was trained here first also ``first_perplexity_before`` and ``first_perplexity``, on
        its own held-out text.

    Raises:
        UsageError: The context is longer than the model's texts, or it cannot take packed texts.
        DataError: There is too little text.
    """
    from kerasarch import models

    model, tokenizer = language.model, language.tokenizer
    _check(model, options)
    corpus = _corpus(run, options, options.data)
    epochs, steps = options.epochs
    train, held_out = _batches(run, model, tokenizer, corpus, options, steps)
    before = _judge(model, {"": held_out} | _first(language, options))
    written = [_write(run, language, corpus, options)]
    shares = {"trained": model.count_params(), "all": model.count_params()}
    if options.rank is not None:
        shares = models.add_adapters(model, options.rank, alpha=options.alpha, seed=run.seed)
    run.say(f"{shares['trained']:,} of {shares['all']:,} weights learn from {corpus.name}")
    model.compile(language_optimizer(model, options, epochs * steps), loss=_loss(), metrics=_metrics())
    given = [weight for weight in model.weights if not weight.trainable] if options.rank is not None else []
    run.fit("adaptation", model, train, epochs=epochs, validation_data=held_out, loaded=given)
    after = _judge(model, {"": held_out} | _first(language, options))
    written.append(_write(run, language, corpus, options))
    tokens, characters = _tokens_counted(held_out), len(corpus.validation)
    figures = {
        **{f"{name}perplexity_before": _exponential(nats) for name, nats in before.items()},
        **{f"{name}perplexity": _exponential(nats) for name, nats in after.items()},
        "bits_per_character": after[""] / math.log(2) * tokens / characters,
        "trained_share": shares["trained"] / shares["all"],
    }
    _report(run, language, corpus, before, after, written)
    _save(run, language, adapters=options.rank is not None)
    return figures


def _corpus(run: Run, options: AdaptationOptions, source: str) -> Corpus:
    from kerasarch.data import load_corpus

    limit = SMOKE_CHARACTERS if run.smoke else options.limit
    return load_corpus(source, validation=options.validation, characters=limit, offline=run.offline)


def _check(model: Any, options: AdaptationOptions) -> None:
    positions = model.config.positions if model.learned_positions else None
    if positions is not None and options.context > positions:
        raise UsageError(f"--context: received {options.context}; the model takes texts of {positions} tokens at most.")
    if options.texts != "running" and "segment_ids" not in model.input_names:
        raise UsageError(
            f"--texts {options.texts}: texts of a row must not see each other, which a {type(model).__name__} cannot "
            f"do. Take --texts running."
        )


def _batches(
    run: Run, model: Any, tokenizer: Tokenizer, corpus: Corpus, options: AdaptationOptions, steps: int
) -> tuple[Any, Any]:
    """Return batches to learn from and batches to judge on."""
    if options.texts == "running":
        tokens = np.array(tokenizer.encode(corpus.train), "int32")
        windows = TokenWindows(tokens, length=options.context, batch=options.batch, steps=steps, seed=run.seed)
        return windows, _running(tokenizer, corpus.validation, options)
    parts = [
        pack(
            [framed(tokenizer, text) for text in split(part, options.texts)], options.context, padding=tokenizer.padding
        )
        for part in (corpus.train, corpus.validation)
    ]
    run.say(f"{options.texts} in {len(parts[0]):,} rows, {parts[0].filled:.0%} full; {len(parts[1]):,} rows held out")
    names = model.input_names
    train = PackedBatches(parts[0], batch=min(options.batch, len(parts[0])), steps=steps, seed=run.seed, names=names)
    return train, PackedBatches(parts[1], batch=min(EVALUATED, len(parts[1])), names=names)


def split(text: str, kind: str) -> list[str]:
    """Return the paragraphs or lines of a text that hold something.

    Args:
        text: The text.
        kind: ``"paragraphs"`` or ``"lines"``.
    """
    parts = text.splitlines() if kind == "lines" else _BLANK.split(text)
    return [part.strip("\n") for part in parts if part.strip()]


def framed(tokenizer: Tokenizer, text: str) -> list[int]:
    """Return the tokens of a text with what begins and ends texts, where there are such tokens."""
    ids = tokenizer.frame(tokenizer.encode(text))[0]
    end = tokenizer.special.get("end")
    return ids if end is None or ids[-1:] == [end] else [*ids, end]


def _running(tokenizer: Tokenizer, text: str, options: AdaptationOptions) -> TokenPassages:
    return TokenPassages(np.array(tokenizer.encode(text), "int32"), length=options.context, batch=EVALUATED)


def _first(language: Language, options: AdaptationOptions) -> dict[str, Any]:
    if language.first is None:
        return {}
    return {"first_": _running(language.tokenizer, language.first.validation, options)}


def _loss() -> dict[str, Any]:
    from kerasarch.data.packing import IGNORED
    from kerasarch.models import LabelCrossentropy

    return {"logits": LabelCrossentropy(IGNORED)}


def _metrics() -> dict[str, Any]:
    from kerasarch.training.token_metrics import TokenLoss

    return {"logits": [TokenLoss()]}


def _judge(model: Any, parts: dict[str, Any]) -> dict[str, float]:
    """Return the nats a token of each held-out part."""
    model.compile(loss=_loss(), metrics=_metrics())
    return {name: float(model.evaluate(data, verbose=0, return_dict=True)["nats"]) for name, data in parts.items()}


def _exponential(nats: float) -> float:
    return math.exp(min(nats, 700.0))


def _tokens_counted(held_out: Any) -> int:
    targets = (held_out.batch(0, index)[1]["logits"] for index in range(held_out.steps))
    return sum(int((part >= 0).sum()) for part in targets)


def _prompts(corpus: Corpus, options: AdaptationOptions) -> list[str]:
    if options.prompt is not None:
        return [options.prompt] * SAMPLES
    texts = split(corpus.validation, "paragraphs")
    places = np.linspace(0, len(texts) - 1, SAMPLES).astype(int)
    return [texts[place][:BEGINNING] for place in places]


def _write(run: Run, language: Language, corpus: Corpus, options: AdaptationOptions) -> list[tuple[str, str]]:
    """Return what the model goes on with, each behind its prompt, from the same draws every time."""
    from kerasarch.generation import TextGenerator, TokenChoice, TokenDecoder

    decoder = TokenDecoder(language.model, choice=TokenChoice(options.temperature))
    length = min(options.sample, SMOKE_SAMPLE) if run.smoke else options.sample
    prompts = _prompts(corpus, options)
    texts = TextGenerator(decoder, language.tokenizer)(prompts, length, seed=run.seed, slide=True)
    return list(zip(prompts, texts, strict=True))


def _report(
    run: Run,
    language: Language,
    corpus: Corpus,
    before: dict[str, float],
    after: dict[str, float],
    written: Sequence[list[tuple[str, str]]],
) -> None:
    names = {"": corpus.name, "first_": "" if language.first is None else f"{language.first.name}, learned first"}
    run.table(
        "held-out text",
        [
            {
                "text": names[name],
                "perplexity before": _exponential(nats),
                "perplexity after": _exponential(after[name]),
                "nats before": nats,
                "nats after": after[name],
            }
            for name, nats in before.items()
        ],
        caption="How well the next token of text that was not learned from is known, before and after",
    )
    rows = [
        {"training": when, "prompt": prompt, "goes on": text}
        for when, pairs in zip(("before", "after"), written, strict=True)
        for prompt, text in pairs
    ]
    run.table("samples", rows, caption="What the model writes behind the same prompts, from the same draws")


def _save(run: Run, language: Language, *, adapters: bool) -> None:
    """Write the model with its tokenizer, adapters merged into it, and adapters alone."""
    from kerasarch.weights import write_adapters

    if adapters:
        file = write_adapters(language.model, run.dir / ADAPTERS)
        run.say(f"adapters alone, {file.stat().st_size / 1024:,.0f} KiB, written to {file}")
    save_with_tokenizer(run, language.model, language.tokenizer, FOLDER)
