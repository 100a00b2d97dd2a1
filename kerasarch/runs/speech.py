"""What recipes that recognise speech share: recordings, training, what is heard of the test, what is saved."""

import dataclasses
from typing import Any

import numpy as np

from kerasarch.data.recordings import Recordings, RecordingSplits
from kerasarch.data.wave_batches import WaveAugmentation, WaveBatches
from kerasarch.generation.spoken_words import spelled_texts, word_probabilities
from kerasarch.metrics.error_rate import error_rate
from kerasarch.recipe import Run
from kerasarch.runs.speech_report import report_recognizer
from kerasarch.training.speech_options import SpeechOptions

SMOKE_TRAINED, SMOKE_TESTED = 40, 24
"""Recordings of a quick trial."""
HEARD = 64
"""Recordings that are heard together in the test."""


@dataclasses.dataclass(frozen=True)
class Heard:
    """What a recogniser heard of single recordings.

    Attributes:
        probabilities: Of each word, ``(N, words)``.
        texts: What it spelled by itself; empty where it says classes.
    """

    probabilities: np.ndarray
    texts: tuple[str, ...]


def load_speech(run: Run, options: SpeechOptions) -> RecordingSplits:
    """Read the recordings.

    Args:
        run: The run; a quick trial gets few.
        options: Its options.

    Raises:
        UsageError: There is no such source.
        DataError: There are no recordings, or fewer than two classes.
    """
    from kerasarch.data import load_recordings

    found = load_recordings(
        options.data, rate=options.rate, seed=run.seed, validation=options.validation, test=options.test,
        strict=options.strict,
    )  # fmt: skip
    if run.smoke:
        limits = {"train": SMOKE_TRAINED, "validation": SMOKE_TESTED, "test": SMOKE_TESTED}
        few: dict[str, Any] = {name: _some(getattr(found, name), limit, run.seed) for name, limit in limits.items()}
        found = dataclasses.replace(found, **few)
    seconds = found.train.lengths.sum() / found.rate
    run.say(
        f"{found.name}: {len(found.classes)} words; {len(found.train):,} recordings to learn from ({seconds:,.0f} s), "
        f"{len(found.validation):,} to choose by, {len(found.test):,} to report"
    )
    return found


def _some(recordings: Recordings, limit: int, seed: int) -> Recordings:
    order = np.random.default_rng([seed, 0x50]).permutation(len(recordings))
    return recordings.subset(order[:limit])


def train_recognizer(run: Run, model: Any, data: RecordingSplits, options: SpeechOptions) -> dict[str, float]:
    """Train a recogniser, let it hear the test recordings, report, save it.

    Args:
        run: The run.
        model: A `kerasarch.models.SpeechRecognizer` with fresh weights.
        data: The recordings.
        options: The options.

    Returns:
        ``accuracy``, the share of single test recordings whose word is the most probable one; of a network that spells
        also ``spelled_exactly``, the share that is spelled right by the best path, ``letter_error_rate`` (of words
        where they are the labels) and the same with the beam search (``beam_spelled_exactly``); of joined recordings
        ``word_error_rate`` and ``beam_word_error_rate``.
    """
    from kerasarch.training import EarlyStopping

    augment = WaveAugmentation() if options.augment else None
    train = _batches(model, data.train, options, options.batch, True, augment=augment, seed=run.seed)
    validation = _batches(model, data.validation, options, options.batch, False)
    compile_recognizer(model, options, train.steps * options.epochs)
    stopping = EarlyStopping(patience=options.patience or options.epochs)
    run.fit("training", model, train, epochs=options.epochs, validation_data=validation, callbacks=[stopping])
    heard, figures = _hear(model, data.test, options)
    joined = _hear_joined(model, data.test, options, run.seed) if options.digits_per_example > 1 else {}
    report_recognizer(run, model, data.test, heard, figures | joined)
    run.save(model)
    return figures | joined


def compile_recognizer(model: Any, options: SpeechOptions, steps: int) -> None:
    """Say how a recogniser learns: AdamW with a warm-up and a cosine, gradients cut at norm 1, matrices alone decay.

    Args:
        model: A `kerasarch.models.SpeechRecognizer`, built.
        options: The options.
        steps: Steps of training.
    """
    import keras

    from kerasarch.training import WarmupCosine

    rate = WarmupCosine(options.learning_rate, total=steps, warmup=min(options.warmup, steps - 1))
    optimizer = keras.optimizers.AdamW(rate, weight_decay=options.weight_decay, global_clipnorm=1.0)
    optimizer.exclude_from_weight_decay([one for one in model.trainable_variables if len(one.shape) < 2])
    model.compile(optimizer)


def _batches(
    model: Any, recordings: Recordings, options: SpeechOptions, batch: int, shuffle: bool, **keywords: Any
) -> WaveBatches:
    config = model.config
    together = keywords.pop("together", options.digits_per_example if shuffle else 1)
    return WaveBatches(
        recordings,
        [config.spelling(word) for word in config.words],
        between=config.between,
        whole=config.output == "classes",
        batch=min(batch, len(recordings) // together),
        together=together,
        shuffle=shuffle,
        **keywords,
    )


def _hear(model: Any, recordings: Recordings, options: SpeechOptions) -> tuple[Heard, dict[str, float]]:
    """Hear single recordings."""
    config = model.config
    batches = _batches(model, recordings, options, HEARD, False)
    chances, texts, beams = [], [], []
    for index in range(batches.steps):
        outputs = model.predict_on_batch(batches.batch(0, index)[0])
        chances.append(word_probabilities(config, outputs))
        if config.output != "classes":
            texts += spelled_texts(config, outputs)
            beams += spelled_texts(config, outputs, options.beams)
    heard = Heard(np.concatenate(chances), tuple(texts))
    figures = {"accuracy": float(np.mean(heard.probabilities.argmax(axis=1) == recordings.labels))}
    if texts:
        words = [recordings.classes[label] for label in recordings.labels]
        figures["spelled_exactly"] = float(np.mean([text == word for text, word in zip(texts, words, strict=True)]))
        figures["beam_spelled_exactly"] = float(
            np.mean([text == word for text, word in zip(beams, words, strict=True)])
        )
        split = str.split if config.output == "words" else list
        figures["letter_error_rate"] = error_rate([split(word) for word in words], [split(text) for text in texts])
    return heard, figures


def _hear_joined(model: Any, recordings: Recordings, options: SpeechOptions, seed: int) -> dict[str, float]:
    """Hear recordings that are joined, in an order that is drawn."""
    mixed = recordings.subset(np.random.default_rng([seed, 0x4A]).permutation(len(recordings)))
    batches = _batches(model, mixed, options, HEARD, False, together=options.digits_per_example)
    truths, texts, beams = [], [], []
    for index in range(batches.steps):
        outputs = model.predict_on_batch(batches.batch(0, index)[0])
        texts += [text.split() for text in spelled_texts(model.config, outputs)]
        beams += [text.split() for text in spelled_texts(model.config, outputs, options.beams)]
        truths += [[mixed.classes[mixed.labels[place]] for place in group] for group in batches.plan(0)[index]]
    return {"word_error_rate": error_rate(truths, texts), "beam_word_error_rate": error_rate(truths, beams)}
