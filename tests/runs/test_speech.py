"""What a run says of recordings, for a recogniser that is known to hear rightly, or the first word alone."""

import types

import numpy as np
import pytest

from kerasarch import models
from kerasarch.data import MadeRecordings
from kerasarch.runs import speech
from kerasarch.training import SpeechOptions

CONFIG = models.SpeechRecognizerConfig(words=("no", "on"))
STEP = 10


@pytest.fixture
def recordings():
    """Each number of a recording is its class, or the place between two."""
    waves = [np.repeat([0, label + 1], [STEP, 11 * STEP]).astype("float32") for label in (0, 1, 1, 0, 1, 0)]
    return MadeRecordings(waves, np.array([0, 1, 1, 0, 1, 0]), CONFIG.words, 800, list("abcdef"))


class Ear:
    """Spells what the numbers of a wave say: labels at some of the twelve frames that a recording has."""

    config = CONFIG

    def __init__(self, heard=99):
        self.heard = heard

    def predict_on_batch(self, inputs):
        frames = inputs["lengths"] // STEP
        logits = np.zeros((len(frames), frames.max(), 4), "float32")
        logits[..., 0] = 9
        for row, wave, length in zip(logits, inputs["waves"], inputs["lengths"], strict=True):
            for number, start in list(enumerate(range(0, length, 12 * STEP)))[: self.heard]:
                spelled = CONFIG.spelling(CONFIG.words[int(wave[start + STEP]) - 1])
                spelled = ((CONFIG.between,) if number else ()) + spelled
                row[start // STEP + 2 * np.arange(len(spelled)), list(spelled)] = 20
        return {"logits": logits, "lengths": frames}


def test_single_recordings(recordings):
    heard, figures = speech._hear(Ear(), recordings, SpeechOptions())
    assert set(figures.values()) == {1.0, 0.0}
    assert (figures["accuracy"], figures["letter_error_rate"]) == (1, 0)
    assert heard.texts == ("no", "on", "on", "no", "on", "no")
    wrong = MadeRecordings(recordings.waves, 1 - recordings.labels, CONFIG.words, 800, recordings.names)
    _, figures = speech._hear(Ear(), wrong, SpeechOptions())
    assert (figures["accuracy"], figures["spelled_exactly"], figures["letter_error_rate"]) == (0, 0, 1)


@pytest.mark.parametrize(("heard", "rate"), [(99, 0.0), (1, 2 / 3)])
def test_joined_recordings(heard, rate, recordings):
    figures = speech._hear_joined(Ear(heard), recordings, SpeechOptions(digits_per_example=3), seed=0)
    assert figures["word_error_rate"] == figures["beam_word_error_rate"] == pytest.approx(rate)


def test_a_quick_trial_takes_few(monkeypatch):
    said = []
    run = types.SimpleNamespace(smoke=True, seed=0, say=said.append)
    found = speech.load_speech(run, SpeechOptions())
    assert [len(part) for part in (found.train, found.validation, found.test)] == [40, 24, 24]
    assert "10 words" in said[0]
