"""What a speech recogniser hears: the most probable of its words, and what it spells by itself."""

from typing import Any

import numpy as np
from keras import ops

from kerasarch.generation.ctc import ctc_beam_search, ctc_greedy
from kerasarch.generation.ctc_scores import ctc_scores


def word_probabilities(config: Any, outputs: dict[str, Any]) -> np.ndarray:
    """Return how probable each word is for recordings of one word each.

    A network that spells is asked how probable each word's spelling is, over all its alignments.

    Args:
        config: A `kerasarch.models.SpeechRecognizerConfig`.
        outputs: What the model gives.

    Returns:
        ``(B, words)``, rows that sum to 1; alike where there are too few frames for any word.
    """
    if config.output == "classes":
        scores = ops.convert_to_numpy(ops.cast(outputs["logits"], "float32")).astype("float64")
    else:
        lengths = ops.convert_to_numpy(outputs["lengths"])
        scores = ctc_scores(outputs["logits"], [config.spelling(word) for word in config.words], lengths)
    scores = np.where(np.isfinite(scores).any(axis=1, keepdims=True), scores, 0.0)
    shares = np.exp(scores - scores.max(axis=1, keepdims=True))
    return shares / shares.sum(axis=1, keepdims=True)


def spelled_texts(config: Any, outputs: dict[str, Any], beams: int = 1) -> list[str]:
    """Return what the network spells, free to spell anything; words have a space between.

    Args:
        config: A `kerasarch.models.SpeechRecognizerConfig` whose output are letters or words.
        outputs: What the model gives.
        beams: Prefixes to follow; 1 takes the best path.
    """
    lengths = ops.convert_to_numpy(outputs["lengths"])
    if beams == 1:
        found = ctc_greedy(outputs["logits"], lengths)
    else:
        found = [row[0].tokens for row in ctc_beam_search(outputs["logits"], lengths, beams=beams)]
    return [config.text(labels) for labels in found]
