"""What a linear model of words and their neighbours says of tags: what a network has to beat."""

from collections.abc import Sequence
from typing import Any

import numpy as np


def word_features(words: Sequence[str], place: int) -> dict[str, Any]:
    """Return what a linear tagger looks at: a word, how it is written, and its neighbours.

    Affixes, shapes and a window of words, as Ratnaparkhi, 1996, table 1 (https://aclanthology.org/W96-0213), and for
    names Zhang and Johnson, 2003 (https://aclanthology.org/W03-0434).

    Args:
        words: The words of a sentence.
        place: Which of them.

    Returns:
        Features by name: 1, or a string that stands for one feature a value.
    """
    word = words[place]
    lower = word.lower()
    found: dict[str, Any] = {"bias": 1, "word": lower, "exactly": word, "shape": word_shape(word)}
    found |= {f"begins{size}": lower[:size] for size in (1, 2, 3, 4)}
    found |= {f"ends{size}": lower[-size:] for size in (1, 2, 3, 4)}
    for distance in (-2, -1, 1, 2):
        there = place + distance
        inside = 0 <= there < len(words)
        found[f"word{distance:+d}"] = words[there].lower() if inside else "(none)"
        if abs(distance) == 1:
            found[f"shape{distance:+d}"] = word_shape(words[there]) if inside else "(none)"
    return found


def word_shape(word: str) -> str:
    """Return how a word is written: ``Xxxx`` for Word, ``XX-dd`` for AB-12; longer runs are cut."""
    kinds = ["X" if sign.isupper() else "x" if sign.isalpha() else "d" if sign.isdigit() else sign for sign in word]
    return "".join(kind for place, kind in enumerate(kinds) if place < 3 or kinds[place - 3 : place] != [kind] * 3)


def feature_tags(
    train: Sequence[Sequence[str]], tags: Sequence[Sequence[str]], test: Sequence[Sequence[str]], *, seed: int = 0
) -> list[list[str]]:
    """Return the tags that a logistic regression gives to the words of sentences, each word alone.

    One regression for each tag against the others, by averaged stochastic gradient steps (Polyak and Juditsky, 1992,
    https://doi.org/10.1137/0330046).

    Args:
        train: Sentences to learn from.
        tags: A tag for each of their words.
        test: Sentences to judge.
        seed: Of the order of the steps.

    Returns:
        A tag for each word.
    """
    from sklearn.feature_extraction import DictVectorizer
    from sklearn.linear_model import SGDClassifier

    rows = DictVectorizer(dtype=np.float32)
    rows.fit(_features(train))

    def numbers(sentences: Sequence[Sequence[str]]) -> Any:
        found = rows.transform(_features(sentences))
        found.indices, found.indptr = found.indices.astype("int32"), found.indptr.astype("int32")  # SGD wants it so
        return found

    model = SGDClassifier(loss="log_loss", alpha=1e-6, max_iter=20, tol=None, average=True, random_state=seed)
    wanted = np.array([tag for sentence in tags for tag in sentence])
    if len(np.unique(wanted)) < 2:
        return [[str(wanted[0])] * len(words) for words in test]
    model.fit(numbers(train), wanted)
    found = iter(model.predict(numbers(test)).tolist() if any(test) else [])
    return [[next(found) for _ in words] for words in test]


def _features(sentences: Sequence[Sequence[str]]) -> list[dict[str, Any]]:
    return [word_features(words, place) for words in sentences for place in range(len(words))]
