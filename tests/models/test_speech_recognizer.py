"""Recognisers: what is padded does not matter, files keep them, what they say of words is PyTorch's sum of paths."""

import keras
import numpy as np
import pytest
import torch

from kerasarch import backends, models
from kerasarch.errors import UsageError
from kerasarch.generation import ctc_scores
from kerasarch.generation.spoken_words import spelled_texts, word_probabilities
from tests import conformance
from tests.conformance import to_numpy

pytestmark = conformance.QUIET
RNG = np.random.default_rng(0)
SIZES = {
    "words": ("no", "on", "noon"), "rate": 800, "bands": 6, "window": 32, "step": 10, "widths": (2, 3), "units": 5,
    "depth": 1, "kernels": ((3, 3), (3, 3)),
}  # fmt: skip
WAVES = RNG.normal(size=(2, 200)).astype("float32")
LENGTHS = np.array([200, 117], "int32")


def quick(model):
    """The model in the way that is quick for few calls: JAX compiles every operation of an eager call by itself."""
    return backends.compiled(model, model) if keras.backend.backend() == "jax" else model


def test_labels_and_what_they_spell():
    config = models.SpeechRecognizerConfig(words=("no", "on", "noon"))
    assert config.symbols == (" ", "n", "o")
    assert (config.between, config.spelling("noon"), config.text([2, 3, 1, 3, 2])) == (1, (2, 3, 3, 2), "no on")
    words = models.SpeechRecognizerConfig(words=("no", "on"), output="words")
    assert (words.between, words.spelling("on"), words.text([2, 1])) == (None, (2,), "on no")
    for fields, message in (({"words": ("no", "no")}, "all different"), ({"output": "sounds"}, "one of letters")):
        with pytest.raises(UsageError, match=message):
            models.SpeechRecognizerConfig(**fields)


def test_padding_does_not_matter_and_a_file_keeps_it(tmp_path):
    model = models.speech_recognizer(**SIZES)
    conformance.randomise(model)
    run = quick(model)
    inputs = {"waves": WAVES * (np.arange(200) < LENGTHS[:, None]), "lengths": LENGTHS}
    found = run(inputs)
    assert to_numpy(found["lengths"]).tolist() == [11, 6]
    alone = run({"waves": WAVES[1:, :117]})
    np.testing.assert_allclose(to_numpy(found["logits"])[1, :6], to_numpy(alone["logits"])[0], atol=2e-5)
    model.save(tmp_path / "model.keras")
    again = quick(keras.saving.load_model(tmp_path / "model.keras"))(inputs)
    np.testing.assert_allclose(to_numpy(again["logits"]), to_numpy(found["logits"]), atol=1e-6)


def test_classes_are_the_mean_over_frames():
    model = models.speech_recognizer(**SIZES, output="classes")
    conformance.randomise(model)
    inputs = {"waves": WAVES, "lengths": LENGTHS}
    found = to_numpy(quick(model)(inputs)["logits"])
    spectrogram = model.spectrogram(WAVES, there=np.arange(21) < np.array([[21], [12]]))
    frames = {"frames": spectrogram, "frame_mask": np.arange(21) < np.array([[21], [12]])}
    logits = to_numpy(quick(model.network)(frames)["logits"])
    expected = np.stack([logits[0].mean(axis=0), logits[1, :6].mean(axis=0)])
    np.testing.assert_allclose(found, expected, atol=2e-5)
    loss = model.compute_loss(y=np.array([2, 0]), y_pred={"logits": found}, sample_weight=np.array([1.0, 3.0]))
    shares = found - np.log(np.exp(found).sum(axis=1, keepdims=True))
    assert float(loss) == pytest.approx(-(shares[0, 2] + 3 * shares[1, 0]) / 2, rel=1e-5)
    chances = word_probabilities(model.config, {"logits": found})
    np.testing.assert_allclose(chances, np.exp(shares), rtol=1e-5)


def test_words_are_scored_over_all_their_paths():
    logits = RNG.normal(size=(3, 7, 4)).astype("float32")
    spellings, lengths = [(2, 3), (3,), (2, 3, 3, 2), ()], np.array([7, 4, 5])
    found = ctc_scores(logits, spellings, lengths)
    shares = torch.log_softmax(torch.tensor(logits), dim=-1).transpose(0, 1)
    for place, spelling in enumerate(spellings):
        targets = torch.tensor([list(spelling) or [1]] * 3)
        counts = torch.full((3,), len(spelling))
        losses = torch.nn.functional.ctc_loss(shares, targets, torch.tensor(lengths), counts, reduction="none").numpy()
        np.testing.assert_allclose(found[:, place], -losses, rtol=1e-5)
    config = models.SpeechRecognizerConfig(words=("no", "on", "noon"))
    outputs = {"logits": logits, "lengths": lengths}
    scores = ctc_scores(logits, [config.spelling(word) for word in config.words], lengths)
    chances = word_probabilities(config, outputs)
    np.testing.assert_allclose(chances, np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True), rtol=1e-6)
    with pytest.raises(UsageError, match="other than the blank, 0"):
        ctc_scores(logits, [(0, 1)])


def test_what_is_spelled_and_too_few_frames():
    config = models.SpeechRecognizerConfig(words=("no", "on", "noon"))
    sure = np.full((1, 6, 4), -20.0, "float32")
    sure[0, np.arange(6), [2, 3, 1, 0, 3, 2]] = 20.0
    outputs = {"logits": sure, "lengths": np.array([6])}
    assert spelled_texts(config, outputs) == spelled_texts(config, outputs, beams=4) == ["no on"]
    few = word_probabilities(config, {"logits": sure[:, :1], "lengths": np.array([1])})
    np.testing.assert_allclose(few, 1 / 3)
