"""What the recipes of language models share: text to tokens, training, figures, samples, what is saved."""

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from kerasarch.data import ByteTokenizer, CharacterTokenizer, Corpus, PieceTokenizer, TokenPassages, TokenWindows
from kerasarch.data.tokenizers import Tokenizer
from kerasarch.generation import TextGenerator, TokenChoice, TokenDecoder
from kerasarch.metrics.token_baselines import bigram_loss, unigram_loss
from kerasarch.recipe import Run
from kerasarch.runs.folder import TOKENIZER
from kerasarch.runs.writing_samples import WritingSamples
from kerasarch.training.language_options import LanguageOptions, LanguageTrainingOptions, OptimizerOptions

EVALUATED = 64
"""Windows of held-out text in a batch."""
SMOKE_CHARACTERS, SMOKE_SAMPLE = 20_000, 40


@dataclasses.dataclass(frozen=True)
class LanguageData:
    """Text as a language model learns it.

    Attributes:
        corpus: The text.
        tokenizer: What it is read with.
        train: Its tokens, ``(N,)``.
        held_out: Those of the held-out part, ``(M,)``.
    """

    corpus: Corpus
    tokenizer: Tokenizer
    train: np.ndarray
    held_out: np.ndarray

    @property
    def characters_a_token(self) -> float:
        """Characters of the held-out text for each of its tokens."""
        return len(self.corpus.validation) / len(self.held_out)


def load_language(run: Run, options: LanguageOptions) -> LanguageData:
    """Read the text and turn it into tokens.

    Args:
        run: The run.
        options: Its options.

    Raises:
        UsageError: There is no such text.
        DataError: There is too little text.
        DependencyError: A package is missing.
    """
    from kerasarch.data import load_corpus

    limit = SMOKE_CHARACTERS if run.smoke else options.limit
    corpus = load_corpus(options.data, validation=options.validation, characters=limit, offline=run.offline)
    tokenizer: Tokenizer
    if options.tokens == "bytes":
        tokenizer = ByteTokenizer()
    elif options.tokens == "characters":
        tokenizer = CharacterTokenizer.learn([corpus.train, corpus.validation])
    else:
        tokenizer = PieceTokenizer.learn(corpus.train.splitlines(keepends=True), size=options.vocabulary, framed=False)
    tokenizer.encode(options.prompt or "")  # refuses what cannot be written
    train, held_out = (np.array(tokenizer.encode(part), "int32") for part in (corpus.train, corpus.validation))
    run.say(
        f"{corpus.name}: {len(corpus.train):,} characters to learn from, {len(corpus.validation):,} held out; "
        f"{len(tokenizer):,} different tokens"
    )
    return LanguageData(corpus, tokenizer, train, held_out)


def train_language_model(run: Run, model: Any, data: LanguageData, options: LanguageOptions) -> dict[str, float]:
    """Train a language model, judge it, let it write, save it with its tokenizer.

    Args:
        run: The run.
        model: A `kerasarch.models.CausalLanguageModel` with fresh weights.
        data: The text.
        options: The options.

    Returns:
        ``validation_loss`` in nats a token, ``perplexity``, ``bits_per_character``, and ``bigram_loss``, what counts of
        pairs of tokens come to.
    """
    epochs, steps = options.epochs
    windows = TokenWindows(data.train, length=options.context, batch=options.batch, steps=steps, seed=run.seed)
    passages = TokenPassages(data.held_out, length=options.context, batch=EVALUATED)
    compile_language_model(model, options, steps * epochs)
    write = _writer(run, model, data, options)
    samples = WritingSamples(write)
    run.fit("training", model, windows, epochs=epochs, validation_data=passages, callbacks=[samples])
    loss = float(model.evaluate(passages, verbose=0, return_dict=True)["loss"])
    figures = {
        "validation_loss": loss,
        "perplexity": math.exp(min(loss, 700.0)),
        "bits_per_character": loss / math.log(2) / data.characters_a_token,
        "bigram_loss": bigram_loss(data.train, data.held_out, len(data.tokenizer)),
    }
    _report(run, data, figures, samples)
    run.save(model)
    data.tokenizer.write(run.dir / TOKENIZER)
    return figures


def compile_language_model(model: Any, options: LanguageTrainingOptions, steps: int) -> None:
    """Say how a language model learns: see `language_optimizer`.

    Args:
        model: A `kerasarch.models.CausalLanguageModel`, built.
        options: The options.
        steps: Steps of training.
    """
    from kerasarch.models import LabelCrossentropy

    model.compile(language_optimizer(model, options, steps), loss={"logits": LabelCrossentropy()})


def language_optimizer(model: Any, options: OptimizerOptions, steps: int) -> Any:
    """Return AdamW with a warm-up and a cosine; normalisations and biases do not decay.

    Args:
        model: The model, built.
        options: The options.
        steps: Steps of training.
    """
    import keras

    from kerasarch import backends
    from kerasarch.training import WarmupCosine

    rate = WarmupCosine(options.learning_rate, total=steps, warmup=options.warmup, final=options.final_rate)
    optimizer = keras.optimizers.AdamW(
        rate,
        beta_2=options.beta,
        epsilon=1e-8,
        weight_decay=options.weight_decay,
        global_clipnorm=options.clip or None,
    )
    optimizer.exclude_from_weight_decay([one for one in model.trainable_variables if len(one.shape) < 2])
    return backends.quicken(optimizer)


def _writer(run: Run, model: Any, data: LanguageData, options: LanguageOptions) -> Callable[[], str]:
    decoder = TokenDecoder(model, choice=TokenChoice(options.temperature))
    generate = TextGenerator(decoder, data.tokenizer)
    length = min(options.sample, SMOKE_SAMPLE) if run.smoke else options.sample
    prompt = options.prompt or data.corpus.validation[0]
    return lambda: generate([prompt], length, seed=run.seed, slide=True)[0]


def _report(run: Run, data: LanguageData, figures: dict[str, float], samples: Any) -> None:
    size = len(data.tokenizer)
    baselines = {
        "all tokens alike": math.log(size),
        "how often each token occurs": unigram_loss(data.train, data.held_out, size),
        "how often each follows another": figures["bigram_loss"],
        "this model": figures["validation_loss"],
    }
    run.table(
        "held-out text",
        [
            {
                "what says the next token": name,
                "nats a token": loss,
                "perplexity": math.exp(min(loss, 700.0)),
                "bits a character": loss / math.log(2) / data.characters_a_token,
            }
            for name, loss in baselines.items()
        ],
        caption=f"{len(data.held_out):,} tokens of held-out text",
    )
    rows = [{"after epoch": epoch, "text": text} for epoch, text in samples.texts]
    run.table("samples", rows, caption="What the model writes after the prompt, from the same draws")
